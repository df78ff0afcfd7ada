"""The skeleton that moves a person: 22 driver bones, their rest pose, and what touches the ground.

The rest pose is an A-pose that faces -y with x to the person's left. Lengths here are in leg
lengths (thigh plus shin) and measured from the middle of the hips, so that they fit people of any
size; they are the means of 48 adult MakeHuman bodies (CC0).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

DRIVERS = (
    "pelvis",
    "spine_low",
    "spine_mid",
    "spine_up",
    "neck",
    "head",
    "clavicle_l",
    "upperarm_l",
    "lowerarm_l",
    "hand_l",
    "clavicle_r",
    "upperarm_r",
    "lowerarm_r",
    "hand_r",
    "upperleg_l",
    "lowerleg_l",
    "foot_l",
    "toe_l",
    "upperleg_r",
    "lowerleg_r",
    "foot_r",
    "toe_r",
)
DRIVER = {name: row for row, name in enumerate(DRIVERS)}
# Parents come before their children.
DRIVER_PARENT: Int[np.ndarray, " driver"] = np.array(
    [-1, 0, 1, 2, 3, 4, 3, 6, 7, 8, 3, 10, 11, 12, 0, 14, 15, 16, 0, 18, 19, 20]
)
_SWAP = {"_l": "_r", "_r": "_l"}
# `rotations[MIRROR]` exchanges left and right.
MIRROR: Int[np.ndarray, " driver"] = np.array(
    [DRIVER[name[:-2] + _SWAP[name[-2:]] if name[-2:] in _SWAP else name] for name in DRIVERS]
)

_CENTRE_HEADS = {
    "pelvis": (0, -0.010, 0.013),
    "spine_low": (0, -0.010, 0.013),
    "spine_mid": (0, 0.020, 0.202),
    "spine_up": (0, 0.019, 0.304),
    "neck": (0, -0.005, 0.693),
    "head": (0, -0.052, 0.820),
}
_LEFT_HEADS = {
    "clavicle": (0.029, -0.023, 0.600),
    "upperarm": (0.217, -0.021, 0.572),
    "lowerarm": (0.433, -0.029, 0.331),
    "hand": (0.584, -0.224, 0.180),
    "upperleg": (0.139, 0, 0),
    "lowerleg": (0.180, -0.041, -0.463),
    "foot": (0.232, -0.005, -0.992),
    "toe": (0.196, -0.187, -1.050),
}


def _both_sides(name: str) -> Float[np.ndarray, "3"]:
    if name in _CENTRE_HEADS:
        return np.array(_CENTRE_HEADS[name], dtype=np.float64)
    x, y, z = _LEFT_HEADS[name[:-2]]
    return np.array([x if name.endswith("_l") else -x, y, z], dtype=np.float64)


# Where each bone starts in the rest pose.
REST_HEAD: Float[np.ndarray, "driver 3"] = np.stack([_both_sides(name) for name in DRIVERS])

# Points of the skin, or of a shoe, that can touch the ground in the rest pose; left and centre.
_SKIN = (
    ("foot_l", (0.233, 0.045, -1.100)),
    ("foot_l", (0.190, -0.185, -1.100)),
    ("foot_l", (0.300, -0.135, -1.100)),
    ("toe_l", (0.200, -0.260, -1.090)),
    ("toe_l", (0.275, -0.225, -1.095)),
    ("lowerleg_l", (0.180, -0.100, -0.460)),
    ("lowerleg_l", (0.204, 0.070, -0.670)),
    ("upperleg_l", (0.110, 0.125, -0.080)),
    ("upperleg_l", (0.240, -0.030, -0.130)),
    ("pelvis", (0.080, 0.135, 0.000)),
    ("spine_low", (0.207, -0.055, 0.070)),
    ("spine_low", (0.000, -0.175, 0.150)),
    ("spine_up", (0.104, 0.110, 0.530)),
    ("spine_up", (0.085, -0.195, 0.422)),
    ("clavicle_l", (0.190, 0.040, 0.640)),
    ("upperarm_l", (0.270, 0.020, 0.560)),
    ("lowerarm_l", (0.470, 0.010, 0.310)),
    ("hand_l", (0.678, -0.352, 0.010)),
    ("hand_l", (0.597, -0.424, 0.067)),
    ("hand_l", (0.560, -0.215, 0.160)),
    ("head", (0.000, 0.070, 0.917)),
    ("head", (0.000, -0.064, 1.025)),
    ("head", (0.000, -0.210, 0.820)),
    ("head", (0.110, -0.039, 0.864)),
)


def _mirrored_skin() -> tuple[Int[np.ndarray, " point"], Float[np.ndarray, "point 3"]]:
    drivers, points = [], []
    for name, point in _SKIN:
        driver = DRIVER[name]
        drivers.append(driver)
        points.append(point)
        if point[0] != 0:
            drivers.append(int(MIRROR[driver]))
            points.append((-point[0], point[1], point[2]))
    return np.array(drivers), np.array(points, dtype=np.float64)


_SKIN_DRIVER, _SKIN_REST = _mirrored_skin()
_SKIN_OFFSET = _SKIN_REST - REST_HEAD[_SKIN_DRIVER]


def heads(rotations: Float[np.ndarray, "*n driver 3 3"]) -> Float[np.ndarray, "*n driver 3"]:
    """Where each posed bone starts, in leg lengths from the middle of the hips.

    Args:
        rotations: World rotation of each driver relative to the rest pose.
    """
    posed = np.empty(rotations.shape[:-1])
    posed[..., 0, :] = rotations[..., 0, :, :] @ REST_HEAD[0]
    for driver in range(1, len(DRIVERS)):
        parent = int(DRIVER_PARENT[driver])
        offset = REST_HEAD[driver] - REST_HEAD[parent]
        posed[..., driver, :] = posed[..., parent, :] + rotations[..., parent, :, :] @ offset
    return posed


def skin(rotations: Float[np.ndarray, "*n driver 3 3"]) -> Float[np.ndarray, "*n point 3"]:
    """The points of the posed body that can touch the ground, as `heads` places them."""
    turned = np.einsum("...pij,pj->...pi", rotations[..., _SKIN_DRIVER, :, :], _SKIN_OFFSET)
    return heads(rotations)[..., _SKIN_DRIVER, :] + turned
