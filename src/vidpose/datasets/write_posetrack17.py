"""PoseTrack2017's annolist layout as a document: of truth and of predictions."""

import math
import re
from typing import Any

import numpy as np

from vidpose.datasets.labels import (
    NOT_LABELLED,
    VISIBLE,
    FrameLabels,
    PersonLabels,
    SequenceLabels,
)
from vidpose.datasets.posetrack17 import OFFICIAL_ORDER
from vidpose.skeleton import POSETRACK15

# In front of the ending of a picture's name.
_NUMBER = re.compile(r"\d+(?=\.\w+$)")
_OFFICIAL = [POSETRACK15.index(joint) for joint in OFFICIAL_ORDER]


def posetrack17_document(sequence: SequenceLabels) -> dict[str, Any]:
    """A sequence as an annolist, whose numbers are written as they are.

    PoseTrack2017 counts its pictures from 1: where a sequence has a picture 0, all get the next
    number and eight digits; others keep their names. The layout has no place for the box of a
    person and for crowds: a reader makes boxes of the joints.
    """
    sequence = sequence.in_skeleton(POSETRACK15)
    names = [frame.name for frame in sequence.frames]
    if any(_number(name) == 0 for name in names):
        names = [_NUMBER.sub(lambda match: f"{int(match[0]) + 1:08d}", name) for name in names]
    return {"annolist": [_frame(*each) for each in zip(sequence.frames, names, strict=True)]}


def _number(name: str) -> int | None:
    found = _NUMBER.search(name)
    return int(found[0]) if found else None


def _frame(frame: FrameLabels, name: str) -> dict[str, Any]:
    number = _number(name)
    record: dict[str, Any] = {
        "image": [{"name": name}],
        "imgnum": [frame.index + 1 if number is None else number],
        "is_labeled": [int(frame.labelled)],
        "annorect": [_person(person) for person in frame.people],
    }
    if frame.ignore:
        record["ignore_regions"] = [
            {"point": [{"x": [x], "y": [y]} for x, y in polygon.tolist()]}
            for polygon in frame.ignore
        ]
    return record


def _person(person: PersonLabels) -> dict[str, Any]:
    points = _points(person)
    record: dict[str, Any] = {
        "track_id": [int(person.track_id)],
        "annopoints": [{"point": points}] if points else [],
    }
    if person.head_box is not None:
        x1, y1, x2, y2 = np.asarray(person.head_box, dtype=np.float64).tolist()
        record |= {"x1": [x1], "y1": [y1], "x2": [x2], "y2": [y2]}
    if person.keypoint_scores is not None or person.score != 1:
        record["score"] = [float(person.score)]
    return record


def _points(person: PersonLabels) -> list[dict[str, Any]]:
    xy = np.asarray(person.keypoints, dtype=np.float64)[_OFFICIAL].tolist()
    flags = person.visibility[_OFFICIAL].tolist()
    points = [
        {"id": [number], "x": [x], "y": [y], "is_visible": [int(flag == VISIBLE)]}
        for number, ((x, y), flag) in enumerate(zip(xy, flags, strict=True))
        if flag != NOT_LABELLED
    ]
    if person.keypoint_scores is not None:
        scores = np.asarray(person.keypoint_scores, dtype=np.float64)[_OFFICIAL].tolist()
        for point in points:
            score = scores[point["id"][0]]
            if not math.isnan(score):
                point["score"] = [score]
    return points
