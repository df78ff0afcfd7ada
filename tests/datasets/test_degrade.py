"""Each degradation where its result is known, and what is shared within a clip."""

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from vidpose.datasets.chance import Chance
from vidpose.datasets.colour import apply_gamma, hue_matrix, recolour, saturation_matrix
from vidpose.datasets.degrade import (
    Degradations,
    add_noise,
    degrade,
    downscale,
    gaussian_blur,
    jpeg,
    motion_blur,
)
from vidpose.datasets.occlude import Occluders, occlude

TIMES = np.arange(-1, 2)


def clip() -> np.ndarray:
    """Three different smooth frames, 64 x 48."""
    rng = np.random.default_rng(0)
    small = rng.integers(30, 220, (3, 8, 6, 3), dtype=np.uint8)
    return np.stack([cv2.resize(frame, (48, 64)) for frame in small])


def always(low: float, high: float) -> Chance:
    return Chance(probability=1, range=(low, high))


EVERYTHING = Degradations(
    occluders=Occluders(probability=1),
    gaussian_blur=always(0.5, 2),
    motion_blur=always(1, 7),
    brightness=always(-0.2, 0.2),
    contrast=always(0.7, 1.3),
    saturation=always(0.5, 1.5),
    hue=always(-20, 20),
    grayscale=0.5,
    gamma=always(0.7, 1.4),
    noise=always(2, 10),
    downscale=always(1, 3),
    jpeg=always(20, 80),
)


WITHOUT_SIGN = (
    *("gaussian_blur", "motion_blur", "contrast", "saturation", "gamma", "noise", "downscale"),
)


def test_nothing_is_changed_unless_asked() -> None:
    frames = clip()
    assert degrade(frames, TIMES, Degradations(), np.random.default_rng(0)) is frames
    never = Degradations(jpeg=Chance(probability=0, range=(10, 10)))
    assert degrade(frames, TIMES, never, np.random.default_rng(0)) is frames


@pytest.mark.parametrize("name", [*Degradations.model_fields, "everything"])
def test_every_degradation_changes_a_copy(name: str) -> None:
    whole = name == "everything"
    config = EVERYTHING if whole else Degradations(**{name: getattr(EVERYTHING, name)})
    if name == "grayscale":
        config = Degradations(grayscale=1)
    frames = clip()
    changed = degrade(frames, TIMES, config, np.random.default_rng(1))
    np.testing.assert_array_equal(frames, clip())
    assert changed.shape == frames.shape and changed.dtype == np.uint8
    assert (changed != frames).any()
    again = degrade(frames, TIMES, config, np.random.default_rng(1))
    np.testing.assert_array_equal(changed, again)


def test_one_frame_of_one_pixel_survives_everything() -> None:
    frames = np.full((1, 1, 1, 3), 128, np.uint8)
    assert degrade(frames, TIMES[:1], EVERYTHING, np.random.default_rng(0)).shape == (1, 1, 1, 3)


def test_strengths_of_nothing_change_nothing() -> None:
    frames = clip()
    np.testing.assert_array_equal(gaussian_blur(frames, np.zeros(3)), frames)
    np.testing.assert_array_equal(motion_blur(frames, np.ones(3), 0.0), frames)
    np.testing.assert_array_equal(downscale(frames, 1.0), frames)
    np.testing.assert_array_equal(apply_gamma(frames, 1.0), frames)
    np.testing.assert_array_equal(add_noise(frames, 0.0, np.random.default_rng(0)), frames)
    np.testing.assert_array_equal(recolour(frames, hue_matrix(0) @ saturation_matrix(1)), frames)


def test_colours_change_alike_in_all_frames() -> None:
    frames = np.repeat(clip()[:1], 3, axis=0)
    config = EVERYTHING.model_copy(
        update=dict.fromkeys(
            ("occluders", "gaussian_blur", "motion_blur", "noise", "downscale", "jpeg")
        )
    )
    changed = degrade(frames, TIMES, config, np.random.default_rng(2))
    np.testing.assert_array_equal(changed[0], changed[2])


def test_blur_and_noise_differ_from_frame_to_frame() -> None:
    frames = np.repeat(clip()[:1], 3, axis=0)
    for name in ("gaussian_blur", "motion_blur", "noise"):
        config = Degradations(**{name: getattr(EVERYTHING, name)})
        changed = degrade(frames, TIMES, config, np.random.default_rng(2))
        assert (changed[0] != changed[1]).any()


def test_brightness_and_contrast_of_known_greys() -> None:
    frames = np.array([100, 200], np.uint8).reshape(2, 1, 1, 1).repeat(3, axis=3)
    brighter = recolour(frames, np.eye(3), brightness=0.1)
    assert brighter[:, 0, 0, 0].tolist() == [126, 226]
    steeper = recolour(frames, np.eye(3), contrast=1.5)
    assert steeper[:, 0, 0, 0].tolist() == [75, 225]
    clipped = recolour(frames, np.eye(3), brightness=0.5)
    assert clipped[:, 0, 0, 0].tolist() == [228, 255]


def test_without_contrast_all_is_the_luma_of_the_clip() -> None:
    red = np.zeros((2, 3, 3, 3), np.uint8)
    red[..., 0] = 255
    assert (recolour(red, np.eye(3), contrast=0) == round(0.299 * 255)).all()


def test_without_saturation_a_pixel_is_its_luma() -> None:
    frames = clip()
    grey = recolour(frames, saturation_matrix(0))
    expected = np.rint(frames @ [0.299, 0.587, 0.114])
    assert np.abs(grey - expected[..., None]).max() <= 1


@pytest.mark.parametrize("degrees", [-70.0, 30.0, 120.0])
def test_a_turn_of_hue_leaves_grey_alone(degrees: float) -> None:
    grey = np.full((1, 2, 2, 3), 90, np.uint8)
    np.testing.assert_array_equal(recolour(grey, hue_matrix(degrees)), grey)


def test_a_third_of_the_hue_circle_moves_the_channels_on() -> None:
    red = np.array([[[[200, 0, 0]]]], np.uint8)
    assert recolour(red, hue_matrix(120)).ravel().tolist() == [0, 200, 0]


def test_gamma_keeps_black_and_white() -> None:
    frames = np.array([0, 128, 255], np.uint8).reshape(1, 3, 1, 1).repeat(3, axis=3)
    assert apply_gamma(frames, 2.0)[0, :, 0, 0].tolist() == [0, 64, 255]


def test_motion_blur_spreads_a_point_along_its_line() -> None:
    frames = np.zeros((2, 21, 21, 3), np.uint8)
    frames[:, 10, 10] = 200
    across = motion_blur(frames, np.array([5.0, 1.0]), 0.0)
    assert across[0, 10, :, 0].nonzero()[0].tolist() == [8, 9, 10, 11, 12]
    assert across[0, 10, 8:13, 0].tolist() == [40] * 5
    assert across[0].sum(axis=(1, 2)).nonzero()[0].tolist() == [10]
    down = motion_blur(frames, np.array([5.0, 1.0]), np.pi / 2)
    np.testing.assert_array_equal(down[0], across[0].transpose(1, 0, 2))


@pytest.mark.parametrize("degrees", [30, 45, 135])
def test_motion_blur_runs_in_its_direction(degrees: float) -> None:
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    frames = np.zeros((1, 21, 21, 3), np.uint8)
    frames[:, 10, 10] = 200
    smeared = motion_blur(frames, np.array([9.0]), np.deg2rad(degrees))[0, ..., 0]
    y, x = np.argwhere(smeared).T - 10
    assert np.abs(y * cos - x * sin).max() < 1
    assert 4 <= np.abs(x * cos + y * sin).max() < 5
    np.testing.assert_array_equal(smeared, smeared[::-1, ::-1])


def test_noise_has_the_deviation_asked_for() -> None:
    frames = np.full((4, 50, 50, 3), 128, np.uint8)
    noise = add_noise(frames, 6.0, np.random.default_rng(0)).astype(float) - 128
    assert noise.std() == pytest.approx(6.0, rel=0.03)
    assert noise.mean() == pytest.approx(0, abs=0.15)


def test_downscaling_leaves_only_what_fewer_pixels_hold() -> None:
    frames = np.indices((1, 16, 16, 3))[1:3].sum(axis=0).astype(np.uint8) % 2 * 200
    assert np.ptp(downscale(frames, 2.0)) == 0


def test_jpeg_keeps_red_red() -> None:
    frames = np.full((1, 16, 16, 3), (220, 30, 10), np.uint8)
    assert np.abs(jpeg(frames, 90).astype(int) - frames).max() <= 6


def test_lower_quality_is_worse() -> None:
    frames = clip()
    errors = [np.abs(jpeg(frames, q).astype(int) - frames).mean() for q in (90, 40, 5)]
    assert errors[0] < errors[1] < errors[2]


def test_occluders_move_evenly_and_cover_only_themselves() -> None:
    frames = np.zeros((3, 128, 96, 3), np.uint8)
    config = Occluders(probability=1, count=1, size=(0.15, 0.2), speed=0.05)
    moves = []
    for seed in range(10):
        covered = occlude(frames, TIMES, config, np.random.default_rng(seed)).max(axis=-1) > 0
        assert 0 < covered[1].mean() < 0.15
        middles = np.array([np.argwhere(frame).mean(axis=0) for frame in covered])
        border = covered[:, [0, -1]].any() or covered[:, :, [0, -1]].any()
        if not border:
            np.testing.assert_allclose(middles[2] - middles[1], middles[1] - middles[0], atol=1)
            moves.append(np.abs(middles[1] - middles[0]).max())
    # The speed is in heights of the crop, not in pixels.
    assert 1 < max(moves) <= 0.05 * 128 + 0.5


def test_an_occluder_stands_still_at_speed_0() -> None:
    config = Occluders(probability=1, speed=0)
    frames = np.zeros((3, 64, 48, 3), np.uint8)
    still = occlude(frames, TIMES, config, np.random.default_rng(3))
    np.testing.assert_array_equal(still[0], still[2])


@pytest.mark.parametrize(
    "wrong",
    [
        {"motion_blur": {"probability": 1, "range": (0, 5)}},
        {"jpeg": {"probability": 1, "range": (50, 101)}},
        {"noise": {"probability": 2, "range": (1, 5)}},
        {"noise": {"range": (1, 5)}},
        {"noise": {"probability": 1, "range": (5, 1)}},
        {"brightness": {"probability": 1, "range": (-2, 0)}},
        {"blur": {"probability": 1, "range": (1, 2)}},
        {"occluders": {"probability": 1, "count": 0}},
        {"occluders": {"probability": 1, "count": 10**9}},
        {"occluders": {"probability": 1, "size": (-5, 0.4)}},
        {"occluders": {"probability": 1, "size": (0.1, 1e9)}},
        {"occluders": {"probability": 1, "size": (0.4, 0.1)}},
        {"occluders": {"probability": 1, "speed": float("inf")}},
        {"occluders": {"probability": 1, "speed": 1e9}},
        {"noise": {"probability": 1, "range": (1, float("inf"))}},
        *({name: {"probability": 1, "range": (1, 1e9)}} for name in WITHOUT_SIGN),
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Degradations.model_validate(wrong)
