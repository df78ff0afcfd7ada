"""Something that passes in front of a person: a piece of another picture."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

# Long side, in sizes of the person, and how much narrower it may be.
_SIZE, _NARROW = (0.2, 0.7), (0.3, 1.0)
# In sizes of the person a frame.
_SPEED = (0.01, 0.1)
# Radians a frame, to either side.
_SPIN = 0.05
_CORNERS = 9


class Passing(NamedTuple):
    """A cut-out at an even speed.

    Attributes:
        patch: What is seen, RGB.
        mask: How much of it covers, in [0, 1].
        place: Its middle in the frame at ``time``, pixels.
        velocity: Pixels a frame.
        time: When it is there, in frames.
        angle: By how much it is turned then, radians.
        spin: Radians a frame.
    """

    patch: UInt8[np.ndarray, "patch_h patch_w 3"]
    mask: Float[np.ndarray, "patch_h patch_w"]
    place: Float[np.ndarray, "2"]
    velocity: Float[np.ndarray, "2"]
    time: float
    angle: float
    spin: float

    def over(self, picture: UInt8[np.ndarray, "h w 3"], time: float) -> UInt8[np.ndarray, "h w 3"]:
        """The picture with the cut-out in front, where it is at ``time``."""
        size = picture.shape[1::-1]
        affine = self._affine(time)
        alpha = cv2.warpAffine(self.mask, affine, size)[..., None]
        patch = cv2.warpAffine(self.patch, affine, size, borderMode=cv2.BORDER_REPLICATE)
        return np.rint(picture + alpha * (patch.astype(np.float32) - picture)).astype(np.uint8)

    def covers(
        self, points: Float[np.ndarray, "point 2"], time: float
    ) -> Bool[np.ndarray, " point"]:
        """Which of the points in the frame are behind it at ``time``."""
        affine = cv2.invertAffineTransform(self._affine(time))
        x, y = np.rint(affine[:, :2] @ points.T + affine[:, 2:]).astype(int)
        height, width = self.mask.shape
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        alpha = self.mask[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
        return inside & (alpha > 0.5)

    def _affine(self, time: float) -> Float[np.ndarray, "2 3"]:
        height, width = self.mask.shape
        angle = self.angle + self.spin * (time - self.time)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        centre = self.place + self.velocity * (time - self.time)
        return np.column_stack([turn, centre - turn @ ((width - 1) / 2, (height - 1) / 2)])


def draw_passing(
    rng: np.random.Generator,
    source: UInt8[np.ndarray, "h w 3"],
    size: float,
    time: float,
    place: Float[np.ndarray, "2"],
) -> Passing:
    """A piece of a picture that is at ``place`` at ``time``.

    Args:
        rng: Where its size, shape and speed are drawn from.
        source: The picture that it is cut from.
        size: Of the person, pixels of the frame.
        time: In frames.
        place: In the frame, pixels.
    """
    long_side = size * rng.uniform(*_SIZE)
    width = max(round(long_side), 4)
    height = max(round(long_side * rng.uniform(*_NARROW)), 4)
    direction = rng.uniform(0, 2 * np.pi)
    speed = size * rng.uniform(*_SPEED)
    return Passing(
        _piece(rng, source, width, height),
        _outline(rng, width, height),
        np.asarray(place),
        speed * np.array([np.cos(direction), np.sin(direction)]),
        time,
        rng.uniform(0, 2 * np.pi),
        rng.uniform(-_SPIN, _SPIN),
    )


def _piece(
    rng: np.random.Generator, source: UInt8[np.ndarray, "h w 3"], width: int, height: int
) -> UInt8[np.ndarray, "height width 3"]:
    """A part of the picture, enlarged where that is smaller than what is asked for."""
    high, wide = min(height, source.shape[0]), min(width, source.shape[1])
    y = rng.integers(source.shape[0] - high + 1)
    x = rng.integers(source.shape[1] - wide + 1)
    return np.asarray(cv2.resize(source[y : y + high, x : x + wide], (width, height)), np.uint8)


def _outline(
    rng: np.random.Generator, width: int, height: int
) -> Float[np.ndarray, "height width"]:
    """A polygon about the middle, from spiky to round."""
    angles = np.sort(rng.uniform(0, 2 * np.pi, _CORNERS))
    radii = rng.uniform(rng.uniform(0.2, 1.0), 1.0, _CORNERS)
    half = np.array([width - 1, height - 1]) / 2
    corners = half + half * radii[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [np.rint(corners).astype(np.int32)], 255, cv2.LINE_AA)
    return mask.astype(np.float32) / 255
