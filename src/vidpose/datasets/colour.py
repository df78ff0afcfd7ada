"""Changes of colour, the same for all frames of a clip: light and camera settings stay."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, UInt8

Frames = UInt8[np.ndarray, "frame h w 3"]
ColourMatrix = Float[np.ndarray, "3 3"]

# Luma of ITU-R BT.601, as in JPEG.
_LUMA = np.array([0.299, 0.587, 0.114])


def recolour(
    frames: Frames, matrix: ColourMatrix, contrast: float = 1.0, brightness: float = 0.0
) -> Frames:
    """``matrix`` on each RGB pixel, then contrast around the clip's mean grey, then brightness.

    Args:
        frames: One clip.
        matrix: From RGB to RGB; a product of the matrices below.
        contrast: Factor on the distance from the mean grey.
        brightness: What is added to all channels, in parts of the full range.
    """
    strip = _strip(frames)
    shift = 255 * brightness
    if contrast != 1.0:
        shift += (1 - contrast) * float(_LUMA @ cv2.mean(strip)[:3])
    transform = np.column_stack([contrast * matrix, np.full(3, shift)])
    return np.asarray(cv2.transform(strip, transform), dtype=np.uint8).reshape(frames.shape)


def saturation_matrix(factor: float) -> ColourMatrix:
    """Colours moved towards their grey (below 1; 0 leaves only grey) or away from it (above 1)."""
    return factor * np.eye(3) + (1 - factor) * np.tile(_LUMA, (3, 1))


def hue_matrix(degrees: float) -> ColourMatrix:
    """Colours turned about the grey axis, which stays."""
    turn, _ = cv2.Rodrigues(np.full(3, np.deg2rad(degrees) / np.sqrt(3)))
    return np.asarray(turn, dtype=np.float64)


def apply_gamma(frames: Frames, gamma: float) -> Frames:
    """Intensities in [0, 1] to the power of ``gamma``; above 1 darkens."""
    table = np.rint(255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)
    return np.asarray(cv2.LUT(_strip(frames), table), dtype=np.uint8).reshape(frames.shape)


def _strip(frames: Frames) -> UInt8[np.ndarray, "frame*h w 3"]:
    """All frames below each other: one picture for OpenCV."""
    return frames.reshape(-1, *frames.shape[2:])
