"""Frames of a video file by their number."""

from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from jaxtyping import UInt8

from vidpose.errors import VidposeError
from vidpose.video.frame_index import FrameIndex, decoded, opened
from vidpose.video.shown import Shown

# A clip of neighbouring frames, in whatever order it is asked for.
_KEPT = 12


class Decoder:
    """An open video file with a position.

    Frames are numbered in the order in which decoding from the start shows them. Where every
    packet has a time of its own, a frame is known by that time, so that decoding may start at
    the key frame before it; other files (AVI, damaged ones) are always decoded from the start.

    Args:
        path: The file.
        index: Of the file.

    Raises:
        VidposeError: It cannot be opened, or has no picture.
    """

    def __init__(self, path: Path, index: FrameIndex) -> None:
        self.index = index
        self._path = path
        self._recent: OrderedDict[int, VideoFrame] = OrderedDict()
        self._container, self._stream = opened(path)
        self._next = 0
        self._shown = Shown(self._stream)
        self._frames = _numbered(self._container, self._stream, index, None)

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()

    def frame(self, number: int) -> UInt8[np.ndarray, "h w 3"]:
        """The RGB picture of a frame below ``index.length``, as a player shows it.

        Raises:
            VidposeError: It cannot be decoded.
        """
        if number not in self._recent:
            if not self._is_ahead(number):
                self._go_to(number)
            self._decode_to(number)
        return self._shown(self._recent[number])

    def _is_ahead(self, number: int) -> bool:
        """Whether decoding on gets to a frame without passing a key frame to start from."""
        if number < self._next:
            return False
        if not self.index.times or number < self._next + _KEPT:
            return True
        last = self.index.number(self.index.keys_before(number)[-1])
        return last is not None and last <= self._next

    def _decode_to(self, number: int) -> None:
        for at, raw in self._frames:
            self._next = at + 1
            self._recent[at] = raw
            if len(self._recent) > _KEPT:
                self._recent.popitem(last=False)
            if at >= number:
                break
        if number not in self._recent:
            self._restart()
            raise VidposeError(f"{self._path}: frame {number} cannot be decoded; is it damaged?")

    def _go_to(self, number: int) -> None:
        """Move to a key frame from which a frame can be reached."""
        if self.index.times:
            # Some containers seek by the time of decoding and land on a key frame too late.
            for key in reversed(self.index.keys_before(number)[1:]):
                if self._seek(key, self.index.times[number]):
                    return
        self._restart()

    def _seek(self, key: int, target: int) -> bool:
        try:
            self._container.seek(key, stream=self._stream)
            packet = next(self._container.demux(self._stream))
        except (av.FFmpegError, OSError):
            return False
        if not packet.is_keyframe or packet.pts is None or packet.pts > target:
            return False
        if self.index.number(packet.pts) is None:
            return False
        self._container.seek(key, stream=self._stream)
        self._begin(at=packet.pts)
        return True

    def _restart(self) -> None:
        self._container.close()
        self._container, self._stream = opened(self._path)
        self._begin(at=None)

    def _begin(self, at: int | None) -> None:
        self._recent.clear()
        self._next = self.index.number(at) or 0
        self._frames = _numbered(self._container, self._stream, self.index, at)


def _numbered(
    container: InputContainer, stream: VideoStream, index: FrameIndex, start: int | None
) -> Iterator[tuple[int, VideoFrame]]:
    """Frames from where the container stands, a key frame's time, or None at the start."""
    for count, raw in enumerate(decoded(container, stream)):
        if not index.times:
            yield count, raw
        # What is shown before the key frame may refer to frames that were not decoded.
        elif start is None or (raw.pts is not None and raw.pts >= start):
            number = index.number(raw.pts)
            if number is not None:
                yield number, raw
