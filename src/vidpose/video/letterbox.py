"""Fitting an image into another size without distortion."""

import cv2
import numpy as np
from jaxtyping import UInt8


def letterbox(
    image: UInt8[np.ndarray, "h w 3"], height: int, width: int
) -> UInt8[np.ndarray, "height width 3"]:
    """Scale ``image`` to fit, centred, with black bars; returned as it is where it fits already."""
    if image.shape[:2] == (height, width):
        return image
    scale = min(height / image.shape[0], width / image.shape[1])
    inner_h = min(height, max(1, round(image.shape[0] * scale)))
    inner_w = min(width, max(1, round(image.shape[1] * scale)))
    top, left = (height - inner_h) // 2, (width - inner_w) // 2
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    out = np.zeros((height, width, 3), dtype=np.uint8)
    out[top : top + inner_h, left : left + inner_w] = cv2.resize(
        image, (inner_w, inner_h), interpolation=way
    )
    return out


def pad_to_even(image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "even_h even_w 3"]:
    """Repeat the last row and column where there is an odd number of them."""
    down, right = image.shape[0] % 2, image.shape[1] % 2
    if not down and not right:
        return image
    return np.asarray(
        cv2.copyMakeBorder(image, 0, down, 0, right, cv2.BORDER_REPLICATE), dtype=np.uint8
    )
