"""Clips of real people, cropped as the pipeline crops them, to try a graph on."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from vidpose.detect.base import Detector
from vidpose.errors import VidposeError
from vidpose.geometry import crop, image_to_crop
from vidpose.models.base import PoseModel
from vidpose.windows import Clip, clips

# Seven tenths of a second of the example clip, with two people.
SAMPLE = Path(__file__).parent / "sample.mp4"


class Samples(NamedTuple):
    """Clips of one person each, and what a detector saw of the key frame's joints."""

    crops: UInt8[np.ndarray, "clip frame h w 3"]
    prior: Float[np.ndarray, "clip joint 3"]


def samples(model: PoseModel, detector: Detector, video: Path = SAMPLE, most: int = 16) -> Samples:
    """People of a video, through their own boxes (mode ``exact``), spread over its length.

    Args:
        model: Says how crops are made.
        detector: Finds the people; one without keypoints leaves the priors 0.
        video: With people in it.
        most: How many clips.

    Raises:
        VidposeError: The video cannot be read, or nobody is in it.
    """
    from vidpose.video import open_source

    found: list[Samples] = []
    with open_source(video) as source:
        count = source.frame_count
        # Two people a frame on average: the rest of the video is left for more.
        step = max(1, 2 * count // most) if count else 1
        for key, clip in clips(source, model.offsets):
            if key.index % step == 0:
                found += _people(model, detector, clip)
            if len(found) >= most:
                break
    if not found:
        raise VidposeError(f"{video}: nobody was found in it; a video with people is needed")
    return Samples(*map(np.stack, zip(*found[:most], strict=True)))


def _people(model: PoseModel, detector: Detector, clip: Clip) -> list[Samples]:
    key = clip[model.key]
    seen = detector(key).in_skeleton(model.skeleton)
    found = []
    for row, box in enumerate(seen.boxes):
        affine = model.crop.affine(model.crop.window(box))
        crops = np.empty((len(clip), *model.crop.size, 3), dtype=np.uint8)
        for out, frame in zip(crops, clip, strict=True):
            crop(frame.image, affine, out)
        prior = np.zeros((len(model.skeleton), 3), dtype=np.float32)
        if seen.keypoints is not None and seen.keypoint_scores is not None:
            prior[:, :2] = image_to_crop(seen.keypoints[row], affine) / model.crop.size[::-1]
            prior[:, 2] = seen.keypoint_scores[row]
        found.append(Samples(crops, prior))
    return found
