"""Small clips, made on the spot.

Frame ``k`` of a clip is dark but for a white block that starts ``k`` blocks from the left, so that
a frame says which one it is.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.stream import Disposition

TICKS = Fraction(1, 90_000)
SIZE = (96, 64)
RATE = 25


def marked(index: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """The picture of frame ``index``: a white block, the first four in the top row, and so on."""
    width, height = size
    image = np.full((height, width, 3), 32, dtype=np.uint8)
    side = width // 12
    row, column = divmod(index, 12)
    image[row * side : (row + 1) * side, column * side : (column + 1) * side] = 224
    return image


def mark(image: np.ndarray) -> int:
    """Which frame a picture is; the inverse of `marked`."""
    side = image.shape[1] // 12
    bright = image[..., 1]
    rows, columns = bright.shape[0] // side, 12
    blocks = bright[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return int(blocks.mean(axis=(1, 3)).argmax())


def tone(seconds: float, hertz: float, rate: int = 44100, amplitude: float = 0.5) -> np.ndarray:
    """A sine, one channel, float32 in [-1, 1]."""
    return (amplitude * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(
        np.float32
    )


def write_clip(
    path: Path,
    images: Iterable[np.ndarray],
    *,
    pts: Sequence[float] | None = None,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    rate: int = RATE,
    ticks: Fraction = TICKS,
    options: dict[str, str] | None = None,
    pixel_shape: Fraction | None = None,
    sound: np.ndarray | None = None,
    sound_codec: str = "aac",
    sound_rate: int = 44100,
    sound_start: float = 0.0,
    cover: bool = False,
) -> Path:
    """Encode RGB (or RGBA) images, and a mono sound; the ending of ``path`` picks the container."""
    images = list(images)
    movflags = {"movflags": "+faststart"} if path.suffix in {".mp4", ".mov"} else {}
    with av.open(str(path), "w", options=movflags) as output:
        height, width = images[0].shape[:2]
        video = output.add_stream(codec, rate=rate, options=options or {})
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = width, height, pix_fmt
        video.codec_context.time_base = ticks
        if pixel_shape is not None:
            video.codec_context.sample_aspect_ratio = pixel_shape
        if cover:
            _write_cover(output)
        audio = None if sound is None else _mono(output, sound_codec, sound_rate)
        for index, image in enumerate(images):
            layout = "rgba" if image.shape[2] == 4 else "rgb24"
            frame = av.VideoFrame.from_ndarray(image, format=layout)
            time = index / rate if pts is None else pts[index]
            frame.pts, frame.time_base = round(time / ticks), ticks
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        if audio is not None and sound is not None:
            _write_sound(output, audio, sound, sound_rate, sound_start)
    return path


def _write_cover(output: OutputContainer) -> None:
    """A picture beside the film, at time 0."""
    stream = output.add_stream("mjpeg", rate=1)
    assert isinstance(stream, av.VideoStream)
    stream.width, stream.height, stream.pix_fmt = 32, 32, "yuvj420p"
    stream.disposition = Disposition.attached_pic
    output.start_encoding()
    black = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
    frame = black.reformat(format="yuvj420p")
    frame.pts = 0
    output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


def write_sound(
    path: Path, sound: np.ndarray, codec: str, rate: int = 44100, cover: bytes | None = None
) -> Path:
    """A file with sound only, and perhaps the picture of its cover (PNG; Matroska)."""
    with av.open(str(path), "w") as output:
        if cover is not None:
            output.add_attachment("cover.png", "image/png", cover)
        _write_sound(output, _mono(output, codec, rate), sound, rate, 0.0)
    return path


def _mono(output: OutputContainer, codec: str, rate: int) -> av.AudioStream:
    stream = output.add_stream(codec, rate=rate)
    assert isinstance(stream, av.AudioStream)
    stream.codec_context.layout = "mono"
    return stream


def _write_sound(
    output: OutputContainer,
    audio: av.AudioStream,
    sound: np.ndarray,
    rate: int,
    start: float,
) -> None:
    for begin in range(0, len(sound), 1024):
        frame = av.AudioFrame.from_ndarray(
            sound[None, begin : begin + 1024], format="fltp", layout="mono"
        )
        frame.sample_rate = rate
        frame.pts, frame.time_base = begin + round(start * rate), Fraction(1, rate)
        output.mux(audio.encode(frame))
    output.mux(audio.encode(None))


def read_sound(path: Path) -> tuple[np.ndarray, int, float]:
    """Samples of the first channel, their rate, and the time of the first in seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        frames = list(container.decode(stream))
    samples = np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])
    return samples, frames[0].sample_rate, frames[0].time or 0.0


def loudest_hertz(samples: np.ndarray, rate: int) -> float:
    """The frequency with the most energy."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax() * rate / len(samples))


def turn_upright(path: Path, degrees_clockwise: int) -> None:
    """Say in an mp4's track header, as a phone does, that players must turn the picture."""
    say_matrix(
        path,
        {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}[
            degrees_clockwise
        ],
    )


def say_matrix(path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Write a display matrix into an mp4's track header.

    ISO 14496-12, 6.2.2: x' = a x + c y + tx, y' = b x + d y + ty, y pointing down.
    """
    a, b, c, d = matrix
    data = bytearray(path.read_bytes())
    # Version 0 of the box: the matrix begins 40 bytes after the four letters and version.
    at = data.index(b"tkhd") + 4 + 40
    one = 1 << 16
    for offset, value in ((0, a), (4, b), (12, c), (16, d)):
        data[at + offset : at + offset + 4] = (value * one).to_bytes(4, "big", signed=True)
    path.write_bytes(data)
