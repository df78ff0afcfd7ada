"""A libav container and its picture: opening it, and what it says of itself."""

import re
from collections.abc import Callable
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from vidpose.errors import VidposeError
from vidpose.video.address import Address


def open_video(
    address: Address, open_container: Callable[..., Any]
) -> tuple[InputContainer, VideoStream]:
    """Open a container that has a moving picture.

    Raises:
        VidposeError: It cannot be opened, or has none that can be decoded.
    """
    try:
        container: InputContainer = open_container(
            address.file,
            format=address.format,
            options=address.options,
            timeout=address.timeout,
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        raise _refusal(address, getattr(error, "strerror", None) or str(error)) from error
    try:
        return container, _video_stream(container, address)
    except BaseException:
        container.close()
        raise


def _video_stream(container: InputContainer, address: Address) -> VideoStream:
    """The first moving picture; text is none."""
    if container.format.name == "tty":
        raise _refusal(address, "it is text")
    for stream in _pictures(container)[:1]:
        if not has_decoder(stream):
            raise VidposeError(
                f"{address.name}: its picture is in a codec that nothing here decodes; "
                "convert it to H.264"
            )
        return stream
    kinds = sorted({stream.type for stream in container.streams} - {"video"})
    raise _refusal(address, f"it has no picture, only {' and '.join(kinds) or 'a still cover'}")


def _pictures(container: InputContainer) -> list[VideoStream]:
    """All moving pictures; the cover of a song is none."""
    streams = container.streams.video
    return [each for each in streams if not each.disposition & Disposition.attached_pic]


def _refusal(address: Address, reason: str) -> VidposeError:
    return VidposeError(f"{address.failure} ({reason}); {address.advice}")


def has_decoder(stream: VideoStream | AudioStream) -> bool:
    """Whether this build of libav can decode a stream."""
    # Its annotation says otherwise.
    return stream.codec_context is not None


def start_time(container: InputContainer) -> float | None:
    """When the picture that is shown or the earliest sound begins, in the container's own seconds.

    Both streams count from it: were each to count from its own start, an offset between picture
    and sound would be lost.
    """
    starts = [
        stream.start_time * stream.time_base
        for stream in (*_pictures(container)[:1], *container.streams.audio)
        if stream.start_time is not None and stream.time_base is not None
    ]
    return float(min(starts)) if starts else None


def nominal_fps(stream: VideoStream) -> float | None:
    """Frames per second as the stream announces them; None where it does not."""
    rate = float(stream.average_rate or stream.guessed_rate or 0)
    # Faster than any camera: a time base that was taken for a rate.
    return rate if 0 < rate <= 1000 else None


def duration(container: InputContainer, stream: VideoStream) -> float | None:
    """Seconds that the picture lasts, as the file announces them; None where it does not."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    # Matroska has no such field, but notes it as "00:00:02.400" beside each stream.
    noted = re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", stream.metadata.get("DURATION", ""))
    if noted:
        hours, minutes, seconds = (float(part) for part in noted.groups())
        # It is when the stream ends: of a piece cut out of a film, far more than it lasts.
        began = float((stream.start_time or 0) * (stream.time_base or 0))
        return max(0.0, 3600 * hours + 60 * minutes + seconds - began)
    # The container's own figure also counts sound that goes on after the picture.
    total = None if container.streams.audio else container.duration
    return total / av.time_base if total else None
