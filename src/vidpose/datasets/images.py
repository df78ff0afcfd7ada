"""The pictures of a sequence, by position: image files, a folder of them, or a video file."""

import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from vidpose.image_files import listed, read_image

if TYPE_CHECKING:
    from vidpose.video.decoder import Decoder
    from vidpose.video.frame_index import FrameIndex

# In each thread: one holds a file handle and some frames, and a training set may have thousands.
_OPEN_DECODERS = 4


class ImageFiles:
    """Image files in a given order.

    Args:
        paths: The files; they are opened when they are asked for.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> UInt8[np.ndarray, "h w 3"]:
        """The RGB picture at ``index``, as `read_image` reads it."""
        return read_image(self.paths[_checked(index, len(self))])


class ImageFolder:
    """The image files right inside a folder, in natural order (``2.jpg`` before ``10.jpg``).

    Args:
        folder: The folder; hidden files are left out.

    Attributes:
        names: The files' names, by position.

    Raises:
        VidposeError: There is no such folder, or it cannot be listed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = tuple(listed(folder))

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> UInt8[np.ndarray, "h w 3"]:
        """The RGB picture at ``index``, as `read_image` reads it."""
        return read_image(self.folder / self.names[_checked(index, len(self))])


class VideoFile:
    """The frames of a video file, upright, exactly as decoding from the start gives them.

    Neighbouring frames come cheaply in any order; a far one is reached from the key frame before
    it. Nothing is open in the object itself: it can be pickled and shared with worker processes.

    Args:
        path: The file; it is opened when a frame or the length is asked for.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __len__(self) -> int:
        """Number of frames.

        Raises:
            VidposeError: The file cannot be read as video.
        """
        return self._index.length

    def __getitem__(self, index: int) -> UInt8[np.ndarray, "h w 3"]:
        """The RGB picture at ``index``.

        Raises:
            IndexError: The video has no such frame.
            VidposeError: The file cannot be read as video, or is damaged there.
        """
        frames = self._index
        return _decoders.of(self.path, frames).frame(_checked(index, frames.length))

    @property
    def fps(self) -> float:
        """Nominal frames per second; 25 where the file does not say.

        Raises:
            VidposeError: The file cannot be read as video.
        """
        return self._index.fps

    @property
    def _index(self) -> "FrameIndex":
        from vidpose.video.frame_index import frame_index

        return frame_index(self.path)


class _Decoders(threading.local):
    """Those that are open. One has a position, which processes and threads would move by turns."""

    def __init__(self) -> None:
        # Those of the process that forked this one stay: what frees them waits for their threads,
        # which this one has not.
        self._of_process: dict[int, OrderedDict[Path, Decoder]] = {}

    def of(self, path: Path, index: "FrameIndex") -> "Decoder":
        """The decoder of a file, which stays open while it is among the last few."""
        from vidpose.video.decoder import Decoder

        here = self._of_process.setdefault(os.getpid(), OrderedDict())
        decoder = here.pop(path, None)
        if decoder is None or decoder.index is not index:
            decoder = Decoder(path, index)
        here[path] = decoder
        if len(here) > _OPEN_DECODERS:
            here.popitem(last=False)[1].close()
        return decoder


_decoders = _Decoders()


def _checked(index: int, length: int) -> int:
    if not 0 <= index < length:
        raise IndexError(f"position {index} of {length} pictures")
    return index
