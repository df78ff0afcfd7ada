"""Videos that are cut off or damaged: what is kept of them, and what is said."""

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import marked, tone, write_clip

from vidpose.errors import VidposeError
from vidpose.frame import Frame
from vidpose.video import open_source
from vidpose.video.frame_index import frame_index


def frames(source: Path) -> list[Frame]:
    with open_source(source) as opened:
        return list(opened)


def clip(tmp_path: Path, count: int = 10, name: str = "clip.mp4", **options: Any) -> Path:
    return write_clip(tmp_path / name, [marked(k) for k in range(count)], **options)


def noisy_clip(path: Path) -> Path:
    """Sixty frames of noise: their packets are of like size, so a cut is where it seems."""
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (64, 96, 3), dtype=np.uint8) for _ in range(60)]
    return write_clip(path, images, options={"g": "10"})


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mkv", "cut.ts"])
def test_truncated_file_keeps_its_beginning(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = noisy_clip(tmp_path / name)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    with caplog.at_level(logging.WARNING, logger="vidpose"):
        read = frames(path)
    assert 25 <= len(read) < 60
    said = [record.getMessage() for record in caplog.records]
    if name != "cut.ts":  # A transport stream does not say how long it should be.
        (line,) = said
        assert f"{path}: damaged or cut off; read {len(read)} of about 60 frames" in line


@pytest.mark.parametrize("name", ["torn.mp4", "torn.mkv", "torn.ts"])
def test_damage_in_the_middle_keeps_the_rest(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = noisy_clip(tmp_path / name)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 12_000] = bytes(12_000)
    path.write_bytes(data)
    read = frames(path)
    assert len(read) >= 40
    assert read[-1].pts > 2.2
    if name == "torn.mp4":  # Others may skip it before the decoder sees it.
        (line,) = [record.getMessage() for record in caplog.records]
        assert "damaged" in line


def test_a_file_that_says_no_length_is_known_to_be_short_by_its_frames(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """libav takes a GIF without delays for one packet, and shows its first picture alone."""
    path = clip(tmp_path, 4, "clip.gif", codec="gif", pix_fmt="rgb8")
    assert len(frames(path)) == 4
    assert not caplog.records
    repeats, delays = rb"\x21\xff\x0b.{15}\x00", rb"\x21\xf9\x04.{4}\x00"
    path.write_bytes(re.sub(repeats + b"|" + delays, b"", path.read_bytes(), flags=re.DOTALL))
    assert len(frames(path)) == 1
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == f"{path}: damaged or cut off; read 1 of about 4 frames, to 0.1 s"


def test_whole_file_gives_no_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    frames(clip(tmp_path, sound=tone(3, 440)))
    frames(clip(tmp_path, name="clip.mkv", sound=tone(3, 440)))
    assert caplog.records == []


def test_file_in_which_no_frame_decodes_is_refused_without_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = noisy_clip(tmp_path / "rubbish.mp4")
    data = bytearray(path.read_bytes())
    begin = data.index(b"mdat") + 4
    data[begin:] = bytes(len(data) - begin)
    path.write_bytes(data)
    with pytest.raises(VidposeError, match="not one frame"):
        open_source(path)
    assert not caplog.records


@pytest.mark.parametrize("read", [open_source, frame_index])
def test_a_picture_that_nothing_here_decodes_is_refused(
    tmp_path: Path, read: Callable[[Path], object]
) -> None:
    path = clip(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"avc1", b"zzzz"))
    with pytest.raises(VidposeError, match="nothing here decodes") as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ") and "H.264" in str(caught.value)
