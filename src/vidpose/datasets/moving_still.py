"""A labelled still seen by a moving camera: the view drifts, things pass, the picture smears."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from vidpose.datasets.drift import Drift, draw_drift
from vidpose.datasets.labels import HIDDEN, NOT_LABELLED, VISIBLE, Images, PersonLabels
from vidpose.datasets.passing import Passing, draw_passing
from vidpose.geometry import Box, box_area, box_centre, box_size

_LONG_SIDE = 384
# Side of the view in long sides of the person's box.
_VIEW = (1.4, 2.0)
# Parts of the clips.
_OCCLUDED, _BLURRED = 0.5, 0.5
_MOST_OCCLUDERS = 3
# Part of the time between frames in which the shutter is open.
_EXPOSURE = (0.2, 0.9)
# An odd number: labels are those of the middle of the exposure.
_SUBFRAMES = 9


@dataclass(frozen=True, eq=False)
class Still:
    """A labelled picture, and the person whom a clip is about.

    Attributes:
        images: The pictures of the sequence.
        index: Which of them.
        people: Everybody in it, in `BODY19`.
        subject: The box of the person in question.
    """

    images: Images
    index: int
    people: tuple[PersonLabels, ...]
    subject: Box

    @property
    def picture(self) -> UInt8[np.ndarray, "h w 3"]:
        """The RGB picture."""
        return self.images[self.index]


@dataclass(frozen=True, eq=False)
class Scene:
    """A still seen by a moving camera, with something in front or not.

    Attributes:
        plate: The still at the scale of the frames, with surroundings.
        origin: From pixels of the still to those of the plate.
        still: Whose people are seen.
        side: Of the frames, pixels.
        size: Long side of the person, pixels of the frames.
        pivot: The person's middle in the plate, and where it is in a frame at rest.
        drift: How the view moves.
        exposure: For how long the shutter is open, in frames.
        passing: What is in front, the nearest last.
    """

    plate: UInt8[np.ndarray, "plate_h plate_w 3"]
    origin: Float[np.ndarray, "2 3"]
    still: Still
    side: int
    size: float
    pivot: tuple[Float[np.ndarray, "2"], Float[np.ndarray, "2"]]
    drift: Drift
    exposure: float
    passing: tuple[Passing, ...]

    def picture(self, time: float) -> UInt8[np.ndarray, "side side 3"]:
        """The frame at ``time``: the mean of what is seen while the shutter is open."""
        if self.exposure == 0:
            return self._instant(time)
        total = np.zeros((self.side, self.side, 3), np.float32)
        for moment in time + self.exposure * np.linspace(-0.5, 0.5, _SUBFRAMES):
            cv2.accumulate(self._instant(moment), total)
        return np.rint(total / _SUBFRAMES).astype(np.uint8)

    def people(self, time: float) -> tuple[PersonLabels, ...]:
        """Everybody of whom something is in the frame."""
        whole = self._affine(time) @ np.vstack([self.origin, [0, 0, 1]])
        moved = [self._moved(n, person, whole, time) for n, person in enumerate(self.still.people)]
        return tuple(
            person for person in moved if person.box is not None and box_area(person.box) > 0
        )

    def _instant(self, time: float) -> UInt8[np.ndarray, "side side 3"]:
        size = (self.side, self.side)
        seen = cv2.warpAffine(self.plate, self._affine(time), size, borderMode=cv2.BORDER_REPLICATE)
        picture = np.asarray(seen, np.uint8)
        for each in self.passing:
            picture = each.over(picture, time)
        return picture

    def _affine(self, time: float) -> Float[np.ndarray, "2 3"]:
        """From pixels of the plate to those of the frame."""
        x, y, zoom, turn = self.drift.at(np.array([time]))[0]
        cos, sin = np.exp(zoom) * np.cos(turn), np.exp(zoom) * np.sin(turn)
        linear = np.array([[cos, -sin], [sin, cos]])
        middle, place = self.pivot
        return np.column_stack([linear, place + self.size * np.array([x, y]) - linear @ middle])

    def _moved(
        self, number: int, person: PersonLabels, affine: Float[np.ndarray, "2 3"], time: float
    ) -> PersonLabels:
        joints = person.keypoints @ affine[:, :2].T + affine[:, 2]
        inside = ((joints >= 0) & (joints <= self.side - 1)).all(axis=1)
        labelled = person.labelled & inside
        visibility = np.where(labelled, person.visibility, NOT_LABELLED)
        for each in self.passing:
            covered = each.covers(joints, time) & (visibility == VISIBLE)
            visibility = np.where(covered, HIDDEN, visibility)
        box = None if person.box is None else moved_box(person.box, affine)
        if box is not None and labelled.any():
            seen = joints[labelled]
            box[:2] = np.minimum(box[:2], seen.min(axis=0))
            box[2:] = np.maximum(box[2:], seen.max(axis=0))
        return PersonLabels(
            track_id=number,
            keypoints=np.where(labelled[:, None], joints, 0.0),
            visibility=visibility,
            box=None if box is None else np.clip(box, 0, self.side),
            crowd=person.crowd,
        )


def moved_box(box: Box, affine: Float[np.ndarray, "2 3"]) -> Box:
    """The extent of what the box becomes, taken as an ellipse.

    The corners of a turned box would go far beyond the body, which is not in the corners.
    """
    centre = affine[:, :2] @ box_centre(box) + affine[:, 2]
    half = np.linalg.norm(affine[:, :2] * box_size(box) / 2, axis=1)
    return np.concatenate([centre - half, centre + half])


def draw_scene(
    still: Still, others: Sequence[Still], frames: int, rng: np.random.Generator
) -> Scene:
    """How a still is seen in one clip.

    Args:
        still: What is seen.
        others: Where things in front are cut from.
        frames: Of the clip.
        rng: Where everything is drawn from.
    """
    picture = still.picture
    long_side = float(box_size(still.subject).max())
    view = long_side * rng.uniform(*_VIEW)
    scale = min(1.0, _LONG_SIDE / view)
    side = round(view * scale)
    plate, origin = _plate(picture, scale, side)

    # The view is moved into the picture, as far as that is large enough.
    space = np.array(picture.shape[1::-1]) - view
    middle = box_centre(still.subject)
    corner = np.clip(middle - view / 2, np.minimum(space, 0), np.maximum(space, 0))
    pivot = (origin[:, :2] @ middle + origin[:, 2], (middle - corner) * scale)

    scene = Scene(
        plate, origin, still, side, long_side * scale, pivot, draw_drift(rng, frames), 0.0, ()
    )
    if rng.random() < _BLURRED:
        scene = replace(scene, exposure=rng.uniform(*_EXPOSURE))
    if rng.random() < _OCCLUDED:
        passing = [
            _draw_passing(scene, others, frames, rng)
            for _ in range(rng.integers(1, _MOST_OCCLUDERS + 1))
        ]
        scene = replace(scene, passing=tuple(passing))
    return scene


def _draw_passing(
    scene: Scene, others: Sequence[Still], frames: int, rng: np.random.Generator
) -> Passing:
    source = others[int(rng.integers(len(others)))].picture
    time = rng.uniform(0, frames - 1)
    place = rng.choice(_places(scene.people(time), scene.pivot[1]))
    return draw_passing(rng, source, scene.size, time, place)


def _places(
    people: Sequence[PersonLabels], otherwise: Float[np.ndarray, "2"]
) -> Float[np.ndarray, "place 2"]:
    """All labelled joints."""
    joints = [person.keypoints[person.labelled] for person in people]
    found = np.concatenate([*joints, np.empty((0, 2))])
    return found if len(found) else otherwise[None]


def _plate(
    picture: UInt8[np.ndarray, "h w 3"], scale: float, margin: int
) -> tuple[UInt8[np.ndarray, "plate_h plate_w 3"], Float[np.ndarray, "2 3"]]:
    """The picture at a scale, with a margin on all sides; and the affine into it.

    The margin is a reflection without detail, in which nobody is seen a second time.
    """
    height, width = picture.shape[:2]
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    around = cv2.copyMakeBorder(small, margin, margin, margin, margin, cv2.BORDER_REFLECT)
    coarse = cv2.resize(around, (16, 16), interpolation=cv2.INTER_AREA)
    plate = cv2.resize(coarse, around.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    plate[margin : margin + size[1], margin : margin + size[0]] = small
    # Centres of pixels are at whole numbers.
    ratio = np.array(size) / (width, height)
    return np.asarray(plate, np.uint8), np.column_stack([np.diag(ratio), (ratio - 1) / 2 + margin])
