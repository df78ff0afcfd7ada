"""PCKh of matched people: how near joints are, where average precision asks only whether."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from vidpose.evaluation.matching import THRESHOLD, MatchedFrame


@dataclass(frozen=True, eq=False)
class Distances:
    """How far every annotated joint is from where its matched prediction has it.

    Attributes:
        distance: In head sizes; infinite where nobody is matched or the joint is not predicted.
        there: Whether the joint is annotated.
        height: Of each person, the height of the annotated joints in pixels.
    """

    distance: Float[np.ndarray, "person joint"]
    there: Bool[np.ndarray, "person joint"]
    height: Float[np.ndarray, " person"]

    @classmethod
    def collect(cls, frames: Sequence[MatchedFrame], joints: int) -> Distances:
        """Those of all frames, in their order."""
        found = [np.zeros((0, joints)), *(_distances(frame) for frame in frames)]
        there = [np.zeros((0, joints), dtype=bool), *(f.pair.truth.there for f in frames)]
        heights = [np.zeros(0), *(_heights(frame) for frame in frames)]
        return cls(np.concatenate(found), np.concatenate(there), np.concatenate(heights))

    def pckh(self, threshold: float = THRESHOLD) -> Float[np.ndarray, " joint"]:
        """The part of each joint within ``threshold`` (inclusive); NaN where none is annotated.

        At the official threshold it is the recall of `average_precision.curves`.
        """
        return self._of_annotated((self.distance <= threshold).sum(axis=0))

    def area(self) -> Float[np.ndarray, " joint"]:
        """The mean PCKh of each joint over all thresholds from 0 to the official one."""
        return self._of_annotated(np.maximum(1 - self.distance / THRESHOLD, 0.0).sum(axis=0))

    def _of_annotated(self, sums: Float[np.ndarray, " joint"]) -> Float[np.ndarray, " joint"]:
        total = self.there.sum(axis=0)
        return np.divide(sums, total, out=np.full(len(total), np.nan), where=total > 0)


def _distances(frame: MatchedFrame) -> Float[np.ndarray, "person joint"]:
    found = np.full(frame.pair.truth.there.shape, np.inf)
    matched = np.flatnonzero(frame.person >= 0)
    found[frame.person[matched]] = frame.distance[matched, frame.person[matched]]
    return found


def _heights(frame: MatchedFrame) -> Float[np.ndarray, " person"]:
    people = frame.pair.truth
    y = people.keypoints[..., 1]
    low = np.where(people.there, y, np.inf).min(axis=1, initial=np.inf)
    high = np.where(people.there, y, -np.inf).max(axis=1, initial=-np.inf)
    return high - low
