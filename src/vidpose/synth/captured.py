"""Windows of captured motion, as the kit stores it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import gaussian_filter1d

from vidpose.errors import VidposeError
from vidpose.synth import joint_angles, rig
from vidpose.synth.motion import RATE, Motion, height_of_hips, to_matrices

# Below this a rising body is the noise of the capture or of the retargeting; leg lengths.
_FLIGHT = 0.07
# Longer than any jump: who stays up climbs on something that is not in the picture. Samples.
_LONGEST_FLIGHT = 24
# Faster than limbs turn, degrees a sample: a marker was lost.
_FASTEST_TURN = 50.0


@dataclass(frozen=True, eq=False)
class Capture:
    """All clips of one split.

    Attributes:
        clips: Each a whole recording.
        usable: Of each, the samples that people can perform on flat ground.
        sources: Of each, the kind of recording; kinds are drawn equally often.
    """

    clips: tuple[Motion, ...]
    usable: tuple[Bool[np.ndarray, " sample"], ...]
    sources: tuple[str, ...]

    def window(self, rng: np.random.Generator, samples: int) -> Motion:
        """A piece of some clip, of at most ``samples``, all of it usable.

        Shorter where the drawn clip has no usable stretch that long.
        """
        kinds = sorted(set(self.sources))
        kind = kinds[rng.integers(len(kinds))]
        rows = [row for row, source in enumerate(self.sources) if source == kind]
        row = rows[rng.integers(len(rows))]
        stretches = _stretches(self.usable[row])
        start, stop = stretches[rng.integers(len(stretches))]
        start += int(rng.integers(max(stop - start - samples, 0) + 1))
        return self.clips[row][start : min(start + samples, stop)]


def read_capture(arrays: Mapping[str, np.ndarray], split: str) -> Capture:
    """The clips of one split.

    Args:
        arrays: As in the kit's ``motions.npz``: quat, midhip, clip_start, clip_len, clip_source,
            clip_split, fps, ref_leg_length.
        split: ``train`` or ``val``.

    Raises:
        VidposeError: An array is missing, the rate is another, or the split has no usable clip.
    """
    needed = {"quat", "midhip", "clip_start", "clip_len", "clip_source", "clip_split", "fps"}
    if missing := sorted((needed | {"ref_leg_length"}) - set(arrays)):
        raise VidposeError(f"captured motion: no array {missing[0]}; is the kit complete?")
    if float(arrays["fps"]) != RATE:
        raise VidposeError(
            f"captured motion: {float(arrays['fps']):g} frames a second, {RATE:g} expected"
        )
    clips, usable, sources = [], [], []
    for row in np.flatnonzero(arrays["clip_split"] == split):
        part = slice(arrays["clip_start"][row], arrays["clip_start"][row] + arrays["clip_len"][row])
        quaternions = arrays["quat"][part].astype(np.float64)
        midhip = arrays["midhip"][part] / float(arrays["ref_leg_length"])
        clip, good = _clip(quaternions, midhip.astype(np.float64))
        if _stretches(good):
            clips.append(clip)
            usable.append(good)
            sources.append(str(arrays["clip_source"][row]))
    if not clips:
        raise VidposeError(f"captured motion: the split {split!r} has no usable clip")
    return Capture(tuple(clips), tuple(usable), tuple(sources))


def _clip(
    quaternions: Float[np.ndarray, "sample driver 4"], midhip: Float[np.ndarray, "sample 3"]
) -> tuple[Motion, Bool[np.ndarray, " sample"]]:
    quaternions = quaternions / np.linalg.norm(quaternions, axis=-1, keepdims=True)
    course = _course(quaternions)
    # Take the course out: turn everything by its opposite about z.
    half = -course / 2
    quaternions = _turned_about_z(quaternions, half)
    world = np.diff(midhip[:, :2], axis=0, append=midhip[-1:, :2])
    cosine, sine = np.cos(-course), np.sin(-course)
    steps = np.stack(
        [cosine * world[:, 0] - sine * world[:, 1], sine * world[:, 0] + cosine * world[:, 1]],
        axis=-1,
    )
    rotations = to_matrices(quaternions)
    rise = gaussian_filter1d(midhip[:, 2] - height_of_hips(rotations), 1.0)
    lift = np.maximum(rise - _FLIGHT, 0)
    turns = np.diff(course, append=course[-1:])
    motion = Motion(quaternions, steps, turns, lift)
    return motion, _usable(motion, rotations)


def _course(quaternions: Float[np.ndarray, "sample driver 4"]) -> Float[np.ndarray, " sample"]:
    """Where the pelvis faces, without the swing of each step: radians from -y to the left."""
    front = -to_matrices(quaternions[:, rig.DRIVER["pelvis"]])[:, :, 1]
    yaw = np.unwrap(np.arctan2(front[:, 0], -front[:, 1]))
    return gaussian_filter1d(yaw, RATE / 3, mode="nearest")


def _turned_about_z(
    quaternions: Float[np.ndarray, "sample driver 4"], half: Float[np.ndarray, " sample"]
) -> Float[np.ndarray, "sample driver 4"]:
    cosine, sine = np.cos(half)[:, None], np.sin(half)[:, None]
    w, x, y, z = np.moveaxis(quaternions, -1, 0)
    turned = (cosine * w - sine * z, cosine * x - sine * y, cosine * y + sine * x)
    return np.stack([*turned, cosine * z + sine * w], axis=-1)


def _usable(
    motion: Motion, rotations: Float[np.ndarray, "sample driver 3 3"]
) -> Bool[np.ndarray, " sample"]:
    good = np.asarray((joint_angles.hinges(rotations) > -5).all(axis=-1))
    cosine = np.abs((motion.quaternions[1:] * motion.quaternions[:-1]).sum(axis=-1))
    turn = 2 * np.degrees(np.arccos(np.clip(cosine, 0, 1))).max(axis=-1)
    good[1:] &= turn < _FASTEST_TURN
    for start, stop in _stretches(motion.lift > 0, shortest=1):
        if stop - start > _LONGEST_FLIGHT:
            good[start:stop] = False
    return good


def _stretches(good: Bool[np.ndarray, " sample"], shortest: int = 20) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(np.int8)))
    pairs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return [(start, stop) for start, stop in pairs if stop - start >= shortest]
