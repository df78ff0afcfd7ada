"""Joints that a one-frame model is sure of: it finds them again from other crops of the person."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from vidpose.errors import VidposeError
from vidpose.geometry import Box, box_area, box_scaled, crop, crop_to_image
from vidpose.models.base import PoseModel

# Sides of the crops, in those of the model's own; each is shown mirrored as well.
_SCALES = (0.85, 1.2)
# A joint is sure if its answers scatter by less than this part of the person's size (root mean
# square, root of the box's area), and their scores have at least this mean.
_SPREAD, _SCORE = 0.03, 0.3


class Opinion(NamedTuple):
    """What a model says about a person.

    Attributes:
        keypoints: The mean of its answers, pixels of the image.
        sure: Whether they agree.
    """

    keypoints: Float[np.ndarray, "joint 2"]
    sure: Bool[np.ndarray, " joint"]


class Teacher:
    """A one-frame model that is asked about each person several times.

    Answers do not get the detector's joints as a prior: that would make them agree.

    Args:
        model: In evaluation mode, on any device.

    Raises:
        VidposeError: The model looks at several frames.
    """

    def __init__(self, model: PoseModel) -> None:
        if model.offsets != (0,):
            raise VidposeError(
                f"a teacher looks at one frame, this model at those at {model.offsets}: choose one "
                f"such as movenet-thunder"
            )
        self.model = model

    def __call__(self, image: UInt8[np.ndarray, "h w 3"], box: Box) -> Opinion:
        """The opinion about the person in a box."""
        keypoints, scores = self.answers(image, box)
        return agree(keypoints, scores, person_size(box))

    @torch.inference_mode()
    def answers(
        self, image: UInt8[np.ndarray, "h w 3"], box: Box
    ) -> tuple[Float[np.ndarray, "answer joint 2"], Float[np.ndarray, "answer joint"]]:
        """Joints in pixels of the image and their scores, from each of the crops."""
        geometry = self.model.crop
        affines = [geometry.affine(box_scaled(geometry.window(box), scale)) for scale in _SCALES]
        crops = np.empty((2, len(_SCALES), *geometry.size, 3), np.uint8)
        for affine, out in zip(affines, crops[0], strict=True):
            crop(image, affine, out)
        crops[1] = crops[0, :, :, ::-1]

        clips = torch.from_numpy(crops).flatten(0, 1).to(self.model.device)
        output = self.model(clips.permute(0, 3, 1, 2)[:, None])
        xy, score = _by_mirror(output.xy_norm), _by_mirror(output.score)
        width = geometry.size[1]
        xy[1, ..., 0] = (width - 1) / width - xy[1, ..., 0]  # column i was width - 1 - i
        swap = self.model.skeleton.flip_permutation
        xy[1], score[1] = xy[1][:, swap], score[1][:, swap]
        of_affines = zip(np.concatenate(xy), 2 * affines, strict=True)
        found = [crop_to_image(each * geometry.size[::-1], affine) for each, affine in of_affines]
        return np.stack(found), np.concatenate(score)


def agree(
    keypoints: Float[np.ndarray, "answer joint 2"],
    scores: Float[np.ndarray, "answer joint"],
    size: float,
) -> Opinion:
    """The mean of several answers, and in which joints they agree.

    Args:
        keypoints: Of each answer, pixels.
        scores: In [0, 1].
        size: Of the person, pixels.
    """
    mean = keypoints.mean(axis=0, dtype=np.float64)
    spread = np.sqrt(((keypoints - mean) ** 2).sum(axis=-1).mean(axis=0))
    # A joint that is not a number is not sure.
    return Opinion(mean, (spread < _SPREAD * size) & (scores.mean(axis=0) >= _SCORE))


def person_size(box: Box) -> float:
    """The root of the box's area, pixels."""
    return float(np.sqrt(box_area(np.asarray(box, np.float64))))


def _by_mirror(values: Float[Tensor, "answer *rest"]) -> Float[np.ndarray, "2 scale *rest"]:
    return np.array(values.float().unflatten(0, (2, -1)).cpu().numpy())
