"""The affine of a clip against the public code's, and against mirrored pictures."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidpose import geometry
from vidpose.datasets.warp import View, view_affine
from vidpose.geometry import CropGeometry, box_centre

ORACLE = np.load(Path(__file__).parents[1] / "data" / "heatmap_affine.npz")
SIZES = {"384x288": (384, 288), "256x192": (256, 192), "96x72": (96, 72), "64x48": (64, 48)}


def _xyxy(xywh: np.ndarray) -> np.ndarray:
    return np.concatenate([xywh[:2], xywh[:2] + xywh[2:]])


@pytest.mark.parametrize("name", SIZES)
def test_the_affine_is_the_public_codes(name: str) -> None:
    crop = CropGeometry(SIZES[name])
    for box, officials in zip(ORACLE["boxes_xywh"], ORACLE[f"forward_{name}"], strict=True):
        for rotation, official in zip(ORACLE["rotations"], officials, strict=True):
            view = View(crop.window(_xyxy(box)), float(rotation))
            ours = view_affine(view, crop.size)
            np.testing.assert_allclose(ours[:, :2], official[:, :2], rtol=2e-6, atol=2e-6)
            np.testing.assert_allclose(ours[:, 2], official[:, 2], atol=1e-3)


def test_points_land_where_the_public_code_puts_them() -> None:
    crop = CropGeometry((256, 192))
    for box, officials in zip(ORACLE["boxes_xywh"], ORACLE["points_256x192"], strict=True):
        if box[2] < 2:
            continue  # These points are 100,000 crop pixels away from a box of one pixel.
        for rotation, official in zip(ORACLE["rotations"], officials, strict=True):
            ours = view_affine(View(crop.window(_xyxy(box)), float(rotation)), crop.size)
            points = ORACLE["points"] @ ours[:, :2].T + ours[:, 2]
            np.testing.assert_allclose(points, official, atol=1e-3)


def test_the_crop_is_the_public_codes_to_a_few_grey_levels() -> None:
    # Before version 5 OpenCV rounds the places it reads from to 1/32 of a pixel.
    levels = 2 if int(cv2.__version__.split(".")[0]) >= 5 else 255 // 32
    crop = CropGeometry((64, 48))
    window = crop.window(_xyxy(ORACLE["image_box"]))
    for r, rotation in enumerate(ORACLE["rotations"]):
        out = np.empty((64, 48, 3), np.uint8)
        geometry.crop(ORACLE["image"], view_affine(View(window, float(rotation)), crop.size), out)
        difference = out.astype(int) - ORACLE["image_crop_64x48"][r].astype(int)
        assert np.abs(difference).max() <= levels


boxes = st.tuples(
    st.floats(-100, 900), st.floats(-100, 900), st.floats(2, 500), st.floats(2, 500)
).map(lambda box: _xyxy(np.array(box)))


@given(boxes)
def test_without_rotation_and_flip_it_is_the_crop_of_inference(box: np.ndarray) -> None:
    crop = CropGeometry((256, 192))
    window = crop.window(box)
    ours, theirs = view_affine(View(window), crop.size), crop.affine(window)
    np.testing.assert_allclose(ours[:, :2], theirs[:, :2], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(ours[:, 2], theirs[:, 2], rtol=1e-5, atol=1e-2)


@given(boxes, st.floats(-180, 180), st.integers(10, 2000))
def test_a_flip_is_the_public_codes_mirrored_image(
    box: np.ndarray, rotation: float, image_width: int
) -> None:
    crop = CropGeometry((256, 192))
    window = crop.window(box).astype(np.float64)
    mirrored = window[[2, 1, 0, 3]] * [-1, 1, -1, 1] + [image_width - 1, 0, image_width - 1, 0]
    points = box_centre(window) + np.random.default_rng(0).uniform(-300, 300, (20, 2))
    there = points * [-1, 1] + [image_width - 1, 0]
    official = view_affine(View(mirrored, rotation), crop.size)
    ours = view_affine(View(window, rotation, flip=True), crop.size)
    np.testing.assert_allclose(
        points @ ours[:, :2].T + ours[:, 2],
        there @ official[:, :2].T + official[:, 2],
        atol=1e-6,
    )


def test_a_flipped_crop_shows_the_mirrored_picture() -> None:
    cells = np.random.default_rng(1).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    image = cv2.resize(cells, (200, 160), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    crop = CropGeometry((64, 48))
    window = crop.window(np.array([60.0, 30, 110, 130])).astype(np.float64)
    ours = np.empty((64, 48, 3), np.uint8)
    theirs = np.empty_like(ours)
    geometry.crop(image, view_affine(View(window, 20.0, flip=True), crop.size), ours)
    mirrored = window[[2, 1, 0, 3]] * [-1, 1, -1, 1] + [199, 0, 199, 0]
    flipped = np.ascontiguousarray(image[:, ::-1])
    geometry.crop(flipped, view_affine(View(mirrored, 20.0), crop.size), theirs)
    # OpenCV rounds places to 1/32 of a pixel, to the other side where the image is mirrored.
    assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= 12
