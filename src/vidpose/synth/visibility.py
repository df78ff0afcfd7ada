"""Which joints a picture shows, and what hides the others."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from jaxtyping import Float, Int

from vidpose.synth.figure import JOINTS
from vidpose.synth.renderer import SOLID
from vidpose.synth.state import Camera


class Visibility(IntEnum):
    """Whether a joint is seen, or why not."""

    VISIBLE = 0
    SELF = 1
    OTHERS = 2
    OCCLUDER = 3
    OUTSIDE = 4


# How deep a seen joint lies under the person's own surface, at most, in heights of the person.
# Measured on the kit from all sides in captured motion: depths of a joint pile up below these, and
# there are few just above, where another limb begins to be what is seen.
_DEPTH = {
    "nose": 0.02, "eye": 0.03, "ear": 0.03, "shoulder": 0.08, "elbow": 0.045, "wrist": 0.04,
    "hip": 0.105, "knee": 0.065, "ankle": 0.065, "head_top": 0.09, "head_bottom": 0.085,
}  # fmt: skip
DEPTH = np.array([_DEPTH.get(joint) or _DEPTH[joint.partition("_")[2]] for joint in JOINTS])


def visibility(
    points: Float[np.ndarray, "joint 3"],
    track_id: int,
    height: float,
    camera: Camera,
    depth: Float[np.ndarray, "h w"],
    owner: Int[np.ndarray, "h w"],
) -> Int[np.ndarray, " joint"]:
    """What there is to see of each of `figure.JOINTS` of one person.

    A joint is looked for in the one pixel that it projects to. What that pixel shows is the first
    thing on the way to the joint. If that is nearer than the joint, it hides it; the person's own
    surface only if it is nearer by more than the limb is thick there (`DEPTH`), since joints lie
    inside of limbs.

    Args:
        points: Joints, world metres.
        track_id: Whose.
        height: Standing, metres.
        camera: That of the picture.
        depth: `renderer.Drawn.depth`.
        owner: `renderer.Drawn.owner`.

    Returns:
        A `Visibility` for each joint.
    """
    rows, columns = depth.shape
    pixels, distance = camera.project(points)
    pixels = np.where(np.isfinite(pixels), pixels, -1)
    inside = ((pixels >= 0) & (pixels < (columns, rows))).all(axis=1) & (distance > 0)
    x, y = np.where(inside[:, None], pixels, 0).astype(np.int64).T
    first, behind = owner[y, x], distance - depth[y, x]
    return np.select(
        [
            ~inside,
            behind <= 0,
            first == 1 + track_id,
            first == SOLID,
        ],
        [
            Visibility.OUTSIDE,
            Visibility.VISIBLE,
            np.where(behind > DEPTH * height, Visibility.SELF, Visibility.VISIBLE),
            Visibility.OCCLUDER,
        ],
        Visibility.OTHERS,
    )
