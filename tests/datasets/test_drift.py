import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidpose.datasets.drift import draw_drift

SEEDS = st.integers(0, 2**32 - 1)
FINE = 200


@given(SEEDS, st.integers(1, 40))
def test_a_view_is_never_faster_nor_farther_than_it_may_be(seed: int, frames: int) -> None:
    drift = draw_drift(np.random.default_rng(seed), frames)
    times = np.linspace(0, frames - 1, FINE * frames)
    path = drift.at(times)
    assert np.isfinite(path).all()
    # The largest values are found on a coarser grid than this one.
    assert (np.abs(path).max(axis=0) <= np.array([0.4, 0.4, 0.25, 0.35]) * 1.05 + 1e-9).all()
    if frames > 1:
        steps = np.diff(path, axis=0) / np.diff(times)[:, None]
        assert np.hypot(*steps[:, :2].T).max() <= 0.12 * 1.05


@given(SEEDS)
def test_a_view_moves_without_jolts(seed: int) -> None:
    times = np.linspace(0, 15, 15 * FINE + 1)
    path = draw_drift(np.random.default_rng(seed), 16).at(times)
    speed = np.diff(path, axis=0) * FINE
    # The shortest wave of 10 frames changes its speed by at most 2 pi / 10 of it a frame.
    bend = np.abs(np.diff(speed, axis=0)).max(axis=0) * FINE
    assert (bend <= 2 * np.pi / 10 * 3 * 3 * np.maximum(np.abs(speed).max(axis=0), 1e-6)).all()


def test_most_views_are_slow_and_some_are_fast() -> None:
    times = np.linspace(0, 15, 301)
    fastest = []
    for seed in range(200):
        path = draw_drift(np.random.default_rng(seed), 16).at(times)[:, :2]
        fastest.append(np.linalg.norm(np.diff(path, axis=0), axis=1).max() * 20)
    assert 0.1 < np.mean(np.array(fastest) > 0.042) < 0.4
    assert np.median(fastest) == pytest.approx(0.03, abs=0.012)


def test_the_same_seed_gives_the_same_motion() -> None:
    first, second = (draw_drift(np.random.default_rng(3), 8).at(np.arange(8.0)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
