"""Who stands or goes where, so that people pass each other and stay in the picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from vidpose.synth.camera_moves import Shot
from vidpose.synth.figure import Figure
from vidpose.synth.motion import Motion
from vidpose.synth.paths import Way, lay, nearest
from vidpose.synth.presets import Staging

# Of so many ways to place somebody the best is taken.
_TRIES = 24
# People nearer than this touch; nearer to the camera than this they fill the picture. Metres.
_TOUCH, _LENS = 0.6, 1.2


def stage(
    rng: np.random.Generator,
    mix: Staging,
    shot: Shot,
    cast: Sequence[tuple[Figure, Motion]],
    bend: float,
) -> tuple[Way, ...]:
    """Puts people on the ground, one after another.

    Args:
        rng: Where places and times are drawn from.
        mix: What may be drawn.
        shot: Where they are looked at from.
        cast: Who does what, all equally long.
        bend: Most that a way may bend, radians a metre.
    """
    ways: list[Way] = []
    for figure, motion in cast:
        crosses = bool(ways) and rng.random() < mix.crossing
        profile = rng.random() < mix.profile
        way = lay(motion, figure, rng.uniform(-bend, bend))
        tries = []
        for _ in range(_TRIES):
            sample = int(rng.uniform(0.25, 0.75) * len(motion))
            if crosses:
                place = _behind_or_before(rng, mix, shot, ways[rng.integers(len(ways))], sample)
            else:
                place = _anywhere(rng, mix, shot, alone=not ways)
            tries.append(way.placed(sample, place, _heading(rng, profile or crosses)))
        scores = [_in_view(shot, tried) + 2 * _apart(ways, tried) for tried in tries]
        ways.append(tries[int(np.argmax(scores))])
    return tuple(ways)


def _anywhere(
    rng: np.random.Generator, mix: Staging, shot: Shot, alone: bool
) -> Float[np.ndarray, "2"]:
    """A place on the stage; the first person has its middle."""
    if alone:
        return np.array([shot.across(rng.uniform(-0.3, 0.3), shot.distance), 0.0])
    y = shot.distance * rng.uniform(-mix.depth, mix.depth)
    return np.array([shot.across(rng.uniform(-0.8, 0.8), shot.distance + y), y])


def _behind_or_before(
    rng: np.random.Generator, mix: Staging, shot: Shot, other: Way, sample: int
) -> Float[np.ndarray, "2"]:
    """A place on the camera's line of sight to somebody."""
    lens = np.array([0.0, -shot.distance])
    away = other.places[sample] - lens
    gap = rng.uniform(*mix.gap) * rng.choice([-1, 1])
    return other.places[sample] + away / max(float(np.linalg.norm(away)), 1e-6) * gap


def _heading(rng: np.random.Generator, profile: bool) -> float:
    if profile:
        return float(rng.choice([-1, 1]) * np.pi / 2 + rng.normal(0, 0.4))
    return float(rng.uniform(-np.pi, np.pi))


def _in_view(shot: Shot, way: Way) -> float:
    """Part of the time in which somebody is in the picture of a camera that stands still."""
    depth = way.places[:, 1] + shot.distance
    half = shot.across(0.95, 1.0) * np.maximum(depth, 0.1)
    return float(((depth > _LENS) & (np.abs(way.places[:, 0]) < half)).mean())


def _apart(ways: list[Way], way: Way) -> float:
    """1 where nobody touches anybody, less where somebody walks through another."""
    return min(nearest(ways, way) / _TOUCH, 1.0)
