"""The tracker, shown people who pass in front of one another."""

from __future__ import annotations

import numpy as np
import pytest
from scripted import Actor, H, Scene, between, boxes, crossing, ids, new_tracker, play, times, walk

SPEEDS = [(0.3, 0.3), (0.8, 0.8), (1.5, 1.5), (0.8, 0.0), (1.2, 0.4), (0.8, -0.3)]
SIZES = [(1.0, 0.0), (0.7, 0.15)]
SEEDS = [range(3), pytest.param(range(3, 20), marks=pytest.mark.slow)]


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize(("small", "depth"), SIZES)
@pytest.mark.parametrize("speeds", SPEEDS)
def test_two_cross_and_are_seen(
    speeds: tuple[float, float], small: float, depth: float, seeds: range
) -> None:
    for seed in seeds:
        story = play(Scene(crossing(*speeds, small, depth)), new_tracker(), times(4, 30), seed)
        assert story.switches() == 0


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize(("fps", "joints"), [(10, True), (30, True), (30, False)])
@pytest.mark.parametrize(("small", "depth"), SIZES)
@pytest.mark.parametrize("speeds", SPEEDS)
def test_two_cross_and_one_hides_the_other(
    speeds: tuple[float, float], small: float, depth: float, fps: float, joints: bool, seeds: range
) -> None:
    scene = Scene(crossing(*speeds, small, depth), absent=between(1.75, 2.25, 1), joints=joints)
    for seed in seeds:
        assert play(scene, new_tracker(), times(3, fps), seed).switches() == 0


@pytest.mark.parametrize("joints", [True, False])
@pytest.mark.parametrize("speeds", [(0.8, 0.8), (1.5, 1.5), (1.2, 0.4)])
def test_two_cross_in_one_detection(speeds: tuple[float, float], joints: bool) -> None:
    scene = Scene(crossing(*speeds), merged=between(1.85, 2.15, 0, 1), joints=joints)
    for seed in range(3):
        assert play(scene, new_tracker(), times(4, 30), seed).switches() == 0


def test_both_in_one_detection_keep_their_own_boxes() -> None:
    tracker = new_tracker()
    for t in times(1, 30):
        tracker.update(boxes([300 * t, 0, 300 * t + 100, 300], [470, 0, 570, 300]), t)
    tracks = tracker.update(boxes([310, 0, 570, 300]), 1.033)
    assert ids(tracks) == [1, 2]
    assert all(np.ptp(track.box[::2]) < 140 for track in tracks)


def test_three_cross() -> None:
    third = Actor(walk(900, 0, 430), 0.9 * H, 0.5, 0.6)
    scene = Scene((*crossing(0.8, 0.8), third), absent=between(1.75, 2.25, 1))
    for seed in range(3):
        assert play(scene, new_tracker(), times(4, 30), seed).switches() == 0


def test_hidden_person_dropped_as_a_duplicate_comes_back() -> None:
    scene = Scene(crossing(0.8, 0.8), absent=between(1.75, 2.25, 1))
    tracker, rng = new_tracker(), np.random.default_rng(0)
    returned = []
    for t in times(4, 30):
        tracks = tracker.update(scene.detect(t, rng)[0], t)
        returned.append(ids(tracks))
        for track in tracks:
            if not track.detected:
                tracker.drop(track.id)
    first_missed, back = 53, 68
    assert returned[:first_missed] == [[1, 2]] * first_missed
    alone = returned[first_missed + 1]
    assert len(alone) == 1
    assert returned[first_missed + 1 : back] == [alone] * (back - first_missed - 1)
    assert returned[back:] == [[1, 2]] * (len(returned) - back)


@pytest.mark.parametrize("slow", [(0.3, 0.3), (0.8, -0.3)])
def test_gait_tells_two_apart_whose_boxes_coincide(slow: tuple[float, float]) -> None:
    scene = Scene(crossing(*slow), noise=0.01)
    for seed in range(3):
        assert play(scene, new_tracker(), times(2.5, 10), seed).switches() == 0
