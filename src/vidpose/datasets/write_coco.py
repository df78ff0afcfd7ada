"""COCO's layout as one document of all sequences, for training with the tools of this field."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from vidpose.datasets.labels import FrameLabels, PersonLabels, SequenceLabels
from vidpose.datasets.write_posetrack18 import corner_and_size, image_record, person_record
from vidpose.errors import VidposeError
from vidpose.formats.coco_layout import PERSON
from vidpose.formats.posetrack18 import CATEGORY, in_slots
from vidpose.geometry import box_area
from vidpose.skeleton import POSETRACK15, Skeleton


def coco_document(sequences: Sequence[SequenceLabels]) -> dict[str, Any]:
    """The labelled frames of sequences of one skeleton.

    PoseTrack's joints take 17 slots, the ears zero, and its images keep the fields of their own:
    the "PoseTrack as COCO" files that the public training code reads. Frames that nobody labelled
    are left out, as a picture without annotations means nobody is there. ``v`` is COCO's 0, 1, 2;
    ``area`` is the outline's where that is known, else the box's.

    Raises:
        VidposeError: The sequences are of several skeletons, or two images have one id.
    """
    if len({sequence.skeleton for sequence in sequences}) != 1:
        raise VidposeError("one COCO file takes sequences of one skeleton")
    skeleton = sequences[0].skeleton
    frames = [(each, frame) for each in sequences for frame in each.frames if frame.labelled]
    images = [_image(sequence, frame, n) for n, (sequence, frame) in enumerate(frames, start=1)]
    ids = {image["id"] for image in images}
    if len(ids) < len(images):
        raise VidposeError("two images would have one id: convert their sequences apart")
    people = [
        (image["id"], person)
        for image, (_, frame) in zip(images, frames, strict=True)
        for person in frame.people
    ]
    annotations = [
        # From 1: COCO's own evaluation takes id 0 for no match.
        {"id": number, "image_id": image_id, **_person(person, skeleton)}
        for number, (image_id, person) in enumerate(people, start=1)
    ]
    return {"images": images, "annotations": annotations, "categories": [_category(skeleton)]}


def _category(skeleton: Skeleton) -> dict[str, Any]:
    if skeleton == POSETRACK15:
        return CATEGORY
    edges = (skeleton.edge_indices + 1).tolist()
    return CATEGORY | {"keypoints": list(skeleton.joints), "skeleton": edges}


def _image(sequence: SequenceLabels, frame: FrameLabels, number: int) -> dict[str, Any]:
    if sequence.skeleton == POSETRACK15:
        return image_record(sequence, frame)
    record: dict[str, Any] = {
        "id": number if frame.image_id is None else frame.image_id,
        "file_name": frame.name,
    }
    if frame.size is not None:
        record["width"], record["height"] = frame.size
    return record


def _person(person: PersonLabels, skeleton: Skeleton) -> dict[str, Any]:
    rows = np.column_stack([person.keypoints, person.visibility])
    if skeleton == POSETRACK15:
        record = person_record(person)
        rows = in_slots(rows)
    else:
        record = _other_person(person)
    if person.area is not None:
        record["area"] = person.area
    elif person.box is not None:
        record["area"] = float(box_area(np.asarray(person.box, dtype=np.float64)))
    return record | {
        "iscrowd": int(person.crowd),
        "num_keypoints": int(person.labelled.sum()),
        "keypoints": [number for x, y, v in rows.tolist() for number in (x, y, int(v))],
    }


def _other_person(person: PersonLabels) -> dict[str, Any]:
    """What a person of another skeleton has beside the joints."""
    record: dict[str, Any] = {"category_id": PERSON, "track_id": int(person.track_id)}
    if person.box is not None:
        record["bbox"] = corner_and_size(person.box)
    if person.keypoint_scores is not None or person.score != 1:
        record["score"] = float(person.score)
    if person.keypoint_scores is not None:
        record["keypoint_scores"] = np.nan_to_num(person.keypoint_scores).tolist()
    return record
