"""Clips and held windows."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidpose.frame import Frame
from vidpose.geometry import CropGeometry
from vidpose.windows import HeldWindow, clips

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


def test_a_held_window_follows_only_large_changes() -> None:
    held = HeldWindow(CropGeometry((100, 100), 1.25))
    box = np.array([0.0, 0, 100, 100])
    first = held.update(box)
    np.testing.assert_array_equal(held.update(box + 6), first)
    np.testing.assert_array_equal(held.update(box + [-5, -5, 5, 5]), first)
    moved = held.update(box + 7)
    np.testing.assert_allclose(moved, first + 7)
    np.testing.assert_array_equal(held.update(box + 9), moved)
    assert not np.array_equal(held.update(box * 1.3), moved)


def test_a_held_window_is_left_behind_by_a_person_who_leaves_it() -> None:
    held = HeldWindow(CropGeometry((100, 100), 1.0), shift=0.5, scale=0.5)
    box = np.array([0.0, 0, 100, 100])
    held.update(box)
    np.testing.assert_array_equal(held.update(box + 3), box + 3)
