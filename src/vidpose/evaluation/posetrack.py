"""The PoseTrack benchmark: labels and predictions in, all figures out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from vidpose.datasets.labels import SequenceLabels
from vidpose.errors import VidposeError
from vidpose.evaluation.average_precision import Curve, PredictedJoints, curves
from vidpose.evaluation.bootstrap import interval, resampled_precision
from vidpose.evaluation.clear_mot import MotCounts, clear_mot
from vidpose.evaluation.frames import Protocol, frame_pairs
from vidpose.evaluation.hota import count_hota, hota_scores
from vidpose.evaluation.matching import MatchedFrame, match
from vidpose.evaluation.pairing import pair_sequences
from vidpose.evaluation.pckh import Distances
from vidpose.evaluation.result import (
    COLUMNS,
    HotaScores,
    Intervals,
    Result,
    Scores,
    SliceResult,
    Tracking,
    column_values,
    limb_mean,
    mean_of_numbers,
)
from vidpose.evaluation.slices import by_slice
from vidpose.skeleton import POSETRACK15

_JOINTS = len(POSETRACK15)
_LEVEL = 0.95
_NOBODY = "no frame of the ground truth counts: nobody is annotated in any"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The figures, and what a report draws them from.

    Attributes:
        result: All figures.
        curves: Precision and recall of each joint of `POSETRACK15`.
        distances: Of all annotated people.
    """

    result: Result
    curves: list[Curve]
    distances: Distances


def evaluate(
    truth: Sequence[SequenceLabels],
    predictions: Sequence[SequenceLabels],
    protocol: Protocol | str = Protocol.POSETRACK18,
    tracking: bool = False,
    resamples: int = 0,
    seed: int = 0,
) -> Evaluation:
    """Compare predictions with their annotation by the rules of PoseTrack.

    Sequences and frames are paired as `pair_sequences` says; the order in which sequences are given
    does not matter. Where the official tools stop, this goes on: see `frame_pairs`, `clear_mot` and
    `count_hota`.

    Args:
        truth: Annotated sequences; joints are matched to `POSETRACK15` by name.
        predictions: The same sequences with every annotated frame.
        protocol: Whose rules.
        tracking: Compute MOTA and HOTA too. poseval has the former, the PoseTrack21 kit the latter;
            each is computed on the frames and joints that the protocol keeps.
        resamples: How many sets to draw for the intervals; 0 leaves them out.
        seed: Of the draw.

    Raises:
        VidposeError: Sequences or frames differ, no frame counts, an annotated person has no head
            box, or, in tracking, two people of a frame have one track id or somebody has none.
    """
    protocol = Protocol(protocol)
    kit = protocol is Protocol.POSETRACK21
    names, sequences = [], []
    for mine, theirs in pair_sequences(truth, predictions):
        pairs = frame_pairs(
            mine.in_skeleton(POSETRACK15), theirs.in_skeleton(POSETRACK15), protocol
        )
        if tracking:
            for pair in pairs:
                _check_tracks(f"{mine.name}, {pair.name}: annotated", pair.truth.tracks)
                _check_tracks(f"{mine.name}, {pair.name}: predicted", pair.predictions.tracks)
        names.append(mine.name)
        sequences.append([match(pair) for pair in pairs])
    frames = [frame for sequence in sequences for frame in sequence]
    if not frames:
        raise VidposeError(_NOBODY)
    detections = PredictedJoints.collect(frames, _JOINTS)
    distances = Distances.collect(frames, _JOINTS)
    found = curves(detections, at_least_one=kit)
    result = Result(
        protocol=str(protocol),
        sequences=len(sequences),
        frames=len(frames),
        people=len(distances.height),
        ap=Scores.of(np.array([curve.average_precision for curve in found])),
        precision=Scores.of(_last([curve.precision for curve in found])),
        recall=Scores.of(_last([curve.recall for curve in found])),
        pckh_tenth=Scores.of(distances.pckh(0.1)),
        pckh_area=Scores.of(distances.area()),
        counts={
            "annotated": _by_joint(detections.annotated),
            "predicted": _by_joint(detections.there.sum(axis=0)),
            "correct": _by_joint(detections.correct.sum(axis=0)),
        },
        intervals=_intervals(frames, resamples, seed, kit) if resamples else None,
        tracking=_tracking(sequences) if tracking else None,
        slices={
            name: _slice(parts, resamples, seed, kit)
            for name, parts in by_slice(zip(names, sequences, strict=True)).items()
        },
    )
    return Evaluation(result, found, distances)


def check_truth(truth: Sequence[SequenceLabels], protocol: Protocol | str) -> None:
    """Whether `evaluate` can compare predictions with ``truth``, before there are any.

    Raises:
        VidposeError: As `evaluate`, or there is no joint to be found.
    """
    sequences = [mine.in_skeleton(POSETRACK15) for mine, _ in pair_sequences(truth, truth)]
    kept = [frame_pairs(each, each, Protocol(protocol)) for each in sequences]
    if not any(pair.truth.there.any() for pairs in kept for pair in pairs):
        raise VidposeError("nobody is annotated with a joint in a frame that counts")


def _slice(
    sequences: Sequence[Sequence[MatchedFrame]], resamples: int, seed: int, kit: bool
) -> SliceResult:
    frames = [frame for sequence in sequences for frame in sequence]
    found = curves(PredictedJoints.collect(frames, _JOINTS), at_least_one=kit)
    return SliceResult(
        sequences=len(sequences),
        people=sum(len(frame.pair.truth) for frame in frames),
        ap=Scores.of(np.array([curve.average_precision for curve in found])),
        recall=Scores.of(_last([curve.recall for curve in found])),
        intervals=_intervals(frames, resamples, seed, kit) if resamples else None,
    )


def _check_tracks(place: str, tracks: Int[np.ndarray, " person"]) -> None:
    if (tracks < 0).any():
        raise VidposeError(f"{place} people have no track id, which tracking needs")
    if len(np.unique(tracks)) < len(tracks):
        twice = next(each for each in tracks.tolist() if (tracks == each).sum() > 1)
        raise VidposeError(f"{place} people have the track id {twice} twice")


def _last(curves_of_joints: list[np.ndarray]) -> np.ndarray:
    """The end of each curve, where all predictions are taken in; 0 without predictions."""
    return np.array([curve[-1] if len(curve) else 0.0 for curve in curves_of_joints])


def _by_joint(counts: Int[np.ndarray, "15"]) -> dict[str, int]:
    return dict(zip(POSETRACK15.joints, counts.tolist(), strict=True))


def _intervals(frames: Sequence[MatchedFrame], resamples: int, seed: int, kit: bool) -> Intervals:
    values = 100 * resampled_precision(frames, _JOINTS, resamples, seed, at_least_one=kit)
    columns = column_values(values)
    return Intervals(
        level=_LEVEL,
        resamples=resamples,
        mean=interval(mean_of_numbers(values), _LEVEL),
        limbs=interval(limb_mean(values), _LEVEL),
        columns={name: interval(columns[:, number], _LEVEL) for number, name in enumerate(COLUMNS)},
    )


def _tracking(sequences: Sequence[Sequence[MatchedFrame]]) -> Tracking:
    counts = sum((clear_mot(frames, _JOINTS) for frames in sequences), MotCounts.nothing(_JOINTS))
    scores = hota_scores([count_hota(frames, _JOINTS) for frames in sequences])
    names = ("objects", "matches", "switches", "misses", "false_positives")
    return Tracking(
        mota=Scores.of(counts.mota),
        motp=Scores.of(counts.motp),
        motp_once=Scores.of(counts.motp_once),
        precision=Scores.of(counts.precision),
        recall=Scores.of(counts.recall),
        counts={name: _by_joint(getattr(counts, name)) for name in names},
        hota={
            name: HotaScores(
                joints=dict(zip(POSETRACK15.joints, 100 * values.mean(axis=0), strict=False)),
                total=float(100 * values[:, -1].mean()),
                total_per_alpha=(100 * values[:, -1]).tolist(),
            )
            for name, values in scores.items()
            if name not in ("TP", "FN", "FP")
        },
    )
