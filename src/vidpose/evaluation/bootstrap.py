"""How sure an average precision is: percentile intervals by resampling people.

B. Efron and R. Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from vidpose.evaluation.average_precision import PredictedJoints
from vidpose.evaluation.matching import MatchedFrame

# Numbers held at a time, so that a large set takes 30 MB an array.
_CHUNK = 4_000_000


def resampled_precision(
    frames: Sequence[MatchedFrame],
    joints: int,
    resamples: int,
    seed: int = 0,
    at_least_one: bool = False,
) -> Float[np.ndarray, "resample joint"]:
    """The average precision of each joint on sets drawn from the given one, with replacement.

    A unit of the draw is an annotated person with the prediction matched to it, or a prediction
    matched to nobody. People in several frames count as several, so that the intervals are too
    narrow for long sequences of few people.

    Args:
        frames: All frames.
        joints: Of the skeleton.
        resamples: How many sets.
        seed: Equal seeds give equal figures.
        at_least_one: As for `average_precision.curves`.

    Returns:
        In [0, 1]; NaN where a set has predictions but nothing annotated.
    """
    detections = PredictedJoints.collect(frames, joints)
    units, annotated = _units(frames, joints)
    generator = np.random.default_rng(seed)
    count = len(annotated)
    if not count:
        return np.zeros((resamples, joints))
    step = max(1, _CHUNK // count)
    parts = []
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        weights = generator.multinomial(count, np.full(count, 1 / count), size=size)
        total = weights @ annotated
        if at_least_one:
            total = np.maximum(total, 1)
        parts.append(
            np.stack([_one(detections, j, weights, units, total[:, j]) for j in range(joints)], 1)
        )
    return np.concatenate(parts)


def resampled_sequences(
    sequences: Sequence[Sequence[MatchedFrame]], joints: int, resamples: int, seed: int = 0
) -> Float[np.ndarray, "resample joint"]:
    """As `resampled_precision`, but what is drawn are whole sequences.

    People in neighbouring frames are alike, so that these intervals are wider and say more of other
    videos. Equal seeds draw equal sequences whatever was predicted: the difference between two
    models' figures is that of pairs.

    Args:
        sequences: The frames of each.
        joints: Of the skeleton.
        resamples: How many sets.
        seed: Equal seeds give equal figures.
    """
    detections = PredictedJoints.collect([each for frames in sequences for each in frames], joints)
    units = np.concatenate(
        [np.full(sum(len(f.person) for f in frames), i) for i, frames in enumerate(sequences)]
    )
    annotated = np.stack([PredictedJoints.collect(each, joints).annotated for each in sequences])
    count = len(sequences)
    weights = np.random.default_rng(seed).multinomial(
        count, np.full(count, 1 / count), size=resamples
    )
    total = weights @ annotated
    return np.stack([_one(detections, j, weights, units, total[:, j]) for j in range(joints)], 1)


def interval(values: Float[np.ndarray, " resample"], level: float = 0.95) -> tuple[float, float]:
    """The percentile interval of ``values`` that are numbers; NaN if none is."""
    numbers = values[~np.isnan(values)]
    if not len(numbers):
        return float("nan"), float("nan")
    low, high = np.quantile(numbers, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _units(
    frames: Sequence[MatchedFrame], joints: int
) -> tuple[Int[np.ndarray, " prediction"], Int[np.ndarray, "unit joint"]]:
    """The unit of each prediction, and the annotated joints of each unit."""
    units, annotated, start = [np.zeros(0, dtype=int)], [np.zeros((0, joints), dtype=int)], 0
    for frame in frames:
        alone = frame.person < 0
        people = len(frame.pair.truth)
        unit = np.where(alone, people + np.cumsum(alone) - 1, frame.person)
        units.append(start + unit)
        annotated.append(frame.pair.truth.there.astype(int))
        annotated.append(np.zeros((int(alone.sum()), joints), dtype=int))
        start += people + int(alone.sum())
    return np.concatenate(units), np.concatenate(annotated)


def _one(
    detections: PredictedJoints,
    joint: int,
    weights: Int[np.ndarray, "resample unit"],
    units: Int[np.ndarray, " prediction"],
    total: Int[np.ndarray, " resample"],
) -> Float[np.ndarray, " resample"]:
    """The average precision of one joint; a unit drawn twice counts as two."""
    there = np.flatnonzero(detections.there[:, joint])
    if not len(there):
        return np.zeros(len(weights))
    order = there[np.argsort(detections.scores[there, joint], kind="stable")[::-1]]
    drawn = weights[:, units[order]]
    correct = np.cumsum(drawn * detections.correct[order, joint], axis=1)
    taken = np.cumsum(drawn, axis=1)
    envelope = np.maximum.accumulate((correct / np.maximum(taken, 1))[:, ::-1], axis=1)[:, ::-1]
    area = (np.diff(correct, axis=1, prepend=0) * envelope).sum(axis=1)
    precision = np.divide(area, total, out=np.full(len(total), np.nan), where=total > 0)
    return np.where(taken[:, -1] > 0, precision, 0.0)
