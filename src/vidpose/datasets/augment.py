"""What training changes of a clip: half body, scale, rotation and flip, all in one affine."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
from jaxtyping import Bool, Float
from pydantic import Field

from vidpose.datasets.chance import Probability, ordered
from vidpose.datasets.degrade import Degradations
from vidpose.datasets.warp import View
from vidpose.geometry import Box, CropGeometry, box_scaled
from vidpose.section import Section
from vidpose.skeleton import Skeleton

_LOWER_BODY = ("hip", "knee", "ankle")
_Factor = Annotated[float, Field(gt=0, le=10)]


class Augmentation(Section):
    """What is drawn for each clip of a training set.

    The defaults are the ranges of scale and rotation that the papers of VREMD and SDTC print, drawn
    uniformly for every clip; none prints how half bodies are drawn, which is as in the code of the
    field (DCPose, FAMI-Pose, PoseWarper). `PUBLIC_CODE` is that code altogether.

    Attributes:
        half_body: Probability of a window around the upper or the lower body only.
        half_body_above: Only people with more labelled joints than this get one.
        half_body_upper: Probability of the upper body (the public code compares a normal draw
            with 0.5); a half with two joints or fewer gives way to the other.
        half_body_enlargement: Factor on the extent of the joints, in place of the crop's own, at
            most 10.
        scale: Range of the factor on the window, at most 10; above 1 the person gets smaller.
        scale_std: None draws uniformly from the range, a number, at most 10, from a normal
            distribution around 1 with this deviation, clipped to the range.
        shift: Farthest that the window is moved along x and y, in its sides; none in the papers,
            whose boxes are true. A detector's are not in the middle of the person.
        rotation: Largest rotation to either side, in degrees.
        rotation_std: None draws uniformly, a number (degrees, at most 180) from a normal
            distribution, clipped.
        rotation_probability: Part of the clips that are turned at all.
        flip: Probability of mirroring, with left and right joints swapped.
        max_distance: Neighbours are drawn anew for each clip, each on its side of the key frame and
            in order, at most this many frames away, 1000 or fewer; None keeps the model's offsets.
        degradations: Changes of the pixels; None makes none.
    """

    half_body: Probability = 0.3
    half_body_above: int = Field(default=8, ge=0)
    half_body_upper: Probability = 0.691
    half_body_enlargement: _Factor = 1.5
    scale: Annotated[tuple[_Factor, _Factor], ordered] = (0.65, 1.35)
    scale_std: _Factor | None = None
    shift: float = Field(default=0.0, ge=0, le=0.5)
    rotation: float = Field(default=45.0, ge=0, le=180)
    rotation_std: float | None = Field(default=None, gt=0, le=180)
    rotation_probability: Probability = 1.0
    flip: Probability = 0.5
    max_distance: int | None = Field(default=None, ge=1, le=1000)
    degradations: Degradations | None = None


PUBLIC_CODE = Augmentation(
    scale_std=0.35, rotation=90.0, rotation_std=45.0, rotation_probability=0.6
)


def draw_view(
    config: Augmentation,
    rng: np.random.Generator,
    crop: CropGeometry,
    box: Box,
    keypoints: Float[np.ndarray, "joint 2"],
    labelled: Bool[np.ndarray, " joint"],
    skeleton: Skeleton,
) -> View:
    """How a training clip is seen; drawn in the order half body, scale, shift, rotation, flip.

    Args:
        config: What is drawn.
        rng: Where from.
        crop: What the model wants of its crops.
        box: The person in the key frame, pixels of the image.
        keypoints: The person's joints in the key frame, pixels of the image.
        labelled: Which of them count.
        skeleton: What the joints are.
    """
    half = _half_body(config, rng, keypoints, labelled, skeleton)
    if half is None:
        window = crop.window(box)
    else:
        window = replace(crop, enlargement=config.half_body_enlargement).window(half)
    window = box_scaled(window, _factor(config, rng))
    if config.shift:
        way = rng.uniform(-config.shift, config.shift, 2) * (window[2:] - window[:2])
        window = window + np.tile(way, 2)
    return View(window, _rotation(config, rng), bool(rng.random() < config.flip))


def lower_body(skeleton: Skeleton) -> Bool[np.ndarray, " joint"]:
    """Which joints are hips, knees and ankles; all others are the upper body."""
    return np.array([joint.endswith(_LOWER_BODY) for joint in skeleton.joints])


def _half_body(
    config: Augmentation,
    rng: np.random.Generator,
    keypoints: Float[np.ndarray, "joint 2"],
    labelled: Bool[np.ndarray, " joint"],
    skeleton: Skeleton,
) -> Box | None:
    """The extent of half the joints around their mean, the centre that the public code takes."""
    if labelled.sum() <= config.half_body_above or rng.random() >= config.half_body:
        return None
    lower = labelled & lower_body(skeleton)
    upper = labelled & ~lower
    prefer_upper = rng.random() < config.half_body_upper
    take_upper = (prefer_upper and upper.sum() > 2) or lower.sum() <= 2
    joints = keypoints[upper if take_upper else lower]
    if len(joints) < 2:
        return None
    centre, half = joints.mean(axis=0), np.ptp(joints, axis=0) / 2
    return np.concatenate([centre - half, centre + half])


def _factor(config: Augmentation, rng: np.random.Generator) -> float:
    low, high = config.scale
    if config.scale_std is None:
        return float(rng.uniform(low, high))
    return float(np.clip(rng.normal(1.0, config.scale_std), low, high))


def _rotation(config: Augmentation, rng: np.random.Generator) -> float:
    if rng.random() >= config.rotation_probability:
        return 0.0
    if config.rotation_std is None:
        return float(rng.uniform(-config.rotation, config.rotation))
    return float(np.clip(rng.normal(0.0, config.rotation_std), -config.rotation, config.rotation))
