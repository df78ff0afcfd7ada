"""The sound of one file, made ready for another, a packet at a time."""

# av.Packet is generic for type checkers only.
from __future__ import annotations

import logging
from collections.abc import Iterator
from fractions import Fraction
from itertools import groupby
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer

from vidpose.video.container import has_decoder, start_time

_log = logging.getLogger("vidpose")

# What browsers play inside mp4; anything else becomes AAC.
_COPIED = {"aac", "mp3", "mp3float"}
_AAC_FORMAT = "fltp"
_AAC_RATES = {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000}


class Sound:
    """Packets of a file's first audio stream, timed like the frames of its picture.

    Args:
        path: The file, for messages.
        source: The same, opened; closed with this.
        output: The container that gets a stream for the sound.

    Raises:
        ValueError: Nothing here decodes the sound, or the output does not take it.
        av.FFmpegError: The output does not take it.
    """

    def __init__(self, path: Path, source: InputContainer, output: OutputContainer) -> None:
        self.path = path
        self._source = source
        self._stream = source.streams.audio[0]
        if not has_decoder(self._stream):
            raise ValueError("nothing here decodes it")
        if self._stream.codec_context.name in _COPIED:
            self._out = output.add_stream_from_template(self._stream)
            self._packets = self._copied()
        else:
            self._out = _aac_stream(output, self._stream)
            self._packets = self._transcoded()
        self._next: av.Packet[AudioStream] | None = None

    def until(self, seconds: float) -> Iterator[av.Packet[AudioStream]]:
        """The packets, not given before, that are over by a time.

        Raises:
            av.FFmpegError: The file cannot be read on.
        """
        while True:
            if self._next is None:
                self._next = next(self._packets, None)
            if self._next is None or _end(self._next) > seconds:
                return
            packet, self._next = self._next, None
            yield packet

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def _copied(self) -> Iterator[av.Packet[AudioStream]]:
        shift = self._shift()
        for packet in self._source.demux(self._stream):
            if packet.dts is None or packet.pts is None:
                continue
            packet.pts -= shift
            packet.dts -= shift
            packet.stream = self._out
            yield packet

    def _transcoded(self) -> Iterator[av.Packet[AudioStream]]:
        end = None
        for frame in self._resampled():
            # What was joined may overlap by a frame, which the output refuses.
            if end is not None and frame.pts is not None:
                frame.pts = max(frame.pts, end)
            end = _end_of(frame)
            yield from self._out.encode(frame)
        yield from self._out.encode(None)

    def _resampled(self) -> Iterator[av.AudioFrame]:
        """Frames as the output takes them; a recording may change its channels or rate midway."""
        out = self._out.codec_context
        for _, frames in groupby(self._decoded(), _kind):
            resampler = av.AudioResampler(_AAC_FORMAT, out.layout, out.sample_rate)
            for frame in frames:
                yield from resampler.resample(frame)
            yield from resampler.resample(None)

    def _decoded(self) -> Iterator[av.AudioFrame]:
        shift = self._shift()
        for packet in self._source.demux(self._stream):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue
            for frame in frames:
                if frame.pts is not None:
                    frame.pts -= shift
                yield frame

    def _shift(self) -> int:
        """The time at which the picture's clock shows 0, in ticks of the stream."""
        return round((start_time(self._source) or 0.0) / float(self._stream.time_base or 1))


def open_sound(path: Path, output: OutputContainer) -> Sound | None:
    """Add the sound of a file to an output; None, with a warning if there is a fault, without it.

    Args:
        path: A video file, with or without sound.
        output: A container whose header is not written yet.
    """
    try:
        source = av.open(str(path.absolute()))
    except (av.FFmpegError, OSError, ValueError) as error:
        _log.warning("%s: its sound cannot be read (%s)", path, error)
        return None
    if not source.streams.audio:
        source.close()
        return None
    try:
        return Sound(path, source, output)
    except (av.FFmpegError, OSError, ValueError) as error:
        source.close()
        _log.warning("%s: its sound cannot be kept (%s)", path, error)
        return None


def _aac_stream(output: OutputContainer, like: AudioStream) -> AudioStream:
    rate = like.codec_context.sample_rate
    stream = output.add_stream("aac", rate=rate if rate in _AAC_RATES else 48000)
    stream.codec_context.layout = "mono" if like.codec_context.channels == 1 else "stereo"
    return stream


def _kind(frame: av.AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def _end_of(frame: av.AudioFrame) -> int | None:
    """In ticks of the frame."""
    if frame.pts is None or frame.time_base is None:
        return None
    return frame.pts + int(Fraction(frame.samples, frame.sample_rate) / frame.time_base)


def _end(packet: av.Packet[AudioStream]) -> float:
    return float(((packet.pts or 0) + (packet.duration or 0)) * packet.time_base)
