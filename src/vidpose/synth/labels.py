"""Exact labels of rendered people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from vidpose.datasets.labels import HIDDEN, NOT_LABELLED, VISIBLE, PersonLabels
from vidpose.geometry import Box
from vidpose.skeleton import BODY19, POSETRACK15
from vidpose.synth.figure import Figure
from vidpose.synth.renderer import NEAR
from vidpose.synth.skinning import joints
from vidpose.synth.state import Camera, Moment
from vidpose.synth.visibility import Visibility, visibility

# Fewest of PoseTrack's joints that are seen of somebody who is labelled.
FEWEST_SEEN = 3
_COUNTED = np.array([BODY19.index(joint) for joint in POSETRACK15.joints])
_TOP, _BOTTOM = BODY19.index("head_top"), BODY19.index("head_bottom")
# A head box of PoseTrack2018 in distances from the base of the neck to the top of the head: the
# diagonal is 1 / 0.7 of everybody; width, height and how much higher it lies are medians.
_HEAD_SIZE = np.array([0.95, 1.067])
_HEAD_RISE = 0.07
# `Camera.project` puts the centre of the top left pixel at (0.5, 0.5), labels put it at (0, 0).
_PIXEL_CENTRE = 0.5


@dataclass(frozen=True, eq=False)
class Seen:
    """Somebody in one frame.

    Attributes:
        labels: In `BODY19`.
        visibility: A `Visibility` for each joint: why those that are hidden are.
    """

    labels: PersonLabels
    visibility: Int[np.ndarray, " joint"]


def label(
    cast: Sequence[Figure],
    moment: Moment,
    depth: Float[np.ndarray, "h w"],
    owner: Int[np.ndarray, "h w"],
) -> tuple[Seen, ...]:
    """The labels of one moment.

    Somebody is labelled of whom at least `FEWEST_SEEN` of the joints of `POSETRACK15` are seen. All
    joints inside the picture are labelled then, as `VISIBLE` or `HIDDEN`, and none outside. The box
    is the extent of the pixels that show the person and of the labelled joints. The head box has
    the size of PoseTrack's for a head that is seen upright, and is not cut by the picture.

    Args:
        cast: By track id.
        moment: The middle of a frame.
        depth: `renderer.Drawn.depth`.
        owner: `renderer.Drawn.owner`.

    Returns:
        In the order of the moment's people; coordinates in pixels, the centre of the top left pixel
        at (0, 0) as in all labels.
    """
    everybody = []
    for person in moment.people:
        figure, track_id = cast[person.track_id], person.track_id
        points = np.stack(list(joints(figure, figure.pose(person)).values()))
        why = visibility(points, track_id, figure.height, moment.camera, depth, owner)
        if (why[_COUNTED] == Visibility.VISIBLE).sum() < FEWEST_SEEN:
            continue
        seen, inside = why == Visibility.VISIBLE, why != Visibility.OUTSIDE
        xy = np.where(inside[:, None], moment.camera.project(points)[0] - _PIXEL_CENTRE, 0.0)
        labels = PersonLabels(
            track_id=track_id,
            keypoints=xy,
            visibility=np.select([seen, inside], [VISIBLE, HIDDEN], NOT_LABELLED),
            box=_extent(owner == 1 + track_id, xy[inside]),
            head_box=_head_box(moment.camera, points[_TOP], points[_BOTTOM]),
        )
        everybody.append(Seen(labels, why))
    return tuple(everybody)


def _extent(shown: Int[np.ndarray, "h w"], xy: Float[np.ndarray, "n 2"]) -> Box:
    """What holds the pixels and the points, within the centres of the outermost pixels."""
    ends = [
        (*np.flatnonzero(shown.any(axis=axis))[[0, -1]], *xy[:, axis])
        if shown.any()
        else xy[:, axis]
        for axis in range(2)
    ]
    low, high = ([pick(values) for values in ends] for pick in (min, max))
    height, width = shown.shape
    return np.clip(np.array([*low, *high], float), 0, [width - 1, height - 1] * 2)


def _head_box(
    camera: Camera, top: Float[np.ndarray, "3"], bottom: Float[np.ndarray, "3"]
) -> Box | None:
    """None for a head that is not before the camera.

    A real head is about as wide and deep as it is high, so that its box does not shrink when it
    nods: its size comes from the length in space, not from that in the picture.
    """
    middle, depth = camera.project((top + bottom) / 2)
    if depth <= NEAR:
        return None
    length = np.linalg.norm(top - bottom) * camera.focal / depth
    centre = middle - _PIXEL_CENTRE - (0, _HEAD_RISE * length)
    half = _HEAD_SIZE * length / 2
    return np.concatenate([centre - half, centre + half])
