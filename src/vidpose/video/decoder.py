"""Frames of a video file by their number.

The one module of this package that needs PyAV; import it only where a video is read.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from jaxtyping import UInt8

from vidpose.errors import VidposeError
from vidpose.video.address import file_address
from vidpose.video.clock import DEFAULT_FPS
from vidpose.video.container import nominal_fps, open_video
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

    Attributes:
        frame_count: The number of frames.
        fps: Nominal frames per second; 25 where the file does not say.

    Raises:
        VidposeError: It cannot be opened, or has no picture.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._recent: OrderedDict[int, VideoFrame] = OrderedDict()
        self._times, self._keys = _index(*self._opened())
        self._number = {time: number for number, time in enumerate(self._times)}
        self.frame_count = len(self._times) or sum(1 for _ in _decoded(*self._opened()))
        self._next = 0
        self._frames: Iterator[tuple[int, VideoFrame]] = iter(())
        self._restart()
        self.fps = nominal_fps(self._stream) or DEFAULT_FPS

    def frame(self, number: int) -> UInt8[np.ndarray, "h w 3"]:
        """The RGB picture of a frame below `frame_count`, as a player shows it.

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
        return not self._times or number < self._next + _KEPT or self._start(number) <= self._next

    def _start(self, number: int) -> int:
        """The number of the last key frame up to a frame."""
        key = bisect_right(self._keys, self._times[number]) - 1
        return self._number[self._keys[key]]

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
        if self._times:
            last = bisect_right(self._keys, self._times[number])
            # Some containers seek by the time of decoding and land on a key frame too late.
            for key in reversed(self._keys[:last]):
                if key != self._keys[0] and self._seek(key, self._times[number]):
                    return
        self._restart()

    def _seek(self, key: int, target: int) -> bool:
        try:
            self._container.seek(key, stream=self._stream)
            packet = next(self._container.demux(self._stream))
        except (av.FFmpegError, OSError):
            return False
        if not packet.is_keyframe or packet.pts not in self._number or packet.pts > target:
            return False
        self._container.seek(key, stream=self._stream)
        self._begin(at=packet.pts)
        return True

    def _restart(self) -> None:
        self._container, self._stream = self._opened()
        self._shown = Shown(self._stream)
        self._begin(at=None)

    def _begin(self, at: int | None) -> None:
        self._recent.clear()
        self._next = 0 if at is None else self._number[at]
        self._frames = self._numbered(at)

    def _opened(self) -> tuple[InputContainer, VideoStream]:
        container, stream = open_video(file_address(self._path), av.open)
        # Codec threads do not survive the fork of a worker process.
        stream.codec_context.thread_count = 1
        return container, stream

    def _numbered(self, start: int | None) -> Iterator[tuple[int, VideoFrame]]:
        for count, raw in enumerate(_decoded(self._container, self._stream)):
            if not self._times:
                yield count, raw
            # What is shown before the key frame may refer to frames that were not decoded.
            elif raw.pts in self._number and (start is None or raw.pts >= start):
                yield self._number[raw.pts], raw


def _index(container: InputContainer, stream: VideoStream) -> tuple[list[int], list[int]]:
    """The times of all frames and of the key frames, rising; empty where they cannot be trusted."""
    times: list[int] = []
    keys: list[int] = []
    trusted = container.format.name != "avi"
    try:
        for packet in container.demux(stream):
            if not packet.size:  # the end
                continue
            if packet.pts is None or packet.is_discard or packet.is_corrupt:
                trusted = False
                break
            times.append(packet.pts)
            if packet.is_keyframe:
                keys.append(packet.pts)
    except (av.FFmpegError, OSError):
        trusted = False
    finally:
        container.close()
    times.sort()
    keys.sort()
    distinct = len(set(times)) == len(times)
    if not (trusted and distinct and keys and keys[0] == times[0]):
        return [], []
    return times, keys


def _decoded(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """All frames from where the container stands, past damage, as `Recording` decodes them."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except (av.FFmpegError, OSError):
            packet = None
        with suppress(av.FFmpegError, OSError):
            yield from stream.decode(packet)
        if packet is None:
            return
