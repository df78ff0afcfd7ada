"""PoseTrack2018's layout as a document: of truth, and of predictions for the official tools."""

from typing import Any

import numpy as np

from vidpose.datasets.labels import (
    NOT_LABELLED,
    VISIBLE,
    FrameLabels,
    PersonLabels,
    SequenceLabels,
)
from vidpose.formats.posetrack18 import CATEGORY, FACE, in_slots
from vidpose.formats.posetrack_ids import image_id, video_id
from vidpose.geometry import Box
from vidpose.skeleton import BODY19, POSETRACK15

# What the official tools take for a joint that is there without a score.
MISSING_SCORE = -9999.0

_FACE_ROWS = [BODY19.index(joint) for joint in FACE]


def posetrack18_document(sequence: SequenceLabels) -> dict[str, Any]:
    """A sequence in the layout of PoseTrack2018, whose numbers are written as they are.

    Joints go to their places among 17 slots, of which the ears stay zero; v is 1 for a visible
    joint and 0 for a hidden one, as for one that is not labelled, which is also (0, 0). Eyes and
    ears, which PoseTrack does not label, go to a field ``face`` of their own, as x, y, v of each of
    `FACE`, where a sequence has them. Frames keep the names of their pictures, and their ids if
    they have some: that is also the "17-in-18" form of PoseTrack2017.
    """
    faces = sequence.in_skeleton(BODY19) if set(FACE) & set(sequence.skeleton.joints) else None
    sequence = sequence.in_skeleton(POSETRACK15)
    images, annotations = [], []
    # PoseTrack's rule has two digits for the people of a frame.
    most = max([100, *(len(frame.people) for frame in sequence.frames)])
    for frame in sequence.frames:
        image = image_record(sequence, frame)
        images.append(image)
        annotations += [
            {
                "id": image["id"] * most + number,
                "image_id": image["id"],
                "iscrowd": person.crowd,
                **person_record(person),
            }
            for number, person in enumerate(frame.people)
        ]
    if faces is not None:
        people = (person for frame in faces.frames for person in frame.people)
        for annotation, person in zip(annotations, people, strict=True):
            annotation["face"] = _face(person)
    return {"images": images, "annotations": annotations, "categories": [CATEGORY]}


def image_record(sequence: SequenceLabels, frame: FrameLabels) -> dict[str, Any]:
    """One frame; its id, if it has none, is made by PoseTrack's rule."""
    number = frame.image_id
    if number is None:
        number = image_id(sequence.name, frame.index)
    record: dict[str, Any] = {
        "is_labeled": frame.labelled,
        "file_name": frame.name,
        "nframes": max(len(sequence.frames), len(sequence.images or ())),
        "frame_id": number,
        "vid_id": video_id(sequence.name),
        "id": number,
    }
    if frame.size is not None:
        record["width"], record["height"] = frame.size
    if frame.ignore:
        record["ignore_regions_x"] = [polygon[:, 0].tolist() for polygon in frame.ignore]
        record["ignore_regions_y"] = [polygon[:, 1].tolist() for polygon in frame.ignore]
    return record


def person_record(person: PersonLabels) -> dict[str, Any]:
    """One person in `POSETRACK15`, without ``id``, ``image_id`` and ``iscrowd``."""
    visible = person.visibility == VISIBLE
    rows = in_slots(np.column_stack([person.keypoints, visible]))
    record: dict[str, Any] = {
        "category_id": 1,
        "track_id": int(person.track_id),
        "keypoints": [number for x, y, v in rows.tolist() for number in (x, y, int(v))],
        "scores": [],
    }
    if person.box is not None:
        record["bbox"] = corner_and_size(person.box)
    if person.head_box is not None:
        record["bbox_head"] = corner_and_size(person.head_box)
    if person.keypoint_scores is not None:
        there = person.visibility > NOT_LABELLED
        scores = np.where(np.isnan(person.keypoint_scores), MISSING_SCORE, person.keypoint_scores)
        record["scores"] = in_slots(np.where(there, scores, 0.0)[:, None])[:, 0].tolist()
    if person.keypoint_scores is not None or person.score != 1:
        record["score"] = float(person.score)
    return record


def _face(person: PersonLabels) -> list[float]:
    visible = person.visibility == VISIBLE
    rows = np.column_stack([person.keypoints, visible])[_FACE_ROWS]
    return [number for x, y, v in rows.tolist() for number in (x, y, int(v))]


def corner_and_size(box: Box) -> list[float]:
    """The box as x, y, width, height."""
    x1, y1, x2, y2 = np.asarray(box, dtype=np.float64).tolist()
    return [x1, y1, x2 - x1, y2 - y1]
