"""The Kalman filter of a box: against the textbook, and what it promises."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidpose.geometry import Box
from vidpose.track.motion import Motion

BOX = np.array([100.0, 50.0, 200.0, 350.0])


def shifted(box: Box, right: float) -> Box:
    return np.asarray(box + np.array([right, 0, right, 0]))


def follow(speed: float, seconds: float, fps: float) -> Motion:
    """A box that moves to the right at ``speed`` pixels per second, seen ``fps`` times a second."""
    motion = Motion.start(BOX)
    for i in range(1, round(seconds * fps) + 1):
        motion = motion.predict(1 / fps).update(shifted(BOX, speed * i / fps))
    return motion


def test_starts_at_the_box() -> None:
    motion = Motion.start(BOX)
    np.testing.assert_allclose(motion.box, BOX)
    np.testing.assert_allclose(motion.centre, [150, 200])
    assert motion.height == 300


def test_update_is_the_bayes_product_of_two_gaussians() -> None:
    before = Motion.start(BOX).predict(0.2)
    doubt, shifted = 2.0, BOX + 30
    after = before.update(shifted, doubt)
    # For one number the posterior precision is the sum of both precisions.
    seen = 1 / (0.04 * doubt * before.height) ** 2
    known = 1 / before.covariance[0, 0, 0]
    assert after.covariance[0, 0, 0] == pytest.approx(1 / (seen + known))
    expected = (known * before.mean[0, 0] + seen * 180) / (seen + known)
    assert after.mean[0, 0] == pytest.approx(expected)


def test_unseen_box_glides_to_a_stop() -> None:
    motion = follow(300, 2, 30)
    x = [motion.predict(t).centre[0] for t in (0, 0.5, 1, 2, 100, 200)]
    assert 110 < x[1] - x[0] < 150
    assert np.all(np.diff(x) > -1e-9)
    assert x[5] - x[4] < 1e-3
    assert x[5] - x[0] < 500


def test_one_long_prediction_has_the_mean_of_many_short_ones() -> None:
    once = follow(300, 1, 30).predict(0.5)
    often = follow(300, 1, 30)
    for _ in range(10):
        often = often.predict(0.05)
    np.testing.assert_allclose(often.mean, once.mean)


@pytest.mark.parametrize("seconds", [0.1, 1.0])
def test_noise_is_that_of_white_acceleration_for_places_and_a_random_walk_for_sizes(
    seconds: float,
) -> None:
    known = Motion(Motion.start(BOX).mean, np.zeros((4, 2, 2)))
    noise = known.predict(seconds).covariance
    # A push moves the rate at once, and the value by the time that is left, here by the midpoints.
    left = (np.arange(1000) + 0.5) / 1000 * seconds
    pushes = np.stack([left, np.ones_like(left)])
    pushed = pushes @ pushes.T * seconds / len(left)
    for place in noise[:2]:
        np.testing.assert_allclose(place / place[1, 1], pushed / pushed[1, 1], rtol=1e-5)
    for size in noise[2:]:
        assert size[0, 0] > 0
        np.testing.assert_array_equal(size.flat[1:], 0)
    # The variance of both is in squared heights, and grows with time.
    half = known.predict(seconds / 2).covariance
    np.testing.assert_allclose(noise[:2, 1, 1], 2 * half[:2, 1, 1])
    np.testing.assert_allclose(noise[2:, 0, 0], 2 * half[2:, 0, 0])
    large = Motion(3 * known.mean, known.covariance).predict(seconds).covariance
    np.testing.assert_allclose(large, 9 * noise)


@pytest.mark.parametrize("fps", [10, 30, 120])
def test_learns_the_speed_at_any_frame_rate(fps: float) -> None:
    assert follow(240, 2, fps).mean[0, 1] == pytest.approx(240, rel=0.1)


def test_doubt_keeps_the_speed() -> None:
    motion = follow(240, 2, 30).predict(1 / 30)
    jumped = shifted(motion.box, 60)
    sure, doubtful = motion.update(jumped), motion.update(jumped, 6)
    assert sure.mean[0, 1] > doubtful.mean[0, 1] > motion.mean[0, 1]
    assert doubtful.mean[0, 1] < 280


def test_centre_alone_moves_the_box_but_not_its_size() -> None:
    motion = Motion.start(BOX).predict(0.1)
    moved = motion.update_centre(np.array([180.0, 210.0]))
    assert moved.centre[0] > 170
    np.testing.assert_array_equal(moved.mean[2:], motion.mean[2:])
    np.testing.assert_array_equal(moved.covariance[2:], motion.covariance[2:])


@given(
    st.lists(st.floats(1e-3, 100), min_size=1, max_size=10),
    st.tuples(*[st.floats(-1e4, 1e4)] * 4),
)
def test_covariance_stays_one_and_numbers_stay_finite(
    gaps: list[float], corners: tuple[float, ...]
) -> None:
    box = np.array(corners)
    motion = Motion.start(box)
    for gap in gaps:
        motion = motion.predict(gap).update(box)
        assert np.isfinite(motion.mean).all()
        assert np.isfinite(motion.box).all()
        assert (np.linalg.eigvalsh(motion.covariance) > -1e-6 * motion.height**2).all()


def test_a_size_of_zero_is_a_place() -> None:
    motion = Motion.start(np.array([5.0, 5.0, 5.0, 5.0])).predict(0.1).update(np.full(4, 6.0))
    assert 5 < motion.centre[0] <= 6
    assert motion.height == 1
