"""Boxes of people for top-down models, from the labels or from a detector's file.

Every number that is reported says which boxes it was measured with: `PersonBoxes.description`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from vidpose.datasets.labels import FrameLabels, SequenceLabels
from vidpose.errors import VidposeError
from vidpose.formats.coco_layout import PERSON, Detection
from vidpose.formats.frame_names import file_of, folder_of
from vidpose.formats.reading import Pixels, checked, read_json
from vidpose.geometry import Box, box_of_corner_and_size

_Size = Annotated[float, Field(ge=0, le=1e6)]


@dataclass(frozen=True, eq=False)
class PersonBox:
    """Where somebody is in a frame.

    Attributes:
        box: ``x1, y1, x2, y2`` in pixels of the frame, float64.
        score: Confidence that this is a person; 1 for the truth.
        track_id: Who it is, of the truth; None from a detector, or where the truth does not tell.
    """

    box: Box
    score: float = 1.0
    track_id: int | None = None


@dataclass(frozen=True, eq=False)
class PersonBoxes:
    """The boxes of a set of sequences.

    Attributes:
        description: Where they come from, for reports, e.g. ``val_boxes.json, score >= 0.2``.
        boxes: By the sequence's name, then by the frame's index; frames without boxes are left out.
    """

    description: str
    boxes: Mapping[str, Mapping[int, Sequence[PersonBox]]]

    def of(self, sequence: str, index: int) -> Sequence[PersonBox]:
        """The boxes of a frame, in the order of their source; empty if it has none."""
        return self.boxes.get(sequence, {}).get(index, ())


def ground_truth_boxes(sequences: Iterable[SequenceLabels]) -> PersonBoxes:
    """The labelled people's boxes.

    People without a labelled joint are left out, since no metric counts them as somebody to be
    found; so are crowds, empty boxes and frames that nobody labelled.
    """
    boxes: dict[str, dict[int, list[PersonBox]]] = {}
    for sequence in sequences:
        frames = boxes.setdefault(sequence.name, {})
        for frame in sequence.frames:
            found = [
                PersonBox(
                    np.asarray(person.box, dtype=np.float64),
                    1.0,
                    person.track_id if person.track_id >= 0 else None,
                )
                for person in frame.people
                if frame.labelled
                and not person.crowd
                and person.labelled.any()
                and person.box is not None
                and (person.box[2:] > person.box[:2]).all()
            ]
            if found:
                frames[frame.index] = found
    return PersonBoxes("ground truth", boxes)


class _Detection(Detection):
    bbox: tuple[Pixels, Pixels, _Size, _Size]

    @property
    def picture(self) -> str:
        return self.image_name or f"image {self.image_id}"

    def person(self) -> PersonBox:
        return PersonBox(box_of_corner_and_size(self.bbox), self.score)


def detector_boxes(
    path: Path, sequences: Sequence[SequenceLabels], threshold: float = 0.2
) -> PersonBoxes:
    """A detector's boxes from a file.

    The file is a JSON list of ``{bbox: [x, y, w, h], score, image_name or image_id}``, optionally
    with ``category_id``, of which only 1 (person) is taken; the fields of PoseWarper's
    ``val_boxes.json`` and of MMPose's detections. A name stands for a frame if the whole names
    agree, or else the file and its folder; an id, if it is the frame's `image_id`.

    Args:
        path: The file.
        sequences: The frames that boxes are wanted for; the file may have others too.
        threshold: Detections with a lower score are dropped, from 0 to 1; 0.2 is what this field
            uses.

    Raises:
        VidposeError: The threshold is no score, or the file cannot be read, has another layout,
            nobody in it, or matches no frame.
    """
    if not 0 <= threshold <= 1:
        raise VidposeError(f"the threshold is {threshold:g}: it is a score from 0 to 1")
    document = read_json(path)
    if not isinstance(document, list):
        raise VidposeError(f"{path} is not a list of detections: expected [{{bbox, score, ...}}]")
    detections = checked(list[_Detection], document, path)
    frames = _Frames(sequences)
    boxes: dict[str, dict[int, list[PersonBox]]] = defaultdict(lambda: defaultdict(list))
    matched = False
    categories = {each.category_id for each in detections}
    if categories and PERSON not in categories:
        raise VidposeError(
            f"{path} has nobody: people are of category {PERSON}, and its category_id is "
            f"{', '.join(map(str, sorted(categories)))}"
        )
    for each in detections:
        place = frames.place(each)
        matched = matched or place is not None
        if place is not None and each.category_id == PERSON and each.score >= threshold:
            boxes[place[0]][place[1]].append(each.person())
    if detections and not matched:
        raise VidposeError(
            f"{path} has no box for any of these frames: its first is of {detections[0].picture}, "
            f"the first frame is {frames.example}"
        )
    return PersonBoxes(
        f"{path.name}, score >= {threshold:g}",
        {name: dict(of_frames) for name, of_frames in boxes.items()},
    )


_Place = tuple[str, int]


class _Frames:
    """Finds the sequence and the index of the frame that a detection is of."""

    def __init__(self, sequences: Sequence[SequenceLabels]) -> None:
        self.example = "none"
        self._by_name: dict[str, _Place] = {}
        self._by_end: dict[tuple[str, str], _Place | None] = {}
        self._by_id: dict[int, _Place | None] = {}
        for sequence in reversed(sequences):
            for frame in reversed(sequence.frames):
                self._add(frame, (sequence.name, frame.index))

    def _add(self, frame: FrameLabels, place: _Place) -> None:
        end = _end(frame.name)
        self._by_name[frame.name] = place
        # Sequences of two folders may share a name: then only whole names tell them apart.
        self._by_end[end] = None if end in self._by_end else place
        self.example = frame.name
        if frame.image_id is not None:
            # An id of two pictures tells nothing either.
            known = frame.image_id in self._by_id
            self._by_id[frame.image_id] = None if known else place
            self.example += f", image {frame.image_id}"

    def place(self, detection: _Detection) -> _Place | None:
        name = detection.image_name
        if name is not None:
            return self._by_name.get(name) or self._by_end.get(_end(name))
        return None if detection.image_id is None else self._by_id.get(detection.image_id)


def _end(name: str) -> tuple[str, str]:
    return folder_of(name), file_of(name)
