"""How one person moves: rotations over time, steps over the ground, height above it.

A motion is kept relative to the way that the person goes, so that it can be laid along any path,
and its height as what is under the lowest point of the body, so that whoever performs it, the soles
are on the ground unless the motion is a flight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from vidpose.synth import rig

# Samples a second of every motion here.
RATE = 30.0
# How one motion becomes another: degrees a sample, samples that overlap, most that are waited.
_FADE, _OVERLAP, _LONGEST_WAIT = 4.0, 8, 40
Quaternions = Float[np.ndarray, "*n 4"]


@dataclass(frozen=True, eq=False)
class Motion:
    """A motion at `RATE` samples a second; lengths are leg lengths.

    Attributes:
        quaternions: World rotation (w, x, y, z) of each driver, for somebody who goes towards -y.
        steps: Movement over the ground to the next sample, in the same directions.
        turns: Change of the direction to the next sample, radians, seen from above to the left.
        lift: Height of the lowest point of the body above the ground, at least 0.
    """

    quaternions: Float[np.ndarray, "sample driver 4"]
    steps: Float[np.ndarray, "sample 2"]
    turns: Float[np.ndarray, " sample"]
    lift: Float[np.ndarray, " sample"]

    def __len__(self) -> int:
        return len(self.turns)

    def __getitem__(self, part: slice) -> Motion:
        return Motion(self.quaternions[part], self.steps[part], self.turns[part], self.lift[part])


def to_matrices(quaternions: Quaternions) -> Float[np.ndarray, "*n 3 3"]:
    """Rotation matrices of quaternions (w, x, y, z) of any length but 0."""
    flat = quaternions.reshape(-1, 4)[:, [1, 2, 3, 0]]
    return Rotation.from_quat(flat).as_matrix().reshape(*quaternions.shape[:-1], 3, 3)


def to_quaternions(matrices: Float[np.ndarray, "*n 3 3"]) -> Quaternions:
    """Unit quaternions (w, x, y, z) of rotation matrices."""
    flat = Rotation.from_matrix(matrices.reshape(-1, 3, 3)).as_quat()
    return flat[:, [3, 0, 1, 2]].reshape(*matrices.shape[:-2], 4)


def slerp(a: Quaternions, b: Quaternions, part: Float[np.ndarray, "*n"]) -> Quaternions:
    """The rotations ``part`` of the way from ``a`` to ``b``, the shorter way round."""
    return _arc(a, np.where((a * b).sum(axis=-1, keepdims=True) < 0, -b, b), part)


def rotations_at(
    quaternions: Float[np.ndarray, "sample driver 4"], samples: Float[np.ndarray, " time"]
) -> Quaternions:
    """Quaternions between samples, held at both ends."""
    before, part = _between(samples, len(quaternions))
    after = np.minimum(before + 1, len(quaternions) - 1)
    return slerp(quaternions[before], quaternions[after], part[:, None])


def warped(motion: Motion, speed: Float[np.ndarray, " time"]) -> Motion:
    """The motion played at a speed that may change; ends when the motion does.

    Args:
        motion: At least one sample.
        speed: How much faster than recorded at each new sample, above 0; its last value is kept.
    """
    # Longest that could be needed, so that cumulated speed surely reaches the end.
    count = int(np.ceil(len(motion) / speed.min())) + 1
    speed = speed[np.minimum(np.arange(count), len(speed) - 1)]
    clock = np.concatenate([[0.0], np.cumsum(speed)])
    clock = clock[clock <= len(motion) - 1]
    if len(clock) < 2:
        return motion[:1]
    way = _cumulated(motion.steps)
    course = _cumulated(motion.turns[:, None])
    steps = np.diff(_linear(way, clock), axis=0)
    turns = np.diff(_linear(course, clock), axis=0)[:, 0]
    return Motion(
        rotations_at(motion.quaternions, clock),
        np.concatenate([steps, steps[-1:]]),
        np.concatenate([turns, turns[-1:]]),
        _linear(motion.lift[:, None], clock)[:, 0],
    )


def mirrored(motion: Motion) -> Motion:
    """The motion with left and right exchanged."""
    quaternions = motion.quaternions[:, rig.MIRROR] * np.array([1.0, 1.0, -1.0, -1.0])
    return Motion(quaternions, motion.steps * np.array([-1.0, 1.0]), -motion.turns, motion.lift)


def chained(motions: Sequence[Motion]) -> Motion:
    """One motion after another, each fading into the next for as long as the change needs."""
    whole = motions[0]
    for motion in motions[1:]:
        cosine = np.abs((whole.quaternions[-1] * motion.quaternions[0]).sum(axis=-1))
        turn = 2 * np.degrees(np.arccos(np.clip(cosine, 0, 1))).max()
        both = min(_OVERLAP, len(whole), len(motion))
        # A long change has both wait for each other, so that no jump starts in the middle of it.
        wait = int(np.clip(turn / _FADE - both, 0, _LONGEST_WAIT))
        before = _concatenated(whole[len(whole) - both :], _held(whole, -1, wait))
        after = _concatenated(_held(motion, 0, wait), motion[:both])
        fade = _faded(before, after)
        if wait:
            steps = without_sliding(fade.quaternions, fade.lift)
            fade = Motion(fade.quaternions, steps, fade.turns, fade.lift)
        whole = _concatenated(whole[: len(whole) - both], fade, motion[both:])
    return whole


def with_arms(motion: Motion, arms: Motion) -> Motion:
    """The motion with the arms of another, held as they are held to that one's chest."""
    count = min(len(motion), len(arms))
    chest = rig.DRIVER["spine_up"]
    rows = slice(rig.DRIVER["clavicle_l"], rig.DRIVER["hand_r"] + 1)
    own = to_matrices(motion.quaternions[:count])
    other = to_matrices(arms.quaternions[:count])
    turn = own[:, chest] @ np.swapaxes(other[:, chest], -1, -2)
    own[:, rows] = turn[:, None] @ other[:, rows]
    mixed = motion.quaternions[:count].copy()
    mixed[:, rows] = to_quaternions(own[:, rows])
    return Motion(mixed, motion.steps[:count], motion.turns[:count], motion.lift[:count])


def without_sliding(
    quaternions: Float[np.ndarray, "sample driver 4"], lift: Float[np.ndarray, " sample"]
) -> Float[np.ndarray, "sample 2"]:
    """The steps that keep in place whatever stands on the ground; flights glide between them."""
    skin = rig.skin(to_matrices(quaternions))
    height = skin[..., 2] - skin[..., 2].min(axis=-1, keepdims=True)
    weight = np.exp(-height / 0.015)
    shared = weight[:-1] * weight[1:]
    # What carries the body may change from one sample to the next; then something just off it does.
    shared += 1e-9 * np.exp(-(height[:-1] + height[1:]) / 0.2)
    shared /= shared.sum(axis=-1, keepdims=True)
    steps = -np.einsum("tp,tpi->ti", shared, np.diff(skin[..., :2], axis=0))
    steps = np.concatenate([steps, steps[-1:]]) if len(steps) else np.zeros((1, 2))
    flying = lift > 1e-6
    grounded = np.flatnonzero(~flying)
    if len(grounded):
        for axis in range(2):
            steps[flying, axis] = np.interp(np.flatnonzero(flying), grounded, steps[grounded, axis])
    return steps


def height_of_hips(rotations: Float[np.ndarray, "*n driver 3 3"]) -> Float[np.ndarray, "*n"]:
    """How far the middle of the hips is above the lowest point of the body, in leg lengths."""
    return -rig.skin(rotations)[..., 2].min(axis=-1)


def _arc(a: Quaternions, b: Quaternions, part: Float[np.ndarray, "*n"]) -> Quaternions:
    """The way from ``a`` to ``b`` on the sphere, whichever way round their signs say."""
    angle = np.arccos(np.clip((a * b).sum(axis=-1), -1, 1))
    # Below this the arc is as good as straight and the division would not be.
    small = angle < 1e-4
    sine = np.where(small, 1, np.sin(angle))
    first = np.where(small, 1 - part, np.sin((1 - part) * angle) / sine)
    second = np.where(small, part, np.sin(part * angle) / sine)
    mixed = first[..., None] * a + second[..., None] * b
    return mixed / np.linalg.norm(mixed, axis=-1, keepdims=True)


def _between(
    samples: Float[np.ndarray, " time"], count: int
) -> tuple[np.ndarray, Float[np.ndarray, " time"]]:
    samples = np.clip(samples, 0, count - 1)
    before = np.floor(samples).astype(np.int64)
    return before, samples - before


def _linear(
    values: Float[np.ndarray, "sample n"], samples: Float[np.ndarray, " time"]
) -> Float[np.ndarray, "time n"]:
    before, part = _between(samples, len(values))
    after = np.minimum(before + 1, len(values) - 1)
    return values[before] * (1 - part[:, None]) + values[after] * part[:, None]


def _cumulated(changes: Float[np.ndarray, "sample n"]) -> Float[np.ndarray, "sample n"]:
    return np.concatenate([np.zeros((1, changes.shape[1])), np.cumsum(changes[:-1], axis=0)])


def _held(motion: Motion, sample: int, count: int) -> Motion:
    """One sample of the motion for a while."""
    still = np.full(count, sample)
    return Motion(
        motion.quaternions[still], np.zeros((count, 2)), np.zeros(count), motion.lift[still]
    )


def _faded(a: Motion, b: Motion) -> Motion:
    part = (np.arange(len(a)) + 1) / (len(a) + 1)
    part = part * part * (3 - 2 * part)

    def mix(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        weight = part.reshape(-1, *[1] * (first.ndim - 1))
        return first * (1 - weight) + second * weight

    # Joint by joint: between two world rotations of a shin lie some that no knee allows.
    joints = [_continuous(to_quaternions(_local(to_matrices(m.quaternions)))) for m in (a, b)]
    middle = len(a) // 2
    away = (joints[0][middle] * joints[1][middle]).sum(axis=-1) < 0
    joints[1] = np.where(away[:, None], -joints[1], joints[1])
    between = _arc(joints[0], joints[1], part[:, None])
    return Motion(
        to_quaternions(_world(to_matrices(between))),
        mix(a.steps, b.steps),
        mix(a.turns, b.turns),
        mix(a.lift, b.lift),
    )


def _local(world: Float[np.ndarray, "*n driver 3 3"]) -> Float[np.ndarray, "*n driver 3 3"]:
    """Rotation of each driver within its parent."""
    local = world.copy()
    parents = world[..., rig.DRIVER_PARENT[1:], :, :]
    local[..., 1:, :, :] = np.swapaxes(parents, -1, -2) @ world[..., 1:, :, :]
    return local


def _world(local: Float[np.ndarray, "*n driver 3 3"]) -> Float[np.ndarray, "*n driver 3 3"]:
    world = local.copy()
    for driver, parent in enumerate(rig.DRIVER_PARENT[1:], start=1):
        world[..., driver, :, :] = world[..., parent, :, :] @ local[..., driver, :, :]
    return world


def _continuous(quaternions: Float[np.ndarray, "sample driver 4"]) -> Quaternions:
    """The same rotations with signs that never jump from one sample to the next."""
    flips = (quaternions[1:] * quaternions[:-1]).sum(axis=-1) < 0
    odd = np.cumsum(flips, axis=0) % 2 == 1
    signed = quaternions.copy()
    signed[1:][odd] *= -1
    return signed


def _concatenated(*parts: Motion) -> Motion:
    return Motion(
        np.concatenate([part.quaternions for part in parts]),
        np.concatenate([part.steps for part in parts]),
        np.concatenate([part.turns for part in parts]),
        np.concatenate([part.lift for part in parts]),
    )
