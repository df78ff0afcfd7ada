"""Clips and held windows."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidpose.frame import Frame
from vidpose.geometry import Box, CropGeometry, box_centre, box_scaled, box_size
from vidpose.windows import HeldWindow, alike, clips

OFFSETS = [(0,), (-1, 0), (0, 1), (-1, 0, 1), (-2, -1, 0, 1, 2), (-4, -1, 0, 3), (-3, 0)]


def video(count: int) -> list[Frame]:
    return [Frame(index, index / 30, np.zeros((2, 2, 3), np.uint8)) for index in range(count)]


@pytest.mark.parametrize("offsets", OFFSETS)
def test_no_frames_give_no_clips(offsets: tuple[int, ...]) -> None:
    assert list(clips([], offsets)) == []


@given(st.integers(1, 12), st.sampled_from(OFFSETS))
def test_clips_repeat_the_nearest_frame_at_the_ends(count: int, offsets: tuple[int, ...]) -> None:
    frames = video(count)
    result = list(clips(iter(frames), offsets))
    assert [key.index for key, _ in result] == list(range(count))
    for key, clip in result:
        expected = [min(max(key.index + offset, 0), count - 1) for offset in offsets]
        assert [frame.index for frame in clip] == expected


def test_a_clip_is_given_as_soon_as_its_last_frame_is_there() -> None:
    taken = 0

    def counting() -> Iterator[Frame]:
        nonlocal taken
        for frame in video(10):
            taken += 1
            yield frame

    keys = clips(counting(), (-2, 0, 2))
    assert next(keys)[0].index == 0
    assert taken == 3
    assert next(keys)[0].index == 1
    assert taken == 4


def test_looking_back_only_waits_for_nothing() -> None:
    taken = 0

    def counting() -> Iterator[Frame]:
        nonlocal taken
        for frame in video(5):
            taken += 1
            yield frame

    for count, (key, clip) in enumerate(clips(counting(), (-2, -1, 0)), start=1):
        assert taken == count
        assert clip[-1] is key


BOX = np.array([0.0, 0, 100, 100])
# A centre may be 14 % of the window's width away, which is 125 % of the box.
FARTHEST = 0.14 * 125


def held_window() -> HeldWindow:
    return HeldWindow(CropGeometry((100, 100), 1.25))


def border(box: np.ndarray, window: np.ndarray) -> float:
    """Distance of a box from the edge of its window, as a part of the window's width."""
    least = min((box[:2] - window[:2]).min(), (window[2:] - box[2:]).min())
    return float(least / (window[2] - window[0]))


def test_the_first_window_and_that_of_somebody_standing_are_those_of_exact() -> None:
    held = held_window()
    for _ in range(20):
        np.testing.assert_array_equal(held.update(BOX), held.geometry.window(BOX))


def test_a_held_window_stays_while_a_small_person_moves_about_in_it() -> None:
    held = held_window()
    # Narrow: the border on the left and right is no matter.
    box = np.array([40.0, 0, 60, 100])
    first = held.update(box)
    for x in (0.9, -0.9, 0.5, 0.95):
        np.testing.assert_array_equal(held.update(box + [x * FARTHEST, 0] * 2), first)
    assert not np.array_equal(held.update(box + [1.05 * FARTHEST, 0] * 2), first)


@pytest.mark.parametrize("side", [0, 1, 2, 3])
def test_a_limb_near_the_edge_ends_a_window_and_is_whole_in_the_next(side: int) -> None:
    held = held_window()
    first = held.update(BOX)
    outward = np.zeros(4)
    outward[side] = -1 if side < 2 else 1
    np.testing.assert_array_equal(held.update(BOX + 9 * outward), first)
    box = BOX + 11 * outward
    fresh = held.update(box)
    assert not np.array_equal(fresh, first)
    assert border(box, fresh) >= 0.02


def test_a_person_who_shrinks_gets_a_smaller_window() -> None:
    held = held_window()
    first = held.update(BOX)
    np.testing.assert_array_equal(held.update(BOX + [9, 9, -9, -9]), first)
    smaller = held.update(BOX + [11, 11, -11, -11])
    assert smaller[2] - smaller[0] < first[2] - first[0]


def test_a_window_is_laid_ahead_of_somebody_walking_and_lasts_longer() -> None:
    held = held_window()
    steps = 4.0 * np.arange(60)
    walk = [np.array([40.0 + x, 0, 60 + x, 100]) for x in steps]
    windows = [held.update(box) for box in walk]
    changes = [k for k in range(1, 60) if not np.array_equal(windows[k], windows[k - 1])]
    ahead = [(windows[k][0] + windows[k][2]) / 2 - (50 + steps[k]) for k in changes]
    assert all(offset > 0.5 * FARTHEST for offset in ahead)
    # From the middle to the edge it would be five frames.
    assert np.diff(changes).min() >= 7


@pytest.mark.parametrize("moves", [[2], [3, -1], [4, -2, 1], [4, -3, 2, 1], [2] * 7])
def test_a_window_leads_by_four_frames_at_the_mean_speed(moves: list[int]) -> None:
    held = held_window()
    box = np.array([40.0, 0, 60, 100])
    held.update(box)
    for move in moves[:-1]:
        box = box + np.tile([move, 0], 2)
        held.update(box)
    # Much smaller, the person leaves the window, whatever the drift.
    last = box_scaled(box + np.tile([moves[-1], 0], 2), 0.7)
    lead = box_centre(held.update(last)) - box_centre(last)
    np.testing.assert_allclose(lead, [4 * float(np.mean(moves)), 0], atol=1e-4)


def test_a_window_leads_no_farther_than_seventy_percent_of_what_drift_allows() -> None:
    held = held_window()
    box = np.array([40.0, 0, 60, 100])
    held.update(box)
    fast = box_scaled(box + np.array([90.0, 0, 90, 0]), 0.7)
    window = held.update(fast)
    lead = box_centre(window) - box_centre(fast)
    np.testing.assert_allclose(lead, [0.7 * 0.14 * box_size(window)[0], 0], rtol=1e-5, atol=1e-4)


def test_a_window_forgets_how_somebody_went_long_ago() -> None:
    held = held_window()
    box = np.array([40.0, 0, 60, 100])
    for move in [0] * 20 + [2] * 20:
        box = box + np.array([move, 0, move, 0])
        held.update(box)
    last = box_scaled(box + np.array([2, 0, 2, 0]), 0.7)
    lead = box_centre(held.update(last)) - box_centre(last)
    np.testing.assert_allclose(lead, [4 * 2, 0], atol=0.1)


def test_a_window_forgets_a_size_that_is_gone() -> None:
    def part_of_fresh(small_for: int) -> float:
        held = held_window()
        small = box_scaled(BOX, 0.5)
        for box in (BOX, *[small] * small_for):
            held.update(box)
        elsewhere = small + 100
        new, fresh = held.update(elsewhere), held.geometry.window(elsewhere)
        return float(box_size(new)[0] / box_size(fresh)[0])

    assert part_of_fresh(1) == pytest.approx(1.125)
    # The large one was twice as large; of what it had more, three times the 10 frames leave e^-3.
    assert 1 < part_of_fresh(30) <= 1 + np.exp(-3)


@given(st.lists(st.tuples(*[st.floats(-40, 40)] * 4), min_size=1, max_size=30), st.integers(1, 20))
def test_nobody_is_ever_cut_off_or_lost_in_a_window(
    moves: list[tuple[float, ...]], height: int
) -> None:
    geometry = CropGeometry((256, 192), 1.25)
    held = HeldWindow(geometry)
    for move in moves:
        box = np.array([-50.0, -20 * height, 50, 20 * height]) + move
        window, fresh = held.update(box), geometry.window(box)
        assert border(box, window) >= 0.0199
        assert (window[2] - window[0]) <= 1.251 * (fresh[2] - fresh[0])
        assert (window[3] - window[1]) == pytest.approx((window[2] - window[0]) * 4 / 3, rel=1e-4)
        centre, middle = (box[:2] + box[2:]) / 2, (window[:2] + window[2:]) / 2
        assert np.abs(centre - middle).max() <= 0.1401 * (window[2] - window[0])


def test_without_enlargement_every_move_leaves_the_window() -> None:
    held = HeldWindow(CropGeometry((100, 100), 1.0))
    held.update(BOX)
    for x in (3.0, 5.0):
        np.testing.assert_allclose(held.update(BOX + x), BOX + x)


def test_a_box_of_no_size_has_a_window() -> None:
    held = held_window()
    for x in (5.0, 5.0, 9.0):
        window = held.update(np.full(4, x))
        assert np.isfinite(window).all() and (window[2:] > window[:2]).all()


FRESH = np.array([0.0, 0, 100, 200])


@pytest.mark.parametrize("direction", [(1, 0), (-1, 0), (0, 1), (0, -1)])
def test_windows_are_alike_up_to_six_percent_of_the_fresh_ones_width_apart(
    direction: tuple[int, int],
) -> None:
    def beside(part: float, seen: Box) -> Box:
        return np.asarray(seen + part * 100 * np.tile(direction, 2))

    for seen in (FRESH, box_scaled(FRESH, 1.1), box_scaled(FRESH, 1 / 1.1)):
        assert alike(beside(0.059, seen), FRESH)
        assert not alike(beside(0.061, seen), FRESH)


def test_windows_are_alike_up_to_a_size_1_15_times_as_large_or_as_small() -> None:
    for inside, outside in ((1.14, 1.16), (1 / 1.14, 1 / 1.16)):
        assert alike(box_scaled(FRESH, inside), FRESH)
        assert not alike(box_scaled(FRESH, outside), FRESH)
