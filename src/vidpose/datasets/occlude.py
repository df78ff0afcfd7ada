"""Things that pass between the camera and the person."""

from __future__ import annotations

from typing import Annotated

import cv2
import numpy as np
from jaxtyping import Int, UInt8
from pydantic import Field

from vidpose.datasets.chance import Probability, ordered
from vidpose.datasets.colour import Frames
from vidpose.section import Section

# In heights of the crop; what has twice its sides covers it, however it is turned.
_Side = Annotated[float, Field(gt=0, le=2)]


class Occluders(Section):
    """Rectangles and ellipses, plain or textured, that move over the clip at an even speed.

    What they cover stays labelled: a model has to guess it from the rest and from other frames.

    Attributes:
        probability: Part of the clips that get some.
        count: Most occluders of a clip, at most 100; from one to this many are drawn.
        size: Range of the sides, in heights of the crop, at most 2.
        speed: Largest movement along each axis, in heights of the crop a frame, at most 2.
    """

    probability: Probability
    count: int = Field(default=2, ge=1, le=100)
    size: Annotated[tuple[_Side, _Side], ordered] = (0.1, 0.4)
    speed: float = Field(default=0.05, ge=0, le=2)


def occlude(
    frames: Frames, times: Int[np.ndarray, " frame"], config: Occluders, rng: np.random.Generator
) -> Frames:
    """The clip with occluders in front.

    Args:
        frames: One clip; left as it is.
        times: When each frame was taken, in frames from the key frame.
        config: How many, how large, how fast. Its probability is not looked at.
        rng: Where all that is drawn from.
    """
    frames = frames.copy()
    height, width = frames.shape[1:3]
    for _ in range(rng.integers(1, config.count + 1)):
        sides = np.maximum(np.rint(rng.uniform(*config.size, 2) * height), 1).astype(int)
        patch, mask = _texture(sides, rng), _shape(sides, rng)
        angle = rng.uniform(0, np.pi)
        place = rng.uniform(0, 1, 2) * (width, height)
        speed = rng.uniform(-config.speed, config.speed, 2) * height
        for frame, time in zip(frames, times, strict=True):
            _paste(frame, patch, mask, angle, place + speed * time)
    return frames


def _texture(sides: Int[np.ndarray, "2"], rng: np.random.Generator) -> UInt8[np.ndarray, "h w 3"]:
    """One colour, a soft gradient of few, or a fine pattern."""
    cells = int(rng.choice([1, 3, 16]))
    colours = rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
    size = (int(sides[0]), int(sides[1]))
    return np.asarray(cv2.resize(colours, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def _shape(sides: Int[np.ndarray, "2"], rng: np.random.Generator) -> UInt8[np.ndarray, "h w"]:
    """A mask of 255 inside: all of the patch, or the ellipse in it."""
    width, height = int(sides[0]), int(sides[1])
    if rng.random() < 0.5:
        return np.full((height, width), 255, np.uint8)
    mask = np.zeros((height, width), np.uint8)
    cv2.ellipse(mask, (width // 2, height // 2), (width // 2, height // 2), 0, 0, 360, 255, -1)
    return mask


def _paste(
    frame: UInt8[np.ndarray, "h w 3"],
    patch: UInt8[np.ndarray, "patch_h patch_w 3"],
    mask: UInt8[np.ndarray, "patch_h patch_w"],
    angle: float,
    centre: np.ndarray,
) -> None:
    """Draw the masked patch into ``frame``, turned by ``angle`` (radians) about its centre."""
    height, width = mask.shape
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    affine = np.column_stack([turn, centre - turn @ ((width - 1) / 2, (height - 1) / 2)])
    size = frame.shape[1::-1]
    inside = cv2.warpAffine(mask, affine, size) > 127
    np.copyto(frame, cv2.warpAffine(patch, affine, size), where=inside[..., None])
