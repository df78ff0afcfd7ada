"""What is behind the people: a picture, a video or a painting, seen by the scene's camera."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from vidpose.datasets.images import VideoFile
from vidpose.errors import VidposeError
from vidpose.image_files import IMAGE_SUFFIXES, listed, read_image
from vidpose.synth.state import Camera

Picture = UInt8[np.ndarray, "h w 3"]
FOOTAGE = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm"})
# Longer side of what is kept in memory, pixels; and of a decoded video.
_LARGEST, _LARGEST_FOOTAGE = 1024, 480
# The map from picture to background is smooth: it is computed at every so many pixels.
_COARSE = 16


@dataclass(frozen=True, eq=False)
class Backdrop:
    """A picture all around the stage, as on the inside of a tall cylinder.

    Beyond its edges it goes on mirrored.

    Attributes:
        source: A file; None for a painting.
        footage: Whether the file is a video.
        seed: Of the painting.
        start: Part of the video that has passed at the start, in [0, 1).
        seconds: Of the scene.
        cover: Size of the picture in sizes of what the camera sees of it.
        offset: Where on the picture the camera looks, parts of its width and height.
        drift: Movement of its own, pixels of the camera's picture a second.
        reference: The camera in the middle of the scene's time.
        distance: From the stage to the picture, metres.
    """

    source: Path | None
    footage: bool
    seed: int
    start: float
    seconds: float
    cover: float
    offset: Float[np.ndarray, "2"]
    drift: Float[np.ndarray, "2"]
    reference: Camera
    distance: float

    def view(self, camera: Camera, seconds: float) -> Picture:
        """What the camera sees of it at a time.

        Raises:
            VidposeError: The file cannot be read.
        """
        picture = self._picture(seconds)
        height, width = camera.size
        grid_x = _knots(width)
        grid_y = _knots(height)
        x, y = np.meshgrid(grid_x - width / 2, grid_y - height / 2)
        rays = np.stack([x, y, np.full_like(x, camera.focal)], axis=-1) @ camera.rotation
        where = self._on_cylinder(camera.position, rays)
        middle = self._on_cylinder(self.reference.position, self.reference.rotation[2][None, None])
        ratio = self.reference.focal / self._pixels_each(picture)
        shift = self.drift * seconds / self._pixels_each(picture)
        at = (where - middle) * ratio + shift + self.offset * picture.shape[1::-1]
        maps = [_dense(at[..., axis], grid_x, grid_y, camera.size) - 0.5 for axis in range(2)]
        # Far outside the map would not fit OpenCV's integers, and mirrored twice it is the same.
        for values, period in zip(maps, (2 * picture.shape[1], 2 * picture.shape[0]), strict=True):
            np.remainder(values, period, out=values)
        return np.asarray(
            cv2.remap(picture, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        )

    def _pixels_each(self, picture: Picture) -> float:
        """Pixels of the camera's picture per pixel of this one."""
        height, width = self.reference.size
        tightest = min(picture.shape[0] / height, picture.shape[1] / width)
        return self.cover / tightest

    def _on_cylinder(
        self, position: Float[np.ndarray, "3"], rays: Float[np.ndarray, "row column 3"]
    ) -> Float[np.ndarray, "row column 2"]:
        """Angle to the right and height, both in distances of the picture, of what rays meet."""
        flat = np.maximum(np.linalg.norm(rays[..., :2], axis=-1), 1e-6)
        start = position - np.array([0, self.reference.position[1], 0])
        # Seen from the reference; near enough to the crossing for a camera that moves little.
        far = start[:2] + rays[..., :2] / flat[..., None] * self.distance
        angle = np.arctan2(far[..., 0], far[..., 1])
        rise = start[2] + rays[..., 2] / flat * self.distance
        return np.stack([angle, -rise / self.distance], axis=-1)

    def _picture(self, seconds: float) -> Picture:
        if self.source is None:
            return _painting(self.seed)
        if not self.footage:
            return _still(self.source)
        frames, rate = _film(self.source, self.start, self.seconds)
        # Back and forth where the video is too short.
        there_and_back = 2 * len(frames) - 2
        row = round(seconds * rate) % max(there_and_back, 1)
        return frames[min(row, abs(there_and_back - row))]


def find_pictures(folder: Path) -> tuple[Path, ...]:
    """The pictures of a folder in natural order of their names.

    Raises:
        VidposeError: There is no such folder, or no picture in it.
    """
    return _find(folder, IMAGE_SUFFIXES, "picture")


def find_footage(folder: Path) -> tuple[Path, ...]:
    """The videos of a folder in natural order of their names.

    Raises:
        VidposeError: There is no such folder, or no video in it.
    """
    return _find(folder, FOOTAGE, "video")


def _find(folder: Path, endings: Collection[str], what: str) -> tuple[Path, ...]:
    asked = "footage" if endings is FOOTAGE else "backgrounds"
    if not folder.is_dir():
        raise VidposeError(f"{asked}: there is no folder {folder}")
    found = tuple(folder / name for name in listed(folder, endings))
    if not found:
        raise VidposeError(f"{asked}: no {what} in {folder} ({', '.join(sorted(endings))})")
    return found


def _knots(length: int) -> Float[np.ndarray, " knot"]:
    return np.linspace(0, length, -(-length // _COARSE) + 1)


def _dense(
    values: Float[np.ndarray, "row column"],
    x: Float[np.ndarray, " column"],
    y: Float[np.ndarray, " row"],
    size: tuple[int, int],
) -> Float[np.ndarray, "h w"]:
    """Values between knots, at the centre of every pixel."""
    height, width = size
    column = ((np.arange(width) + 0.5) / x[1]).astype(np.float32)
    row = ((np.arange(height) + 0.5) / y[1]).astype(np.float32)
    columns, rows = np.broadcast_arrays(column, row[:, None])
    return np.asarray(
        cv2.remap(values.astype(np.float32), np.ascontiguousarray(columns),
                  np.ascontiguousarray(rows), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    )  # fmt: skip


def _fitted(picture: Picture, largest: int) -> Picture:
    scale = largest / max(picture.shape[:2])
    if scale >= 1:
        return picture
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))


@lru_cache(maxsize=16)
def _still(path: Path) -> Picture:
    return _fitted(read_image(path), _LARGEST)


@lru_cache(maxsize=2)
def _film(path: Path, start: float, seconds: float) -> tuple[list[Picture], float]:
    """Frames of a stretch of a video, at least one, and their rate."""
    video = VideoFile(path)
    count, rate = len(video), video.fps
    if not count:
        raise VidposeError(f"background: {path} has no frames")
    first = min(math.ceil(start * max(count - seconds * rate, 0)), count - 1)
    last = min(first + int(seconds * rate), count - 1)
    return [_fitted(video[row], _LARGEST_FOOTAGE) for row in range(first, last + 1)], rate


@lru_cache(maxsize=8)
def _painting(seed: int) -> Picture:
    """A gradient, clouds of noise of several sizes, and blocks like walls and windows."""
    rng = np.random.default_rng(seed)
    height, width = 384, 640
    top, bottom = rng.uniform(20, 235, (2, 3))
    part = np.linspace(0, 1, height)[:, None, None]
    canvas = np.broadcast_to(top + (bottom - top) * part, (height, width, 3)).astype(np.float32)
    for cells in (4, 12, 40, 120):
        rough = rng.normal(0, 1, (cells, cells * 5 // 3, 3)).astype(np.float32)
        canvas = canvas + cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC) * (
            rng.uniform(5, 60 / cells**0.4)
        )
    for _ in range(int(rng.integers(4, 40))):
        size = rng.uniform(0.02, 0.35, 2) * (width, height)
        corner = rng.uniform(-0.1, 1, 2) * (width, height)
        x, y = np.clip(np.stack([corner, corner + size]), 0, (width, height)).astype(int).T
        strength = rng.uniform(0.3, 1)
        block = canvas[y[0] : y[1], x[0] : x[1]]
        block += (rng.uniform(0, 255, 3) - block) * strength
    # Most of what is around people is of muted colours.
    grey = canvas.mean(axis=-1, keepdims=True)
    canvas = grey + (canvas - grey) * rng.uniform(0.15, 0.5)
    return np.clip(canvas, 0, 255).astype(np.uint8)
