"""Pictures in files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8

from vidpose.errors import VidposeError

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})

# OpenCV 5 has moved it.
_LOGGING: Any = cv2.utils.logging if hasattr(cv2.utils, "logging") else cv2
_SILENT = 0


def read_image(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """Decode an image file to RGB.

    Grey is repeated, alpha dropped, 16 bits reduced to 8. An EXIF orientation is applied, as
    OpenCV's default does in the public code of this field.

    Raises:
        VidposeError: The file is missing or not an image.
    """
    try:
        # Not cv2.imread: it cannot open names outside the code page on Windows.
        data = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise VidposeError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        with _silence():
            image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    except cv2.error:
        image = None
    if image is None:
        raise VidposeError(f"{path}: not an image that can be read; is it damaged?")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)


@contextmanager
def _silence() -> Iterator[None]:
    """Without the lines that OpenCV prints of damage, which `read_image` reports itself.

    The level is one for all threads: where two decode at once, a line more or less is all it costs.
    """
    level = _LOGGING.getLogLevel()
    _LOGGING.setLogLevel(_SILENT)
    try:
        yield
    finally:
        _LOGGING.setLogLevel(level)
