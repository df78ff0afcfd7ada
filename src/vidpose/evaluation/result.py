"""The figures of an evaluation, in percent, as they are printed and written."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict

from vidpose.skeleton import POSETRACK15

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "Head": ("head_top", "head_bottom", "nose"),
    **{
        part.capitalize(): (f"left_{part}", f"right_{part}")
        for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    },
}

# Beyond the shoulders and hips.
LIMBS = ("Elbow", "Wrist", "Knee", "Ankle")


def column_values(values: Float[np.ndarray, "*n 15"]) -> Float[np.ndarray, "*n 7"]:
    """The seven columns: the mean of each column's joints in `POSETRACK15`; NaN if one is NaN."""
    indices = [[POSETRACK15.index(joint) for joint in joints] for joints in COLUMNS.values()]
    return np.stack([values[..., each].mean(axis=-1) for each in indices], axis=-1)


def mean_of_numbers(values: Float[np.ndarray, "*n m"]) -> Float[np.ndarray, "*n"]:
    """The mean over the last axis without NaN; NaN if all are."""
    there = ~np.isnan(values)
    sums = np.where(there, values, 0.0).sum(axis=-1)
    count = there.sum(axis=-1)
    return np.divide(sums, count, out=np.full(np.shape(sums), np.nan), where=count > 0)


def limb_mean(values: Float[np.ndarray, "*n 15"]) -> Float[np.ndarray, "*n"]:
    """The mean over elbows, wrists, knees and ankles, those that are NaN left out."""
    indices = [POSETRACK15.index(joint) for column in LIMBS for joint in COLUMNS[column]]
    return mean_of_numbers(values[..., indices])


class _Record(BaseModel):
    # NaN, a figure that is not defined, is null in JSON.
    model_config = ConfigDict(frozen=True, ser_json_inf_nan="null")


class Scores(_Record):
    """One kind of figure.

    Attributes:
        joints: Of each joint.
        columns: Of the seven columns of the papers.
        mean: Over the 15 joints, those not defined left out: the official total.
        column_mean: Over the seven columns, in which the head counts less. Some papers print it.
        limbs: Over elbows, wrists, knees and ankles.
    """

    joints: dict[str, float]
    columns: dict[str, float]
    mean: float
    column_mean: float
    limbs: float

    @classmethod
    def of(cls, values: Float[np.ndarray, "15"]) -> Scores:
        """From values in [0, 1] in the order of `POSETRACK15`."""
        percent = values * 100
        columns = column_values(percent)
        return cls(
            joints=dict(zip(POSETRACK15.joints, percent.tolist(), strict=True)),
            columns=dict(zip(COLUMNS, columns.tolist(), strict=True)),
            mean=float(mean_of_numbers(percent)),
            column_mean=float(mean_of_numbers(columns)),
            limbs=float(limb_mean(percent)),
        )


class HotaScores(_Record):
    """One of the figures around HOTA.

    Attributes:
        joints: Of each joint, the mean over the thresholds.
        total: Of all joints, as the kit pools them.
        total_per_alpha: The same at each of the 19 thresholds.
    """

    joints: dict[str, float]
    total: float
    total_per_alpha: list[float]


class Tracking(_Record):
    """Figures of tracking; see `clear_mot` and `hota`.

    Attributes:
        mota: CLEAR MOT accuracy.
        motp: CLEAR MOT precision, poseval's without pairs that were only possible.
        motp_once: The same with each distance once.
        precision: Of predicted joints.
        recall: Of annotated joints.
        counts: Objects, matches, switches, misses and false positives of each joint.
        hota: By name: HOTA, DetA, AssA and so on.
    """

    mota: Scores
    motp: Scores
    motp_once: Scores
    precision: Scores
    recall: Scores
    counts: dict[str, dict[str, int]]
    hota: dict[str, HotaScores]


class Intervals(_Record):
    """Bootstrap intervals of the average precision.

    Attributes:
        level: The part of the resamples inside, in [0, 1].
        resamples: How many sets were drawn.
        mean: Low and high end for the mean over 15 joints.
        limbs: The same for the mean over elbows, wrists, knees and ankles.
        columns: The same for each column.
    """

    level: float
    resamples: int
    mean: tuple[float, float]
    limbs: tuple[float, float]
    columns: dict[str, tuple[float, float]]


class SliceResult(_Record):
    """The figures of a part of the set.

    Attributes:
        sequences: How many.
        people: How many annotated people have a joint that counts.
        ap: Average precision.
        recall: PCKh at half a head.
        intervals: How sure the average precision is.
    """

    sequences: int
    people: int
    ap: Scores
    recall: Scores
    intervals: Intervals | None = None


class Result(_Record):
    """All figures of one evaluation.

    Attributes:
        protocol: Whose rules.
        ground_truth: Where the annotation came from.
        predictions: Where the predictions came from. They do not tell whose boxes they used.
        sequences: How many.
        frames: How many count.
        people: How many annotated people have a joint that counts.
        ap: Average precision.
        precision: Of all predicted joints, whatever their score.
        recall: Of all annotated joints: PCKh at half a head.
        pckh_tenth: PCKh at a tenth of a head.
        pckh_area: Mean PCKh over thresholds from 0 to half a head.
        counts: Joints annotated, predicted, and predicted correctly.
        intervals: How sure the average precision is.
        tracking: None if not asked for.
        slices: Of a set with `slices`, the figures of each.
    """

    protocol: str
    ground_truth: str = ""
    predictions: str = ""
    sequences: int
    frames: int
    people: int
    ap: Scores
    precision: Scores
    recall: Scores
    pckh_tenth: Scores
    pckh_area: Scores
    counts: dict[str, dict[str, int]]
    intervals: Intervals | None = None
    tracking: Tracking | None = None
    slices: dict[str, SliceResult] = {}
