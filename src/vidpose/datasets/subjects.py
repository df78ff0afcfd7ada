"""Whom training looks at: every labelled person in every labelled frame."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from vidpose.datasets.labels import Images, PersonLabels, SequenceLabels
from vidpose.errors import VidposeError
from vidpose.geometry import Box, box_area


@dataclass(frozen=True, eq=False)
class ClipSubject:
    """A person in a key frame, and the same person in the other frames of the sequence.

    Attributes:
        name: ``sequence/picture#track``.
        images: The pictures of the sequence.
        index: The key frame.
        person: The labels in the key frame.
        box: The person's box there, clipped to the picture.
        track: The labels of this track by frame, where a joint is labelled.
    """

    name: str
    images: Images
    index: int
    person: PersonLabels
    box: Box
    track: Mapping[int, PersonLabels]

    def at(self, index: int) -> PersonLabels | None:
        """The labels in another frame; None where there are none."""
        return self.person if index == self.index else self.track.get(index)


def subjects(sequence: SequenceLabels) -> Iterator[ClipSubject]:
    """Everybody with a labelled joint and a box of which something lies in the picture; no crowds.

    Raises:
        VidposeError: The sequence has no pictures, or fewer than its labels name.
    """
    images = sequence.images
    if images is None:
        raise VidposeError(f"{sequence.name}: has labels but no pictures; training needs both")
    if sequence.frames and sequence.frames[-1].index >= len(images):
        raise VidposeError(
            f"{sequence.name}: frame {sequence.frames[-1].index} (from 0) is labelled, "
            f"but there are only {len(images)} pictures"
        )
    tracks = _tracks(sequence)
    size: tuple[int, int] | None = None
    for frame in sequence.frames:
        for person in frame.people:
            if person.box is None or not _counts(person):
                continue
            # All pictures of a sequence have one size: where no file tells it, one of them does.
            size = frame.size or size or images[frame.index].shape[1::-1]
            box = np.clip(person.box, 0, [*size, *size])
            if box_area(box) > 0:
                picture = PurePosixPath(frame.name).name
                name = f"{sequence.name}/{picture}#{person.track_id}"
                track = tracks.get(person.track_id, {})
                yield ClipSubject(name, images, frame.index, person, box, track)


def key_subjects(sequence: SequenceLabels, every: int) -> list[ClipSubject]:
    """The `subjects` in each ``every``-th of the frames that have any.

    They begin in the middle of the first so many frames, or of all where there are fewer.

    Raises:
        VidposeError: As of `subjects`.
    """
    found = list(subjects(sequence))
    frames = sorted({subject.index for subject in found})
    chosen = set(frames[min(every, len(frames)) // 2 :: every])
    return [subject for subject in found if subject.index in chosen]


def _tracks(sequence: SequenceLabels) -> Mapping[int, Mapping[int, PersonLabels]]:
    tracks: dict[int, dict[int, PersonLabels]] = defaultdict(dict)
    for frame in sequence.frames:
        for person in frame.people:
            if _counts(person) and person.track_id >= 0:
                tracks[person.track_id].setdefault(frame.index, person)
    return tracks


def _counts(person: PersonLabels) -> bool:
    return not person.crowd and bool(person.labelled.any())
