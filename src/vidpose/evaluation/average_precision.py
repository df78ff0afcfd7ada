"""Average precision of joints, as PoseTrack defines it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from vidpose.evaluation.matching import MatchedFrame


@dataclass(frozen=True, eq=False)
class PredictedJoints:
    """The joints of every prediction, and how many there were to be found.

    Attributes:
        scores: Confidence.
        there: Whether the joint is predicted.
        correct: Whether it is correct. An unannotated joint of a matched person is not.
        annotated: How many are annotated, of each joint.
    """

    scores: Float[np.ndarray, "prediction joint"]
    there: Bool[np.ndarray, "prediction joint"]
    correct: Bool[np.ndarray, "prediction joint"]
    annotated: Int[np.ndarray, " joint"]

    @classmethod
    def collect(cls, frames: Sequence[MatchedFrame], joints: int) -> PredictedJoints:
        """Those of all frames, in their order."""
        none = np.zeros((0, joints))
        return cls(
            np.concatenate([none, *(frame.pair.predictions.scores for frame in frames)]),
            np.concatenate([none, *(frame.pair.predictions.there for frame in frames)]) > 0,
            np.concatenate([none, *(frame.correct for frame in frames)]) > 0,
            sum((f.pair.truth.there.sum(axis=0) for f in frames), np.zeros(joints, dtype=int)),
        )


@dataclass(frozen=True, eq=False)
class Curve:
    """Precision and recall of one joint as ever less sure predictions are taken in, in [0, 1]."""

    precision: Float[np.ndarray, " n"]
    recall: Float[np.ndarray, " n"]

    @property
    def average_precision(self) -> float:
        """The area under the best precision at this recall or more (VOC 2010).

        0 without predictions, NaN with predictions and nothing annotated.
        """
        if not len(self.recall):
            return 0.0
        if np.isnan(self.recall[-1]):
            return float("nan")
        envelope = np.maximum.accumulate(self.precision[::-1])[::-1]
        return float((np.diff(self.recall, prepend=0.0) * envelope).sum())


def curves(detections: PredictedJoints, at_least_one: bool = False) -> list[Curve]:
    """The curve of each joint.

    Of equal scores, which no rule orders, the later in the file comes first.

    Args:
        detections: The joints.
        at_least_one: Count one annotated joint where there is none (PoseTrack21), so that its
            recall is 0; else it is NaN.
    """
    found = []
    for joint, annotated in enumerate(detections.annotated.tolist()):
        there = detections.there[:, joint]
        order = np.argsort(detections.scores[there, joint], kind="stable")[::-1]
        correct = np.cumsum(detections.correct[there, joint][order])
        total = max(annotated, 1) if at_least_one else annotated or float("nan")
        found.append(Curve(correct / np.arange(1, len(correct) + 1), correct / total))
    return found
