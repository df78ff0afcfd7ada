"""Arrays in MATLAB files (version 7 and older, which nothing is executed of)."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat

from vidpose.errors import VidposeError


def read_mat(path: Path, *names: str) -> dict[str, Any]:
    """The variables ``names`` of a .mat file.

    Raises:
        VidposeError: The file is missing, not a MATLAB file, or lacks one of them.
    """
    try:
        content = loadmat(path, variable_names=names)
    except OSError as error:
        raise VidposeError(f"{path}: cannot be read ({error.strerror or error})") from error
    except Exception as error:  # scipy raises whatever a damaged file leads it to
        raise VidposeError(f"{path}: not a MATLAB file that can be read ({error})") from error
    missing = [name for name in names if name not in content]
    if missing:
        raise VidposeError(f"{path}: has no variable {', '.join(missing)}")
    return content


def numbers(content: dict[str, Any], name: str, path: Path, *shape: int) -> np.ndarray:
    """One variable as float64 of ``shape``, in which -1 stands for any size.

    Raises:
        VidposeError: It has another shape or holds anything but finite numbers.
    """
    try:
        array = np.asarray(content[name], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise VidposeError(f"{path}: {name} does not hold numbers") from error
    # MATLAB drops a last axis of size 1.
    found = array.shape + (1,) * (len(shape) - array.ndim)
    if len(found) != len(shape) or any(
        want not in (-1, size) for want, size in zip(shape, found, strict=True)
    ):
        expected = " x ".join("n" if size == -1 else str(size) for size in shape)
        has = " x ".join(map(str, array.shape))
        raise VidposeError(f"{path}: {name} is {has}, expected {expected}")
    if not np.isfinite(array).all():
        raise VidposeError(f"{path}: {name} has numbers that are not finite")
    return array.reshape(found)
