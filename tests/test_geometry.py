"""Boxes, crops and distances."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vidpose import geometry
from vidpose.geometry import (
    CropGeometry,
    box_coverage,
    box_iou,
    box_size,
    crop,
    crop_to_image,
    image_to_crop,
    oks,
    pckh_correct,
)
from vidpose.skeleton import COCO17

NOBODY = np.zeros((0, 4))
SIGMAS = np.array(COCO17.sigmas)
coordinates = st.floats(-500, 2000, width=32)
boxes = arrays(np.float64, 4, elements=coordinates).map(
    lambda b: np.concatenate([np.minimum(b[:2], b[2:]), np.maximum(b[:2], b[2:])])
)


def test_no_boxes() -> None:
    assert box_iou(NOBODY, NOBODY).shape == (0, 0)
    assert box_coverage(NOBODY).shape == (0,)
    assert oks(np.zeros((0, 17, 2)), np.zeros((3, 17, 2)), np.ones(3), SIGMAS).shape == (0, 3)


def test_empty_boxes_overlap_nothing() -> None:
    point = np.array([[5.0, 5, 5, 5]])
    assert box_iou(point, point)[0, 0] == 0
    assert box_size(np.array([5.0, 5, 3, 9])).tolist() == [0, 4]


def test_iou_and_coverage_of_known_boxes() -> None:
    two = np.array([[0.0, 0, 10, 10], [5, 0, 15, 10]])
    np.testing.assert_allclose(box_iou(two, two), [[1, 1 / 3], [1 / 3, 1]])
    nested = np.array([[0.0, 0, 10, 10], [2, 2, 4, 4], [50, 50, 60, 60]])
    np.testing.assert_allclose(box_coverage(nested), [0.04, 1, 0])


@given(boxes, boxes)
def test_iou_is_symmetric_and_in_range(a: np.ndarray, b: np.ndarray) -> None:
    forth, back = box_iou(a[None], b[None])[0, 0], box_iou(b[None], a[None])[0, 0]
    assert forth == pytest.approx(back)
    assert 0 <= forth <= 1 + 1e-9


def test_oks_is_one_for_itself_and_follows_cocos_formula() -> None:
    pose = np.random.default_rng(0).uniform(0, 100, (1, 17, 2))
    assert oks(pose, pose, np.array([900.0]), SIGMAS)[0, 0] == pytest.approx(1)
    moved = pose + np.array([3.0, 4.0])
    expected = np.mean([np.exp(-25 / (2 * 900 * (2 * s) ** 2)) for s in SIGMAS])
    assert oks(moved, pose, np.array([900.0]), SIGMAS)[0, 0] == pytest.approx(expected)


def test_oks_leaves_out_joints_without_weight() -> None:
    pose = np.zeros((1, 17, 2))
    wrong = pose.copy()
    wrong[0, 3] = 1e6
    weights = np.ones((1, 17))
    weights[0, 3] = 0
    assert oks(wrong, pose, np.ones(1), SIGMAS, weights)[0, 0] == pytest.approx(1)
    assert oks(wrong, pose, np.ones(1), SIGMAS, np.zeros((1, 17)))[0, 0] == 0


def test_pckh_is_inclusive() -> None:
    truth = np.zeros((1, 2, 2))
    predicted = np.array([[[5.0, 0], [5.01, 0]]])
    assert pckh_correct(predicted, truth, np.array([10.0])).tolist() == [[True, False]]


@given(boxes, st.sampled_from([(256, 256), (256, 192), (64, 96)]), st.floats(1, 1.5))
def test_windows_contain_the_box_and_have_the_crops_aspect(
    box: np.ndarray, size: tuple[int, int], enlargement: float
) -> None:
    geometry = CropGeometry(size, enlargement)
    window = geometry.window(box)
    width, height = box_size(window)
    assert width / height == pytest.approx(geometry.aspect, rel=1e-2)
    slack = 1e-3 * max(1.0, float(np.abs(box).max()))
    assert (window[:2] <= box[:2] + slack).all() and (window[2:] >= box[2:] - slack).all()


@given(boxes, arrays(np.float64, (5, 2), elements=coordinates))
def test_crop_coordinates_come_back(box: np.ndarray, points: np.ndarray) -> None:
    geometry = CropGeometry((256, 192))
    affine = geometry.affine(geometry.window(box))
    back = crop_to_image(image_to_crop(points, affine), affine)
    np.testing.assert_allclose(back, points, atol=0.05)


def test_a_marked_pixel_lands_where_the_affine_says() -> None:
    image = np.zeros((120, 160, 3), np.uint8)
    cv2.circle(image, (70, 45), 3, (255, 255, 255), -1)
    geometry = CropGeometry((128, 96), 1.25)
    affine = geometry.affine(geometry.window(np.array([50.0, 20, 90, 100])))
    out = np.empty((128, 96, 3), np.uint8)
    crop(image, affine, out)
    ys, xs = np.nonzero(out[..., 0] > 128)
    expected = image_to_crop(np.array([[70.0, 45.0]]), affine)[0]
    np.testing.assert_allclose([xs.mean(), ys.mean()], expected, atol=0.5)


@pytest.mark.parametrize("angle", [0.0, 0.4])
@pytest.mark.parametrize("centre", [(90.0, 20.0), (3.0, 30.0), (179.0, 5.0), (-300.0, 20.0)])
def test_an_image_that_is_too_large_to_be_warped_is_cut_first(
    monkeypatch: pytest.MonkeyPatch, angle: float, centre: tuple[float, float]
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 180, 3), np.uint8)
    image = cv2.GaussianBlur(image, (0, 0), 2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * 0.8
    affine = np.column_stack([turn, [16, 24] - turn @ centre])
    whole, cut = np.empty((48, 32, 3), np.uint8), np.empty((48, 32, 3), np.uint8)
    crop(image, affine, whole)
    monkeypatch.setattr(geometry, "_LARGEST_WARPED", 100)
    crop(image, affine, cut)
    # Places are rounded to a 32nd of a pixel.
    np.testing.assert_allclose(cut.astype(int), whole.astype(int), atol=2)


def test_a_window_that_is_too_large_to_be_warped_is_thinned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    column = np.linspace(0, 255, 400).astype(np.uint8)
    image = np.ascontiguousarray(np.broadcast_to(column[None, :, None], (300, 400, 3)))
    affine = CropGeometry((24, 32)).affine(np.array([0.0, 0.0, 400.0, 300.0]))
    whole, thin = np.empty((24, 32, 3), np.uint8), np.empty((24, 32, 3), np.uint8)
    crop(image, affine, whole)
    monkeypatch.setattr(geometry, "_LARGEST_WARPED", 100)
    crop(image, affine, thin)
    np.testing.assert_allclose(thin.astype(int), whole.astype(int), atol=2)


def test_outside_the_image_a_crop_is_black() -> None:
    image = np.full((20, 20, 3), 200, np.uint8)
    geometry = CropGeometry((32, 32), 1.0)
    out = np.full((32, 32, 3), 7, np.uint8)
    crop(image, geometry.affine(np.array([100.0, 100, 132, 132])), out)
    assert not out.any()
