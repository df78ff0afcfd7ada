"""COCO's layout of results: a list of people, which its evaluation takes as predictions."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel

from vidpose.datasets.coco import PersonCategory
from vidpose.datasets.labels import VISIBLE, FrameLabels, PersonLabels, SequenceLabels
from vidpose.errors import VidposeError
from vidpose.formats.coco_layout import PERSON
from vidpose.formats.posetrack18 import in_slots
from vidpose.formats.reading import Pixels, Score, checked
from vidpose.skeleton import POSETRACK15


class _Found(BaseModel):
    image_id: int
    category_id: int
    keypoints: list[Pixels]
    score: Score


def parse_results(
    document: object, path: Path, truth: Sequence[SequenceLabels], category: PersonCategory
) -> list[SequenceLabels]:
    """The predictions in a list of COCO's layout of results, for the images of ``truth``.

    The third number of a joint is not looked at, and people of other categories are nobody.

    Args:
        document: The parsed content.
        path: The file, for messages.
        truth: Of `parse_coco`.
        category: Of the truth, whose joints in their order the results have.

    Raises:
        VidposeError: It does not follow the layout, names an image that ``truth`` lacks, or has
            people but none of the category; or the truth has joints beside the category's.
    """
    people: dict[int | None, list[PersonLabels]] = {
        frame.image_id: [] for sequence in truth for frame in sequence.frames
    }
    joints = len(category.keypoints)
    if beside := set(truth[0].skeleton.joints) - set(category.keypoints):
        raise VidposeError(
            f"the ground truth has {min(beside)} beside its category's {joints} joints, and a list "
            f"of results has those alone: `vidpose data convert` it to coco before"
        )
    source = [category.keypoints.index(joint) for joint in truth[0].skeleton.joints]
    found = checked(list[_Found], document, path)
    given = {each.category_id for each in found}
    # `coco_results` writes people as 1, whatever number the truth gives them.
    person = category.id if category.id in given else PERSON
    if given and person not in given:
        raise VidposeError(
            f"{path}: nobody is of category {category.id}, the ground truth's; category_id is "
            f"{', '.join(map(str, sorted(given)))}"
        )
    for number, each in enumerate(found):
        if each.category_id != person:
            continue
        if each.image_id not in people:
            raise VidposeError(
                f"{path}: [{number}] is of image {each.image_id}, which the ground truth lacks"
            )
        if len(each.keypoints) != 3 * joints:
            raise VidposeError(
                f"{path}: [{number}].keypoints has {len(each.keypoints)} numbers, expected "
                f"{3 * joints} for {joints} joints"
            )
        there = people[each.image_id]
        rows = np.array(each.keypoints, dtype=np.float64).reshape(joints, 3)[source]
        seen = np.full(len(source), VISIBLE)
        there.append(PersonLabels(len(there), rows[:, :2], seen, score=each.score))
    return [
        replace(
            each,
            frames=tuple(
                replace(frame, people=tuple(people[frame.image_id])) for frame in each.frames
            ),
        )
        for each in truth
    ]


def coco_results(predictions: Sequence[SequenceLabels]) -> list[dict[str, Any]]:
    """The list of people that COCO's evaluation asks for, of the labelled frames.

    PoseTrack's joints take 17 slots, the ears zero, as in `write_coco`.

    Raises:
        VidposeError: An image has no number, or two have one.
    """
    records = []
    for sequence, numbered in zip(predictions, image_numbers(predictions), strict=True):
        arranged = in_slots if sequence.skeleton == POSETRACK15 else np.asarray
        for number, frame in numbered.items():
            for person in frame.people:
                if person.labelled.any():
                    rows = np.column_stack([person.keypoints, person.labelled])
                    records.append(result_record(person, arranged(rows), number))
    return records


def image_numbers(sequences: Sequence[SequenceLabels]) -> list[dict[int, FrameLabels]]:
    """The labelled frames of each sequence by the numbers of their images.

    Raises:
        VidposeError: An image has no number, or two have one.
    """
    taken: set[int] = set()
    numbered = []
    for sequence in sequences:
        frames = {}
        for frame in filter(lambda frame: frame.labelled, sequence.frames):
            if frame.image_id is None or frame.image_id in taken:
                what = "no number" if frame.image_id is None else f"the number {frame.image_id} too"
                raise VidposeError(
                    f"{sequence.name}: {frame.name} has {what}, and COCO's list of results knows "
                    f"images by their numbers: use another layout"
                )
            taken.add(frame.image_id)
            frames[frame.image_id] = frame
        numbered.append(frames)
    return numbered


def result_record(
    person: PersonLabels, rows: Float[np.ndarray, "joint 3"], image_id: int
) -> dict[str, Any]:
    """One predicted person of COCO's layout of results, with ``rows`` of joints."""
    return {
        "image_id": image_id,
        "category_id": PERSON,
        "keypoints": rows.ravel().tolist(),
        "score": _ranking(person),
    }


def _ranking(person: PersonLabels) -> float:
    """The mean score of the joints, which holds the box's; without such scores the person's."""
    scores = person.keypoint_scores
    there = None if scores is None else scores[person.labelled & ~np.isnan(scores)]
    return person.score if there is None or not len(there) else float(there.mean())
