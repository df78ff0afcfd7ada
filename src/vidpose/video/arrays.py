"""Pictures that are in memory already, as the frames of a video."""

from collections.abc import Generator, Iterable

import numpy as np
from jaxtyping import UInt8

from vidpose.errors import VidposeError
from vidpose.frame import Frame


class Arrays:
    """Arrays at a fixed rate; `Source` says what the attributes mean.

    Args:
        images: RGB, ``[h, w, 3]``, uint8 each.
        count: How many; None where only their end tells. They are copied then: a camera may write
            its next picture where the last one was.
        fps: Frames per second.
    """

    name = stem = "frames"
    live = real_time = False
    path = None
    files = ()

    def __init__(self, images: Iterable[np.ndarray], count: int | None, fps: float) -> None:
        self.fps = fps
        self.frame_count = count
        self._images = images

    def frames(self) -> Generator[Frame]:
        """The arrays one by one, none asked for before it is needed.

        Raises:
            VidposeError: One is no picture.
        """
        for index, image in enumerate(self._images):
            pixels = np.array(
                _checked(index, image), order="C", copy=None if self.frame_count else True
            )
            yield Frame(index, index / self.fps, pixels)

    def close(self) -> None:
        """Nothing is held open."""


def _checked(index: int, image: object) -> UInt8[np.ndarray, "h w 3"]:
    if not isinstance(image, np.ndarray):
        raise VidposeError(
            f"frame {index}: is a {type(image).__name__}; give numpy arrays, or the names of files"
        )
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise VidposeError(
            f"frame {index}: is {image.dtype} {list(image.shape)}; give RGB pixels as uint8 "
            "[height, width, 3]"
        )
    return image
