"""Skeletons: which joints a pose has, how they are connected, and how one converts to another."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int


@dataclass(frozen=True)
class Skeleton:
    """The joints of a pose, in order, and what is known about them.

    Attributes:
        name: Identifier used in files, e.g. ``"coco17"``.
        joints: Joint names in order; left and right are the person's.
        edges: Pairs of joint names that a drawing connects.
        sigmas: Per-joint constants of the object keypoint similarity (COCO: k = 2 sigma).
    """

    name: str
    joints: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]
    sigmas: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.sigmas) != len(self.joints):
            raise ValueError(
                f"skeleton {self.name}: {len(self.joints)} joints but {len(self.sigmas)} sigmas"
            )
        unknown = {joint for edge in self.edges for joint in edge} - set(self.joints)
        if unknown:
            raise ValueError(f"skeleton {self.name}: edges name unknown joints {sorted(unknown)}")

    def __len__(self) -> int:
        return len(self.joints)

    def index(self, joint: str) -> int:
        """Position of ``joint`` in the order.

        Raises:
            ValueError: The skeleton has no such joint.
        """
        return self.joints.index(joint)

    @cached_property
    def edge_indices(self) -> Int[np.ndarray, "edge 2"]:
        """The edges as pairs of positions."""
        pairs = [(self.index(a), self.index(b)) for a, b in self.edges]
        return np.array(pairs, dtype=np.int64).reshape(-1, 2)

    @cached_property
    def flip_permutation(self) -> Int[np.ndarray, " joint"]:
        """``keypoints[flip_permutation]`` swaps every left joint with its right partner."""
        swap = {"left": "right", "right": "left"}
        names = []
        for joint in self.joints:
            side, _, part = joint.partition("_")
            partner = f"{swap[side]}_{part}" if side in swap else joint
            names.append(partner if partner in self.joints else joint)
        return np.array([self.index(name) for name in names], dtype=np.int64)


_LIMBS = (
    ("left_shoulder", "right_shoulder"),
    ("left_shoulder", "left_elbow"),
    ("left_elbow", "left_wrist"),
    ("right_shoulder", "right_elbow"),
    ("right_elbow", "right_wrist"),
    ("left_hip", "left_knee"),
    ("left_knee", "left_ankle"),
    ("right_hip", "right_knee"),
    ("right_knee", "right_ankle"),
)
_TRUNK = (
    ("left_shoulder", "left_hip"),
    ("right_shoulder", "right_hip"),
    ("left_hip", "right_hip"),
)
_LIMB_JOINTS = tuple(
    f"{side}_{part}"
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
)
_SIGMA = {
    "nose": 0.026,
    "eye": 0.025,
    "ear": 0.035,
    "shoulder": 0.079,
    "elbow": 0.072,
    "wrist": 0.062,
    "hip": 0.107,
    "knee": 0.087,
    "ankle": 0.089,
}


def coco_sigmas(joints: Sequence[str]) -> tuple[float, ...]:
    """COCO's sigma of each joint, by the part of the body that ends its name.

    COCO publishes those of its own 17 joints. The neck, the top of the head and JHMDB's belly are
    about as hard to place as a shoulder, so they and all others take the shoulder's.
    """
    return tuple(_SIGMA.get(joint.rpartition("_")[2], _SIGMA["shoulder"]) for joint in joints)


def _skeleton(name: str, joints: tuple[str, ...], edges: tuple[tuple[str, str], ...]) -> Skeleton:
    return Skeleton(name, joints, edges, coco_sigmas(joints))


COCO17 = _skeleton(
    "coco17",
    ("nose", "left_eye", "right_eye", "left_ear", "right_ear", *_LIMB_JOINTS),
    (
        ("nose", "left_eye"),
        ("nose", "right_eye"),
        ("left_eye", "left_ear"),
        ("right_eye", "right_ear"),
        *_LIMBS,
        *_TRUNK,
    ),
)
POSETRACK15 = _skeleton(
    "posetrack15",
    ("nose", "head_bottom", "head_top", *_LIMB_JOINTS),
    (
        ("head_top", "nose"),
        ("nose", "head_bottom"),
        ("head_bottom", "left_shoulder"),
        ("head_bottom", "right_shoulder"),
        *_LIMBS[1:],
        *_TRUNK,
    ),
)
# COCO's joints and those that only PoseTrack has: both are parts of it.
BODY19 = _skeleton(
    "body19",
    (*COCO17.joints, "head_top", "head_bottom"),
    (*COCO17.edges, ("head_top", "nose"), ("head_bottom", "nose")),
)
PENN13 = _skeleton("penn13", ("head", *_LIMB_JOINTS), (*_LIMBS, *_TRUNK))
JHMDB15 = _skeleton(
    "jhmdb15",
    (
        "neck",
        "belly",
        "face",
        *(
            f"{side}_{part}"
            for part in ("shoulder", "hip", "elbow", "knee", "wrist", "ankle")
            for side in ("right", "left")
        ),
    ),
    (("face", "neck"), ("neck", "belly"), *_LIMBS[1:]),
)
SKELETONS = {skeleton.name: skeleton for skeleton in (COCO17, POSETRACK15, BODY19, PENN13, JHMDB15)}
