"""COCO's metric of keypoints: average precision by the similarity of poses (OKS)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib.util import find_spec
from typing import Any

import numpy as np

from vidpose.datasets.coco_results import flat, result_record
from vidpose.datasets.labels import PersonLabels, SequenceLabels
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
            one that they lack is wrong.

    Returns:
        `FIGURES`; NaN where no person is of that size.

    Raises:
        VidposeError: pycocotools is not installed, sequences or frames differ, the skeletons do, or
            nobody is annotated.
    """
    skeleton = check_truth(truth)
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    images, annotations, results = 0, [], []
    for mine, theirs in pair_sequences(truth, predictions):
        answers = theirs.in_skeleton(skeleton).frames
        for frame, answer in zip(mine.frames, answers, strict=True):
            if frame.labelled:
                images += 1
                annotations += [_annotation(each, images) for each in frame.people]
                found = [each for each in answer.people if each.labelled.any()]
                results += [result_record(each, images) for each in found]
    if not results:
        return dict.fromkeys(FIGURES, 0.0)
    known = COCO()
    known.dataset = {
        "images": [{"id": number + 1} for number in range(images)],
        # From 1: the tool takes id 0 for no match.
        "annotations": [{"id": n, **each} for n, each in enumerate(annotations, start=1)],
        "categories": [{"id": 1}],
    }
    # It prints as it goes.
    with redirect_stdout(io.StringIO()):
        known.createIndex()
        evaluation = COCOeval(known, known.loadRes(results), "keypoints")
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
    if find_spec("pycocotools") is None:
        raise VidposeError("COCO's metric needs pycocotools: pip install vidpose[coco]")
    skeletons = list({each.skeleton for each in truth})
    if len(skeletons) > 1:
        raise VidposeError(
            f"the ground truth has {len(skeletons)} skeletons: COCO's metric is of one"
        )
    frames = (frame for each in truth for frame in each.frames if frame.labelled)
    if not any(each.labelled.any() and not each.crowd for frame in frames for each in frame.people):
        raise VidposeError("nobody is annotated with a joint in the ground truth")
    return skeletons[0]


def _annotation(person: PersonLabels, image: int) -> dict[str, Any]:
    box = np.zeros(4) if person.box is None else np.asarray(person.box, dtype=np.float64)
    return {
        "image_id": image,
        "category_id": 1,
        "keypoints": flat(person, person.visibility),
        "num_keypoints": int(person.labelled.sum()),
        "bbox": corner_and_size(box),
        "area": float(box_area(box)) if person.area is None else person.area,
        "iscrowd": int(person.crowd),
    }
