"""Writing a single picture where a video would be written of several."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from vidpose.image_files import encoded


class StillWriter:
    """Writes one frame to an image file, in the place of a `VideoWriter`; nothing is held open.

    Args:
        path: Where to write, e.g. ``photo.jpg``; the folder must exist.

    Attributes:
        largest: Pixels a side that a JPEG file can have.
    """

    largest = 65_500

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, image: UInt8[np.ndarray, "h w 3"], pts: float) -> None:
        """Write the frame, whose time does not matter.

        Raises:
            OSError: The file cannot be written.
            VidposeError: The picture is too large.
        """
        self._path.write_bytes(encoded(image, self._path.suffix))
