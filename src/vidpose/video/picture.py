"""Frames to the packets of an H.264 stream."""

# av.Packet is generic for type checkers only.
from __future__ import annotations

import logging
from fractions import Fraction

import numpy as np
from av import Packet
from av.codec.codec import UnknownCodecError
from av.codec.context import ThreadType
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from av.video.stream import VideoStream
from jaxtyping import UInt8

from vidpose.errors import VidposeError
from vidpose.video.clock import DEFAULT_FPS
from vidpose.video.letterbox import letterbox, pad_to_even

_log = logging.getLogger("vidpose")

# Per second: a multiple of all usual frame rates, and fine enough for any other.
_TICKS = 90_000
# From one frame to the next, 6 hours: mp4's 2^31 ticks are 6.6, and a longer pause would make one
# instant of all that follows.
_LONGEST = 6 * 3600 * _TICKS


class Picture:
    """The picture of a video: H.264, 4:2:0, BT.709 in limited range, which all browsers play.

    Args:
        output: The container that gets the stream.
        width: Width of the frames in pixels.
        height: Height of the frames in pixels.
        fps: Nominal frames per second, None where unknown.
        preset: x264's trade of speed for size.
        crf: x264's quality.

    Attributes:
        end: When the last frame so far is over, in seconds; 0 before the first.

    Raises:
        VidposeError: There is no H.264 encoder.
    """

    def __init__(
        self,
        output: OutputContainer,
        width: int,
        height: int,
        fps: float | None,
        preset: str,
        crf: float,
    ) -> None:
        self.end = 0.0
        self._size = (height, width)
        self._fps = fps
        self._tick = -1
        self._left_out = 0
        self._stay = round(_TICKS / (fps or DEFAULT_FPS))
        self._convert = VideoReformatter()
        rate = Fraction(fps or DEFAULT_FPS).limit_denominator(1001)
        options = {"preset": preset, "crf": str(crf)}
        try:
            self._stream = output.add_stream("libx264", rate=rate, options=options)
        except UnknownCodecError as error:
            raise VidposeError(
                "no H.264 encoder: this build of PyAV lacks libx264; the one on PyPI has it"
            ) from error
        context = self._stream.codec_context
        context.width, context.height = width + width % 2, height + height % 2
        context.pix_fmt = "yuv420p"
        context.time_base = Fraction(1, _TICKS)
        # Frames out of order leave mp4 with a wrong length where the frame rate varies.
        context.max_b_frames = 0
        # Threads on slices of one frame, the default, cost quality at the cuts.
        context.thread_type = ThreadType.FRAME
        context.colorspace = Colorspace.ITU709
        context.color_range = ColorRange.MPEG
        context.color_primaries = ColorPrimaries.BT709
        context.color_trc = ColorTrc.BT709

    def encode(self, image: UInt8[np.ndarray, "h w 3"], pts: float) -> list[Packet[VideoStream]]:
        """The packets that have become ready with this frame.

        Args:
            image: RGB pixels; another size than announced is fitted in with black bars.
            pts: Seconds; put right after the frame before where it is not later. Of a longer pause
                6 hours are kept.
        """
        image = np.ascontiguousarray(pad_to_even(letterbox(image, *self._size)))
        before, tick = self._tick, round(pts * _TICKS) - self._left_out
        if before >= 0 and tick - before > _LONGEST:
            self._left_out += tick - before - _LONGEST
            tick = before + _LONGEST
            _log.warning("a pause of more than 6 hours is cut to 6: mp4 holds no longer ones")
        self._tick = max(tick, before + 1)
        if self._fps is None and before >= 0:
            self._stay = self._tick - before
        self.end = (self._tick + self._stay) / _TICKS
        frame = self._convert.reformat(
            VideoFrame.from_numpy_buffer(image, format="rgb24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )
        frame.pts, frame.time_base = self._tick, Fraction(1, _TICKS)
        return self._packets(frame)

    def flush(self) -> list[Packet[VideoStream]]:
        """The packets that were still waiting, after the last frame."""
        return self._packets(None)

    def _packets(self, frame: VideoFrame | None) -> list[Packet[VideoStream]]:
        packets = self._stream.encode(frame)
        for packet in packets:
            # Counts for the last one only: of others mp4 keeps the time to the next.
            packet.duration = self._stay
        return packets
