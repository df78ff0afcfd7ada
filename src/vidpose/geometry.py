"""Boxes, crops, and distances between poses: pure functions on numpy arrays.

Boxes are ``x1, y1, x2, y2`` in float pixels of the full image. A crop maps ``x1`` to 0 and ``x2``
to the crop's width, as the public code of this field does (no half-pixel shift).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

Box = Float[np.ndarray, "4"]
Keypoints = Float[np.ndarray, "joint 2"]


def box_size(boxes: Float[np.ndarray, "*n 4"]) -> Float[np.ndarray, "*n 2"]:
    """Width and height of each box, never negative."""
    return np.maximum(boxes[..., 2:] - boxes[..., :2], 0.0)


def box_of_corner_and_size(
    corner_and_size: tuple[float, float, float, float],
) -> Float[np.ndarray, "4"]:
    """The box of ``x, y, width, height``, as COCO and PoseTrack2018 write it, in float64."""
    x, y, width, height = corner_and_size
    return np.array([x, y, x + width, y + height], dtype=np.float64)


def box_centre(boxes: Float[np.ndarray, "*n 4"]) -> Float[np.ndarray, "*n 2"]:
    """Centre of each box as x, y."""
    return (boxes[..., :2] + boxes[..., 2:]) / 2


def box_scaled(box: Box, factor: float) -> Box:
    """The box enlarged by a factor around its centre."""
    centre = box_centre(box)
    half = (box[2:] - centre) * factor
    return np.concatenate([centre - half, centre + half])


def box_area(boxes: Float[np.ndarray, "*n 4"]) -> Float[np.ndarray, "*n"]:
    """Area of each box in square pixels."""
    return np.prod(box_size(boxes), axis=-1)


def box_intersection(
    a: Float[np.ndarray, "n 4"], b: Float[np.ndarray, "m 4"]
) -> Float[np.ndarray, "n m"]:
    """The area that every pair has in common, in square pixels."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    return np.prod(np.maximum(high - low, 0.0), axis=-1)


def box_iou(a: Float[np.ndarray, "n 4"], b: Float[np.ndarray, "m 4"]) -> Float[np.ndarray, "n m"]:
    """Intersection over union of every pair; 0 where both boxes are empty."""
    intersection = box_intersection(a, b)
    union = box_area(a)[:, None] + box_area(b)[None] - intersection
    return np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)


def box_coverage(boxes: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, " n"]:
    """The largest part of each box that one of the others covers, in [0, 1]."""
    shared = box_intersection(boxes, boxes)
    np.fill_diagonal(shared, 0.0)
    areas = np.maximum(box_area(boxes), 1e-6)
    return (shared / areas[:, None]).max(axis=1, initial=0.0)


def oks(
    a: Float[np.ndarray, "n joint 2"],
    b: Float[np.ndarray, "m joint 2"],
    area: Float[np.ndarray, " m"],
    sigmas: Float[np.ndarray, " joint"],
    weights: Float[np.ndarray, "m joint"] | None = None,
) -> Float[np.ndarray, "n m"]:
    """Object keypoint similarity of every pair (COCO): mean over joints of exp(-d^2 / (2 s k^2)).

    Args:
        a: Poses.
        b: Reference poses.
        area: Area ``s`` of each reference person in square pixels.
        sigmas: Per-joint constants; k = 2 sigma.
        weights: Weight of each reference joint (0 leaves it out); all 1 if not given.

    Returns:
        Values in [0, 1]; 0 where a reference has no weighted joint.
    """
    squared = ((a[:, None] - b[None]) ** 2).sum(axis=-1)
    variance = (2 * np.asarray(sigmas)) ** 2
    scale = 2 * np.maximum(area, 1e-6)[None, :, None] * variance
    similarity = np.exp(-squared / scale)
    if weights is None:
        weights = np.ones(b.shape[:2], dtype=np.float32)
    total = weights.sum(axis=-1)
    weighted = (similarity * weights[None]).sum(axis=-1)
    return np.divide(weighted, total[None], out=np.zeros_like(weighted), where=total[None] > 0)


def pckh_correct(
    predicted: Float[np.ndarray, "*n joint 2"],
    truth: Float[np.ndarray, "*n joint 2"],
    head_size: Float[np.ndarray, "*n"],
    threshold: float = 0.5,
) -> Float[np.ndarray, "*n joint"]:
    """Which joints are within ``threshold`` head sizes of the truth (PCKh; inclusive)."""
    distance = np.linalg.norm(predicted - truth, axis=-1)
    return distance <= threshold * np.asarray(head_size)[..., None]


@dataclass(frozen=True)
class CropGeometry:
    """How a model wants its crops: the shape of the crop and how much it is enlarged.

    Attributes:
        size: Height and width of the crop in pixels.
        enlargement: Factor on the box that has been extended to the crop's aspect; the three
            papers use 1.25.
    """

    size: tuple[int, int]
    enlargement: float = 1.25

    @property
    def aspect(self) -> float:
        """Width over height."""
        return self.size[1] / self.size[0]

    def window(self, box: Box) -> Box:
        """The part of the image that a person's box is cropped to: same centre, fixed aspect."""
        width, height = box_size(box)
        width = max(float(width), float(height) * self.aspect, 1.0)
        half = np.array([width, width / self.aspect], dtype=np.float32) * self.enlargement / 2
        centre = box_centre(box)
        return np.concatenate([centre - half, centre + half]).astype(np.float32)

    def affine(self, window: Box) -> Float[np.ndarray, "2 3"]:
        """The map from image pixels to crop pixels for a window of this aspect."""
        scale = self.size[1] / max(float(window[2] - window[0]), 1e-6)
        x, y = float(window[0]), float(window[1])
        return np.array([[scale, 0, -x * scale], [0, scale, -y * scale]], dtype=np.float64)


# OpenCV 4 warps no larger images.
_LARGEST_WARPED = 2**15 - 1


def crop(
    image: UInt8[np.ndarray, "h w 3"],
    affine: Float[np.ndarray, "2 3"],
    out: UInt8[np.ndarray, "crop_h crop_w 3"],
) -> None:
    """Warp the part of ``image`` that ``affine`` selects into ``out``; black outside the image."""
    height, width = out.shape[:2]
    if max(image.shape[:2]) >= _LARGEST_WARPED:
        image, affine = _around_window(image, affine, (height, width))
    cv2.warpAffine(
        image, affine, (width, height), dst=out, flags=cv2.INTER_LINEAR, borderValue=(0, 0, 0)
    )


def _around_window(
    image: UInt8[np.ndarray, "h w 3"], affine: Float[np.ndarray, "2 3"], size: tuple[int, int]
) -> tuple[UInt8[np.ndarray, "_ _ 3"], Float[np.ndarray, "2 3"]]:
    """The part of ``image`` that a crop of ``size`` shows, thinned if need be, and its affine."""
    height, width = size
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]])
    shown = (corners - affine[:, 2]) @ np.linalg.inv(affine[:, :2]).T
    limits = np.array(image.shape[1::-1])
    left, top = start = np.clip(np.floor(shown.min(0)).astype(int) - 2, 0, limits - 1)
    right, bottom = end = np.clip(np.ceil(shown.max(0)).astype(int) + 3, start + 1, limits)
    step = -(-int((end - start).max()) // (_LARGEST_WARPED - 1))
    linear = affine[:, :2] * step
    offset = affine[:, 2] + affine[:, :2] @ start
    part = image[top:bottom:step, left:right:step]
    return part, np.column_stack([linear, offset])


def crop_to_image(xy_crop: Keypoints, affine: Float[np.ndarray, "2 3"]) -> Keypoints:
    """Crop pixels back to image pixels, for an affine without rotation."""
    scale = np.array([affine[0, 0], affine[1, 1]])
    return np.asarray((xy_crop - affine[:, 2]) / scale).astype(np.float32)


def image_to_crop(xy: Keypoints, affine: Float[np.ndarray, "2 3"]) -> Keypoints:
    """Image pixels to crop pixels."""
    return np.asarray(xy @ affine[:, :2].T + affine[:, 2]).astype(np.float32)
