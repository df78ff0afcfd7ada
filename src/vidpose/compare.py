"""A model beside the one-frame baseline: the same frames, the same detections, two answers."""

from collections.abc import Iterator
from itertools import tee
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from vidpose.api import Run, with_smoothing
from vidpose.defaults import BASELINE
from vidpose.detect.base import Detections, Detector
from vidpose.drawing import draw
from vidpose.errors import VidposeError
from vidpose.estimator import ClipEstimator
from vidpose.frame import Frame
from vidpose.models.base import PoseModel
from vidpose.pipeline import Pipeline
from vidpose.poses import FramePoses
from vidpose.track import Tracker
from vidpose.video.letterbox import letterbox

# Players take H.264 up to this width, and two halves may have more.
_WIDEST = 3840
# The captions' height as a part of the width of a half.
_CAPTION = 0.04


class Comparison:
    """A run and beside it the baseline, with people found once for both.

    Iterating gives what iterating the run gives, and a picture: the baseline's people on the left,
    the run's on the right. Each side has its own tracker, led by its own poses.

    Args:
        run: Not begun; its detector is from now on the shared one.

    Attributes:
        size: Width and height of the pictures; those of a large source are scaled down.

    Raises:
        VidposeError: The run's model is the baseline itself.
    """

    def __init__(self, run: Run) -> None:
        if run.header.model == BASELINE:
            raise VidposeError(
                f"--compare shows a model beside {BASELINE}, which is the model of this run; "
                "give another one with --model"
            )
        width, height = run.source.width, run.source.height
        part = min(1.0, _WIDEST / (2 * width))
        self.size = round(2 * width * part), round((height + _caption_height(width)) * part)
        self._run = run
        baseline = run.pick(BASELINE)
        run.pipeline.detector = _Shared(run.pipeline.detector)
        self._baseline = Pipeline(
            run.pipeline.detector,
            Tracker(baseline.skeleton.sigmas),
            ClipEstimator(baseline),
            run.pipeline.detect_every,
        )
        self._captions = (
            _caption(BASELINE, baseline, run),
            _caption(run.header.model, run.model, run),
        )

    def __iter__(self) -> Iterator[tuple[Frame, FramePoses, UInt8[np.ndarray, "h w 3"]]]:
        answers, again = tee(self._run)
        baseline = with_smoothing(self._baseline(frame for frame, _ in again), self._run.smooth)
        for (frame, poses), (_, beside) in zip(answers, baseline, strict=True):
            yield frame, poses, self._picture(frame, beside, poses)

    def _picture(
        self, frame: Frame, left: FramePoses, right: FramePoses
    ) -> UInt8[np.ndarray, "h w 3"]:
        skeletons = self._baseline.estimator.model.skeleton, self._run.model.skeleton
        halves = [
            _captioned(draw(frame.image, poses.people, skeleton), text)
            for poses, skeleton, text in zip((left, right), skeletons, self._captions, strict=True)
        ]
        width, height = self.size
        return letterbox(np.hstack(halves), height, width)


class _Shared:
    """A detector that two pipelines ask about the same frames: it looks once at each."""

    def __init__(self, detector: Detector) -> None:
        self.name = detector.name
        self._detector = detector
        self._waiting: dict[int, Detections] = {}

    def __call__(self, frame: Frame) -> Detections:
        known = self._waiting.pop(frame.index, None)
        if known is not None:
            return known
        found = self._waiting[frame.index] = self._detector(frame)
        return found


def _caption(name: str, model: PoseModel, run: Run) -> str:
    frames = "1 frame" if len(model.offsets) == 1 else f"{len(model.offsets)} frames"
    smoothing = "" if run.smooth == "off" else f" + {run.smooth}"
    return f"{frames}: {Path(name).name.removesuffix('.safetensors')}{smoothing}"


def _captioned(image: UInt8[np.ndarray, "h w 3"], text: str) -> UInt8[np.ndarray, "_ w 3"]:
    """A line of text above ``image``."""
    width = image.shape[1]
    height = _caption_height(width)
    plate = np.full((height, width, 3), 30, np.uint8)
    font, size, thickness = cv2.FONT_HERSHEY_SIMPLEX, height / 40, max(round(height / 25), 1)
    (long, _), _ = cv2.getTextSize(text, font, size, thickness)
    size *= min(1.0, 0.96 * width / long)
    place, white = (height // 4, round(0.7 * height)), (240, 240, 240)
    cv2.putText(plate, text, place, font, size, white, thickness, lineType=cv2.LINE_AA)
    return np.vstack([plate, image])


def _caption_height(width: int) -> int:
    return max(round(_CAPTION * width), 16)
