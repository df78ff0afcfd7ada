"""The tracker, shown scripted people."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import (
    Actor,
    H,
    Scene,
    Story,
    between,
    box_of,
    boxes,
    crossing,
    ids,
    new_tracker,
    play,
    times,
    walk,
)

from vidpose.detect.base import Detections
from vidpose.skeleton import COCO17
from vidpose.track import Tracker

NOBODY = Detections(np.zeros((0, 4)), np.zeros(0))


# Degenerate input.


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_a_gap_that_is_no_time_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="max_gap is"):
        Tracker(COCO17.sigmas, max_gap=seconds)


def test_nobody_ever() -> None:
    tracker = new_tracker()
    assert all(tracker.update(NOBODY, t) == [] for t in times(1, 10))
    assert tracker.carry(2) == []


def test_one_frame() -> None:
    scene = Scene((Actor(walk(500, 0)),))
    detections, _ = scene.detect(0, np.random.default_rng(0))
    (track,) = new_tracker().update(detections, 0)
    assert track.id == 1
    assert track.detected
    assert track.score == detections.scores[0]
    assert track.keypoints is not None and detections.keypoints is not None
    np.testing.assert_allclose(track.box, detections.boxes[0], rtol=1e-6)
    np.testing.assert_allclose(track.keypoints, detections.keypoints[0], rtol=1e-6)


def test_boxes_without_joints() -> None:
    tracker = new_tracker()
    first = tracker.update(boxes([0, 0, 10, 30], [50, 0, 60, 30]), 0)
    second = tracker.update(boxes([51, 0, 61, 30], [1, 0, 11, 30]), 0.1)
    assert ids(first) == ids(second) == [1, 2]
    np.testing.assert_allclose([track.box[0] for track in second], [1, 51])
    assert second[0].keypoints is None and second[0].keypoint_scores is None


def test_boxes_of_no_size() -> None:
    tracker = new_tracker()
    for t in times(1, 10):
        tracks = tracker.update(boxes([5, 5, 5, 5]), t)
        assert ids(tracks) == [1]
        assert np.isfinite(tracks[0].box).all()


def test_a_weak_detection_is_somebody_new_only_the_second_time() -> None:
    tracker = new_tracker()
    assert tracker.update(NOBODY, 0) == []
    assert tracker.update(boxes([0, 0, 100, 300], score=0.15), 0.1) == []
    assert tracker.update(boxes([500, 0, 600, 300], score=0.15), 0.2) == []  # another place
    (new,) = tracker.update(boxes([505, 0, 605, 300], score=0.15), 0.3)
    assert (new.id, new.detected) == (1, True)


def test_a_weak_detection_waits_for_no_longer_than_the_detectors_next_look() -> None:
    tracker = new_tracker()
    weak = boxes([0, 0, 100, 300], score=0.15)
    looks = [NOBODY, weak, NOBODY, weak, weak]
    found = [ids(tracker.update(look, i / 10)) for i, look in enumerate(looks)]
    assert found == [[], [], [], [], [1]]


def test_in_the_first_frame_a_weak_detection_is_somebody_at_once() -> None:
    tracker = new_tracker()
    assert [t.id for t in tracker.update(boxes([0, 0, 100, 300], score=0.15), 0)] == [1]
    assert new_tracker().update(boxes([0, 0, 100, 300], score=0.11), 0) == []


def test_weak_detections_keep_somebody_known() -> None:
    tracker = new_tracker()
    tracker.update(boxes([0, 0, 100, 300], score=0.6), 0)
    (known,) = tracker.update(boxes([2, 0, 102, 300], score=0.11), 0.1)
    assert (known.id, known.detected, known.missed) == (1, True, False)
    assert not tracker.update(boxes([2, 0, 102, 300], score=0.05), 0.2)[0].detected


def test_a_sure_detection_goes_before_a_weak_one() -> None:
    tracker = new_tracker()
    tracker.update(boxes([0, 0, 100, 300]), 0)
    both = Detections(np.array([[0, 0, 100, 300], [9, 0, 109, 300.0]]), np.array([0.15, 0.6]))
    (track,) = tracker.update(both, 0.1)
    assert (track.id, track.box[0]) == (1, 9)


def test_a_second_detection_of_somebody_is_nobody_new() -> None:
    tracker = new_tracker()
    twice = boxes([0, 0, 100, 300], [4, 0, 104, 300])
    assert [ids(tracker.update(twice, t)) for t in times(0.5, 10)] == [[1]] * 6


def test_from_an_iou_of_seven_tenths_on_a_second_detection_is_nobody_new() -> None:
    for width, expected in ((72, [1]), (68, [1, 2])):
        found = boxes([0, 0, 100, 300], [0, 0, width, 300])
        assert ids(new_tracker().update(found, 0)) == expected


def test_another_box_with_the_joints_of_somebody_is_nobody_new() -> None:
    pose = Actor(walk(500, 0)).pose(0)
    whole = box_of(pose)
    # Legs cut off, the boxes alone are of two people.
    upper = whole * [1, 1, 1, 0] + [0, 0, 0, whole[1:4:2].mean()]
    twice = Detections(
        np.stack([whole, upper]), np.array([0.6, 0.5]), np.stack([pose, pose]), np.ones((2, 17))
    )
    assert ids(new_tracker().update(twice, 0)) == [1]
    assert ids(new_tracker().update(Detections(twice.boxes, twice.scores), 0)) == [1, 2]


@pytest.mark.parametrize("height", [30.0, 300.0, 3000.0])
@pytest.mark.parametrize("unseen", [0.1, 0.4])
def test_the_reach_is_in_heights_and_grows_with_the_time_unseen(
    height: float, unseen: float
) -> None:
    box = [0.0, 0.0, height / 3, height]
    for part, expected in ((0.98, 1), (1.02, 2)):
        tracker = new_tracker()
        tracker.update(boxes(box), 0)
        # As the arguments' defaults say.
        away = part * (0.75 + 2 * unseen) * height
        *_, found = tracker.update(boxes([box[0], box[1] + away, box[2], box[3] + away]), unseen)
        assert (found.id, found.detected) == (expected, True)


@pytest.mark.parametrize("pts", [[0, 0, 0], [5, 4, 3], [0, 1e9, 0]])
def test_broken_clocks(pts: list[float]) -> None:
    tracker = new_tracker()
    for t in pts:
        (track,) = tracker.update(boxes([0, 0, 100, 300]), t)
        assert np.isfinite(track.box).all() and track.detected


def test_clock_that_starts_again_forgets_at_the_same_pace() -> None:
    tracker = new_tracker()
    tracker.update(boxes([0, 0, 100, 300]), 100)
    tracker.update(boxes([0, 0, 100, 300]), 0)
    assert tracker.update(NOBODY, 0.1)
    assert not tracker.update(NOBODY, 1.3)
    assert ids(tracker.update(boxes([0, 0, 100, 300]), 2)) == [2]


def test_fifty_people() -> None:
    crowd = tuple(Actor(walk(90 * i, 20 * (-1) ** i), 150, phase=i / 50) for i in range(50))
    story = play(Scene(crowd), new_tracker(), times(1, 15))
    assert story.switches() == 0
    assert len({ids[0] for ids in story.ids}) == 50


# Leaving and coming back.


def gap(seconds: float, fps: float, speed: float, seed: int, joints: bool) -> Story:
    scene = Scene(
        (Actor(walk(300, speed * H)),), between(1, 1 + seconds, 0), noise=0.03, joints=joints
    )
    return play(scene, new_tracker(), times(3, fps), seed)


@pytest.mark.parametrize("joints", [True, False])
@pytest.mark.parametrize("fps", [10, 30])
@pytest.mark.parametrize("speed", [0.0, 0.8, 2.0])
def test_half_a_second_unseen_keeps_the_id(speed: float, fps: float, joints: bool) -> None:
    for seed in range(3):
        assert set(gap(0.5, fps, speed, seed, joints).ids[0]) == {1}


def test_a_long_gap_gives_a_new_id() -> None:
    story = gap(1.8, 30, 0.0, 0, True)
    assert set(story.ids[0]) == {1, 2}
    assert story.switches() == 1


def test_who_is_missed_coasts_then_hides() -> None:
    tracker = new_tracker()
    for t in times(1, 30):
        (seen,) = tracker.update(boxes([300 * t, 0, 300 * t + 100, 300]), t)
    (coasting,) = tracker.update(NOBODY, 1.1)
    assert (coasting.id, coasting.detected) == (1, False)
    assert 20 < coasting.box[0] - seen.box[0] < 35
    assert coasting.missed
    (later,) = tracker.update(NOBODY, 2.0)
    assert 0 < later.score < seen.score
    assert tracker.update(NOBODY, 2.2) == []
    assert ids(tracker.update(boxes([450, 0, 550, 300]), 2.3)) == [1]


def test_leaves_and_another_enters_elsewhere() -> None:
    walker, other = Actor(walk(100, 100)), Actor(walk(1500, -100))
    scene = Scene(
        (walker, other), lambda t: frozenset([i for i, on in enumerate((t < 1, t >= 3)) if not on])
    )
    story = play(scene, new_tracker(), times(4, 30))
    assert [set(ids) for ids in story.ids] == [{1}, {2}]
    assert story.frames[75] == []


def test_ids_are_never_used_again() -> None:
    tracker = new_tracker()
    places = [boxes([3000 * (i % 3), 0, 3000 * (i % 3) + 100, 300]) for i in range(12)]
    assert [tracker.update(place, 2.0 * i)[-1].id for i, place in enumerate(places)] == [
        *range(1, 13)
    ]


# Fast and odd motion.


def jump(t: float) -> tuple[float, float]:
    return 500.0, 700 - 2.4 * H * abs(np.sin(np.pi * t))


@pytest.mark.parametrize("joints", [True, False])
def test_a_jump_of_a_quarter_height_a_frame(joints: bool) -> None:
    assert max(abs(jump((i + 1) / 30)[1] - jump(i / 30)[1]) for i in range(30)) > 0.24 * H
    story = play(Scene((Actor(jump),), joints=joints), new_tracker(), times(3, 30))
    assert set(story.ids[0]) == {1}


def test_a_camera_pan() -> None:
    speed = 0.03 * 1280 * 30
    crowd = tuple(Actor(walk(300 * i, speed), H, phase=i / 4) for i in range(4))
    story = play(Scene(crowd), new_tracker(), times(1, 30))
    assert story.switches() == 0


def test_uneven_frame_times() -> None:
    steps = np.random.default_rng(1).choice([0.01, 0.033, 0.1, 0.2], size=60)
    scene = Scene(crossing(0.8, 0.8, 0.7, 0.15))
    assert play(scene, new_tracker(), np.cumsum(steps).tolist()).switches() == 0


# Frames without the detector.


def test_carried_box_follows_the_corrected_pose() -> None:
    """Somebody who turns round between two detections is followed only thanks to the poses."""
    actor = Actor(lambda t: (500 + 300 * min(t, 1) - 300 * max(t - 1, 0), 400.0))
    truth = box_of(actor.pose(1.4))
    off = {}
    for told in (True, False):
        tracker = new_tracker()
        for t in times(1.4, 30):
            pose = actor.pose(t)
            if t <= 1:
                found = Detections(box_of(pose)[None], np.ones(1), pose[None], np.ones((1, 17)))
                (track,) = tracker.update(found, t)
            else:
                (track,) = tracker.carry(t)
                assert not track.detected
            if told:
                tracker.correct(1, pose, np.ones(17))
        off[told] = abs(track.box - truth).max()
    assert off[True] < 0.15 * H < off[False]


def posed(pose: np.ndarray) -> Detections:
    return Detections(box_of(pose)[None], np.ones(1), pose[None], np.ones((1, 17)))


def test_a_corrected_pose_is_where_it_was_told_a_moment_later() -> None:
    tracker, pose = new_tracker(), Actor(walk(500, 0)).pose(0)
    for t in times(1, 30):
        tracker.update(posed(pose), t)
    tracker.carry(1.05)
    tracker.correct(1, pose + [40, 0], np.ones(17))
    (track,) = tracker.carry(1.051)
    assert track.keypoints is not None
    np.testing.assert_allclose(track.keypoints, pose + [40, 0], atol=2)


def test_a_network_that_sees_joints_elsewhere_than_the_detector_moves_nobody() -> None:
    tracker, pose = new_tracker(), Actor(walk(500, 0)).pose(0)
    elsewhere = pose + [0, 15]
    for t in times(1, 30):
        tracker.update(posed(pose), t)
        tracker.correct(1, elsewhere, np.ones(17))
    tracker.carry(1.05)
    tracker.correct(1, elsewhere, np.ones(17))
    (track,) = tracker.carry(1.051)
    np.testing.assert_allclose(track.box, box_of(pose), atol=1)


@pytest.mark.parametrize("told", [True, False])
def test_whose_place_the_poses_tell_is_not_looked_for_farther_away(told: bool) -> None:
    tracker, pose = new_tracker(), Actor(walk(500, 0)).pose(0)
    tracker.update(posed(pose), 0)
    for t in times(0.9, 10)[1:]:
        tracker.carry(t)
        if told:
            tracker.correct(1, pose, np.ones(17))
    # Farther than the reach of a tenth of a second, nearer than that of a whole one.
    *_, found = tracker.update(posed(pose + [1.5 * H, 0]), 1.0)
    assert found.id == (2 if told else 1)


def test_who_was_dropped_between_two_detections_is_forgotten_in_time() -> None:
    for seconds, expected in ((1.4, 1), (1.6, 2)):
        tracker = new_tracker()
        tracker.update(boxes([0, 0, 100, 300]), 0)
        tracker.carry(0.1)
        tracker.drop(1)
        assert tracker.carry(0.2) == []
        assert ids(tracker.update(boxes([0, 0, 100, 300]), 0.1 + seconds)) == [expected]


def test_detector_on_every_fifth_frame() -> None:
    for hidden in (between(9, 9), between(1.75, 2.25, 1)):
        scene = Scene(crossing(0.8, 0.8, 0.7, 0.15), absent=hidden)
        for seed in range(3):
            assert play(scene, new_tracker(), times(4, 30), seed, every=5).switches() == 0


def test_a_pose_found_behind_somebody_does_not_move_the_track() -> None:
    tracker = new_tracker()
    tracker.update(boxes([0, 0, 100, 300], [40, 0, 140, 300]), 0)
    tracker.update(boxes([0, 0, 100, 300]), 0.1)
    pose = Actor(walk(50, 0, 150)).pose(0)
    for t in (0.1, 0.15):
        tracker.correct(2, pose - 40 * t, np.ones(17))
        hidden = tracker.carry(t + 0.05)[1]
    assert hidden.keypoints is None
    np.testing.assert_allclose(hidden.box, [40, 0, 140, 300], atol=1)


def test_unknown_ids_are_refused() -> None:
    tracker = new_tracker()
    with pytest.raises(KeyError):
        tracker.drop(1)
    with pytest.raises(KeyError):
        tracker.correct(1, np.zeros((17, 2)), np.zeros(17))


# The order of lists.


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 6), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.booleans())
def test_order_of_detections_does_not_matter(
    people: int, place: int, order: int, joints: bool
) -> None:
    rng, shuffle = np.random.default_rng(place), np.random.default_rng(order)
    paths = [walk(rng.uniform(0, 600), rng.uniform(-300, 300)) for _ in range(people)]
    scene = Scene(tuple(Actor(path, rng.uniform(200, 300)) for path in paths), joints=joints)
    one, two = new_tracker(), new_tracker()
    for t in times(0.5, 10):
        detections, _ = scene.detect(t, rng)
        # Coarse scores tie often.
        tied = Detections(
            detections.boxes,
            np.round(detections.scores, 1),
            detections.keypoints,
            detections.keypoint_scores,
        )
        expected = one.update(tied, t)
        got = two.update(tied[shuffle.permutation(people)], t)
        assert ids(got) == ids(expected) == sorted(ids(got))
        for a, b in zip(got, expected, strict=True):
            np.testing.assert_array_equal(a.box, b.box)
            np.testing.assert_array_equal(a.keypoints, b.keypoints)
