"""Which prediction is of which person, by PCKh: the matching of poseval and the PoseTrack21 kit."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from vidpose.evaluation.frames import FramePair

# PCKh: a joint is correct within this many head sizes, the boundary included.
THRESHOLD = 0.5


@dataclass(frozen=True, eq=False)
class MatchedFrame:
    """A frame with its distances and its matching.

    Attributes:
        pair: The people.
        distance: Between a joint predicted and the same joint annotated, in head sizes of the
            annotated person; infinite where one of them is not there.
        hit: Whether it is at most `THRESHOLD`.
        person: The annotated person each prediction is matched to, or -1.
    """

    pair: FramePair
    distance: Float[np.ndarray, "prediction truth joint"]
    hit: Bool[np.ndarray, "prediction truth joint"]
    person: Int[np.ndarray, " prediction"]

    @property
    def correct(self) -> Bool[np.ndarray, "prediction joint"]:
        """Which predicted joints are correct, those of unmatched predictions never."""
        correct = np.zeros(self.pair.predictions.there.shape, dtype=bool)
        matched = np.flatnonzero(self.person >= 0)
        correct[matched] = self.hit[matched, self.person[matched]]
        return correct


def match(pair: FramePair) -> MatchedFrame:
    """Match the predictions of a frame to its people.

    Each prediction keeps the person of whose annotated joints it gets the largest part right; each
    person then takes the best of the predictions that kept it. The first wins a tie. Scores play no
    part, and nobody is matched with no joint right. A head of size 0 gets nothing right.
    """
    truth, predictions = pair.truth, pair.predictions
    offset = predictions.keypoints[:, None] - truth.keypoints[None]
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.sqrt((offset**2).sum(axis=-1)) / truth.heads[:, None]
    both = predictions.there[:, None] & truth.there[None] & (truth.heads[:, None] > 0)
    distance[~both] = np.inf
    hit = distance <= THRESHOLD
    person = np.full(len(predictions), -1)
    if len(truth) and len(predictions):
        part = hit.sum(axis=-1) / truth.there.sum(axis=-1)
        kept = np.zeros_like(part)
        rows, best = np.arange(len(predictions)), part.argmax(axis=1)
        kept[rows, best] = part[rows, best]
        taken = kept.argmax(axis=0)
        matched = np.flatnonzero(kept.max(axis=0) > 0)
        person[taken[matched]] = matched
    return MatchedFrame(pair, distance, hit, person)
