"""Annotation and predictions from files and folders, in any of the known layouts."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePath

import numpy as np

from vidpose.convert import convert
from vidpose.datasets.coco import parse_coco, person_category
from vidpose.datasets.coco_results import parse_results
from vidpose.datasets.labels import (
    NOT_LABELLED,
    VISIBLE,
    FrameLabels,
    PersonLabels,
    SequenceLabels,
)
from vidpose.datasets.posetrack import parse_posetrack
from vidpose.datasets.posetrack17 import collector_paused
from vidpose.formats import native
from vidpose.formats.reading import json_files, read_json
from vidpose.poses import FramePoses, Person, Poses
from vidpose.skeleton import POSETRACK15, Skeleton

_log = logging.getLogger("vidpose")


def read_both(truth: Path, predictions: Path) -> tuple[list[SequenceLabels], list[SequenceLabels]]:
    """Read both sides of an evaluation, named alike where that can be told.

    Each side is a file or a folder with one file a sequence, in PoseTrack's layouts or as
    ``poses.json``. In two folders, files of equal name belong together; one sequence and one
    sequence do whatever their names; else the folders of the pictures are the names.

    Raises:
        VidposeError: A file or folder is missing, empty or not understood.
    """
    mine, theirs = _read(truth), _read(predictions)
    _warn_of_scores([labels for found in theirs.values() for labels in found])
    sides = [[labels for found in side.values() for labels in found] for side in (mine, theirs)]
    if len(sides[0]) == len(sides[1]) == 1:
        names = [side[0].name for side in sides]
        if names[0] != names[1] and [path.stem for path in mine] != [path.stem for path in theirs]:
            _log.warning("the predictions are of %s, and the ground truth is of %s", *names[::-1])
        sides[1] = [replace(sides[1][0], name=sides[0][0].name)]
    elif truth.is_dir() and predictions.is_dir() and len(mine) == len(sides[0]):
        sides = [
            [replace(labels, name=path.stem) for path, found in side.items() for labels in found]
            for side in (mine, theirs)
        ]
    return sides[0], sides[1]


def read_coco(truth: Path, predictions: Path) -> tuple[list[SequenceLabels], list[SequenceLabels]]:
    """Read both sides of an evaluation by COCO's rules.

    Args:
        truth: A file of keypoints in COCO's layout.
        predictions: A list of results, or a file in the layout of the truth with scores of joints.

    Raises:
        VidposeError: One is missing or not understood.
    """
    known, document = read_json(truth), read_json(predictions)
    mine = parse_coco(known, truth)
    if not isinstance(document, list):
        theirs = parse_coco(document, predictions)
        _warn_of_scores(theirs, of_people=True)
    elif mine:
        theirs = parse_results(document, predictions, mine, person_category(known, truth))
    else:
        theirs = []
    return mine, theirs


def _warn_of_scores(predictions: Sequence[SequenceLabels], *, of_people: bool = False) -> None:
    """PoseTrack ranks joints by their own scores; COCO, without those, people by theirs."""
    people = [
        person
        for sequence in predictions
        for frame in sequence.frames
        for person in frame.people
        if person.labelled.any()
    ]
    without = sum(
        (person.keypoint_scores is None or bool(np.isnan(person.keypoint_scores).all()))
        and not (of_people and person.score != 1)
        for person in people
    )
    if without:
        _log.warning(
            "%d of %d predicted people have no scores, by which AP ranks them", without, len(people)
        )


def _read(path: Path) -> dict[Path, list[SequenceLabels]]:
    return {file: _read_file(file) for file in json_files(path)}


def _read_file(path: Path) -> list[SequenceLabels]:
    with collector_paused():
        document = read_json(path)
        if isinstance(document, dict) and "header" in document:
            return [labels_of(native.parse(document, path))]
        return parse_posetrack(document, path)


def labels_of(poses: Poses) -> SequenceLabels:
    """Our own poses as predictions in `POSETRACK15`, named after the source.

    The score of a joint is its own times that of the person. A joint with score 0, or that the
    skeleton of ``poses`` cannot give, is not predicted.
    """
    frames = [_frame(frame, poses.skeleton) for frame in poses]
    return SequenceLabels(PurePath(poses.header.source).stem, POSETRACK15, tuple(frames))


def _frame(frame: FramePoses, skeleton: Skeleton) -> FrameLabels:
    people = tuple(_person(person, skeleton) for person in frame.people)
    return FrameLabels(frame.index, frame.name or str(frame.index), people)


def _person(person: Person, skeleton: Skeleton) -> PersonLabels:
    keypoints, scores = convert(person.keypoints, person.keypoint_scores, skeleton, POSETRACK15)
    there = scores > 0
    return PersonLabels(
        track_id=person.id,
        keypoints=np.where(there[:, None], keypoints, 0.0).astype(np.float64),
        visibility=np.where(there, VISIBLE, NOT_LABELLED),
        box=person.box,
        score=person.score,
        keypoint_scores=scores.astype(np.float64) * person.score,
    )
