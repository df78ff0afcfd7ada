"""COCO's metric of keypoints: average precision by the similarity of poses (OKS)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any

import numpy as np

from vidpose import extras
from vidpose.datasets.coco_results import result_record
from vidpose.datasets.labels import FrameLabels, PersonLabels, SequenceLabels
from vidpose.datasets.write_posetrack18 import corner_and_size
from vidpose.errors import VidposeError
from vidpose.evaluation.pairing import pair_sequences
from vidpose.geometry import box_area
from vidpose.skeleton import Skeleton

PROTOCOL = "coco"
# In the order of COCO's tool.
FIGURES = (
    *("AP", "AP50", "AP75", "AP medium", "AP large"),
    *("AR", "AR50", "AR75", "AR medium", "AR large"),
)


def oks_ap(
    truth: Sequence[SequenceLabels], predictions: Sequence[SequenceLabels]
) -> dict[str, float]:
    """COCO's ten figures, in percent, computed by its own tool, pycocotools.

    AP is the mean over similarities from 0.50 to 0.95; people of a picture are ranked, and the best
    20 count. A person's score is the mean of those of its joints. Crowds and people without a
    labelled joint count neither way. The area that scales distances is that of the outline where
    the labels have it, else that of the box, which is about twice as large and so more lenient.

    Args:
        truth: Annotated sequences of one skeleton, whose sigmas count.
        predictions: The same sequences with every annotated frame; joints are matched by name, and
            one that they lack, or whose place is not finite, is wrong.

    Returns:
        `FIGURES`; NaN where no person is of that size.

    Raises:
        VidposeError: pycocotools is not installed, sequences or frames differ, the skeletons do, or
            nobody is annotated.
    """
    skeleton = check_truth(truth)
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    annotations, results = [], []
    frames = _frames(truth, predictions)
    for number, (frame, answer) in enumerate(frames, start=1):
        annotations += [_annotation(each, number) for each in frame.people]
        for each in answer.people:
            # The tool would take a joint that is no number for a perfect one.
            there = each.labelled & np.isfinite(each.keypoints).all(axis=1)
            if there.any():
                rows = np.column_stack([np.where(there[:, None], each.keypoints, 0.0), there])
                results.append(result_record(each, rows, number))
    known = COCO()
    known.dataset = {
        "images": [{"id": number} for number, _ in enumerate(frames, start=1)],
        # From 1: the tool takes id 0 for no match.
        "annotations": [{"id": n, **each} for n, each in enumerate(annotations, start=1)],
        "categories": [{"id": 1}],
    }
    # It prints as it goes.
    with redirect_stdout(io.StringIO()):
        known.createIndex()
        found = known.loadRes(results or [_nobody(len(skeleton))])
        evaluation = COCOeval(known, found, "keypoints")
        evaluation.params.kpt_oks_sigmas = np.array(skeleton.sigmas)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    # It says -1 where there is nothing to be found.
    percent = np.where(evaluation.stats < 0, np.nan, 100 * evaluation.stats)
    return dict(zip(FIGURES, percent.tolist(), strict=True))


def check_truth(truth: Sequence[SequenceLabels]) -> Skeleton:
    """Whether `oks_ap` can compare predictions with ``truth``, before there are any.

    Returns:
        The joints that count.

    Raises:
        VidposeError: As `oks_ap`.
    """
    extras.need("coco", "COCO's metric", "pycocotools")
    skeletons = list({each.skeleton for each in truth})
    if len(skeletons) > 1:
        raise VidposeError(
            f"the ground truth has {len(skeletons)} skeletons: COCO's metric is of one"
        )
    people = [each for frame, _ in _frames(truth, truth) for each in frame.people]
    if not any(each.labelled.any() and not each.crowd for each in people):
        raise VidposeError("nobody is annotated with a joint in the ground truth")
    return skeletons[0]


def _frames(
    truth: Sequence[SequenceLabels], predictions: Sequence[SequenceLabels]
) -> list[tuple[FrameLabels, FrameLabels]]:
    """The frames that count, with their answers, in the order of their numbers if they have any.

    The order decides between people of equal score, as it does in COCO's tool.
    """
    frames = [
        pair
        for mine, theirs in pair_sequences(truth, predictions)
        for pair in zip(mine.frames, theirs.in_skeleton(mine.skeleton).frames, strict=True)
        if pair[0].labelled
    ]
    return sorted(frames, key=lambda pair: -1 if pair[0].image_id is None else pair[0].image_id)


def _nobody(joints: int) -> dict[str, Any]:
    """Somebody far away, as the tool cannot read an empty list."""
    far = [-1e6] * (3 * joints)
    return {"image_id": 1, "category_id": 1, "keypoints": far, "score": 0.0}


def _annotation(person: PersonLabels, image: int) -> dict[str, Any]:
    box = np.zeros(4) if person.box is None else np.asarray(person.box, dtype=np.float64)
    return {
        "image_id": image,
        "category_id": 1,
        "keypoints": np.column_stack([person.keypoints, person.visibility]).ravel().tolist(),
        "num_keypoints": int(person.labelled.sum()),
        "bbox": corner_and_size(box),
        "area": float(box_area(box)) if person.area is None else person.area,
        "iscrowd": int(person.crowd),
    }
