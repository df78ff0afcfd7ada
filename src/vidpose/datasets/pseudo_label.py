"""Videos without labels, labelled by a one-frame model where it is sure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import UInt8

from vidpose.datasets.labels import (
    NOT_LABELLED,
    VISIBLE,
    FrameLabels,
    PersonLabels,
    SequenceLabels,
)
from vidpose.datasets.teacher import Teacher, person_size
from vidpose.datasets.write_sequence import SequenceWriter
from vidpose.frame import Frame
from vidpose.geometry import box_size
from vidpose.poses import FramePoses, Person

_LONG_SIDE = 640
# A person whose box has a shorter long side is left out, pixels of the video.
_SMALLEST = 80
# As is one with fewer sure joints: half of them, and more than a face has.
_FEWEST_JOINTS = 8
# What the pipeline says, which sees whom of a crowd is meant, may be this far from the teacher's
# mean, in sizes of the person.
_ASTRAY = 0.1


def label_clip(
    frames: Iterable[tuple[Frame, FramePoses]],
    teacher: Teacher,
    writer: SequenceWriter,
    name: str,
    *,
    every: int = 1,
    most: int | None = None,
) -> Iterator[FrameLabels]:
    """Labels a video into an open writer.

    A joint is labelled where the teacher's answers agree and the pipeline says the same. Places are
    not smoothed over time: the errors of successive frames are alike, so that a fit does not take
    them out, and it flattens what is fast (docs/data.md).

    Args:
        frames: A `vidpose.api.Run` with the teacher's model: frames, people and their ids.
        teacher: Who labels.
        writer: Gets pictures of at most 640 pixels a side, and in the end the labels.
        name: The sequence's.
        every: People of every n-th frame are labelled; the frames between are neighbours.
        most: Ends after this many frames with somebody to label.

    Yields:
        The labels of each frame, in the teacher's joints and pixels of the written pictures.
    """
    labelled: list[FrameLabels] = []
    with_people = 0
    for frame, poses in frames:
        scale = min(1.0, _LONG_SIDE / max(frame.image.shape[:2]))
        labels = writer.add(_reduced(frame.image, scale))
        if len(labelled) % every == 0:
            people = [_label(frame, person, teacher, scale) for person in _large(poses)]
            enough = [each for each in people if each.labelled.sum() >= _FEWEST_JOINTS]
            labels = replace(labels, people=tuple(enough), labelled=True)
            with_people += bool(people)
        labelled.append(labels)
        yield labels
        if most is not None and with_people >= most:
            break
    writer.labels = SequenceLabels(name, teacher.model.skeleton, tuple(labelled))


def _large(poses: FramePoses) -> list[Person]:
    return [person for person in poses.people if box_size(person.box).max() >= _SMALLEST]


def _label(frame: Frame, person: Person, teacher: Teacher, scale: float) -> PersonLabels:
    keypoints, sure = teacher(frame.image, person.box)
    aside = np.linalg.norm(keypoints - person.keypoints, axis=1)
    sure = sure & (aside <= _ASTRAY * person_size(person.box))
    # Centres of pixels are at whole numbers.
    keypoints = (keypoints + 0.5) * scale - 0.5
    return PersonLabels(
        track_id=person.id,
        keypoints=np.where(sure[:, None], keypoints, 0.0),
        visibility=np.where(sure, VISIBLE, NOT_LABELLED),
        box=np.asarray(person.box, np.float64) * scale,
    )


def _reduced(image: UInt8[np.ndarray, "h w 3"], scale: float) -> UInt8[np.ndarray, "h w 3"]:
    if scale == 1.0:
        return image
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
