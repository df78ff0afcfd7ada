from collections.abc import Sequence

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from small_scenes import JOINTS, POSE, matched, person, random_scene, sequence

from vidpose.evaluation.clear_mot import clear_mot
from vidpose.evaluation.frames import Protocol
from vidpose.evaluation.matching import MatchedFrame


def literal(frames: Sequence[MatchedFrame], joint: int) -> dict[str, float]:
    """One joint, an object at a time, with dictionaries."""
    count = dict.fromkeys(
        ("objects", "matches", "switches", "misses", "false_positives", "distance"), 0.0
    )
    last: dict[int, int] = {}
    for frame in frames[:-1]:
        truth, found = frame.pair.truth, frame.pair.predictions
        if not len(truth) or not len(found):
            for name in ("objects", "misses", "false_positives"):
                count[name] += 1
            continue
        objects = {int(truth.tracks[g]): g for g in range(len(truth)) if truth.there[g, joint]}
        tracks = {int(found.tracks[p]): p for p in range(len(found)) if found.there[p, joint]}
        near = {
            (o, t): frame.distance[p, g, joint]
            for o, g in objects.items()
            for t, p in tracks.items()
            if frame.distance[p, g, joint] <= 0.5
        }
        pairs: dict[int, int] = {}
        for o in objects:
            if o in last and (o, last[o]) in near and last[o] not in pairs.values():
                pairs[o] = last[o]
        rest = [o for o in objects if o not in pairs]
        free = [t for t in tracks if t not in pairs.values()]
        if rest and free:
            cost = np.array([[near.get((o, t), 1e4) for t in free] for o in rest])
            for row, column in zip(*linear_sum_assignment(cost), strict=True):
                if cost[row, column] < 1e4:
                    o, t = rest[row], free[column]
                    count["switches"] += o in last
                    pairs[o] = t
        last |= pairs
        count["objects"] += len(objects)
        count["misses"] += len(objects) - len(pairs)
        count["false_positives"] += len(tracks) - len(pairs)
        count["matches"] += len(pairs)
        count["distance"] += sum(near[pair] for pair in pairs.items())
    count["matches"] -= count["switches"]
    return count


@pytest.mark.parametrize("seed", range(12))
def test_the_literal_version_agrees(seed: int) -> None:
    frames = matched(*random_scene(seed, frames=10, people=2 + seed % 4))
    counts = clear_mot(frames, JOINTS)
    for joint in range(JOINTS):
        for name, value in literal(frames, joint).items():
            assert getattr(counts, name)[joint] == pytest.approx(value), (name, joint)


def test_no_frame_or_only_one_counts_nothing() -> None:
    scene = sequence([person()])
    for frames in ([], matched(scene, scene)):
        counts = clear_mot(frames, JOINTS)
        assert not counts.objects.any()
        assert np.isnan(counts.mota).all()
        assert np.isnan(counts.motp).all()


def test_perfect_tracks_are_perfect_and_the_last_frame_is_left_out() -> None:
    scene = sequence([person()], [person()], [person(POSE + 9)])
    counts = clear_mot(matched(scene, scene), JOINTS)
    assert (counts.objects == 2).all()
    assert (counts.mota == 1).all()
    assert (counts.motp == 1).all()


def test_a_frame_with_nobody_on_a_side_counts_one_of_each() -> None:
    truth = sequence([person(track=1), person(POSE + 300, 2)], [person()])
    counts = clear_mot(matched(truth, sequence([], [person()])), JOINTS)
    for name in ("objects", "misses", "false_positives"):
        assert (getattr(counts, name) == 1).all()


def test_nobody_found_where_nobody_is_costs_nothing() -> None:
    scene = sequence([person()], [], [person()], [person()])
    counts = clear_mot(matched(scene, scene, Protocol.POSETRACK21), JOINTS)
    assert (counts.objects == 2).all() and (counts.mota == 1).all()
    found = sequence([person()], [person()], [person()], [person()])
    counts = clear_mot(matched(scene, found, Protocol.POSETRACK21), JOINTS)
    assert (counts.false_positives == 1).all()


@pytest.mark.parametrize("numbered", [False, True])
def test_people_without_joints_are_somebody_only_in_the_newer_layout(numbered: bool) -> None:
    empty = person(there=np.zeros(JOINTS, dtype=bool))
    truth = sequence([empty], [person()], numbered=numbered)
    found = sequence([person(), person(POSE + 300, 1)], [person()], numbered=numbered)
    counts = clear_mot(matched(truth, found), JOINTS)
    assert (counts.objects == (0 if numbered else 1)).all()
    assert (counts.false_positives == (2 if numbered else 1)).all()


def test_an_identity_that_changes_back_is_two_switches() -> None:
    truth = sequence(*[[person()]] * 4)
    found = sequence(*([person(track=track)] for track in (1, 2, 1, 1)))
    counts = clear_mot(matched(truth, found), JOINTS)
    assert (counts.switches == 2).all()
    assert (counts.matches == 1).all()
    np.testing.assert_allclose(counts.mota, 1 / 3)


def test_a_track_that_is_kept_wins_over_a_nearer_one() -> None:
    truth = sequence(*[[person()]] * 3)
    near, far = POSE + [1.0, 0.0], POSE + [9.0, 0.0]
    found = sequence([person(far, 1)], [person(near, 2), person(far, 1)], [person()])
    counts = clear_mot(matched(truth, found), JOINTS)
    assert not counts.switches.any()
    np.testing.assert_allclose(counts.distance, 2 * 9 / 30)


def test_a_handed_over_track_lists_its_distance_again() -> None:
    there = POSE + [3.0, 0.0]
    truth = sequence([person(track=1)], [person(track=2)], [person()])
    found = sequence([person(there, 7)], [person(there, 7)], [person()])
    counts = clear_mot(matched(truth, found), JOINTS)
    # Once for each of two frames; twice more for the second, as a transfer to somebody new.
    np.testing.assert_allclose(counts.motp_once, 1 - 0.1)
    np.testing.assert_allclose(counts.motp, 1 - 0.2)
