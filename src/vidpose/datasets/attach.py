"""Labels and their pictures, brought together; and what becomes of labels without pictures."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from vidpose.datasets.images import ImageFolder, VideoFile
from vidpose.datasets.labels import SequenceLabels
from vidpose.errors import VidposeError
from vidpose.formats.frame_names import file_of


class MissingPicturesError(VidposeError):
    """Labels are there, but not all of their pictures."""


class AbsentSplitError(VidposeError):
    """Nothing of a split is there."""


# Takes a fault that a reader found. It may raise; if it returns, the reader goes on without the
# faulty part, or with labels that have no pictures.
OnFault = Callable[[VidposeError], None]


def refuse(fault: VidposeError) -> None:
    """The `OnFault` of those who want all or nothing: raises the fault."""
    raise fault


@contextmanager
def reporting(report: OnFault) -> Iterator[None]:
    """Hands a `VidposeError` of the block to ``report``."""
    try:
        yield
    except VidposeError as error:
        report(error)


def attach_folder(sequence: SequenceLabels, folder: Path, report: OnFault) -> SequenceLabels:
    """The labels with the pictures of a folder, so that unlabelled neighbours can be reached.

    Frames are found by the file names of their pictures, and get those pictures' positions as
    index: a folder may start at any number and leave some out. A video ``<folder>.mp4`` may stand
    in for the folder: then the number in a frame's name is its position.
    """
    video = folder.with_name(f"{folder.name}.mp4")
    if video.is_file() and not folder.exists():
        return _attach_video(sequence, video, report)
    try:
        images = ImageFolder(folder)
    except VidposeError:
        report(MissingPicturesError(f"{sequence.name}: there is no folder of pictures {folder}"))
        return sequence
    positions = {name: position for position, name in enumerate(images.names)}
    names = [file_of(frame.name) for frame in sequence.frames]
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


def _attach_video(sequence: SequenceLabels, path: Path, report: OnFault) -> SequenceLabels:
    images = VideoFile(path)
    with reporting(report):
        last = sequence.frames[-1].index
        if last >= (length := len(images)):
            raise MissingPicturesError(
                f"{sequence.name}: frame {last} (from 0) is labelled, but {path} has {length}"
            )
        return replace(sequence, images=images)
    return sequence


def need_folder(root: Path, which: str) -> None:
    """Raises a `VidposeError` that asks for the folder ``which`` unless ``root`` is one."""
    if root.is_file():
        raise VidposeError(f"{root} is a file: give the folder {which}")
    if not root.is_dir():
        raise VidposeError(f"{root}: no such folder; give the one {which}")


def inside(root: Path, path: Path) -> Path:
    """``path``, made of a name in a label file, if it is below ``root``; links may lead elsewhere.

    Raises:
        VidposeError: It is not.
    """
    # Not Path.resolve: pictures often lie behind a link.
    absolute, top = (Path(os.path.abspath(each)) for each in (path, root))  # noqa: PTH100
    if not absolute.is_relative_to(top):
        raise VidposeError(
            f"{str(path)!r} lies outside of the dataset's folder {root}: the names of its pictures "
            f"have to stay in there"
        )
    return path
