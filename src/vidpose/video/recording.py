"""Decoding what libav opens: frames with their times."""

# av.Packet is generic for type checkers only.
from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator
from typing import Any

import av
from av.codec.context import ThreadType
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vidpose.frame import Frame
from vidpose.video.address import Address
from vidpose.video.clock import DEFAULT_FPS, Clock
from vidpose.video.container import duration, nominal_fps, open_video, start_time
from vidpose.video.shown import Shown

_log = logging.getLogger("vidpose")


class Recording:
    """The video stream of a file, camera or URL; `Source` says what the attributes mean.

    Args:
        address: What to open.
        open_container: Stands in for `av.open`.

    Attributes:
        real_time: Whether frames come when they happen, taken or not.

    Raises:
        VidposeError: It cannot be opened, or has no picture.
    """

    def __init__(self, address: Address, open_container: Callable[..., Any] = av.open) -> None:
        self.name = address.name
        self.stem = address.stem
        self.path = address.path
        self.files = () if address.path is None else (address.path,)
        self._container, self._stream = open_video(address, open_container)
        self.live = address.live or (address.path is None and self._container.duration is None)
        # A web server sends as fast as it is read, a camera does not wait.
        self.real_time = address.live
        self.fps = nominal_fps(self._stream)
        self._seconds = None if self.live else duration(self._container, self._stream)
        self.frame_count = None if self.live else self._estimate()
        self._faults = 0
        if not self.live:
            # Decoding ahead in threads is faster, but keeps a camera's newest frames back.
            self._stream.thread_type = ThreadType.AUTO

    def frames(self) -> Generator[Frame]:
        """Decode to the end, past damage where the decoder can; then say what was lost."""
        # AVI knows only the order of decoding; what looks like presentation times there is not.
        decoding_order = self._container.format.name == "avi"
        start = None if self.live or decoding_order else start_time(self._container)
        clock = Clock(1 / (self.fps or DEFAULT_FPS), start)
        shown = Shown(self._stream)
        count, first, end = 0, None, 0.0
        for raw in self._decoded():
            pts = clock(_seconds(raw, raw.dts if decoding_order else raw.pts))
            first = pts if first is None else first
            end = pts + (_seconds(raw, raw.duration) or 0.0)
            yield Frame(count, pts, shown(raw))
            count += 1
        if count:  # else the source is refused
            self._report(count, end - (first or 0.0))

    def close(self) -> None:
        """Close the file or device."""
        self._container.close()

    def _decoded(self) -> Iterator[VideoFrame]:
        try:
            for packet in self._container.demux(self._stream):
                yield from self._decode(packet)
        except (av.FFmpegError, OSError) as error:
            self._faults += 1
            if self.live:
                _log.warning("%s: the stream broke off (%s)", self.name, error.strerror)
            yield from self._decode(None)

    def _decode(self, packet: av.Packet[VideoStream] | None) -> list[VideoFrame]:
        """The frames that a packet completes, or at last those still in the decoder."""
        try:
            frames = self._stream.decode(packet)
        except (av.FFmpegError, OSError):
            self._faults += 1
            return []
        self._faults += sum(frame.is_corrupt for frame in frames)
        return frames

    def _report(self, count: int, end: float) -> None:
        if self.live or not (self._faults or self._is_short(count, end)):
            return
        of = "" if self._seconds is None else f" of {self._seconds:.1f} s"
        frames = "" if self.frame_count is None else f" of about {self.frame_count}"
        _log.warning(
            "%s: damaged or cut off; read %d%s frames, to %.1f s%s",
            *(self.name, count, frames, end, of),
        )

    def _is_short(self, count: int, end: float) -> bool:
        """Whether the file announced more than was read."""
        if self._seconds is None:
            # Only here: where it tells a length, it also counts frames that an edit left out.
            return count <= self._stream.frames / 2
        return self._seconds - end > max(0.5, 3 / (self.fps or DEFAULT_FPS))

    def _estimate(self) -> int | None:
        if self._stream.frames:
            return self._stream.frames
        if self._seconds is None or self.fps is None:
            return None
        return max(1, round(self._seconds * self.fps))


def _seconds(frame: VideoFrame, ticks: int | None) -> float | None:
    return None if ticks is None or frame.time_base is None else float(ticks * frame.time_base)
