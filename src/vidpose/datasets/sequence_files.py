"""The files of one sequence in a folder that reads as PoseTrack2018: how each is written."""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import UInt8

from vidpose.atomic import set_aside, staged
from vidpose.datasets.labels import FrameLabels
from vidpose.errors import VidposeError
from vidpose.geometry import Box
from vidpose.image_files import encoded

T = TypeVar("T")


def refuse_taken(places: Iterable[Path]) -> None:
    """Of files and folders that are to be made without replacing any.

    Raises:
        VidposeError: One is there.
    """
    for path in places:
        if os.path.lexists(path):
            raise VidposeError(f"{path} exists; add --overwrite, or give another folder")


@contextmanager
def staged_sequence(
    annotation: Path,
    pictures: AbstractContextManager[T],
    *places: Path,
    overwrite: bool = False,
) -> Iterator[tuple[T, Path]]:
    """Pictures and labels that take their places together after the block, or not at all.

    Both are written to their ends before anything old is moved. The labels come last: what has
    labels is whole.

    Args:
        annotation: The file of the labels.
        pictures: Puts the pictures at their place if its own block ends well, as
            `vidpose.atomic.staged_folder` does.
        places: Where it puts them, and other places of which an old version is removed.
        overwrite: Whether anything old may be removed.

    Yields:
        What ``pictures`` gives, and a temporary file for the labels.

    Raises:
        VidposeError: A place cannot be written, or is taken, before the block or after it.
    """
    if not overwrite:
        refuse_taken((annotation, *places))
    with ExitStack() as old, staged(annotation) as labels, pictures as opened:
        yield opened, labels
        # Somebody else may have written here meanwhile.
        if not overwrite:
            refuse_taken((annotation, *places))
        old.enter_context(set_aside(annotation, *places))


def write_picture(folder: Path, number: int, picture: UInt8[np.ndarray, "h w 3"]) -> str:
    """Write the RGB picture of a frame into the folder; returns the name of its file."""
    name = f"{number:06d}.jpg"
    (folder / name).write_bytes(encoded(picture, ".jpg"))
    return name


def write_document(path: Path, document: dict[str, Any]) -> None:
    """Write labels as JSON."""
    path.write_text(json.dumps(document, allow_nan=False) + "\n", encoding="utf-8")


def rounded(frame: FrameLabels) -> FrameLabels:
    """The labels to hundredths of a pixel, which keeps files small."""
    people = (
        replace(
            person,
            keypoints=person.keypoints.round(2),
            box=_rounded(person.box),
            head_box=_rounded(person.head_box),
        )
        for person in frame.people
    )
    return replace(frame, people=tuple(people))


def _rounded(box: Box | None) -> Box | None:
    return None if box is None else np.asarray(box, np.float64).round(2)
