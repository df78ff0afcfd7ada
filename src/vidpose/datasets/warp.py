"""The one affine of a clip: a window of the image, turned and mirrored, onto the crop.

Pixels are counted at their centres, as `cv2.warpAffine` counts them, so what the affine says of a
joint is where the picture of it lands. Mirroring is part of the affine: in the crop it is
``x' = width - x``. Mirroring the image first (``x' = image_width - x - 1``, of joints and centre,
as the public code does) gives the same crop, because the image's width cancels out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from vidpose.geometry import Box, box_centre


class View(NamedTuple):
    """What of an image is seen in a crop, and how.

    Attributes:
        window: The part of the image before it is turned, of the crop's aspect (width counts).
        rotation: Degrees by which the window is turned about its centre, clockwise as seen; the
            person in the crop is turned the other way.
        flip: Whether the image is mirrored before that.
    """

    window: Box
    rotation: float = 0.0
    flip: bool = False


def view_affine(view: View, size: tuple[int, int]) -> Float[np.ndarray, "2 3"]:
    """The map from image pixels to the pixels of a crop of ``size`` (height, width).

    Without rotation and flip it is `CropGeometry.affine`; without flip it is the three-point
    affine of the public code of this field (DCPose, PoseWarper, mmpose without UDP).
    """
    height, width = size
    scale = width / max(float(view.window[2] - view.window[0]), 1e-6)
    angle = np.deg2rad(view.rotation)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    mirror = -1.0 if view.flip else 1.0
    linear = np.array([[cos * mirror, sin], [-sin * mirror, cos]])
    centre = box_centre(np.asarray(view.window, dtype=np.float64))
    shift = np.array([width, height]) / 2 - linear @ centre
    return np.column_stack([linear, shift])
