"""Reading npz files that may be anything, with one clear line about what is wrong."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

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
