"""A decoded frame and its time."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8


@dataclass(frozen=True)
class Frame:
    """One frame of a video.

    Attributes:
        index: Position in the source, from 0.
        pts: Presentation time in seconds.
        image: RGB pixels, square and upright: rotation, mirroring and the pixels' shape are
            applied as the file says. Later answers of a clip look at it again: draw into a copy.
        name: File name of an image, without folders; None for a frame of a video.
    """

    index: int
    pts: float
    image: UInt8[np.ndarray, "h w 3"]
    name: str | None = None
