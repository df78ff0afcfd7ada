"""Poses as angles of joints, with the limits of a healthy body.

Angles are in degrees. All zero is a person who stands straight with the arms along the body and the
palms inwards. Ball joints turn by flexion, then abduction, then twist about the bone, as clinicians
measure them; knees and elbows have one angle that cannot be negative, so they never bend backwards.
A foot is given by its sole: zero is level with the ground, as far as the ankle can make it so.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from vidpose.synth.rig import DRIVER, DRIVERS, REST_HEAD

# Lowest and highest value. Rough ranges of motion of adults (AAOS tables), narrowed where skinned
# meshes fold badly; the whole body's own three are free.
_CENTRE_LIMITS = {
    "lean": (-400.0, 400.0),
    "roll": (-400.0, 400.0),
    "yaw": (-400.0, 400.0),
    "bend": (-25.0, 65.0),
    "side": (-30.0, 30.0),
    "twist": (-40.0, 40.0),
    "nod": (-45.0, 45.0),
    "tilt": (-30.0, 30.0),
    "look": (-65.0, 65.0),
}
_SIDE_LIMITS = {
    "shoulder_flex": (-45.0, 175.0),
    "shoulder_abd": (-40.0, 165.0),
    "shoulder_twist": (-85.0, 75.0),
    "elbow": (0.0, 145.0),
    "forearm": (-70.0, 70.0),
    "wrist": (-50.0, 50.0),
    "hip_flex": (-25.0, 125.0),
    "hip_abd": (-15.0, 60.0),
    "hip_twist": (-35.0, 35.0),
    "knee": (0.0, 145.0),
    "sole": (-80.0, 60.0),
}
# Down and up.
_ANKLE = np.radians([-45.0, 25.0])
LIMITS: Mapping[str, tuple[float, float]] = _CENTRE_LIMITS | {
    f"{name}_{side}": limits for side in "lr" for name, limits in _SIDE_LIMITS.items()
}
ANGLES = tuple(LIMITS)
_COLUMN = {name: column for column, name in enumerate(ANGLES)}
_LOW, _HIGH = np.array(list(LIMITS.values())).T

Angles = Float[np.ndarray, "*n angle"]


def pose(angles: Mapping[str, float]) -> Float[np.ndarray, " angle"]:
    """The pose with these angles, zero elsewhere; a name without its side sets both.

    Raises:
        KeyError: There is no such angle.
    """
    values = np.zeros(len(ANGLES))
    for name, value in angles.items():
        for column in (name,) if name in _COLUMN else (f"{name}_l", f"{name}_r"):
            values[_COLUMN[column]] = value
    return within_limits(values)


def within_limits(angles: Angles) -> Angles:
    """The nearest angles that the joints allow."""
    return np.clip(angles, _LOW, _HIGH)


def swapped(angles: Angles) -> Angles:
    """The mirror image of a pose."""
    other = {"_l": "_r", "_r": "_l"}
    order = [_COLUMN[n[:-2] + other[n[-2:]] if n[-2:] in other else n] for n in ANGLES]
    sign = np.ones(len(ANGLES))
    sign[[_COLUMN[n] for n in ("roll", "yaw", "side", "twist", "tilt", "look")]] = -1
    return angles[..., order] * sign


def rotations(angles: Angles) -> Float[np.ndarray, "*n driver 3 3"]:
    """World rotation of each driver relative to the rest pose."""
    radians = np.radians(angles)
    value = {name: radians[..., column] for name, column in _COLUMN.items()}
    out = np.empty((*angles.shape[:-1], len(DRIVERS), 3, 3))
    out[..., 0, :, :] = _about_z(value["yaw"]) @ _about_x(value["lean"]) @ _about_y(value["roll"])
    above = out[..., 0, :, :]
    for driver, part in (("spine_low", 0.25), ("spine_mid", 0.35), ("spine_up", 0.4)):
        above = above @ _ball(-part * value["bend"], part * value["side"], part * value["twist"])
        out[..., DRIVER[driver], :, :] = above
    chest = above
    for driver in ("neck", "head"):
        above = above @ _ball(-value["nod"] / 2, value["tilt"] / 2, value["look"] / 2)
        out[..., DRIVER[driver], :, :] = above
    for side, sign in (("l", -1.0), ("r", 1.0)):
        own = {name: value[f"{name}_{side}"] for name in _SIDE_LIMITS}
        _arm(out, chest, own, side, sign)
        _leg(out, value["lean"], own, side, sign)
    return out @ NEUTRAL


def hinges(rotations: Float[np.ndarray, "*n driver 3 3"]) -> Float[np.ndarray, "*n 4"]:
    """Flexion of the left and right elbow and the left and right knee in degrees.

    Negative is bent backwards. Measured from the directions of the bones, whatever made the pose.
    """
    straight = rotations @ np.swapaxes(NEUTRAL, -1, -2)
    angles = []
    for upper, lower, forwards in (("upperarm", "lowerarm", -1), ("upperleg", "lowerleg", 1)):
        for side in "lr":
            parent = straight[..., DRIVER[f"{upper}_{side}"], :, :]
            child = -straight[..., DRIVER[f"{lower}_{side}"], :, 2]
            local = np.einsum("...ji,...j->...i", parent, child)
            angles.append(np.degrees(np.arctan2(forwards * local[..., 1], -local[..., 2])))
    return np.stack(angles, axis=-1)


def _arm(
    out: Float[np.ndarray, "*n driver 3 3"],
    chest: Float[np.ndarray, "*n 3 3"],
    own: Mapping[str, Float[np.ndarray, "*n"]],
    side: str,
    sign: float,
) -> None:
    turn = _ball(own["shoulder_flex"], sign * own["shoulder_abd"], sign * own["shoulder_twist"])
    # The shoulder blade follows the arm above the horizontal; the arm's angles include it.
    raised = np.maximum(np.arccos(np.clip(turn[..., 2, 2], -1, 1)) - np.radians(60), 0) * 0.2
    upper = chest @ turn
    lower = upper @ _about_x(-own["elbow"]) @ _about_z(sign * own["forearm"] / 2)
    hand = lower @ _about_z(sign * own["forearm"] / 2) @ _about_y(-sign * own["wrist"])
    out[..., DRIVER[f"clavicle_{side}"], :, :] = chest @ _about_y(sign * raised)
    for name, turned in (("upperarm", upper), ("lowerarm", lower), ("hand", hand)):
        out[..., DRIVER[f"{name}_{side}"], :, :] = turned


def _leg(
    out: Float[np.ndarray, "*n driver 3 3"],
    lean: Float[np.ndarray, "*n"],
    own: Mapping[str, Float[np.ndarray, "*n"]],
    side: str,
    sign: float,
) -> None:
    pelvis = out[..., 0, :, :]
    upper = pelvis @ _ball(own["hip_flex"], sign * own["hip_abd"], sign * own["hip_twist"])
    lower = upper @ _about_x(own["knee"])
    # The foot gives way sideways, so that a leg that stands apart keeps its sole on the ground.
    level = np.clip(own["hip_abd"], -np.radians(15), np.radians(20))
    ankle = np.clip(lean + own["knee"] - own["hip_flex"] + own["sole"], *_ANKLE)
    foot = lower @ _about_x(-ankle) @ _about_y(-sign * level)
    # Toes stay behind while the heel rises.
    toe = foot @ _about_x(-np.maximum(-own["sole"], 0) * 0.5)
    for name, turned in (("upperleg", upper), ("lowerleg", lower), ("foot", foot), ("toe", toe)):
        out[..., DRIVER[f"{name}_{side}"], :, :] = turned


def _ball(
    flexion: Float[np.ndarray, "*n"],
    abduction: Float[np.ndarray, "*n"],
    twist: Float[np.ndarray, "*n"],
) -> Float[np.ndarray, "*n 3 3"]:
    return _about_x(-flexion) @ _about_y(abduction) @ _about_z(twist)


def _about_x(radians: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n 3 3"]:
    return _about(radians, 1, 2)


def _about_y(radians: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n 3 3"]:
    return _about(radians, 2, 0)


def _about_z(radians: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n 3 3"]:
    return _about(radians, 0, 1)


def _about(
    radians: Float[np.ndarray, "*n"], first: int, second: int
) -> Float[np.ndarray, "*n 3 3"]:
    """The rotation that takes axis ``first`` towards axis ``second``."""
    matrix = np.zeros((*np.shape(radians), 3, 3))
    matrix[..., range(3), range(3)] = 1
    matrix[..., first, first] = matrix[..., second, second] = np.cos(radians)
    matrix[..., second, first] = np.sin(radians)
    matrix[..., first, second] = -matrix[..., second, first]
    return matrix


def _frame(bone: Float[np.ndarray, "3"], hinge: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """Columns: the bone, and the hinge made square to it."""
    bone = bone / np.linalg.norm(bone)
    hinge = hinge - bone * (bone @ hinge)
    hinge = hinge / np.linalg.norm(hinge)
    return np.stack([bone, hinge, np.cross(bone, hinge)], axis=1)


def _neutral() -> Float[np.ndarray, "driver 3 3"]:
    """What turns each bone of the A-pose into a person who stands straight, arms down."""
    out = np.tile(np.eye(3), (len(DRIVERS), 1, 1))
    down = np.array([0.0, 0.0, -1.0])
    for side in "lr":
        for names, hinge in (
            (("upperarm", "lowerarm", "hand"), None),
            (("upperleg", "lowerleg", "foot"), np.array([1.0, 0.0, 0.0])),
        ):
            rows = [DRIVER[f"{name}_{side}"] for name in names]
            first, second = np.diff(REST_HEAD[rows], axis=0)
            # Legs are too straight for their bend to tell the hinge; elbows are bent enough.
            axis = np.cross(first, second) if hinge is None else hinge
            target = _frame(down, np.array([-1.0, 0, 0]) if hinge is None else hinge)
            for row, bone in zip(rows[:2], (first, second), strict=True):
                out[row] = target @ _frame(bone, axis).T
            if hinge is None:
                out[rows[2]] = out[rows[1]]
    return out


NEUTRAL = _neutral()
