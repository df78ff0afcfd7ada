"""What one person does for the length of a scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float

from vidpose.synth import joint_angles
from vidpose.synth.captured import Capture
from vidpose.synth.key_poses import POSES, STAND
from vidpose.synth.motion import (
    RATE,
    Motion,
    chained,
    height_of_hips,
    mirrored,
    to_matrices,
    to_quaternions,
    warped,
    with_arms,
)
from vidpose.synth.perform import perform
from vidpose.synth.presets import MotionMix

# Longest stretch of captured motion before something else, seconds.
_STRETCH = 4.0
# Most that the pace wavers, as a logarithm.
_SWAY = 0.15
# How long people crouch in between, samples.
_CROUCHED = 9
# Actions that say something with the arms while the legs may do another thing.
_GESTURES = (
    "wave", "raise_arms", "point", "hold_head", "surrender", "phone", "clap", "cross_arms",
    "reach_up", "throw", "punch", "stretch", "dance",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Repertoire:
    """Where motions come from.

    Attributes:
        capture: Captured motion; None if there is none.
    """

    capture: Capture | None = None

    def draw(self, rng: np.random.Generator, mix: MotionMix, seconds: float) -> Motion:
        """A motion of at least ``seconds``, one thing after another."""
        wanted = int(np.ceil(seconds * RATE)) + 1
        pace = rng.uniform(*mix.pace)
        pieces: list[Motion] = []
        # Overlaps and the cut at the start take some away.
        needed = 1.3 * wanted + RATE
        whole = None
        skipped = 0
        while whole is None or len(whole) - skipped < wanted:
            piece = _paced(self._piece(rng, mix, pace), pace, rng)
            pieces.append(mirrored(piece) if rng.random() < 0.5 else piece)
            if sum(map(len, pieces)) < needed:
                continue
            whole = chained(_by_crouching(pieces))
            # Scenes begin in the middle of things.
            skipped = min(skipped or int(rng.integers(len(pieces[0]))), len(pieces[0]) - 1)
            needed += wanted
        return whole[skipped : skipped + wanted]

    def _piece(self, rng: np.random.Generator, mix: MotionMix, pace: float) -> Motion:
        weights = np.array([mix.captured, mix.performed, mix.mixed])
        if self.capture is None or not weights.any():
            weights = np.array([0.0, 1.0, 0.0])
        kind = rng.choice(3, p=weights / weights.sum())
        action = mix.actions[rng.integers(len(mix.actions))]
        if self.capture is None or kind == 1:
            return perform(action, rng)
        window = self.capture.window(rng, int(rng.uniform(0.4, 1) * _STRETCH * RATE * pace))
        if kind == 2:
            gesture = _GESTURES[rng.integers(len(_GESTURES))]
            return with_arms(window, perform(gesture, rng))
        return window


def _by_crouching(pieces: Sequence[Motion]) -> list[Motion]:
    """The pieces, with a crouch between lying and standing: nobody rises like a plank."""
    eased = [pieces[0]]
    for piece in pieces[1:]:
        if _far_apart(to_matrices(eased[-1].quaternions[-1]), to_matrices(piece.quaternions[0])):
            eased.append(_crouch())
        eased.append(piece)
    return eased


def _far_apart(
    before: Float[np.ndarray, "driver 3 3"], after: Float[np.ndarray, "driver 3 3"]
) -> bool:
    heights = height_of_hips(np.stack([before, after]))
    # The cosine between where the two pelvises point up.
    tilt = before[0, :, 2] @ after[0, :, 2]
    return bool(np.ptp(heights) > 0.55 or (tilt < 0.65 and heights.max() > 0.6))


@cache
def _crouch() -> Motion:
    turned = joint_angles.rotations(joint_angles.pose({**STAND, **POSES["crouch"]}))
    still = np.zeros(_CROUCHED)
    low = np.tile(to_quaternions(turned), (_CROUCHED, 1, 1))
    return Motion(low, np.zeros((_CROUCHED, 2)), still, still)


def _paced(motion: Motion, pace: float, rng: np.random.Generator) -> Motion:
    """Played at a pace that wavers a little."""
    if len(motion) < 2:
        return motion
    clock = np.arange(int(np.ceil(2 * len(motion) / pace)) + 1) / RATE
    wave = np.sin(2 * np.pi * (rng.uniform(0.2, 0.6) * clock + rng.random()))
    speed: Float[np.ndarray, " time"] = pace * np.exp(_SWAY * rng.uniform(0, 1) * wave)
    return warped(motion, speed)
