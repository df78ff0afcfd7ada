from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidpose.video.clock import Clock

STEP = 0.04


@given(st.lists(st.none() | st.floats(-1e6, 1e6), max_size=50))
def test_times_always_increase(reported: list[float | None]) -> None:
    clock = Clock(STEP)
    times = [clock(time) for time in reported]
    assert all(a < b for a, b in pairwise(times))


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=50), st.integers(-10_000, 10_000))
def test_increasing_times_are_only_shifted(gaps: list[int], start: int) -> None:
    reported = [(start + sum(gaps[:k])) / 1000 for k in range(len(gaps))]
    clock = Clock(STEP, origin=start / 1000)
    assert [clock(time) for time in reported] == pytest.approx([t - start / 1000 for t in reported])


@pytest.mark.parametrize(
    ("reported", "expected"),
    [
        ([None, None, None], [0, 0.04, 0.08]),
        ([5.0, None, 5.08], [0, 0.04, 0.08]),
        ([None, 7.0, 7.04], [0, 0.04, 0.08]),
        # One frame out of turn does not delay those after it.
        ([0.0, 0.04, 0.12, 0.08, 0.16], [0, 0.04, 0.12, 0.121, 0.16]),
        # A clock that starts again goes on from where it was.
        ([60.0, 60.04, 0.0, 0.04], [0, 0.04, 0.08, 0.12]),
    ],
)
def test_faulty_times(reported: list[float | None], expected: list[float]) -> None:
    clock = Clock(STEP)
    assert [clock(time) for time in reported] == pytest.approx(expected, abs=1e-9)
