"""COCO's layout of results: a list of people, which its evaluation takes as predictions."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int
from pydantic import BaseModel

from vidpose.datasets.labels import VISIBLE, PersonLabels, SequenceLabels
from vidpose.errors import VidposeError
from vidpose.formats.coco_layout import PERSON
from vidpose.formats.reading import Pixels, checked


class _Found(BaseModel):
    image_id: int
    category_id: int = PERSON
    keypoints: list[Pixels]
    score: float = 1.0


def parse_results(
    document: object, path: Path, truth: Sequence[SequenceLabels]
) -> list[SequenceLabels]:
    """The predictions in a list of COCO's layout of results, for the images of ``truth``.

    Joints are in the order of the truth's skeleton. The third number of a joint is not looked at.

    Args:
        document: The parsed content.
        path: The file, for messages.
        truth: Of `parse_coco`.

    Raises:
        VidposeError: It does not follow the layout, or names an image that ``truth`` lacks.
    """
    people: dict[int | None, list[PersonLabels]] = {
        frame.image_id: [] for sequence in truth for frame in sequence.frames
    }
    joints = len(truth[0].skeleton) if truth else 0
    for number, each in enumerate(checked(list[_Found], document, path)):
        if each.category_id != PERSON:
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
        keypoints = np.array(each.keypoints, dtype=np.float64).reshape(joints, 3)[:, :2]
        there.append(
            PersonLabels(len(there), keypoints, np.full(joints, VISIBLE), score=each.score)
        )
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

    Raises:
        VidposeError: An image has no number.
    """
    records = []
    for sequence in predictions:
        for frame in filter(lambda frame: frame.labelled, sequence.frames):
            if frame.image_id is None:
                raise VidposeError(
                    f"{sequence.name}: {frame.name} has no number, by which COCO's layout of "
                    f"results names an image"
                )
            people = [each for each in frame.people if each.labelled.any()]
            records += [result_record(each, frame.image_id) for each in people]
    return records


def result_record(person: PersonLabels, image_id: int) -> dict[str, Any]:
    """One predicted person of COCO's layout of results."""
    return {
        "image_id": image_id,
        "category_id": PERSON,
        "keypoints": flat(person, person.labelled),
        "score": _ranking(person),
    }


def flat(person: PersonLabels, third: Int[np.ndarray, " joint"]) -> list[float]:
    """x, y and ``third`` of each joint, one after the other."""
    rows: list[float] = np.column_stack([person.keypoints, third]).ravel().tolist()
    return rows


def _ranking(person: PersonLabels) -> float:
    """The mean score of the joints, which holds the box's; without such scores the person's."""
    scores = person.keypoint_scores
    there = None if scores is None else scores[person.labelled & ~np.isnan(scores)]
    return person.score if there is None or not len(there) else float(there.mean())
