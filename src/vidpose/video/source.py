"""Where frames come from: a file, images, a camera, the network or the caller's memory."""

from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np

from vidpose.errors import VidposeError
from vidpose.frame import Frame
from vidpose.image_files import IMAGE_SUFFIXES
from vidpose.video.address import (
    Address,
    camera_address,
    check_name,
    file_address,
    is_camera,
    is_url,
    url_address,
)
from vidpose.video.ahead import ahead, newest
from vidpose.video.arrays import Arrays
from vidpose.video.clock import DEFAULT_FPS
from vidpose.video.images import Images
from vidpose.video.recording import Recording

# Of images, in frames per second: what times in microseconds and an mp4 file can tell apart.
_SLOWEST, _FASTEST = 0.001, 1000.0

SourceLike = str | Path | int | np.integer | Iterable[str | Path] | Iterable[np.ndarray]


class Source:
    """Frames, in order, one at a time, with what is known about them beforehand.

    Iterate once; close it, or use it in a ``with`` block. The first frame has been decoded already,
    so whatever cannot be read was refused when the source was opened. Later frames may differ from
    the first in size. They are decoded in a thread of their own, a few ahead; arrays are taken when
    they are asked for. Of a camera, or of another stream in real time, each one given is the
    newest: frames are dropped while nobody asks for one, the others are numbered through, and
    their times stay true.

    Attributes:
        name: The source as it was given; of a URL, without user and password.
        stem: A name for outputs: ``clip`` of ``clip.mp4``, the folder's name, ``camera-0``.
        width: Width of the upright first frame in pixels.
        height: Height of the upright first frame in pixels.
        fps: Nominal frames per second; None where unknown.
        frame_count: The number of frames: exact for images, for a video what its container lets one
            estimate; None where unknown.
        file_names: The names of images, without folders, one a frame; None for anything else.
        live: Whether it goes on until somebody stops it.
        path: The video file, which may hold sound; None for anything else.
        files: All files that frames are read from: the video, or the images.
        dropped: How many frames of a camera have been dropped so far.
    """

    def __init__(self, origin: Recording | Images | Arrays) -> None:
        self.name = origin.name
        self.stem = origin.stem
        self.fps = origin.fps
        self.frame_count = origin.frame_count
        self.file_names = origin.file_names if isinstance(origin, Images) else None
        self.live = origin.live
        self.path = origin.path
        self.files: Sequence[Path] = origin.files
        self.dropped = 0
        self._origin = origin
        self._frames = origin.frames()
        try:
            self._first = next(self._frames, None)
            if self._first is None:
                raise VidposeError(f"{self.name}: not one frame could be decoded; is it damaged?")
        except BaseException:
            self.close()
            raise
        self.height, self.width = self._first.image.shape[:2]
        if not isinstance(origin, Arrays):
            self._frames = (newest if origin.real_time else ahead)(self._frames)

    def __iter__(self) -> Iterator[Frame]:
        if self._first is not None:
            first, self._first = self._first, None
            yield first
        for taken, frame in enumerate(self._frames, start=1):
            self.dropped = frame.index - taken
            yield replace(frame, index=taken)

    def close(self) -> None:
        """Let go of the file or device; nothing can be read afterwards.

        For the thread that reads: while another is inside, it raises ValueError.
        """
        self._first = None
        self._frames.close()
        self._origin.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_source(
    source: SourceLike,
    *,
    fps: float | None = None,
    open: Callable[..., Any] = av.open,  # noqa: A002
) -> Source:
    """Open a video and decode its first frame.

    Args:
        source: One of: a video file; an image file; a folder of images, taken in natural order
            (``2.png`` before ``10.png``); image files, taken as one sequence in the given order; a
            camera, as a number or as ``camera:0``; an http(s), rtsp or rtmp URL; pictures in
            memory, an array ``[frame, h, w, 3]`` or a list or generator of ``[h, w, 3]``, RGB in
            uint8.
        fps: Frames per second of images, 0.001 to 1000, 25 by default; all else carries its own
            times, and is refused with it.
        open: Stands in for `av.open`.

    Returns:
        The source. Its times are seconds since the start of the recording (of the earliest of its
        picture and sound, so that the two stay together), strictly increasing; those of a live
        source count from its first frame, those of images are ``index / fps``.

    Raises:
        VidposeError: There is nothing at that place that can be read as frames, or ``fps`` is out
            of range or given for what is no image.
    """
    if fps is not None and not _SLOWEST <= fps <= _FASTEST:
        raise VidposeError(
            f"fps (--fps) is {fps}: it must be from {_SLOWEST:g} to {_FASTEST:g} frames per second"
        )
    if isinstance(source, str):
        check_name(source)
    found = _find(source, fps or DEFAULT_FPS)
    if isinstance(found, Images | Arrays):
        return Source(found)
    if fps is not None:
        raise VidposeError(
            f"{found.name}: is no image and carries its own times: leave out fps (--fps)"
        )
    return Source(Recording(found, open))


def _find(source: SourceLike, fps: float) -> Images | Arrays | Address:
    """Images, or where libav finds all else."""
    if isinstance(source, int | np.integer):
        return camera_address(int(source))
    if is_camera(source):
        return camera_address(source)
    if is_url(source):
        return url_address(source)
    if isinstance(source, str | Path):
        path = Path(source)
        if path.is_dir():
            return Images.of_folder(path, fps)
        if path.suffix.lower() in IMAGE_SUFFIXES:
            return Images.of_files([path], fps)
        return file_address(path)
    return _images(source, fps)


def _images(source: Iterable[str | Path] | Iterable[np.ndarray], fps: float) -> Images | Arrays:
    """What is neither one name nor a number: names of files, or pictures."""
    if isinstance(source, np.ndarray) and source.ndim == 3:
        source = source[None]
    try:
        each: Iterator[Any] = iter(source)
    except TypeError as error:
        raise VidposeError(
            f"a source cannot be a {type(source).__name__}; give a video, an image, a folder, a "
            "camera's number, a URL, or several images"
        ) from error
    first = list(islice(each, 1))
    if not first:
        raise VidposeError("no image at all; give at least one, as a file or as an array")
    if isinstance(first[0], str | Path):
        return Images.of_files([_named(i, file) for i, file in enumerate((*first, *each))], fps)
    count = len(source) if isinstance(source, Sized) else None
    return Arrays(chain(first, each), count, fps)


def _named(index: int, file: object) -> Path:
    if not isinstance(file, str | Path):
        raise VidposeError(
            f"frame {index}: is a {type(file).__name__}; give names of files alone, or arrays alone"
        )
    return Path(file)
