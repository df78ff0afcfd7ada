"""An exported model against torch: its answers on real crops, and its accuracy on labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from vidpose.export.manifest import Accuracy, Parity
from vidpose.export.samples import Samples
from vidpose.models.base import PoseModel

if TYPE_CHECKING:
    from vidpose.datasets.labels import SequenceLabels

_DATASET, _SPLIT = "posetrack18", "val"


@torch.inference_mode()
def parity(model: PoseModel, exported: PoseModel, samples: Samples) -> Parity:
    """The distance of ``exported`` from ``model``, both on the CPU."""
    xy, score = _answers(model, samples)
    other_xy, other_score = _answers(exported, samples)
    distance = np.linalg.norm(other_xy - xy, axis=-1)
    # Not a number is as far away as can be; where both have none they agree.
    distance[~np.isfinite(distance)] = np.inf
    distance[np.isnan(xy).any(-1) & np.isnan(other_xy).any(-1)] = 0
    median, p99 = np.quantile(distance, [0.5, 0.99], method="higher")
    return Parity(
        clips=len(samples.crops),
        median=median,
        p99=p99,
        largest=distance.max(),
        score=np.abs(other_score - score).max(),
    )


def _answers(
    model: PoseModel, samples: Samples
) -> tuple[Float[np.ndarray, "clip joint 2"], Float[np.ndarray, "clip joint"]]:
    """A clip at a time, as memory is not to grow with the number of clips."""
    outputs = []
    for clip, prior in zip(samples.crops, samples.prior, strict=True):
        frames = torch.from_numpy(clip).permute(0, 3, 1, 2)[None]
        seen: Tensor | None = torch.from_numpy(prior)[None] if model.uses_prior else None
        outputs.append(model(frames, seen))
    return (
        torch.cat([output.xy_norm for output in outputs]).double().numpy(),
        torch.cat([output.score for output in outputs]).double().numpy(),
    )


@dataclass(frozen=True)
class Labels:
    """What both models are scored on.

    Attributes:
        data: The folder and the split, in words.
        sequences: With their pictures.
    """

    data: str
    sequences: Sequence[SequenceLabels]


def labels(root: Path) -> Labels:
    """The validation set in a folder in PoseTrack18's layout.

    Raises:
        VidposeError: It cannot be read.
    """
    from vidpose.datasets import registry

    return Labels(f"{root} {_SPLIT}", registry.read(_DATASET, root, _SPLIT))


def accuracy(model: PoseModel, exported: PoseModel, truth: Labels) -> Accuracy:
    """The mAP of both on the labelled boxes of a set.

    Args:
        model: In torch.
        exported: Its export.
        truth: The set.

    Raises:
        VidposeError: The set has nothing to compare with, or a picture cannot be read.
    """
    from vidpose.datasets.boxes import ground_truth_boxes
    from vidpose.evaluation.posetrack import evaluate
    from vidpose.predict import predict

    boxes = ground_truth_boxes(truth.sequences)
    found = [
        evaluate(
            truth.sequences, [predict(each, sequence, boxes) for sequence in truth.sequences]
        ).result
        for each in (model, exported)
    ]
    return Accuracy(
        data=f"{truth.data}: {found[0].sequences} sequences, {found[0].people} people",
        boxes=boxes.description,
        before=found[0].ap.mean,
        after=found[1].ap.mean,
    )
