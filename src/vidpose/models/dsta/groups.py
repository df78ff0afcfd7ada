"""The groups of adjacent joints inside which DSTA's spatial attention works (Sec. 3.3.2)."""

from vidpose.skeleton import Skeleton

_HEAD = (
    # The first three in the order of the released code, whose embedding of the position inside a
    # group is shared by the groups.
    *("head_top", "nose", "head_bottom"),
    *("left_eye", "right_eye", "left_ear", "right_ear"),
    *("head", "face", "neck", "belly"),
)
_ARM = ("shoulder", "elbow", "wrist")
_LEG = ("hip", "knee", "ankle")
GROUPS = (
    _HEAD,
    *(tuple(f"{side}_{part}" for part in _ARM) for side in ("left", "right")),
    *(tuple(f"{side}_{part}" for part in _LEG) for side in ("left", "right")),
)


def body_groups(skeleton: Skeleton) -> tuple[tuple[int, ...], ...]:
    """Positions of the joints of head, arms and legs: K = 5 groups, fewer where one is empty.

    Raises:
        ValueError: A joint belongs to no group.
    """
    groups = [
        tuple(skeleton.index(name) for name in names if name in skeleton.joints) for names in GROUPS
    ]
    left_out = set(range(len(skeleton))) - {joint for group in groups for joint in group}
    if left_out:
        names = sorted(skeleton.joints[joint] for joint in left_out)
        raise ValueError(f"skeleton {skeleton.name}: no group of the body has {', '.join(names)}")
    return tuple(group for group in groups if group)


def limb_sides(skeleton: Skeleton) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Positions of elbows, wrists, knees and ankles on the left, and of the same on the right.

    Shoulders and hips are left out: of somebody seen from the side both are in one place.
    """
    parts = [
        part
        for part in (*_ARM[1:], *_LEG[1:])
        if {f"left_{part}", f"right_{part}"} <= set(skeleton.joints)
    ]
    left, right = (
        tuple(skeleton.index(f"{side}_{part}") for part in parts) for side in ("left", "right")
    )
    return left, right
