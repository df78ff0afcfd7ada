"""Writing an mp4 file with exact times and the sound of another file."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.container import OutputContainer
from jaxtyping import UInt8

from vidpose.errors import VidposeError
from vidpose.video.audio import Sound, open_sound
from vidpose.video.picture import Picture

_log = logging.getLogger("vidpose")


class VideoWriter:
    """Writes frames to an mp4 file that browsers play while it loads.

    The file is written beside its place as ``NAME.part`` and takes its name in `close`, once it is
    whole. Without a frame, or after an exception inside the ``with`` block, no file is left, and
    one that was there before stays as it was.

    Args:
        path: Where to write; the folder must exist.
        width: Width in pixels. An odd width or height is padded by repeating the last column, row.
        height: Height in pixels.
        fps: Nominal frames per second: the last frame stays for one such interval. Without it, that
            frame stays as long as the one before.
        preset: x264's trade of speed for size, ``ultrafast`` to ``veryslow``.
        crf: x264's quality, 0 (lossless) to 51 (worst).
        audio_from: A file whose sound is kept, if it has any, up to the end of the last frame.

    Attributes:
        largest: Pixels a side that x264 takes.

    Raises:
        VidposeError: The file cannot be written.
    """

    largest = 16_384

    def __init__(
        self,
        path: str | Path,
        width: int,
        height: int,
        *,
        fps: float | None = None,
        preset: str = "superfast",
        crf: float = 23,
        audio_from: Path | None = None,
    ) -> None:
        self._path = Path(path)
        self._part = self._path.with_name(self._path.name + ".part")
        self._container: OutputContainer | None = None
        self._sound: Sound | None = None
        self._empty = True
        self._size = f"{width} x {height}"
        self._new_picture = partial(
            Picture, width=width, height=height, fps=fps, preset=preset, crf=crf
        )
        with self._failing():
            try:
                self._start(audio_from)
            except av.FFmpegError as error:
                if audio_from is None:
                    raise
                self.discard()
                self._start(None)
                _log.warning("%s: its sound cannot be kept (%s)", audio_from, error.strerror)

    def write(self, image: UInt8[np.ndarray, "h w 3"], pts: float) -> None:
        """Append a frame.

        Args:
            image: RGB pixels; one of another size is fitted in, with black bars.
            pts: Seconds from the start; a frame that is not later than its predecessor is put
                right after it.

        Raises:
            VidposeError: The file cannot be written any more.
        """
        if self._container is None:
            raise ValueError(f"{self._path}: the writer is closed")
        with self._failing():
            self._mux_sound(self._container, pts)
            self._container.mux(self._picture.encode(image, pts))
        self._empty = False

    def close(self) -> None:
        """Finish the file and give it its name.

        Raises:
            VidposeError: The file cannot be written to its end.
        """
        if self._container is None or self._empty:
            self.discard()
            return
        with self._failing():
            self._mux_sound(self._container, self._picture.end)
            self._container.mux(self._picture.flush())
            self._container.close()
            self._part.replace(self._path)
        self._container = None
        self._drop_sound()

    def discard(self) -> None:
        """Stop, and leave no file."""
        self._drop_sound()
        if self._container is not None:
            with suppress(av.FFmpegError, OSError):
                self._container.close()
            self._container = None
            with suppress(OSError):
                self._part.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            self.discard()

    def _start(self, audio_from: Path | None) -> None:
        self._container = av.open(
            str(self._part.absolute()), "w", format="mp4", options={"movflags": "+faststart"}
        )
        self._picture = self._new_picture(self._container)
        self._sound = open_sound(audio_from, self._container) if audio_from else None
        self._container.start_encoding()

    def _mux_sound(self, container: OutputContainer, until: float) -> None:
        """Sound goes in along with the picture, so that neither waits in memory for the other."""
        if self._sound is None:
            return
        try:
            for packet in self._sound.until(until):
                container.mux(packet)
        except (av.FFmpegError, OSError) as error:
            _log.warning("%s: its sound ends at a fault (%s)", self._sound.path, error.strerror)
            self._drop_sound()

    def _drop_sound(self) -> None:
        if self._sound is not None:
            self._sound.close()
            self._sound = None

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Leave no half-made file after an exception; libav's and the disk's become clear."""
        try:
            yield
        except (av.FFmpegError, OSError) as error:
            self.discard()
            # libav's errors of the disk are Python's too.
            if isinstance(error, OSError):
                question = "is there such a folder, with space and permission?"
            else:
                question = f"does H.264 take frames of {self._size} pixels?"
            raise VidposeError(
                f"{self._path}: cannot be written ({error.strerror}); {question}"
            ) from error
        except BaseException:
            self.discard()
            raise
