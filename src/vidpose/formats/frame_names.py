"""What the names of pictures in label files say: the file, its folder, the number of the frame."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from vidpose.errors import VidposeError


def file_of(name: str) -> str:
    """The last part of a picture's name, of either system's."""
    return _posix(name).name


def folder_of(name: str) -> str:
    """The last folder of a picture's name, of either system's; empty without one."""
    return _posix(name).parent.name


def has_number(name: str) -> bool:
    """Whether the file, without its ending, ends in a number, as ``v/frame_000042.jpg`` does."""
    return _number(name) is not None


def frame_indices(names: Sequence[str], path: Path, first: int | None = None) -> list[int]:
    """The positions from 0 that the pictures of one sequence have by the numbers in their names.

    Args:
        names: Their files, such as ``000042.jpg``.
        path: The file they stand in, for the message.
        first: The number of the first frame. By default 0, but 1 if all names have the eight digits
            of PoseTrack2017, which counts from 1, and none is 0.

    Raises:
        VidposeError: A name has no number, one below ``first``, or that of another frame.
    """
    if first is None:
        first = 1 if all(_is_of_2017(name) for name in names) else 0
    seen: dict[int, str] = {}
    for name in names:
        number = _number(name)
        if number is None or number < first:
            raise VidposeError(
                f"{path}: the image {name!r} has no frame number of at least {first} in its name"
            )
        index = number - first
        if index in seen:
            raise VidposeError(f"{path}: {seen[index]!r} and {name!r} have one frame number")
        seen[index] = name
    return list(seen)


def _is_of_2017(name: str) -> bool:
    stem = _posix(name).stem
    return re.fullmatch(r"\d{8}", stem) is not None and int(stem) > 0


def _number(name: str) -> int | None:
    # No sequence has more frames than 18 digits count, and python reads no more than 4300.
    digits = re.search(r"(?<!\d)\d{1,18}$", _posix(name).stem)
    return int(digits[0]) if digits else None


def _posix(name: str) -> PurePosixPath:
    return PurePosixPath(name.replace("\\", "/"))
