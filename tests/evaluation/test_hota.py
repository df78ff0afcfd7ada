from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from small_scenes import JOINTS, POSE, matched, person, random_scene, sequence

from vidpose.evaluation.frames import Protocol
from vidpose.evaluation.hota import ALPHAS, REACH, count_hota, hota_scores
from vidpose.evaluation.matching import MatchedFrame


def literal(frames: Sequence[MatchedFrame], joint: int, alpha: float) -> dict[str, float]:
    """One joint at one threshold, from the definition: a sum over true positives."""
    pairs: list[tuple[int, int, int, float]] = []
    lengths: dict[int, int] = {}
    track_lengths: dict[int, int] = {}
    for time, frame in enumerate(frames):
        truth, found = frame.pair.truth, frame.pair.predictions
        people = [g for g in range(len(truth)) if truth.there[g, joint]]
        answers = [p for p in range(len(found)) if found.there[p, joint]]
        for g in people:
            lengths[truth.tracks[g]] = lengths.get(truth.tracks[g], 0) + 1
        for p in answers:
            track_lengths[found.tracks[p]] = track_lengths.get(found.tracks[p], 0) + 1
        if not people or not answers:
            continue
        similarity = 1 - frame.distance[np.ix_(answers, people)][..., joint] / 0.5001
        rows, columns = linear_sum_assignment(-np.maximum(similarity, 0))
        pairs += [
            (time, truth.tracks[people[c]], found.tracks[answers[r]], similarity[r, c])
            for r, c in zip(rows, columns, strict=True)
            if similarity[r, c] >= alpha
        ]
    hits = max(len(pairs), 1)
    sums = dict.fromkeys(("AssA", "AssRe", "AssPr", "FragA", "LocA"), 0.0)
    for time, person_id, track, similar in pairs:
        together = sum((p, t) == (person_id, track) for _, p, t, _ in pairs)
        history = [(when, t) for when, p, t, _ in sorted(pairs) if p == person_id]
        at = history.index((time, track))
        start = end = at
        while start > 0 and history[start - 1][1] == track:
            start -= 1
        while end + 1 < len(history) and history[end + 1][1] == track:
            end += 1
        union = lengths[person_id] + track_lengths[track] - together
        sums["AssA"] += together / union
        sums["AssRe"] += together / lengths[person_id]
        sums["AssPr"] += together / track_lengths[track]
        sums["FragA"] += (end - start + 1) / union
        sums["LocA"] += similar
    return {name: value / hits for name, value in sums.items()} | {"TP": len(pairs)}


@pytest.mark.parametrize("seed", range(3))
def test_the_literal_version_agrees(seed: int) -> None:
    frames = matched(*random_scene(seed, frames=8))
    scores = hota_scores([count_hota(frames, JOINTS)])
    for number in (0, 6, 12):
        for joint in range(JOINTS):
            wanted = literal(frames, joint, float(ALPHAS[number]))
            for name, value in wanted.items():
                if name != "LocA" or wanted["TP"]:
                    assert scores[name][number, joint] == pytest.approx(value), (name, joint)


def test_without_people_there_is_nothing_but_misses_or_alarms() -> None:
    nobody, somebody = sequence([], []), sequence([person()], [person()])
    seen = count_hota(matched(somebody, nobody), JOINTS)
    assert (seen.misses == 2).all() and not seen.positives.any() and not seen.alarms.any()
    scores = hota_scores([count_hota([], JOINTS)])
    assert not scores["HOTA"].any()
    assert (scores["LocA"] == 1).all()


def test_perfect_tracks_are_perfect() -> None:
    scene = sequence(*[[person(track=4), person(POSE + 300, 9)]] * 3)
    scores = hota_scores([count_hota(matched(scene, scene), JOINTS)])
    for name, values in scores.items():
        if name not in ("TP", "FN", "FP"):
            np.testing.assert_allclose(values, 1)


def test_a_return_to_an_old_track_is_a_fragment_where_association_sees_none() -> None:
    truth = sequence(*[[person()]] * 3)
    found = sequence(*([person(track=track)] for track in (1, 2, 1)))
    scores = hota_scores([count_hota(matched(truth, found), JOINTS)])
    np.testing.assert_allclose(scores["AssA"], (2 * 2 / 3 + 1 / 3) / 3)
    np.testing.assert_allclose(scores["FragA"], 1 / 3)
    np.testing.assert_allclose(scores["FA-HOTA"] ** 4, scores["AssA"] * scores["FragA"])


def test_a_frame_without_predictions_adds_the_misses_of_the_whole_sequence() -> None:
    truth = sequence(*[[person()]] * 4)
    found = sequence([person()], [], [person()], [person()])
    counts = count_hota(matched(truth, found, Protocol.POSETRACK21), JOINTS)
    # Three frames are found; the other one counts as all four.
    assert (counts.positives == 3).all()
    assert (counts.misses == 4).all()
    assert not counts.alarms.any()


def test_a_frame_without_anybody_adds_the_alarms_of_the_whole_sequence_and_no_misses() -> None:
    scene = sequence([person()], [person()], [])
    counts = count_hota(matched(scene, scene, Protocol.POSETRACK21), JOINTS)
    assert (counts.positives == 2).all()
    assert not counts.misses.any()
    assert (counts.alarms == 2).all()


def test_a_similarity_at_the_threshold_counts_whatever_its_rounding() -> None:
    [frame] = matched(sequence([person()]), sequence([person()]))
    for number, alpha in enumerate(ALPHAS):
        distance = np.full_like(frame.distance, (1 - alpha) * REACH)
        counts = count_hota([replace(frame, distance=distance)], JOINTS)
        assert (counts.positives[: number + 1] == 1).all()
        assert not counts.positives[number + 1 :].any()


def test_pairs_are_those_of_the_largest_total_not_the_most_pairs() -> None:
    # One joint in the middle of two people: near the first, barely near the second.
    truth = sequence([person(POSE, 1), person(POSE + [14.0, 0.0], 2)])
    found = sequence([person(POSE + [-14.9, 0.0], 1), person(POSE, 2)])
    counts = count_hota(matched(truth, found), JOINTS)
    np.testing.assert_allclose(counts.similarity[0], 1)
    assert (counts.positives[0] == 1).all()
