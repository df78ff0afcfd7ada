"""Labels and their pictures, brought together; and what becomes of labels without pictures."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

from vidpose.datasets.images import ImageFolder
from vidpose.datasets.labels import SequenceLabels
from vidpose.errors import VidposeError


class MissingPicturesError(VidposeError):
    """Labels are there, but not all of their pictures."""


class AbsentSplitError(VidposeError):
    """Nothing of a split is there."""


# Takes a fault that a reader found. It may raise; if it returns, the reader goes on without the
# faulty part, or with labels that have no pictures.
Report = Callable[[VidposeError], None]


def refuse(fault: VidposeError) -> None:
    """The `Report` of those who want all or nothing: raises the fault."""
    raise fault


@contextmanager
def reporting(report: Report) -> Iterator[None]:
    """Hands a `VidposeError` of the block to ``report``."""
    try:
        yield
    except VidposeError as error:
        report(error)


def attach_folder(sequence: SequenceLabels, folder: Path, report: Report) -> SequenceLabels:
    """The labels with the pictures of a folder, so that unlabelled neighbours can be reached.

    Frames are found by the file names of their pictures, and get those pictures' positions as
    index: a folder may start at any number and leave some out.
    """
    try:
        images = ImageFolder(folder)
    except VidposeError:
        report(MissingPicturesError(f"{sequence.name}: there is no folder of pictures {folder}"))
        return sequence
    positions = {name: position for position, name in enumerate(images.names)}
    names = [file_name(frame.name) for frame in sequence.frames]
    missing = [name for name in names if name not in positions]
    if missing:
        report(
            MissingPicturesError(
                f"{sequence.name}: {len(missing)} of {len(names)} pictures are missing in "
                f"{folder}, the first is {missing[0]}"
            )
        )
        return sequence
    frames = [
        replace(frame, index=positions[name])
        for frame, name in zip(sequence.frames, names, strict=True)
    ]
    frames.sort(key=lambda frame: frame.index)
    return replace(sequence, frames=tuple(frames), images=images)


def file_name(name: str) -> str:
    """The last part of a picture's name, of either system's."""
    return PurePosixPath(name.replace("\\", "/")).name
