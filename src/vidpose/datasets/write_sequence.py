"""Sequences written one by one into a folder that reads as PoseTrack2018."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from vidpose.atomic import staged_folder
from vidpose.datasets.labels import FrameLabels, SequenceLabels
from vidpose.datasets.sequence_files import rounded, staged_sequence, write_document, write_picture
from vidpose.datasets.write_posetrack18 import posetrack18_document
from vidpose.errors import VidposeError

# Of the number that a sequence's name begins with.
_DIGITS = 6


class SequenceNames:
    """Names for sequences of a split, each with a number of its own, of which image ids are made.

    Args:
        root: Folder of the dataset, which may have sequences already.
        split: Whose sequences.
    """

    def __init__(self, root: Path, split: str) -> None:
        names = (path.stem for path in (root / "annotations" / split).glob("*.json"))
        self._there = sorted(name for name in names if name[:_DIGITS].isdecimal())
        self._next = max((int(name[:_DIGITS]) for name in self._there), default=-1) + 1

    def of(self, stem: str) -> str:
        """The name that a sequence of this stem has already, or a new one; each is given once."""
        for name in self._there:
            if name[_DIGITS:] == f"_{stem}":
                self._there.remove(name)
                return name
        name = f"{self._next:0{_DIGITS}d}_{stem}"
        self._next += 1
        return name


class SequenceWriter:
    """Takes the pictures and the labels of one sequence; `write_sequence` makes it.

    Args:
        folder: Where the pictures go.
        place: Their folder as the labels name it.

    Attributes:
        labels: To be set before the block ends; frames by the names that `add` gave.
    """

    def __init__(self, folder: Path, place: str) -> None:
        self.labels: SequenceLabels | None = None
        self._folder = folder
        self._place = place
        self._count = 0

    def add(self, picture: UInt8[np.ndarray, "h w 3"]) -> FrameLabels:
        """Writes the next picture (RGB); returns its frame, in which nobody is labelled yet."""
        name = write_picture(self._folder, self._count, picture)
        height, width = picture.shape[:2]
        frame = FrameLabels(
            self._count, f"{self._place}/{name}", labelled=False, size=(width, height)
        )
        self._count += 1
        return frame


class _UnlabelledError(Exception):
    """The block has ended without labels."""


@contextmanager
def write_sequence(
    root: Path, split: str, name: str, overwrite: bool = False
) -> Iterator[SequenceWriter]:
    """One sequence, pictures and labels, there after the block whole or not at all.

    Writes ``images/SPLIT/NAME/000000.jpg`` and so on, and ``annotations/SPLIT/NAME.json``. A block
    that ends without `SequenceWriter.labels`, or by an exception, changes nothing.

    Args:
        root: Folder of the dataset; made if it is not there.
        split: ``train``, ``val`` or ``test``.
        name: The sequence, e.g. ``000012_walk``: PoseTrack's image ids are made of its number.
        overwrite: Replace a sequence of this name.

    Raises:
        VidposeError: The sequence or its pictures are there already, or cannot be written.
    """
    annotation = root / "annotations" / split / f"{name}.json"
    place = f"images/{split}/{name}"
    folder = root / place
    for parent in (annotation.parent, folder.parent):
        try:
            parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise VidposeError(f"cannot write {parent}: {error.strerror}") from error
    with (
        suppress(_UnlabelledError),
        staged_sequence(annotation, staged_folder(folder), folder, overwrite=overwrite) as (
            pictures,
            file,
        ),
    ):
        writer = SequenceWriter(pictures, place)
        yield writer
        if writer.labels is None:
            raise _UnlabelledError
        labels = replace(writer.labels, frames=tuple(map(rounded, writer.labels.frames)))
        write_document(file, posetrack18_document(labels))
