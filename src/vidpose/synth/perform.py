"""An action carried out: key poses varied, joined by smooth curves and put on the ground."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float
from scipy.interpolate import PchipInterpolator

from vidpose.errors import VidposeError
from vidpose.synth import joint_angles
from vidpose.synth.actions import ACTIONS, Key
from vidpose.synth.key_poses import POSES, STAND
from vidpose.synth.motion import RATE, Motion, height_of_hips, to_quaternions, without_sliding

# Metres a second squared over an adult's leg length in metres.
_GRAVITY = 9.81 / 0.8
# Nobody's hips rise by more in a jump, leg lengths.
_HIGHEST = 0.5
# Degrees a sample, about 1000 a second: what the hands of sportsmen reach.
_FASTEST = 35.0
# Standard deviations in degrees: of a whole performance, and as much again of single poses that
# come slowly. Both legs err alike, so that both feet stand.
_VARIES = {"arms": 9.0, "legs": 4.0, "trunk": 4.0}
_SLOW = 0.5
# Where arms that are free to do anything are drawn from, degrees.
_FREE_ARMS = {
    "shoulder_flex": (-25.0, 150.0),
    "shoulder_abd": (5.0, 100.0),
    "shoulder_twist": (-60.0, 40.0),
    "elbow": (8.0, 130.0),
    "forearm": (-50.0, 50.0),
}
_COLUMN = {name: column for column, name in enumerate(joint_angles.ANGLES)}


def _variations() -> list[tuple[list[int], float]]:
    """Which angles vary together, and how much."""
    arms = ("shoulder_flex", "shoulder_abd", "shoulder_twist", "elbow", "forearm", "wrist")
    legs = ("hip_flex", "hip_abd", "hip_twist", "knee")
    trunk = ("bend", "side", "twist", "nod", "tilt", "look")
    return [
        *(([_COLUMN[f"{name}_{side}"]], _VARIES["arms"]) for name in arms for side in "lr"),
        *(([_COLUMN[f"{name}_{side}"] for side in "lr"], _VARIES["legs"]) for name in legs),
        *(([_COLUMN[name]], _VARIES["trunk"]) for name in trunk),
    ]


_VARIATIONS = _variations()


def perform(name: str, rng: np.random.Generator) -> Motion:
    """One performance of an action of `actions.ACTIONS`, of a pace and a style of its own.

    Raises:
        VidposeError: There is no such action.
    """
    if name not in ACTIONS:
        raise VidposeError(f"there is no action {name!r}; the actions are {', '.join(ACTIONS)}")
    action = ACTIONS[name]
    repeats = int(rng.integers(1, action.most + 1))
    keys = list(action.keys) * repeats
    if action.most > 1:
        keys.append(action.keys[0])
    angles = _varied(keys, rng)
    if action.hands_free and rng.random() < 0.5:
        _free_hands(angles, rng)
    if rng.random() < 0.5:
        angles = joint_angles.swapped(angles)
    angles = _unwound(joint_angles.within_limits(angles))
    pace = np.exp(rng.normal(0, 0.15))
    seconds = np.maximum([key.seconds for key in keys], 0.1) / pace
    seconds *= np.exp(rng.normal(0, 0.06, len(keys)))
    seconds[1:] *= _hurry(angles, seconds[1:])
    return _motion(angles, np.cumsum(seconds) - seconds[0], [key.flight for key in keys])


def _varied(keys: Sequence[Key], rng: np.random.Generator) -> Float[np.ndarray, "key angle"]:
    angles = []
    for key in keys:
        values = joint_angles.pose({**STAND, **POSES[key.pose]})
        angles.append(joint_angles.swapped(values) if key.other_side else values)
    slow = np.minimum([key.seconds / _SLOW for key in keys], 1)
    varied = np.stack(angles)
    for columns, sigma in _VARIATIONS:
        change = rng.normal(0, sigma) + rng.normal(0, sigma, len(keys)) * slow
        varied[:, columns] += change[:, None]
    return varied


def _free_hands(angles: Float[np.ndarray, "key angle"], rng: np.random.Generator) -> None:
    """Let the arms go evenly from anywhere to anywhere meanwhile."""
    part = np.linspace(0, 1, len(angles))
    for side in "lr":
        for name, (low, high) in _FREE_ARMS.items():
            first, last = rng.uniform(low, high, 2)
            # Half of the way is enough for actions as short as these.
            last = (first + last) / 2
            angles[:, _COLUMN[f"{name}_{side}"]] = first + (last - first) * part


def _hurry(
    angles: Float[np.ndarray, "key angle"], seconds: Float[np.ndarray, " step"]
) -> Float[np.ndarray, " step"]:
    """How much longer each step has to take so that no limb turns faster than limbs do."""
    parts = np.linspace(0, 1, 9)[:, None, None]
    poses = angles[:-1] * (1 - parts) + angles[1:] * parts
    quaternions = to_quaternions(joint_angles.rotations(poses))
    cosine = np.abs((quaternions[1:] * quaternions[:-1]).sum(axis=-1))
    turn = 2 * np.degrees(np.arccos(np.clip(cosine, 0, 1))).max(axis=(0, 2)) * 8
    # A smooth curve is half as fast again in the middle of its step as on average.
    return np.maximum(1.5 * turn / (seconds * RATE) / _FASTEST, 1)


def _unwound(angles: Float[np.ndarray, "key angle"]) -> Float[np.ndarray, "key angle"]:
    """Whole turns of the body go on from repeat to repeat instead of being undone."""
    for name in ("lean", "roll", "yaw"):
        column = _COLUMN[name]
        jumps = np.diff(angles[:, column], prepend=angles[0, column])
        angles[:, column] -= np.cumsum(360 * np.rint(np.where(np.abs(jumps) > 300, jumps / 360, 0)))
    return angles


def _motion(
    keys: Float[np.ndarray, "key angle"], ends: Float[np.ndarray, " key"], flights: Sequence[bool]
) -> Motion:
    clock = np.arange(int(ends[-1] * RATE) + 1) / RATE
    # Monotone between keys: no angle leaves the range of its keys, so none passes its limits.
    curve = PchipInterpolator(ends, keys)
    rotations = joint_angles.rotations(curve(clock))
    hips = height_of_hips(rotations)
    lift = np.zeros(len(clock))
    for start, stop in _flights(ends, flights):
        low, high = height_of_hips(joint_angles.rotations(curve(np.array([start, stop]))))
        part = (clock - start) / (stop - start)
        peak = min(_GRAVITY / 8 * (stop - start) ** 2, _HIGHEST)
        inside = (part > 0) & (part < 1)
        lift[inside] = np.maximum(
            low + (high - low) * part + 4 * peak * part * (1 - part) - hips, 0
        )[inside]
    quaternions = to_quaternions(rotations)
    steps = without_sliding(quaternions, lift)
    return Motion(quaternions, steps, np.zeros(len(clock)), lift)


def _flights(
    ends: Float[np.ndarray, " key"], flights: Sequence[bool]
) -> Iterator[tuple[float, float]]:
    """Times of take-off and landing; steps through the air on end are one flight."""
    edges = np.flatnonzero(np.diff(np.array([False, *flights[1:], False]).astype(np.int8)))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        yield float(ends[start]), float(ends[stop])
