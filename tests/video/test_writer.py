import errno
import logging
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clips import (
    SIZE,
    loudest_hertz,
    mark,
    marked,
    read_sound,
    tone,
    write_clip,
)

from vidpose.errors import VidposeError
from vidpose.video import VideoWriter, open_source
from vidpose.video.letterbox import letterbox, pad_to_even
from vidpose.video.picture import Picture


def write(path: Path, images: list[np.ndarray], pts: list[float], **options: Any) -> Path:
    height, width = images[0].shape[:2]
    with VideoWriter(path, width, height, **options) as writer:
        for image, time in zip(images, pts, strict=True):
            writer.write(image, time)
    return path


def read(path: Path) -> tuple[list[np.ndarray], list[float]]:
    with open_source(path) as source:
        frames = list(source)
    return [frame.image for frame in frames], [frame.pts for frame in frames]


def seconds(path: Path) -> float:
    """When a file is over."""
    with av.open(str(path)) as container:
        assert container.duration is not None and container.start_time is not None
        return (container.start_time + container.duration) / av.time_base


def test_what_a_browser_needs(tmp_path: Path) -> None:
    path = write(tmp_path / "out.mp4", [marked(k) for k in range(5)], [k / 25 for k in range(5)])
    with av.open(str(path)) as container:
        assert "mp4" in container.format.name
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        tags = (context.colorspace, context.color_primaries, context.color_trc, context.color_range)
        assert tags == (1, 1, 1, 1)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("pts", "fps", "length"),
    [
        ([0.0], None, 0.04),
        ([0.0], 10, 0.1),
        ([0.0, 0.02, 0.5, 0.51, 3.0], 25, 3.04),
        ([0.0, 0.1, 0.35], None, 0.6),
        ([0.0, 1 / 30, 2 / 30, 3 / 30], 30, 4 / 30),
    ],
)
def test_times_are_kept(tmp_path: Path, pts: list[float], fps: float | None, length: float) -> None:
    path = write(tmp_path / "out.mp4", [marked(k) for k in range(len(pts))], pts, fps=fps)
    images, times = read(path)
    assert [mark(image) for image in images] == list(range(len(pts)))
    assert times == pytest.approx(pts, abs=1e-5)
    assert seconds(path) == pytest.approx(length, abs=1e-3)


def test_late_start_is_kept(tmp_path: Path) -> None:
    path = write(tmp_path / "out.mp4", [marked(0), marked(1)], [2.0, 2.5], fps=2)
    assert seconds(path) == pytest.approx(3.0, abs=1e-3)


def test_times_that_do_not_increase_are_put_in_order(tmp_path: Path) -> None:
    images, times = read(
        write(tmp_path / "out.mp4", [marked(k) for k in range(5)], [-1, 0.1, 0.1, 0.05, 0.2])
    )
    assert [mark(image) for image in images] == [0, 1, 2, 3, 4]
    assert times == pytest.approx([0, 0.1, 0.1, 0.1, 0.2], abs=1e-4)
    assert len(set(times)) == 5


@pytest.mark.parametrize("size", [(97, 63), (96, 63), (97, 64), (1, 1)])
def test_odd_sizes_are_padded(tmp_path: Path, size: tuple[int, int]) -> None:
    width, height = size
    image = np.full((height, width, 3), (200, 60, 120), dtype=np.uint8)
    (decoded,), _ = read(write(tmp_path / "out.mp4", [image], [0]))
    assert decoded.shape == (height + height % 2, width + width % 2, 3)
    assert np.abs(decoded.astype(int) - (200, 60, 120)).max() <= 4


def test_padding_repeats_the_edge() -> None:
    image = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    padded = pad_to_even(image)
    np.testing.assert_array_equal(padded[:3, :3], image)
    np.testing.assert_array_equal(padded[3, :3], image[2])
    np.testing.assert_array_equal(padded[:3, 3], image[:, 2])


@pytest.mark.parametrize("colour", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1), (0, 0, 0)])
def test_colours_are_kept(tmp_path: Path, colour: tuple[int, int, int]) -> None:
    wanted = 30 + 190 * np.array(colour)
    image = np.full((64, 96, 3), wanted, dtype=np.uint8)
    (decoded, *_), _ = read(write(tmp_path / "out.mp4", [image] * 2, [0, 0.04]))
    assert np.abs(decoded.reshape(-1, 3).mean(axis=0) - wanted).max() <= 4


def test_other_sizes_are_letterboxed(tmp_path: Path) -> None:
    white = np.full((50, 50, 3), 255, dtype=np.uint8)
    images, _ = read(write(tmp_path / "out.mp4", [marked(0), white], [0, 0.04]))
    assert images[1].shape == (SIZE[1], SIZE[0], 3)
    assert images[1][:, 20:76].min() > 230
    assert images[1][:, :12].max() < 25 and images[1][:, -12:].max() < 25


@pytest.mark.parametrize("shape", [(64, 96), (10, 300), (300, 10), (1, 1), (128, 192)])
def test_letterbox_keeps_the_aspect(shape: tuple[int, int]) -> None:
    out = letterbox(np.full((*shape, 3), 255, dtype=np.uint8), 64, 96)
    assert out.shape == (64, 96, 3)
    filled = out[..., 0] == 255
    scale = min(64 / shape[0], 96 / shape[1])
    assert filled.any(axis=1).sum() == pytest.approx(shape[0] * scale, abs=1)
    assert filled.any(axis=0).sum() == pytest.approx(shape[1] * scale, abs=1)


def test_views_and_read_only_arrays_are_taken(tmp_path: Path) -> None:
    image = marked(7)
    upside_down = image[::-1]
    image.flags.writeable = False
    images, _ = read(write(tmp_path / "out.mp4", [image, upside_down], [0, 0.04]))
    assert mark(images[0]) == mark(images[1][::-1]) == 7


def with_sound(
    path: Path, codec: str, rate: int = 44100, length: float = 2.0, **options: Any
) -> Path:
    images = [marked(k % 48) for k in range(50)]
    sound = tone(length, 440, rate)
    return write_clip(path, images, sound=sound, sound_codec=codec, sound_rate=rate, **options)


def copy(source: Path, target: Path, count: int | None = None) -> Path:
    with (
        open_source(source) as opened,
        VideoWriter(
            target, opened.width, opened.height, fps=opened.fps, audio_from=opened.path
        ) as writer,
    ):
        for frame in opened:
            if count is None or frame.index < count:
                writer.write(frame.image, frame.pts)
    return target


def test_a_pause_longer_than_mp4_has_leaves_the_frames_after_it_apart(tmp_path: Path) -> None:
    times = [0.0, 0.04, 100_000.0, 100_000.04, 200_000.0]
    path = write(tmp_path / "out.mp4", [marked(k) for k in range(5)], times)
    with open_source(path) as source:
        found = np.diff([frame.pts for frame in source])
    np.testing.assert_allclose(found, [0.04, 6 * 3600, 0.04, 6 * 3600], atol=1e-3)


def test_sound_that_changes_midway_is_kept_whole(tmp_path: Path) -> None:
    source = tmp_path / "in.ts"
    parts = []
    for second, rate in enumerate((48000, 44100)):
        part = write_clip(
            tmp_path / f"{rate}.ts",
            [marked(k) for k in range(25)],
            pts=[second + k / 25 for k in range(25)],
            sound=tone(1.0, 440, rate),
            sound_codec="mp2",
            sound_rate=rate,
            sound_start=second,
        )
        parts.append(part.read_bytes())
    source.write_bytes(b"".join(parts))
    samples, rate, _ = read_sound(copy(source, tmp_path / "out.mp4"))
    assert len(samples) / rate == pytest.approx(2, abs=0.1)
    for half in np.array_split(samples, 2):
        assert loudest_hertz(half, rate) == pytest.approx(440, abs=2)


@pytest.mark.parametrize(
    ("name", "codec", "rate", "kept"),
    [
        ("in.mp4", "aac", 44100, "aac"),
        ("in.ts", "aac", 44100, "aac"),
        ("in.mkv", "libmp3lame", 44100, "mp3"),
        ("in.mkv", "pcm_s16le", 44100, "aac"),
        ("in.mov", "pcm_s16le", 22050, "aac"),
        ("in.webm.mkv", "libopus", 48000, "aac"),
    ],
)
def test_sound_is_kept(tmp_path: Path, name: str, codec: str, rate: int, kept: str) -> None:
    source = with_sound(tmp_path / name, codec, rate)
    path = copy(source, tmp_path / "out.mp4")
    with av.open(str(path)) as container:
        (stream,) = container.streams.audio
        assert stream.codec_context.name.startswith(kept)
    samples, out_rate, _ = read_sound(path)
    assert len(samples) / out_rate == pytest.approx(2, abs=0.08)
    assert loudest_hertz(samples, out_rate) == pytest.approx(440, abs=1)
    assert len(read(path)[0]) == 50


@pytest.mark.parametrize(("name", "codec"), [("in.mp4", "aac"), ("in.mkv", "pcm_s16le")])
def test_sound_is_copied_or_transcoded_in_time(tmp_path: Path, name: str, codec: str) -> None:
    silence = np.zeros(44100, dtype=np.float32)
    beep = np.concatenate([silence, tone(0.5, 880), silence])
    images = [marked(0 if k < 25 else 1) for k in range(60)]
    source = write_clip(
        tmp_path / name, images, sound=beep, sound_codec=codec, sound_start=3, pts=shifted(3, 60)
    )
    path = copy(source, tmp_path / "out.mp4")
    seen, times = read(path)
    flash = times[[mark(image) for image in seen].index(1)]
    samples, rate, start = read_sound(path)
    heard = start + np.flatnonzero(np.abs(samples) > 0.1)[0] / rate
    assert heard - flash == pytest.approx(0, abs=0.03)


def shifted(start: float, count: int) -> list[float]:
    return [start + k / 25 for k in range(count)]


@pytest.mark.parametrize("codec", ["aac", "pcm_s16le"])
def test_sound_is_never_longer_than_the_picture(tmp_path: Path, codec: str) -> None:
    source = with_sound(tmp_path / "in.mkv", codec, length=3.0)
    path = copy(source, tmp_path / "out.mp4", count=20)
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        assert stream.duration is not None and stream.time_base is not None
        assert 0.7 < float(stream.duration * stream.time_base) <= 0.8 + 0.025
    samples, rate, _ = read_sound(path)
    assert 0.7 < len(samples) / rate <= 0.8 + 0.025
    assert seconds(path) == pytest.approx(0.8, abs=0.025)


def test_sound_and_picture_alternate_in_the_file(tmp_path: Path) -> None:
    path = copy(with_sound(tmp_path / "in.mp4", "aac"), tmp_path / "out.mp4")
    with av.open(str(path)) as container:
        kinds = [packet.stream.type for packet in container.demux() if packet.size]
        half = kinds[: len(kinds) // 2]
    assert 0.3 < half.count("audio") / kinds.count("audio") < 0.7


def test_no_sound_to_keep(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = write_clip(tmp_path / "mute.mp4", [marked(0), marked(1)])
    path = copy(source, tmp_path / "out.mp4")
    with av.open(str(path)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
    assert caplog.records == []


@pytest.mark.parametrize("fault", ["missing", "text", "codec", "decoder", "header", "packets"])
def test_broken_sound_does_not_lose_the_picture(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    source = with_sound(tmp_path / "in.mp4", "aac")
    if fault == "missing":
        source.unlink()
    elif fault == "text":
        source.write_text("no sound here")
    elif fault == "header":
        # A rate that AAC does not have shows only when the encoder starts.
        source = with_sound(tmp_path / "in.mkv", "pcm_s16le", 12345)
        monkeypatch.setattr("vidpose.video.audio._AAC_RATES", {12345})
    elif fault == "codec":
        # What mp4 does not hold shows when the stream is added.
        source = with_sound(tmp_path / "in.mkv", "pcm_u8")
        monkeypatch.setattr("vidpose.video.audio._COPIED", {"pcm_u8"})
    elif fault == "decoder":
        source = with_sound(tmp_path / "in.mkv", "ac3", 48000)
        source.write_bytes(source.read_bytes().replace(b"A_AC3", b"A_XX3"))
    else:
        monkeypatch.setattr("vidpose.video.audio._end", fail_after(20))
    images = [marked(k) for k in range(48)]
    with caplog.at_level(logging.WARNING, logger="vidpose"):
        path = write(tmp_path / "out.mp4", images, [k / 25 for k in range(48)], audio_from=source)
    assert [mark(image) for image in read(path)[0]] == list(range(48))
    (line,) = [record.getMessage() for record in caplog.records]
    assert str(source) in line and "sound" in line


def fail_after(count: int) -> Any:
    left = [count]

    def end(packet: Any) -> float:
        left[0] -= 1
        if left[0] < 0:
            raise av.error.InvalidDataError(errno.EINVAL, "damaged")
        return float((packet.pts + packet.duration) * packet.time_base)

    return end


def test_damaged_sound_packets_are_passed_over(tmp_path: Path) -> None:
    source = with_sound(tmp_path / "in.mkv", "flac")
    whole = len(read_sound(copy(source, tmp_path / "whole.mp4"))[0])
    with av.open(str(source)) as container:
        packets = [packet for packet in container.demux(audio=0) if packet.pos]
    data = bytearray(source.read_bytes())
    for packet in packets[5:8]:
        begin = data.index(bytes(packet))
        data[begin : begin + packet.size] = b"\xff" * packet.size
    source.write_bytes(data)
    path = copy(source, tmp_path / "out.mp4")
    assert len(read(path)[0]) == 50
    assert whole / 2 < len(read_sound(path)[0]) < whole
    with av.open(str(path)) as container:
        last = [packet for packet in container.demux(audio=0) if packet.pts is not None][-1]
    assert last.pts is not None and last.duration is not None
    assert float((last.pts + last.duration) * last.time_base) == pytest.approx(2, abs=0.03)


@pytest.mark.parametrize("place", ["none/out.mp4", "folder.mp4", "file/out.mp4"])
def test_unwritable_place_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder.mp4.part").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(VidposeError, match="cannot be written") as caught:
        VideoWriter(tmp_path / place, 96, 64)
    assert str(tmp_path / place) in str(caught.value)


def test_a_size_that_the_encoder_refuses_is_not_taken_for_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(VidposeError, match="cannot be written") as caught:
        VideoWriter(tmp_path / "out.mp4", 20_000, 4)
    assert "20000 x 4 pixels" in str(caught.value) and "space" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_without_frames_there_is_no_file(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4", 96, 64):
        pass
    assert list(tmp_path.iterdir()) == []


def test_after_an_exception_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(b"before")
    with pytest.raises(RuntimeError), VideoWriter(path, 96, 64) as writer:
        writer.write(marked(0), 0)
        raise RuntimeError
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_failure_on_the_way_closes_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = with_sound(tmp_path / "in.mp4", "aac")
    writer = VideoWriter(tmp_path / "out.mp4", 96, 64, audio_from=source)
    writer.write(marked(0), 0)

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Picture, "encode", full)
    with pytest.raises(VidposeError, match="No space left"):
        writer.write(marked(1), 0.04)
    assert list(tmp_path.iterdir()) == [source]
    with pytest.raises(ValueError, match="closed"):
        writer.write(marked(2), 0.08)


def test_close_twice_is_close_once(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "out.mp4", 96, 64)
    writer.write(marked(0), 0)
    writer.close()
    writer.close()
    assert len(read(tmp_path / "out.mp4")[0]) == 1
