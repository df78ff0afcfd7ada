"""Files that hold poses: one file a format.

`FORMATS` names the writers; each streams, one frame at a time. `save` and `load` are for a result
that is already whole.
"""

from pathlib import Path

from vidpose.atomic import staged
from vidpose.errors import VidposeError
from vidpose.formats.base import Writer
from vidpose.formats.coco import CocoWriter
from vidpose.formats.native import NativeWriter, load
from vidpose.formats.posetrack18 import PoseTrack18Writer
from vidpose.formats.table import TableWriter
from vidpose.poses import Poses

__all__ = ["FORMATS", "Writer", "load", "save", "writer_class"]

FORMATS: dict[str, type[Writer]] = {
    "json": NativeWriter,
    "csv": TableWriter,
    "posetrack18": PoseTrack18Writer,
    "coco": CocoWriter,
}


def writer_class(name: str) -> type[Writer]:
    """The writer of a format by its name in `FORMATS`.

    Raises:
        VidposeError: There is no such format.
    """
    if name not in FORMATS:
        raise VidposeError(f"unknown format {name!r}: choose from {', '.join(FORMATS)}")
    return FORMATS[name]


def save(poses: Poses, path: Path, format_name: str | None = None) -> None:
    """Write ``poses`` to ``path``, which appears whole or not at all.

    Args:
        poses: What to write.
        path: Where; an existing file is replaced.
        format_name: A name in `FORMATS`. Without it the ending decides: ``.json`` is the native
            format, ``.csv`` the table.

    Raises:
        VidposeError: The format or the ending is unknown, or the place cannot be written.
    """
    if format_name is None:
        format_name = path.suffix.lower().removeprefix(".")
        if format_name not in ("json", "csv"):
            raise VidposeError(f"{path}: the ending must be .json or .csv, or name a format")
    writer = writer_class(format_name)
    with staged(path) as temporary, writer(temporary, poses.header) as file:
        for frame in poses:
            file.write(frame)
