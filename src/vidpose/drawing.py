"""Skeletons on images: bones in the colour of the id, joints in that of their confidence."""

import colorsys
from collections.abc import Iterable

import cv2
import numpy as np
from jaxtyping import UInt8

from vidpose.geometry import box_size
from vidpose.poses import Person
from vidpose.skeleton import Skeleton

Colour = tuple[int, int, int]

# cv2 takes fixed-point coordinates: a sixteenth of a pixel keeps slow motion smooth.
_FRACTION_BITS = 4
# Ids keep to the half of the colour wheel from cyan to pink, because red to green is for scores. In
# it successive ids are the golden ratio apart, which never repeats a hue.
_FIRST_HUE, _HUES, _GOLDEN = 0.48, 0.44, 0.61803399
# A line of one unit's width is for an image of this long side, and a person of this long side.
_REFERENCE_SIDE, _REFERENCE_PERSON = 480, 120


def id_colour(person_id: int) -> Colour:
    """The RGB colour of an id: neighbouring ids differ clearly."""
    hue = _FIRST_HUE + _HUES * ((person_id * _GOLDEN) % 1.0)
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.75, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255)


def score_colour(score: float) -> Colour:
    """From red (0) over yellow (0.5) to green (1)."""
    score = min(max(score, 0.0), 1.0)
    return round(255 * min(1.0, 2 - 2 * score)), round(255 * min(1.0, 2 * score)), 0


def draw(
    image: UInt8[np.ndarray, "h w 3"],
    people: Iterable[Person],
    skeleton: Skeleton,
    *,
    min_score: float = 0.2,
) -> UInt8[np.ndarray, "h w 3"]:
    """A copy of ``image`` with people drawn on it.

    Args:
        image: RGB.
        people: With keypoints in pixels of ``image``, in the order of ``skeleton``.
        skeleton: Gives the bones.
        min_score: Joints below it are left out, and bones to them.
    """
    canvas = image.copy()
    frame_unit = max(max(image.shape[:2]) / _REFERENCE_SIDE, 1.0)
    for person in people:
        size = float(box_size(person.box).max())
        # Thin on somebody small, who would vanish behind the joints.
        unit = min(frame_unit, max(size / _REFERENCE_PERSON, frame_unit / 3))
        _draw_person(canvas, person, skeleton, min_score, unit)
    return canvas


def _draw_person(
    canvas: UInt8[np.ndarray, "h w 3"],
    person: Person,
    skeleton: Skeleton,
    min_score: float,
    unit: float,
) -> None:
    points = np.round(person.keypoints * 2**_FRACTION_BITS).astype(int)
    shown = (person.keypoint_scores >= min_score) & _drawable(person.keypoints, canvas)
    colour = id_colour(person.id)
    for a, b in skeleton.edge_indices:
        if shown[a] and shown[b]:
            cv2.line(
                canvas,
                (int(points[a, 0]), int(points[a, 1])),
                (int(points[b, 0]), int(points[b, 1])),
                colour,
                thickness=max(round(1.5 * unit), 1),
                lineType=cv2.LINE_AA,
                shift=_FRACTION_BITS,
            )
    for joint in np.flatnonzero(shown):
        centre = int(points[joint, 0]), int(points[joint, 1])
        # A dark ring keeps a joint visible on a bright person.
        for radius, fill in (
            (2.2 * unit, (30, 30, 30)),
            (1.6 * unit, score_colour(float(person.keypoint_scores[joint]))),
        ):
            fixed = round(radius * 2**_FRACTION_BITS)
            cv2.circle(canvas, centre, fixed, fill, -1, lineType=cv2.LINE_AA, shift=_FRACTION_BITS)
    if shown.any():
        _draw_label(canvas, person, person.keypoints[shown], colour, unit)


def _drawable(keypoints: np.ndarray, canvas: UInt8[np.ndarray, "h w 3"]) -> np.ndarray:
    """Joints within reach of the image: cv2's fixed-point coordinates overflow far outside."""
    height, width = canvas.shape[:2]
    limit = np.array([width, height])
    return np.all((keypoints > -limit) & (keypoints < 2 * limit), axis=1)


def _draw_label(
    canvas: UInt8[np.ndarray, "h w 3"],
    person: Person,
    shown: np.ndarray,
    colour: Colour,
    unit: float,
) -> None:
    """The id on a plate of its colour, above the highest joint and inside the image."""
    text, font, size = str(person.id), cv2.FONT_HERSHEY_SIMPLEX, max(0.4 * unit, 0.3)
    thickness = max(round(unit), 1)
    (width, height), _ = cv2.getTextSize(text, font, size, thickness)
    pad = round(2 * unit)
    top_joint = shown[shown[:, 1].argmin()]
    left = int(np.clip(top_joint[0] - width / 2, pad, canvas.shape[1] - width - pad))
    bottom = int(np.clip(top_joint[1] - 10 * unit, height + 2 * pad, canvas.shape[0] - pad))
    cv2.rectangle(
        canvas, (left - pad, bottom - height - pad), (left + width + pad, bottom + pad), colour, -1
    )
    cv2.putText(
        canvas, text, (left, bottom), font, size, (20, 20, 20), thickness, lineType=cv2.LINE_AA
    )
