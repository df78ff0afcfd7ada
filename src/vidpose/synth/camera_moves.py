"""Cameras that pan, zoom, travel and tremble."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d

from vidpose.synth.motion import RATE
from vidpose.synth.presets import CameraMix
from vidpose.synth.state import Camera

# Nearer than this people would be seen as by nobody, metres.
_NEAREST = 1.8
# Trembling: cycles a second, and what each adds.
_TREMBLE = ((0.9, 0.7), (2.3, 0.5), (5.1, 0.3), (7.7, 0.2))


@dataclass(frozen=True, eq=False)
class Shot:
    """How a scene is looked at before it is known who comes where.

    Attributes:
        size: Height and width of the picture.
        focal: Pixels.
        distance: To the middle of the stage, metres.
        height: Above the ground, metres.
        aim: Height above the ground of what is in the middle of the picture, metres.
    """

    size: tuple[int, int]
    focal: float
    distance: float
    height: float
    aim: float

    def across(self, part: float, depth: float) -> float:
        """Metres to the right at ``depth``, for a part of half the picture's width."""
        return part * self.size[1] / 2 * depth / self.focal


@dataclass(frozen=True, eq=False)
class CameraMove:
    """A camera over time, at `RATE` samples a second.

    Attributes:
        size: Height and width of the picture.
        positions: Metres.
        yaw: Radians, to the right of y.
        pitch: Radians, up.
        roll: Radians, clockwise as the photographer sees it.
        focal: Pixels.
    """

    size: tuple[int, int]
    positions: Float[np.ndarray, "sample 3"]
    yaw: Float[np.ndarray, " sample"]
    pitch: Float[np.ndarray, " sample"]
    roll: Float[np.ndarray, " sample"]
    focal: Float[np.ndarray, " sample"]

    def at(self, seconds: Float[np.ndarray, " time"]) -> list[Camera]:
        """The camera at some times; held at both ends."""
        grid = np.arange(len(self.focal)) / RATE
        values = np.column_stack([self.positions, self.yaw, self.pitch, self.roll, self.focal])
        rows = np.stack([np.interp(seconds, grid, column) for column in values.T], axis=-1)
        return [Camera(_looking(*row[3:6]), row[:3], float(row[6]), self.size) for row in rows]


def choose_shot(
    rng: np.random.Generator, mix: CameraMix, size: tuple[int, int], person_height: float
) -> Shot:
    """Where to look from; the camera stands at -y of the stage's middle and looks along y.

    Args:
        rng: Where it is drawn from.
        mix: What may be drawn.
        size: Height and width of the picture.
        person_height: Metres, of whoever stands in the middle.
    """
    close = rng.random() < mix.close_up
    pixels = rng.uniform(*(mix.close_up_px if close else mix.person_px))
    focal = size[0] / 2 / np.tan(np.radians(rng.uniform(*mix.view)) / 2)
    distance = focal * person_height / pixels
    if distance < _NEAREST:
        distance, focal = _NEAREST, pixels * _NEAREST / person_height
    visible = size[0] * distance / focal
    # A whole person has the ground below the feet; of a cut one any part may be in the middle.
    middle = rng.uniform(0.2, 0.95) if close else rng.uniform(0.42, 0.6)
    slack = max(visible - person_height, 0) * rng.uniform(-0.2, 0.2)
    aim = person_height * middle + slack
    return Shot(size, float(focal), float(distance), rng.uniform(*mix.height), float(aim))


def move(
    rng: np.random.Generator,
    mix: CameraMix,
    shot: Shot,
    subject: Float[np.ndarray, "sample 2"],
) -> CameraMove:
    """The camera of a shot in motion.

    Args:
        rng: Where the movements are drawn from.
        mix: What may be drawn.
        shot: Where it is in the middle of the scene's time.
        subject: Where on the ground the person is whom it may follow.
    """
    count = len(subject)
    # Seconds before and after the middle.
    clock = (np.arange(count) - (count - 1) / 2) / RATE
    travel = _any_direction(rng) * rng.uniform(*mix.dolly) * np.array([1.0, 0.6, 0.25])
    positions = np.array([0.0, -shot.distance, shot.height]) + clock[:, None] * travel
    positions[:, 2] = np.maximum(positions[:, 2], 0.3)
    target = np.zeros((count, 3))
    target[:, 2] = shot.aim
    if rng.random() < mix.follow:
        smooth = gaussian_filter1d(subject, RATE / 2, axis=0, mode="nearest")
        target[:, :2] = smooth * rng.uniform(0.6, 1)
    away = target - positions
    flat = np.linalg.norm(away[:, :2], axis=-1)
    pan = np.radians(rng.uniform(*mix.pan)) * rng.choice([-1, 1]) * _there_and_back(rng, clock)
    yaw = np.arctan2(away[:, 0], away[:, 1]) + pan + _trembling(rng, mix, clock)
    pitch = np.arctan2(away[:, 2], flat) + _trembling(rng, mix, clock)
    roll = np.radians(rng.normal(0, mix.roll)) + _trembling(rng, mix, clock) / 2
    zoom = rng.uniform(*mix.zoom) ** rng.choice([-1, 1])
    span = max(float(clock[-1] - clock[0]), 1 / RATE)
    focal = shot.focal * zoom ** (clock / span)
    return CameraMove(shot.size, positions, yaw, pitch, roll, focal)


def _any_direction(rng: np.random.Generator) -> Float[np.ndarray, "3"]:
    direction = rng.normal(size=3)
    return direction / np.linalg.norm(direction)


def _there_and_back(
    rng: np.random.Generator, clock: Float[np.ndarray, " sample"]
) -> Float[np.ndarray, " sample"]:
    """A pan at one unit a second that returns before people are out of the picture; starts at 0."""
    period = rng.uniform(3, 6)
    quarter = period / 4
    triangle = np.abs((clock + quarter) % period - period / 2) - quarter
    return -gaussian_filter1d(triangle, RATE / 6, mode="nearest")


def _trembling(
    rng: np.random.Generator, mix: CameraMix, clock: Float[np.ndarray, " sample"]
) -> Float[np.ndarray, " sample"]:
    strength = np.radians(rng.uniform(*mix.shake))
    waves = [
        part * np.sin(2 * np.pi * (cycles * rng.uniform(0.8, 1.2) * clock + rng.random()))
        for cycles, part in _TREMBLE
    ]
    return strength * np.sqrt(2) * np.sum(waves, axis=0)


def _looking(yaw: float, pitch: float, roll: float) -> Float[np.ndarray, "3 3"]:
    """World to camera: x right, y down, z forward."""
    sin_yaw, cos_yaw = np.sin(yaw), np.cos(yaw)
    sin_pitch, cos_pitch = np.sin(pitch), np.cos(pitch)
    forward = np.array([sin_yaw * cos_pitch, cos_yaw * cos_pitch, sin_pitch])
    right = np.array([cos_yaw, -sin_yaw, 0.0])
    down = np.cross(forward, right)
    cosine, sine = np.cos(roll), np.sin(roll)
    return np.stack([cosine * right + sine * down, cosine * down - sine * right, forward])
