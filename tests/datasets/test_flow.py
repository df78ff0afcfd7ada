"""Optical flow of pictures whose movement is known."""

import cv2
import numpy as np

from vidpose.datasets.flow import DISFlow


def _texture() -> np.ndarray:
    cells = np.random.default_rng(0).integers(0, 256, (24, 18, 3), dtype=np.uint8)
    return cv2.resize(cells, (192, 256), interpolation=cv2.INTER_CUBIC).astype(np.uint8)


def test_flow_says_how_far_the_picture_moved() -> None:
    key = _texture()
    moved = np.roll(key, (2, -3), axis=(0, 1))
    flow = DISFlow(stride=16)(np.stack([moved, key, key]), 1)
    assert flow.shape == (3, 2, 16, 12) and flow.dtype == np.float32
    inside = flow[0, :, 2:-2, 2:-2]
    np.testing.assert_allclose(inside[0], -3, atol=0.3)
    np.testing.assert_allclose(inside[1], 2, atol=0.3)
    assert not flow[1].any()
    np.testing.assert_allclose(flow[2], 0, atol=1e-3)


def test_a_clip_of_one_frame_has_no_flow() -> None:
    assert not DISFlow(stride=32)(_texture()[None], 0).any()
