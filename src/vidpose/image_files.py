"""Pictures in files."""

import os
import re
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Shaped, UInt8

from vidpose.errors import VidposeError

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})

# Hardly to be told from the picture.
_QUALITY = 95
_TO_RGBA = {2: cv2.COLOR_GRAY2RGBA, 3: cv2.COLOR_BGR2RGBA, 4: cv2.COLOR_BGRA2RGBA}
# OpenCV 5 has moved it.
_LOGGING: Any = cv2.utils.logging if hasattr(cv2.utils, "logging") else cv2
_SILENT = 0
_silence_lock = threading.Lock()
# How many threads want it silent, and the level from before the first of them.
_silenced, _level = 0, _SILENT


def listed(folder: Path, suffixes: Collection[str] = IMAGE_SUFFIXES) -> list[str]:
    """The names of the files right inside a folder, in `natural` order; hidden ones are left out.

    Args:
        folder: Where to look.
        suffixes: The endings of the files, in small letters; those of images by default.

    Raises:
        VidposeError: There is no such folder, or it cannot be listed.
    """
    try:
        names = [entry.name for entry in os.scandir(folder)]
    except OSError as error:
        raise VidposeError(f"{folder}: cannot list this folder ({error.strerror})") from error
    found = (name for name in names if Path(name).suffix.lower() in suffixes and name[0] != ".")
    return sorted(found, key=natural)


def natural(name: str) -> tuple[list[tuple[str, int]], str]:
    """A key that sorts runs of digits by their value (``2`` before ``10``), ``b`` after ``A``."""
    parts = re.split(r"(\d+)", name.casefold())
    words, numbers = parts[0::2], [*map(int, parts[1::2]), -1]
    return list(zip(words, numbers, strict=True)), name


def read_image(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """Decode an image file to RGB.

    Grey is repeated, alpha dropped, 16 bits reduced to 8. An EXIF orientation is applied, as
    OpenCV's default does in the public code of this field.

    Raises:
        VidposeError: The file is missing or not an image.
    """
    return np.asarray(cv2.cvtColor(_decoded(path, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8)


def read_rgba(path: Path) -> UInt8[np.ndarray, "h w 4"]:
    """Decode an image file to RGB and opacity, 255 all over if it has none.

    Raises:
        VidposeError: The file is missing or not an image of 8 bits.
    """
    image = _decoded(path, cv2.IMREAD_UNCHANGED)
    if image.dtype != np.uint8:
        raise VidposeError(f"{path}: not an image of 8 bits, but of {8 * image.itemsize}")
    code = _TO_RGBA[2 if image.ndim == 2 else image.shape[2]]
    return np.asarray(cv2.cvtColor(image, code), np.uint8)


def encoded(image: UInt8[np.ndarray, "h w 3"], suffix: str, quality: int = _QUALITY) -> bytes:
    """An RGB picture as the content of a file.

    Args:
        image: The picture.
        suffix: Of the file, e.g. ``.png``; in any case.
        quality: Of JPEG, 1 to 100.

    Raises:
        VidposeError: It is too large for files of this kind.
    """
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if suffix.lower() in (".jpg", ".jpeg") else []
    with _silence():
        # OpenCV takes BGR; channels in another order would be compressed as another picture.
        done, data = cv2.imencode(suffix.lower(), cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    if not done:
        height, width = image.shape[:2]
        raise VidposeError(
            f"a picture of {width} x {height} pixels cannot be written as {suffix}; make it smaller"
        )
    return data.tobytes()


def through_jpeg(image: UInt8[np.ndarray, "h w 3"], quality: int) -> UInt8[np.ndarray, "h w 3"]:
    """An RGB picture as a JPEG file of a quality, 1 to 100, gives it back."""
    data = np.frombuffer(encoded(image, ".jpg", quality), np.uint8)
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)


def _decoded(path: Path, flags: int) -> Shaped[np.ndarray, "h w *channel"]:
    try:
        # Not cv2.imread: it cannot open names outside the code page on Windows.
        data = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise VidposeError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        with _silence():
            image = cv2.imdecode(data, flags) if len(data) else None
    except cv2.error:
        image = None
    if image is None:
        raise VidposeError(
            f"{path}: not an image that can be read; is it damaged, or has it more than 16 bits?"
        )
    return np.asarray(image)


@contextmanager
def _silence() -> Iterator[None]:
    """Without the lines that OpenCV prints of what is reported here.

    The level is one for all threads: the first that comes saves it, the last that goes restores it.
    """
    global _silenced, _level
    with _silence_lock:
        if _silenced == 0:
            _level = _LOGGING.getLogLevel()
            _LOGGING.setLogLevel(_SILENT)
        _silenced += 1
    try:
        yield
    finally:
        with _silence_lock:
            _silenced -= 1
            if _silenced == 0:
                _LOGGING.setLogLevel(_level)
