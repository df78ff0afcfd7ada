"""Whom the detector's joints lead to, and whose a joint is."""

from dataclasses import replace

import numpy as np

from vidpose.crowd import credible, people, settle, subjects
from vidpose.estimator import Pose
from vidpose.geometry import box_area, oks
from vidpose.skeleton import COCO17
from vidpose.track import Track

SHAPE = np.random.default_rng(0).uniform([0, 0], [44, 104], (17, 2))
SIGMAS = np.array(COCO17.sigmas)
SURE = np.full(17, 0.9)


def track(track_id: int, x: float = 0.0, *, detected: bool = True, joints: bool = True) -> Track:
    box = np.array([x, 0, x + 44, 104])
    keypoints = SHAPE + [x, 0] if joints else None
    scores = np.full(17, 0.4) if joints else None
    return Track(track_id, box, 0.5, keypoints, scores, detected)


def pose(x: float) -> Pose:
    return Pose(SHAPE + [x, 0], SURE)


def test_nobody() -> None:
    assert subjects([]) == []
    assert settle([], [], SIGMAS) == []


def test_alone_the_detector_is_trusted_as_far_as_it_is_sure() -> None:
    (alone,) = subjects([track(1)])
    assert alone.keypoint_scores is not None
    np.testing.assert_allclose(alone.keypoint_scores, 0.6)
    (sure,) = subjects([replace(track(1), keypoint_scores=np.full(17, 0.9))])
    assert sure.keypoint_scores is not None
    np.testing.assert_array_equal(sure.keypoint_scores, 1)


def test_in_a_crowd_it_is_trusted_in_full_and_stale_joints_half() -> None:
    crowded = subjects([track(1), track(2, 20)])
    assert all(np.all(person.keypoint_scores == 1) for person in crowded)
    (stale,) = subjects([track(1, detected=False)])
    assert stale.keypoint_scores is not None
    np.testing.assert_allclose(stale.keypoint_scores, 0.3)


def test_a_detector_without_joints_leaves_no_prior() -> None:
    (person,) = subjects([track(1, joints=False)])
    assert person.keypoints is None and person.keypoint_scores is None


def test_poses_apart_are_left_as_they_are() -> None:
    poses = [pose(1), pose(29)]
    for before, after in zip(poses, settle([track(1), track(2, 30)], poses, SIGMAS), strict=True):
        np.testing.assert_array_equal(before.keypoints, after.keypoints)
        np.testing.assert_array_equal(before.scores, after.scores)


def test_a_limb_claimed_twice_goes_to_whom_the_detector_saw_with_it() -> None:
    limb = slice(11, 17)
    first, second = pose(0), pose(30)
    second.keypoints[limb] = first.keypoints[limb] + 0.5  # the network followed the wrong legs
    kept, corrected = settle([track(1), track(2, 30)], [first, second], SIGMAS)
    np.testing.assert_array_equal(kept.keypoints, first.keypoints)
    np.testing.assert_allclose(corrected.keypoints[limb], (SHAPE + [30, 0])[limb])
    np.testing.assert_allclose(corrected.scores[limb], 0.4)
    np.testing.assert_allclose(corrected.scores[:11], 0.9)


def test_the_order_of_people_does_not_matter() -> None:
    tracks, poses = [track(1), track(2, 30)], [pose(0), pose(1)]
    forth = settle(tracks, poses, SIGMAS)
    back = settle(tracks[::-1], poses[::-1], SIGMAS)[::-1]
    for a, b in zip(forth, back, strict=True):
        np.testing.assert_array_equal(a.keypoints, b.keypoints)


def test_people_whom_the_detector_saw_in_one_place_keep_their_answers() -> None:
    tracks, poses = [track(1), track(2, 0.1)], [pose(0), pose(0.1)]
    for before, after in zip(poses, settle(tracks, poses, SIGMAS), strict=True):
        np.testing.assert_array_equal(before.keypoints, after.keypoints)


def test_somebody_missed_who_is_seen_only_in_another_is_not_credible() -> None:
    tracks = [track(1), track(2, 30, detected=False)]
    front, hidden = settle(tracks, [pose(0), pose(0)], SIGMAS)
    assert credible(tracks[0], front)
    assert not credible(tracks[1], hidden)
    assert credible(tracks[1], pose(30))


def test_a_weak_detection_in_which_the_network_sees_nobody_is_not_credible() -> None:
    blank = Pose(SHAPE, np.full(17, 0.1))
    assert credible(track(1), blank)
    assert not credible(replace(track(1), score=0.15), blank)
    assert credible(replace(track(1), score=0.15), pose(0))


def test_the_network_must_be_surer_of_whom_the_detector_missed_than_of_the_not_asked_about() -> (
    None
):
    unasked = track(1, detected=False)
    weak, missed = replace(track(1), score=0.15), replace(unasked, missed=True)
    for score, expected in ((0.31, (True, True, True)), (0.25, (True, True, False))):
        answer = Pose(SHAPE, np.full(17, score))
        assert tuple(credible(each, answer) for each in (unasked, weak, missed)) == expected
    assert not credible(unasked, Pose(SHAPE, np.full(17, 0.19)))
    # The mean counts, not the best joint.
    assert not credible(missed, Pose(SHAPE, np.linspace(0.0, 0.5, 17)))


def test_joints_that_the_detector_did_not_see_lead_nobody_and_are_given_to_nobody() -> None:
    unseen = np.full(17, 0.4)
    unseen[11:] = 0
    blind = replace(track(2, 30), keypoint_scores=unseen)
    assert blind.keypoints is not None
    blind.keypoints[11:] = 0
    trust = subjects([track(1), blind])[1].keypoint_scores
    assert trust is not None
    assert trust.tolist() == [1.0] * 11 + [0.0] * 6
    _, second = settle([track(1), blind], [pose(0), pose(0.5)], SIGMAS)
    np.testing.assert_array_equal(second.keypoints[11:], pose(0.5).keypoints[11:])


def test_one_person_without_joints_does_not_stop_the_others_from_being_told_apart() -> None:
    tracks = [track(1), track(2, 30), track(3, 500, joints=False)]
    _, second, third = settle(tracks, [pose(0), pose(0.5), pose(500)], SIGMAS)
    np.testing.assert_allclose(second.keypoints, SHAPE + [30, 0])
    np.testing.assert_array_equal(third.keypoints, pose(500).keypoints)


def test_of_two_tracks_with_one_pose_the_older_is_the_person() -> None:
    assert people([], [], SIGMAS) == []
    tracks = [track(7), track(2, 3), track(4, 300)]
    assert people(tracks, [pose(0), pose(1), pose(300)], SIGMAS) == [False, True, True]
    assert people(tracks[:2], [pose(0), pose(30)], SIGMAS) == [True, True]
    left = replace(tracks[1], detected=False, missed=True)
    blank = Pose(pose(1).keypoints, np.zeros(17))
    assert people([tracks[0], left], [pose(0), blank], SIGMAS) == [True, False]


def test_two_poses_are_one_person_from_an_oks_of_six_tenths_on() -> None:
    tracks = [track(1), track(2)]
    areas = np.array([box_area(each.box) for each in tracks])
    outcomes = set()
    for x in np.linspace(0, 20, 21):
        poses = [pose(0), pose(x)]
        similar = oks(poses[0].keypoints[None], poses[1].keypoints[None], areas[:1], SIGMAS)[0, 0]
        assert people(tracks, poses, SIGMAS) == [True, similar <= 0.6]
        outcomes.add(int(10 * similar))
    assert {5, 6, 7, 8, 9} <= outcomes


def test_of_a_child_and_a_grown_up_the_child_says_what_is_one_place() -> None:
    far = 400.0
    grown_up, seen = track(1), SHAPE / 4 + [far, 0]
    child = replace(track(2, far), box=np.array([far, 0, far + 11, 26]), keypoints=seen)
    # Both answer in one place but for a gap d, at which one joint's OKS is exp(-d^2 / (2 s k^2)).
    k = 2 * SIGMAS
    for part, moved in ((0.9, True), (1.1, False)):
        # A part of the gap where it is a half for the child, whose area is the sixteenth.
        gap = part * np.sqrt(2 * box_area(child.box) * k**2 * np.log(2))
        answers = [pose(0), Pose(SHAPE + np.stack([gap, 0 * gap], axis=-1), SURE)]
        _, second = settle([grown_up, child], answers, SIGMAS)
        expected = seen if moved else answers[1].keypoints
        np.testing.assert_allclose(second.keypoints, expected)
