import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layouts import picture

from vidpose.datasets.images import ImageFiles, ImageFolder, VideoFile
from vidpose.errors import VidposeError
from vidpose.image_files import encoded, read_image
from vidpose.video import frame_index, open_source
from vidpose.video.decoder import Decoder

FRAMES = 50


def film(path: Path, seed: int = 0, /, codec: str = "libx264", **options: str) -> Path:
    """Noise that moves, so that every frame is different and B-frames are worth while."""
    rng = np.random.default_rng(seed)
    texture = rng.integers(0, 255, (32, 64 + 2 * FRAMES, 3), dtype=np.uint8)
    texture = np.asarray(cv2.GaussianBlur(texture, (5, 5), 0), dtype=np.uint8)
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        for t in range(FRAMES):
            image = np.ascontiguousarray(texture[:, 2 * t : 2 * t + 64])
            output.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        output.mux(stream.encode(None))
    return path


def decoded(path: Path) -> list[np.ndarray]:
    with open_source(path) as source:
        return [frame.image for frame in source]


def test_a_folder_gives_its_pictures_in_natural_order_and_nothing_else(tmp_path: Path) -> None:
    names = (("b10.png", 100), ("b2.png", 20), ("A.png", 10), ("C.png", 200), (".hidden.png", 0))
    for name, brightness in names:
        picture(tmp_path / name, brightness)
    (tmp_path / "notes.txt").touch()
    images = ImageFolder(tmp_path)
    assert images.names == ("A.png", "b2.png", "b10.png", "C.png")
    assert [int(images[i][0, 0, 0]) for i in range(len(images))] == [10, 20, 100, 200]
    # As a video, the same folder is the same sequence.
    with open_source(tmp_path) as source:
        assert source.file_names == images.names


def test_an_empty_folder_has_no_pictures_and_no_folder_is_an_error(tmp_path: Path) -> None:
    assert len(ImageFolder(tmp_path)) == 0
    with pytest.raises(VidposeError, match="nowhere"):
        ImageFolder(tmp_path / "nowhere")


def test_pictures_are_rgb(tmp_path: Path) -> None:
    blue_in_bgr = np.zeros((4, 6, 3), dtype=np.uint8)
    blue_in_bgr[..., 0] = 255
    cv2.imwrite(str(tmp_path / "a.png"), blue_in_bgr)
    image = ImageFiles([tmp_path / "a.png"])[0]
    assert image.shape == (4, 6, 3)
    assert image.dtype == np.uint8
    assert image[0, 0].tolist() == [0, 0, 255]


@pytest.mark.parametrize("content", [b"", b"not a picture", None])
def test_an_unreadable_picture_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "broken.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(VidposeError, match=r"broken\.jpg"):
        read_image(path)


def test_a_picture_of_floats_is_not_only_called_damaged(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "deep.tif"), np.ones((4, 6, 3), np.float32))
    with pytest.raises(VidposeError, match=r"deep\.tif: .* more than 16 bits\?"):
        read_image(tmp_path / "deep.tif")


# The libpng of OpenCV 4 prints past OpenCV's log.
PNG = pytest.param("png", marks=pytest.mark.skipif(cv2.__version__ < "5", reason="OpenCV 4"))


@pytest.mark.parametrize("ending", [PNG, "bmp", "tiff"])
def test_of_a_truncated_picture_only_our_line_is_said(
    tmp_path: Path, ending: str, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / f"cut.{ending}"
    whole = cv2.imencode(f".{ending}", np.zeros((48, 64, 3), np.uint8))[1].tobytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(VidposeError, match=f"cut.{ending}: not an image"):
        read_image(file)
    assert capfd.readouterr() == ("", "")


def test_a_picture_that_its_format_cannot_hold_is_one_line(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(VidposeError, match=r"65501 x 1 pixels cannot be written as \.jpg"):
        encoded(np.zeros((1, 65_501, 3), np.uint8), ".jpg")
    assert capfd.readouterr() == ("", "")


def test_threads_that_read_pictures_leave_opencvs_log_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture(tmp_path / "a.png")
    both_inside, first_is_out = Barrier(2), Event()
    decode = cv2.imdecode

    def overlapping(*arguments: Any) -> Any:
        if both_inside.wait(10) == 0:
            return decode(*arguments)
        assert first_is_out.wait(10)
        return decode(*arguments)

    def read() -> None:
        read_image(tmp_path / "a.png")
        first_is_out.set()

    monkeypatch.setattr(cv2, "imdecode", overlapping)
    logging: Any = cv2.utils.logging if hasattr(cv2.utils, "logging") else cv2
    before = logging.getLogLevel()
    logging.setLogLevel(5)
    try:
        for _ in range(4):  # Of two threads, either may be the first.
            first_is_out.clear()
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(lambda _: read(), range(2)))
            assert logging.getLogLevel() == 5
    finally:
        logging.setLogLevel(before)


@pytest.mark.parametrize("index", [-1, 1])
def test_positions_outside_are_index_errors(tmp_path: Path, index: int) -> None:
    picture(tmp_path / "a.png")
    for images in (ImageFolder(tmp_path), ImageFiles([tmp_path / "a.png"])):
        with pytest.raises(IndexError):
            images[index]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, list[np.ndarray]]]:
    folder = tmp_path_factory.mktemp("films")
    paths = {
        "b-frames": film(folder / "b.mp4", g="12", bf="3"),
        "open gop": film(
            folder / "open.mp4", **{"x264-params": "open-gop=1:keyint=7:min-keyint=7:bframes=3"}
        ),
        "short gop": film(folder / "s.mp4", **{"x264-params": "keyint=4:min-keyint=1:bframes=3"}),
        "matroska": film(folder / "c.mkv", g="10", bf="2"),
        "transport stream": film(folder / "d.ts", g="10", bf="2"),
        "one key frame": film(folder / "e.mp4", g="250"),
        "decoding order only": film(folder / "f.avi", codec="mpeg4", g="10"),
    }
    return {name: (path, decoded(path)) for name, path in paths.items()}


KINDS = [
    *("b-frames", "open gop", "short gop", "matroska"),
    *("transport stream", "one key frame", "decoding order only"),
]


@pytest.mark.parametrize("kind", KINDS)
@given(order=st.lists(st.integers(0, FRAMES - 1), min_size=1, max_size=6))
def test_any_frame_is_the_one_that_decoding_from_the_start_gives(
    films: dict[str, tuple[Path, list[np.ndarray]]], kind: str, order: list[int]
) -> None:
    path, expected = films[kind]
    video = VideoFile(path)
    assert len(video) == len(expected) == FRAMES
    for index in order:
        assert np.array_equal(video[index], expected[index])


def test_clips_around_rising_key_frames_are_exact(
    films: dict[str, tuple[Path, list[np.ndarray]]],
) -> None:
    path, expected = films["b-frames"]
    video = VideoFile(path)
    for key in range(2, FRAMES - 2):
        for index in (key, key - 2, key - 1, key + 1, key + 2):
            assert np.array_equal(video[index], expected[index])


def test_a_video_can_be_pickled_while_it_is_open_and_survives_a_fork(
    films: dict[str, tuple[Path, list[np.ndarray]]],
) -> None:
    path, expected = films["b-frames"]
    video = VideoFile(path)
    assert np.array_equal(video[20], expected[20])
    copy = pickle.loads(pickle.dumps(video))
    assert np.array_equal(copy[21], expected[21])
    child = os.fork()
    if child == 0:
        same = np.array_equal(video[30], expected[30]) and np.array_equal(video[3], expected[3])
        os._exit(0 if same else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert np.array_equal(video[22], expected[22])


def test_a_turned_video_is_upright_wherever_one_starts(tmp_path: Path) -> None:
    path = film(tmp_path / "turned.mp4", g="12")
    data = bytearray(path.read_bytes())
    # ISO 14496-12, 6.2.2: the matrix of a quarter turn clockwise, in the track header's version 0.
    at = data.index(b"tkhd") + 44
    for offset, value in ((0, 0), (4, 1), (12, -1), (16, 0)):
        data[at + offset : at + offset + 4] = (value << 16).to_bytes(4, "big", signed=True)
    path.write_bytes(data)
    expected = decoded(path)
    assert expected[0].shape == (64, 32, 3)
    video = VideoFile(path)
    for index in (40, 0, 13):
        assert np.array_equal(video[index], expected[index])


def test_packets_are_read_once_whatever_else_is_open_and_in_whatever_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    closed: list[Path] = []
    opened, close = frame_index.opened, Decoder.close

    def noted(path: Path) -> object:
        read.append(path)
        return opened(path)

    def noted_too(self: Decoder) -> None:
        closed.append(self._path)
        close(self)

    monkeypatch.setattr(frame_index, "opened", noted)
    monkeypatch.setattr(Decoder, "close", noted_too)
    paths = [film(tmp_path / f"{number}.mp4", g="12") for number in range(6)]
    videos = [VideoFile(path) for path in paths]
    for _ in range(2):
        for video in videos:
            assert video[20].shape == (32, 64, 3)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(videos[0].__getitem__, 3).result()
    assert read == paths
    # Of twelve that were opened in turn, the last four are open.
    assert closed[-8:] == [*paths, *paths[:2]]
    os.utime(paths[0], (0, 0))
    assert len(videos[0]) == FRAMES
    assert read == [*paths, paths[0]]


def test_a_file_that_was_overwritten_is_opened_anew(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4")
    video = VideoFile(path)
    before = video[0]
    film(path, 1)
    # The clock of a file system may be slower than the test.
    os.utime(path, (0, 0))
    after = video[0]
    assert not np.array_equal(before, after)
    assert np.array_equal(after, decoded(path)[0])


@pytest.mark.parametrize("index", [-1, FRAMES])
def test_frames_outside_a_video_are_index_errors(
    films: dict[str, tuple[Path, list[np.ndarray]]], index: int
) -> None:
    with pytest.raises(IndexError):
        VideoFile(films["b-frames"][0])[index]


def test_a_file_that_is_no_video_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    with pytest.raises(VidposeError, match=r"x\.mp4"):
        len(VideoFile(path))
    path.write_bytes(b"text")
    with pytest.raises(VidposeError, match=r"x\.mp4"):
        len(VideoFile(path))
