"""The pictures of a sequence, by position: image files, a folder of them, or a video file."""

import os
import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from vidpose.image_files import listed, read_image

if TYPE_CHECKING:
    from vidpose.video.decoder import Decoder

# Each holds a file handle and some frames; a training set may have thousands of videos.
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
        return self._decoder.frame_count

    def __getitem__(self, index: int) -> UInt8[np.ndarray, "h w 3"]:
        """The RGB picture at ``index``.

        Raises:
            IndexError: The video has no such frame.
            VidposeError: The file cannot be read as video, or is damaged there.
        """
        return self._decoder.frame(_checked(index, len(self)))

    @property
    def fps(self) -> float:
        """Nominal frames per second; 25 where the file does not say.

        Raises:
            VidposeError: The file cannot be read as video.
        """
        return self._decoder.fps

    @property
    def _decoder(self) -> "Decoder":
        # A decoder has a position: processes and threads that shared one would move each other's.
        return _open(self.path, os.getpid(), threading.get_ident())


@lru_cache(maxsize=_OPEN_DECODERS)
def _open(path: Path, process: int, thread: int) -> "Decoder":
    from vidpose.video.decoder import Decoder

    return Decoder(path)


def _checked(index: int, length: int) -> int:
    if not 0 <= index < length:
        raise IndexError(f"position {index} of {length} pictures")
    return index
