"""HOTA with keypoint similarity, for each joint by itself, as the PoseTrack21 kit computes it.

J. Luiten et al., HOTA: A Higher Order Metric for Evaluating Multi-Object Tracking, IJCV 2021;
A. Doering et al., PoseTrack21, CVPR 2022.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from vidpose.evaluation.assignment import assign, dense
from vidpose.evaluation.matching import THRESHOLD, MatchedFrame

# Thresholds on the similarity.
ALPHAS = np.arange(0.05, 0.99, 0.05)
# The similarity falls from 1 to 0 over this distance in head sizes: a joint at the threshold of
# PCKh keeps a little of it.
REACH = THRESHOLD + 1e-4
# Association scores: those that are means over true positives.
_ASSOCIATION = ("AssA", "AssRe", "AssPr", "FragA")
_EPSILON = np.finfo(float).eps


@dataclass(frozen=True, eq=False)
class HotaCounts:
    """What was counted in one sequence, at each threshold and joint.

    Attributes:
        positives: True positives.
        misses: False negatives.
        alarms: False positives.
        similarity: Sum over true positives.
        association: Sums over true positives of AssA, AssRe, AssPr and FragA.
    """

    positives: Float[np.ndarray, "alpha joint"]
    misses: Float[np.ndarray, "alpha joint"]
    alarms: Float[np.ndarray, "alpha joint"]
    similarity: Float[np.ndarray, "alpha joint"]
    association: Float[np.ndarray, "kind alpha joint"]


@dataclass(frozen=True, eq=False)
class _Matches:
    """The pairs of one sequence, ordered by joint, person and frame."""

    joint: Int[np.ndarray, " match"]
    person: Int[np.ndarray, " match"]
    track: Int[np.ndarray, " match"]
    similarity: Float[np.ndarray, " match"]


def count_hota(frames: Sequence[MatchedFrame], joints: int) -> HotaCounts:
    """Count one sequence.

    In each frame a joint's pairs are those of the largest total similarity, 1 - d / `REACH`. As in
    the kit, a frame in which nobody is annotated (or else nobody predicted) adds the false
    positives (false negatives) of the whole sequence, not only its own, except in a sequence with
    nobody on one side. The kit stops at a frame with predictions and nobody annotated; here it is
    counted by the same rule.
    """
    persons, truth_ids = dense([frame.pair.truth.tracks for frame in frames])
    tracks, track_ids = dense([frame.pair.predictions.tracks for frame in frames])
    lengths = np.zeros((persons, joints), dtype=int)
    track_lengths = np.zeros((tracks, joints), dtype=int)
    for frame, truth, track in zip(frames, truth_ids, track_ids, strict=True):
        lengths[truth] += frame.pair.truth.there
        track_lengths[track] += frame.pair.predictions.there
    annotated, predicted = lengths.sum(axis=0), track_lengths.sum(axis=0)
    shape = (len(ALPHAS), joints)
    if not persons or not tracks:
        zero = np.zeros(shape)
        misses, alarms = np.broadcast_to(annotated, shape), np.broadcast_to(predicted, shape)
        return HotaCounts(zero, misses, alarms, zero, np.zeros((len(_ASSOCIATION), *shape)))
    matches = _match(frames, truth_ids, track_ids)
    found = [_at(alpha, matches, lengths, track_lengths) for alpha in ALPHAS]
    positives = np.array([each[0] for each in found])
    no_truth = sum(not len(ids) for ids in truth_ids)
    no_tracks = sum(len(t) > 0 and not len(p) for t, p in zip(truth_ids, track_ids, strict=True))
    seen, met = _in_shared_frames(frames, joints)
    return HotaCounts(
        positives,
        seen + no_tracks * annotated - positives,
        met + no_truth * predicted - positives,
        np.array([each[1] for each in found]),
        np.array([each[2] for each in found]).swapaxes(0, 1),
    )


def hota_scores(
    sequences: Sequence[HotaCounts],
) -> dict[str, Float[np.ndarray, "alpha joint_and_total"]]:
    """The scores over all sequences, at each threshold, of each joint and, last, in total.

    Of a joint all true positives weigh the same. The total pools the detections of all joints;
    for associations and localisation it takes the plain mean over joints in each sequence, then
    the mean over sequences weighted by their true positives.

    Returns:
        HOTA, DetA, AssA, DetRe, DetPr, AssRe, AssPr, LocA, FragA, RHOTA, FA-HOTA and FA-RHOTA in
        [0, 1]; and the counts TP, FN and FP.
    """
    positives = np.array([each.positives for each in sequences])
    scores: dict[str, np.ndarray] = {}
    for name, counts in (
        ("TP", positives),
        ("FN", np.array([each.misses for each in sequences])),
        ("FP", np.array([each.alarms for each in sequences])),
    ):
        joints = counts.sum(axis=0)
        scores[name] = np.concatenate([joints, joints.sum(axis=1, keepdims=True)], axis=1)
    hits, missed, wrong = scores["TP"], scores["FN"], scores["FP"]
    scores["DetA"] = hits / np.maximum(1, hits + missed + wrong)
    scores["DetRe"] = hits / np.maximum(1, hits + missed)
    scores["DetPr"] = hits / np.maximum(1, hits + wrong)
    for kind, name in enumerate(_ASSOCIATION):
        sums = np.array([each.association[kind] for each in sequences])
        scores[name] = _combined(sums, positives, without=0.0)
    sums = np.array([each.similarity for each in sequences])
    scores["LocA"] = _combined(sums, positives, without=1.0)
    aware = np.sqrt(scores["AssA"] * scores["FragA"])
    products = {
        "HOTA": scores["DetA"] * scores["AssA"],
        "RHOTA": scores["DetRe"] * scores["AssA"],
        "FA-HOTA": scores["DetA"] * aware,
        "FA-RHOTA": scores["DetRe"] * aware,
    }
    return {name: np.sqrt(product) for name, product in products.items()} | scores


def _combined(
    sums: Float[np.ndarray, "sequence alpha joint"],
    counts: Float[np.ndarray, "sequence alpha joint"],
    without: float,
) -> Float[np.ndarray, "alpha joint_and_total"]:
    """Means over true positives, and their total; ``without`` is the mean of none."""
    joints = _mean(sums.sum(axis=0), counts.sum(axis=0), without)
    each = _mean(sums, counts, without).mean(axis=2)
    weight = counts.sum(axis=2)
    total = _mean((each * weight).sum(axis=0), weight.sum(axis=0), without)
    return np.concatenate([joints, total[:, None]], axis=1)


def _mean(sums: np.ndarray, counts: np.ndarray, without: float) -> np.ndarray:
    return np.divide(sums, counts, out=np.full(sums.shape, without), where=counts > 0)


def _in_shared_frames(
    frames: Sequence[MatchedFrame], joints: int
) -> tuple[Int[np.ndarray, " joint"], Int[np.ndarray, " joint"]]:
    """How many joints are annotated and predicted in frames that have people on both sides."""
    seen, met = np.zeros(joints, dtype=int), np.zeros(joints, dtype=int)
    for frame in frames:
        if len(frame.pair.truth) and len(frame.pair.predictions):
            seen += frame.pair.truth.there.sum(axis=0)
            met += frame.pair.predictions.there.sum(axis=0)
    return seen, met


def _match(
    frames: Sequence[MatchedFrame],
    truth_ids: Sequence[Int[np.ndarray, " truth"]],
    track_ids: Sequence[Int[np.ndarray, " prediction"]],
) -> _Matches:
    columns: list[list[np.ndarray]] = [[np.zeros(0, int)] for _ in range(3)]
    similarities = [np.zeros(0)]
    for frame, truth, track in zip(frames, truth_ids, track_ids, strict=True):
        similarity = np.maximum(1 - frame.distance / REACH, 0.0)
        chosen = assign(similarity > 0, -similarity, most_pairs=False)
        row, person, joint = np.nonzero(chosen)
        for column, values in zip(columns, (joint, truth[person], track[row]), strict=True):
            column.append(values)
        similarities.append(similarity[chosen])
    joint, person, track = (np.concatenate(column) for column in columns)
    order = np.lexsort((person, joint))  # stable: the frames stay in order
    similarity = np.concatenate(similarities)
    return _Matches(joint[order], person[order], track[order], similarity[order])


def _at(
    alpha: float,
    matches: _Matches,
    lengths: Int[np.ndarray, "person joint"],
    track_lengths: Int[np.ndarray, "track joint"],
) -> tuple[
    Float[np.ndarray, " joint"], Float[np.ndarray, " joint"], Float[np.ndarray, "kind joint"]
]:
    """True positives at one threshold, and the sums of similarity and association over them."""
    there = matches.similarity >= alpha - _EPSILON
    joint, person, track = matches.joint[there], matches.person[there], matches.track[there]
    joints = lengths.shape[1]

    def summed(values: np.ndarray, of: np.ndarray) -> np.ndarray:
        return np.bincount(of, weights=values, minlength=joints)

    # A pair of a person and a track is together in so many frames.
    ids = (joint * len(lengths) + person) * len(track_lengths) + track
    _, first, pair, together = np.unique(
        ids, return_index=True, return_inverse=True, return_counts=True
    )
    of = joint[first]
    length, track_length = lengths[person[first], of], track_lengths[track[first], of]
    union = length + track_length - together
    # A fragment is a run of one track, frames without a match aside.
    start = np.flatnonzero(np.diff(ids, prepend=-1))
    fragment = np.diff(start, append=len(ids))
    association = [
        summed(together**2 / union, of),
        summed(together**2 / length, of),
        summed(together**2 / track_length, of),
        summed(fragment**2 / union[pair[start]], joint[start]),
    ]
    positives = np.bincount(joint, minlength=joints)
    return positives, summed(matches.similarity[there], joint), np.array(association)
