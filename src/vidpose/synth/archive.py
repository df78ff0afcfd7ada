"""Reading npz files and pictures that may be anything, with one clear line about what is wrong."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from vidpose.errors import VidposeError


def read_arrays(path: Path, keys: Sequence[str]) -> dict[str, np.ndarray]:
    """The arrays ``keys`` of an npz file.

    Raises:
        VidposeError: The file is missing, no npz file, damaged, or lacks one of the arrays.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            missing = [key for key in keys if key not in archive]
            if missing:
                raise VidposeError(f"{path} has no array {missing[0]!r}")
            return {key: archive[key] for key in keys}
    except FileNotFoundError as error:
        raise VidposeError(f"no such file: {path}") from error
    except (OSError, ValueError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise VidposeError(f"{path} is not a readable npz file: {error}") from error


def read_texture(path: Path) -> UInt8[np.ndarray, "h w 4"]:
    """A picture as RGBA; opaque if it has no alpha.

    Raises:
        VidposeError: The file is missing or no 8-bit picture.
    """
    if not path.is_file():
        raise VidposeError(f"no such picture: {path}")
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.dtype != np.uint8:
        raise VidposeError(f"{path} is not a readable 8-bit picture")
    to_rgba = {2: cv2.COLOR_GRAY2RGBA, 3: cv2.COLOR_BGR2RGBA, 4: cv2.COLOR_BGRA2RGBA}
    code = to_rgba[2 if picture.ndim == 2 else picture.shape[2]]
    return cv2.cvtColor(picture, code)
