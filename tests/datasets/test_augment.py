"""What is drawn for a clip: ranges, probabilities and the half body."""

import numpy as np
import pytest
from clip_scenes import person_at
from pydantic import ValidationError
from scipy.stats import norm

from vidpose.datasets.augment import PUBLIC_CODE, Augmentation, draw_view, lower_body
from vidpose.datasets.warp import View
from vidpose.geometry import CropGeometry, box_centre, box_size
from vidpose.skeleton import COCO17, JHMDB15, PENN13, POSETRACK15

CROP = CropGeometry((256, 192))
PERSON = person_at(90, 80)
ALL = np.ones(15, bool)
DRAWS = 2000


def views(config: Augmentation, labelled: np.ndarray = ALL, draws: int = DRAWS) -> list[View]:
    rng = np.random.default_rng(0)
    assert PERSON.box is not None
    return [
        draw_view(config, rng, CROP, PERSON.box, PERSON.keypoints, labelled, POSETRACK15)
        for _ in range(draws)
    ]


def factors(drawn: list[View]) -> np.ndarray:
    assert PERSON.box is not None
    whole = box_size(CROP.window(PERSON.box))[0]
    return np.array([box_size(view.window)[0] / whole for view in drawn])


def test_nothing_is_drawn_where_everything_is_off() -> None:
    off = Augmentation(half_body=0, scale=(1, 1), rotation=0, flip=0)
    assert PERSON.box is not None
    for window, rotation, flip in views(off, draws=20):
        np.testing.assert_allclose(window, CROP.window(PERSON.box), atol=1e-4)
        assert (rotation, flip) == (0, False)


def test_the_papers_ranges_are_the_default_and_are_filled() -> None:
    drawn = views(Augmentation(half_body=0))
    scales = factors(drawn)
    turns = np.array([view.rotation for view in drawn])
    assert 0.65 <= scales.min() < 0.66 and 1.34 < scales.max() <= 1.35
    assert -45 <= turns.min() < -44 and 44 < turns.max() <= 45
    assert np.mean([view.flip for view in drawn]) == pytest.approx(0.5, abs=0.04)
    assert np.corrcoef(scales, turns)[0, 1] == pytest.approx(0, abs=0.06)


def test_the_public_codes_draws_are_clipped_normals() -> None:
    drawn = views(PUBLIC_CODE.model_copy(update={"half_body": 0}))
    scales = factors(drawn)
    turns = np.array([view.rotation for view in drawn])
    assert np.mean(scales < 0.6501) == pytest.approx(norm.cdf(-1), abs=0.03)
    assert np.mean(scales > 1.3499) == pytest.approx(norm.cdf(-1), abs=0.03)
    assert np.mean(turns == 0) == pytest.approx(0.4, abs=0.04)
    assert np.mean(np.abs(turns) == 90) == pytest.approx(0.6 * 2 * norm.cdf(-2), abs=0.02)
    assert np.mean(np.abs(turns) > 45) == pytest.approx(0.6 * 2 * norm.cdf(-1), abs=0.03)


def half_views(labelled: np.ndarray, **changes: object) -> list[View]:
    config = Augmentation(half_body=1, scale=(1, 1), rotation=0, flip=0)
    return views(config.model_copy(update=changes), labelled, 400)


def expected_half(joints: np.ndarray) -> np.ndarray:
    extent = np.ptp(joints, axis=0)
    width = 1.5 * max(extent[0], extent[1] * 0.75)
    half = np.array([width, width / 0.75]) / 2
    return np.concatenate([joints.mean(axis=0) - half, joints.mean(axis=0) + half])


def test_half_a_body_is_the_extent_around_the_mean_of_its_joints() -> None:
    lower = lower_body(POSETRACK15)
    upper = expected_half(PERSON.keypoints[~lower])
    below = expected_half(PERSON.keypoints[lower])
    are_upper = [np.allclose(view.window, upper, atol=1e-3) for view in half_views(ALL)]
    are_lower = [np.allclose(view.window, below, atol=1e-3) for view in half_views(ALL)]
    assert all(a != b for a, b in zip(are_upper, are_lower, strict=True))
    assert np.mean(are_upper) == pytest.approx(norm.cdf(0.5), abs=0.06)


def test_eight_joints_are_too_few_for_half_a_body() -> None:
    labelled = np.arange(15) < 8
    whole = factors(half_views(labelled))
    np.testing.assert_allclose(whole, 1, atol=1e-5)
    nine = factors(half_views(np.arange(15) < 9))
    assert (nine < 1).all()


def test_a_half_of_two_joints_gives_way_to_the_other() -> None:
    labelled = np.ones(15, bool)
    labelled[np.flatnonzero(lower_body(POSETRACK15))[2:]] = False
    upper = expected_half(PERSON.keypoints[~lower_body(POSETRACK15)])
    for view in half_views(labelled):
        np.testing.assert_allclose(view.window, upper, atol=1e-3)


def test_the_upper_half_gives_way_too() -> None:
    is_lower = lower_body(POSETRACK15)
    upper, lower = np.flatnonzero(~is_lower)[:2], np.flatnonzero(is_lower)[:4]
    labelled = np.isin(np.arange(15), [*upper, *lower])
    below = expected_half(PERSON.keypoints[lower])
    for view in half_views(labelled, half_body_above=3, half_body_upper=1):
        np.testing.assert_allclose(view.window, below, atol=1e-3)


def test_one_joint_is_never_half_a_body() -> None:
    labelled = np.zeros(15, bool)
    labelled[3] = True
    np.testing.assert_allclose(factors(half_views(labelled, half_body_above=0)), 1, atol=1e-5)


def test_half_a_body_is_drawn_as_often_as_asked() -> None:
    drawn = half_views(ALL, half_body=0.3)
    assert np.mean(factors(drawn) < 0.99) == pytest.approx(0.3, abs=0.07)


def test_the_scale_comes_on_top_of_half_a_body() -> None:
    plain, larger = half_views(ALL)[0], half_views(ALL, scale=(1.2, 1.2))[0]
    np.testing.assert_allclose(box_centre(larger.window), box_centre(plain.window), atol=1e-3)
    np.testing.assert_allclose(box_size(larger.window), 1.2 * box_size(plain.window), rtol=1e-5)


def test_a_shift_moves_the_window_by_parts_of_its_sides() -> None:
    plain = views(Augmentation(half_body=0))
    shifted = views(Augmentation(half_body=0, shift=0.1), draws=DRAWS)
    assert PERSON.box is not None
    middle = box_centre(CROP.window(PERSON.box))
    sizes = np.array([box_size(view.window) for view in shifted])
    ways = np.array([box_centre(view.window) - middle for view in shifted]) / sizes
    assert 0.099 < np.abs(ways).max() <= 0.1 + 1e-5
    assert np.abs(ways.mean(0)).max() < 0.005
    assert np.corrcoef(ways.T)[0, 1] == pytest.approx(0, abs=0.06)
    # Without it recipes draw what they drew before there was one.
    assert np.allclose(factors(plain)[0], factors(shifted)[0])


@pytest.mark.parametrize("skeleton", [COCO17, JHMDB15, PENN13, POSETRACK15])
def test_every_skeleton_has_six_joints_below(skeleton: object) -> None:
    assert lower_body(skeleton).sum() == 6  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        {"rotatoin": 30},
        {"scale": (1.3, 0.7)},
        {"scale": (0, 1)},
        {"scale": (0.5, float("nan"))},
        {"flip": 1.5},
        {"rotation": -5},
        {"shift": 0.6},
        {"max_distance": 0},
        {"max_distance": 10**8},
        {"half_body_enlargement": float("inf")},
        {"half_body_enlargement": 1e9},
        {"scale": (0.5, 1e9)},
        {"scale_std": 1e9},
        {"rotation_std": float("inf")},
        {"rotation_std": 1e9},
        {"degradations": {"jpeg": {"probability": 1, "range": (0, 50)}}},
        {"degradations": {"downscale": {"probability": 1, "range": (0.5, 2)}}},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Augmentation.model_validate(wrong)
