"""Cameras and URLs, which stand-ins for libav answer, and names that are none."""

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clips import mark, marked, write_clip

from vidpose.errors import VidposeError
from vidpose.frame import Frame
from vidpose.video import open_source


def frames(source: Any, **options: Any) -> list[Frame]:
    with open_source(source, **options) as opened:
        return list(opened)


def clip(folder: Path, count: int = 10, **options: Any) -> Path:
    return write_clip(folder / "clip.mp4", [marked(k) for k in range(count)], **options)


@pytest.mark.parametrize("name", ["x", "a.png"])
def test_an_address_of_another_kind_is_named_as_it_was_given(name: str) -> None:
    with pytest.raises(VidposeError) as caught:
        open_source(f"ftp://me:secret@127.0.0.1/{name}")
    message = str(caught.value)
    assert message.startswith(f"ftp://127.0.0.1/{name}: ")
    assert "http, https, rtmp, " in message and "secret" not in message


def test_an_address_without_a_readable_host_is_refused() -> None:
    with pytest.raises(VidposeError, match=r"http://\[bad: not an address"):
        open_source("http://[bad")


def test_a_file_may_be_called_as_an_address_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ftp:").mkdir()
    clip(tmp_path / "ftp:", 2)
    assert len(frames("ftp://clip.mp4")) == 2


def test_an_empty_name_is_not_the_current_folder() -> None:
    with pytest.raises(VidposeError, match="name of the source is empty"):
        open_source("")


class Opener:
    """In place of `av.open`: notes how it was called, and opens a clip or fails."""

    def __init__(self, clip: Path | None) -> None:
        self.clip = clip
        self.file = ""
        self.options: dict[str, Any] = {}

    def __call__(self, file: str, **options: Any) -> Any:
        self.file, self.options = file, options
        if self.clip is None:
            raise av.error.ConnectionRefusedError(111, "Connection refused", file)
        return av.open(str(self.clip))


@pytest.mark.parametrize(
    ("platform", "source", "file", "form"),
    [
        ("linux", 0, "/dev/video0", "v4l2"),
        ("linux", np.int64(0), "/dev/video0", "v4l2"),
        ("linux", "camera:2", "/dev/video2", "v4l2"),
        ("linux", "camera:/dev/cam", "/dev/cam", "v4l2"),
        ("darwin", 1, "1:none", "avfoundation"),
        ("win32", "camera:Desk Cam", "video=Desk Cam", "dshow"),
    ],
)
def test_camera(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    source: int | np.integer | str,
    file: str,
    form: str,
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    opener = Opener(clip(tmp_path, pts=[60 + k / 25 for k in range(10)]))
    with open_source(source, open=opener) as opened:
        assert (opened.live, opened.path, opened.frame_count) == (True, None, None)
        assert opened.stem.startswith("camera-")
        first = next(iter(opened))
    assert (opener.file, opener.options["format"]) == (file, form)
    assert first.pts == 0


@pytest.mark.parametrize(
    ("url", "name", "stem", "live"),
    [
        ("rtsp://me:pass@cam:554/live/1", "rtsp://cam:554/live/1", "cam-live-1", True),
        ("rtmp://host/app", "rtmp://host/app", "host-app", True),
        ("https://x.org/a/clip.mp4?t=1", "https://x.org/a/clip.mp4?t=1", "x.org-a-clip", False),
        ("http://x.org", "http://x.org", "x.org", False),
    ],
)
def test_url(tmp_path: Path, url: str, name: str, stem: str, live: bool) -> None:
    opener = Opener(clip(tmp_path))
    with open_source(url, open=opener) as opened:
        assert (opened.name, opened.stem, opened.live) == (name, stem, live)
        assert opened.path is None
        # A stream in real time drops what nobody was ready for.
        assert len(list(opened)) + (opened.dropped if live else 0) == 10
    assert opener.file == url
    assert opener.options["timeout"]
    assert (opener.options["options"].get("rtsp_transport") == "tcp") == url.startswith("rtsp")


@pytest.mark.parametrize("source", ["clip.mp4", 0, "camera:7", "rtsp://me:pass@cam/1"])
def test_a_rate_is_for_images_alone(tmp_path: Path, source: str | int) -> None:
    made = clip(tmp_path) if source == "clip.mp4" else source
    with pytest.raises(VidposeError, match="its own times: leave out fps") as caught:
        open_source(made, fps=30, open=Opener(None))
    assert "pass@" not in str(caught.value)


@pytest.mark.parametrize("source", [0, "camera:7", "rtsp://me:pass@cam/1", "http://x.org/a.mp4"])
def test_what_does_not_answer_is_refused(source: int | str) -> None:
    with pytest.raises(VidposeError, match="Connection refused") as caught:
        open_source(source, open=Opener(None))
    assert "pass" not in str(caught.value)


class Breaking:
    """A container whose connection is lost after some packets."""

    def __init__(self, container: Any, count: int) -> None:
        self.container = container
        self.count = count

    def __getattr__(self, name: str) -> Any:
        return getattr(self.container, name)

    def demux(self, stream: Any) -> Iterator[Any]:
        yield from islice(self.container.demux(stream), self.count)
        raise av.error.TimeoutError(110, "Connection timed out")


@pytest.mark.parametrize("url", ["rtsp://cam/1", "https://x.org/clip.mp4"])
def test_stream_that_breaks_off_keeps_all_it_sent(
    tmp_path: Path, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = clip(tmp_path, 40, options={"bf": "0"})
    read = frames(url, open=lambda *args, **options: Breaking(av.open(str(path)), 30))
    marks = [mark(frame.image) for frame in read]
    # Of a stream in real time, what nobody was ready for is dropped, but never the last frame.
    assert marks == (sorted(set(marks)) if url.startswith("rtsp") else list(range(30)))
    assert marks[-1] == 29
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(url)
    assert "timed out" in line or "read 30 of about 40 frames" in line


@pytest.mark.skipif(Path("/dev/video63").exists(), reason="there is such a camera")
def test_camera_that_is_not_there() -> None:
    with pytest.raises(VidposeError, match="camera 63: cannot be opened"):
        open_source(63)


@pytest.mark.parametrize("source", [-1, "camera:"])
def test_camera_that_cannot_be(source: int | str) -> None:
    with pytest.raises(VidposeError, match="no camera"):
        open_source(source)
