"""Which frames a video file has, found by reading all its packets once."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vidpose.video.address import file_address
from vidpose.video.clock import DEFAULT_FPS
from vidpose.video.container import nominal_fps, open_video

# A training set may have thousands of videos; of one an index takes some kilobytes.
_KEPT = 8192


class FrameIndex(NamedTuple):
    """Numbers alone, so that it can be shared where an open file cannot.

    Attributes:
        times: Of the frames, rising, in the stream's own units; empty where they cannot be trusted.
        keys: Of the key frames, likewise.
        length: Number of frames.
        fps: Nominal frames per second; 25 where the file does not say.
    """

    times: "array[int]"
    keys: "array[int]"
    length: int
    fps: float

    def number(self, time: int | None) -> int | None:
        """Of the frame with a time; None if there is none."""
        if time is None:
            return None
        at = bisect_left(self.times, time)
        return at if at < len(self.times) and self.times[at] == time else None

    def keys_before(self, number: int) -> "array[int]":
        """The times of the key frames from which decoding may get to a frame, rising."""
        return self.keys[: bisect_right(self.keys, self.times[number])]


def frame_index(path: Path) -> FrameIndex:
    """The index of a file, made once until the file changes.

    Raises:
        VidposeError: It cannot be opened, or has no picture.
    """
    changed = 0
    # Opening it says better what is wrong.
    with suppress(OSError):
        changed = path.stat().st_mtime_ns
    return _made(path, changed)


@lru_cache(maxsize=_KEPT)
def _made(path: Path, changed: int) -> FrameIndex:
    container, stream = opened(path)
    with container:
        fps = nominal_fps(stream) or DEFAULT_FPS
        times, keys = _packets(container, stream)
    if times:
        return FrameIndex(times, keys, len(times), fps)
    container, stream = opened(path)
    with container:
        return FrameIndex(times, keys, sum(1 for _ in decoded(container, stream)), fps)


def _packets(container: InputContainer, stream: VideoStream) -> tuple["array[int]", "array[int]"]:
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
    times.sort()
    keys.sort()
    distinct = len(set(times)) == len(times)
    if not (trusted and distinct and keys and keys[0] == times[0]):
        return array("q"), array("q")
    return array("q", times), array("q", keys)


def opened(path: Path) -> tuple[InputContainer, VideoStream]:
    """The file, to be decoded in the caller's thread.

    Raises:
        VidposeError: It cannot be opened, or has no picture.
    """
    container, stream = open_video(file_address(path), av.open)
    # Codec threads do not survive the fork of a worker process.
    stream.codec_context.thread_count = 1
    return container, stream


def decoded(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
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
