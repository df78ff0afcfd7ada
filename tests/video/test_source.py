import os
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from clips import SIZE, mark, marked, say_matrix, tone, turn_upright, write_clip, write_sound

from vidpose.datasets.images import VideoFile
from vidpose.errors import VidposeError
from vidpose.frame import Frame
from vidpose.video import VideoWriter, open_source


def frames(source: Any, **options: Any) -> list[Frame]:
    with open_source(source, **options) as opened:
        return list(opened)


def clip(tmp_path: Path, count: int = 10, name: str = "clip.mp4", **options: Any) -> Path:
    return write_clip(tmp_path / name, [marked(k) for k in range(count)], **options)


def test_plain_file(tmp_path: Path) -> None:
    path = clip(tmp_path)
    with open_source(str(path)) as source:
        assert (source.name, source.stem, source.path) == (str(path), "clip", path)
        assert (source.width, source.height, source.fps) == (*SIZE, 25)
        assert (source.frame_count, source.live, source.file_names) == (10, False, None)
        read = list(source)
        assert list(source) == []
    assert [frame.index for frame in read] == list(range(10))
    assert {frame.name for frame in read} == {None}
    assert [mark(frame.image) for frame in read] == list(range(10))
    assert [frame.pts for frame in read] == pytest.approx([k / 25 for k in range(10)])
    image = read[0].image
    assert image.dtype == np.uint8 and image.flags.c_contiguous and image.flags.writeable


def test_one_frame(tmp_path: Path) -> None:
    assert [(frame.index, frame.pts) for frame in frames(clip(tmp_path, 1))] == [(0, 0.0)]


def test_odd_size(tmp_path: Path) -> None:
    path = write_clip(
        tmp_path / "odd.mkv", [marked(k, (97, 63)) for k in range(3)], codec="ffv1", pix_fmt="bgr0"
    )
    (first, *_) = frames(path)
    np.testing.assert_array_equal(first.image, marked(0, (97, 63)))


def test_ten_bits(tmp_path: Path) -> None:
    path = clip(tmp_path, 3, "deep.mkv", codec="ffv1", pix_fmt="yuv420p10le")
    read = frames(path)
    assert [mark(frame.image) for frame in read] == [0, 1, 2]
    assert np.abs(read[0].image.astype(int) - marked(0)).mean() < 2


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [("a.mov", "qtrle", "argb"), ("a.mkv", "ffv1", "bgra"), ("a.mov", "png", "rgba")],
)
def test_alpha_is_dropped(tmp_path: Path, name: str, codec: str, pix_fmt: str) -> None:
    alpha = np.full((SIZE[1], SIZE[0], 1), 128, dtype=np.uint8)
    image = np.concatenate([marked(3), alpha], axis=2)
    (frame,) = frames(write_clip(tmp_path / name, [image], codec=codec, pix_fmt=pix_fmt))
    assert np.abs(frame.image.astype(int) - marked(3)).max() <= 1


@pytest.mark.parametrize(("degrees", "quarters"), [(0, 0), (90, 3), (180, 2), (270, 1)])
def test_rotation_is_applied(tmp_path: Path, degrees: int, quarters: int) -> None:
    path = clip(tmp_path, 3)
    turn_upright(path, degrees)
    with open_source(path) as source:
        read = list(source)
        assert (source.width, source.height) == (SIZE if degrees % 180 == 0 else SIZE[::-1])
    expected = np.rot90(marked(2), quarters)
    assert np.abs(read[2].image.astype(int) - expected).mean() < 3
    assert read[2].image.flags.c_contiguous


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ((-1, 0, 0, 1), lambda x: x[:, ::-1]),
        ((1, 0, 0, -1), lambda x: x[::-1]),
        ((0, 1, 1, 0), lambda x: x.transpose(1, 0, 2)),
        ((0, -1, -1, 0), lambda x: x.transpose(1, 0, 2)[::-1, ::-1]),
    ],
)
def test_mirrors_are_applied(
    tmp_path: Path,
    matrix: tuple[int, int, int, int],
    expected: Callable[[np.ndarray], np.ndarray],
) -> None:
    path = clip(tmp_path, 3)
    say_matrix(path, matrix)
    image = frames(path)[2].image
    assert np.abs(image.astype(int) - expected(marked(2))).mean() < 3
    np.testing.assert_array_equal(VideoFile(path)[2], image)


def test_pixels_that_are_not_square_are_stretched(tmp_path: Path) -> None:
    path = clip(tmp_path, 3, "wide.mp4", pixel_shape=Fraction(3, 2))
    with open_source(path) as source:
        assert (source.width, source.height) == (SIZE[0] * 3 // 2, SIZE[1])
        image = list(source)[2].image
    expected = cv2.resize(marked(2), (source.width, source.height))
    assert np.abs(image.astype(int) - expected).mean() < 3
    np.testing.assert_array_equal(VideoFile(path)[2], image)


def test_a_shape_of_pixels_that_cannot_be_is_ignored(tmp_path: Path) -> None:
    with open_source(clip(tmp_path, 1, "odd.mp4", pixel_shape=Fraction(100, 1))) as source:
        assert (source.width, source.height) == SIZE


def test_a_piece_cut_out_of_a_film_is_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Matroska notes when its last frame ends, and this one begins in the fifth second."""
    path = clip(tmp_path, 10, "piece.mkv", pts=[5 + k / 25 for k in range(10)])
    with open_source(path) as source:
        assert source.frame_count in (9, 10, 11)
        assert len(list(source)) == 10
    assert not caplog.records


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_no_text_becomes_some(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    name = os.fsdecode(b"\xff")
    clip(tmp_path, 1).rename(tmp_path / f"{name}.mp4")
    cv2.imwrite(str(folder / "a.png"), marked(0))
    (folder / "a.png").rename(folder / f"{name}.png")
    with open_source(tmp_path / f"{name}.mp4") as source:
        assert (source.name, source.stem) == (f"{tmp_path}/\\xff.mp4", "\\xff")
    with open_source(folder) as source:
        assert source.file_names == ("\\xff.png",)
        assert [frame.name for frame in source] == ["\\xff.png"]


def test_variable_frame_rate(tmp_path: Path) -> None:
    pts = [0, 0.02, 0.5, 0.51, 3.0]
    assert [f.pts for f in frames(clip(tmp_path, 5, pts=pts))] == pytest.approx(pts, abs=1e-4)


def test_time_counts_from_the_start_of_the_recording(tmp_path: Path) -> None:
    # A transport stream starts at a time other than 0; this picture comes 0.2 s after its sound.
    pts = [10.2 + k / 25 for k in range(5)]
    path = clip(tmp_path, 5, "late.ts", pts=pts, sound=tone(1, 440), sound_start=10)
    # Up to the packet of silence with which AAC begins.
    assert frames(path)[0].pts == pytest.approx(0.2, abs=0.03)


def test_a_cover_is_no_part_of_the_recording(tmp_path: Path) -> None:
    times = [10 + index / 25 for index in range(5)]
    path = write_clip(tmp_path / "a.mkv", map(marked, range(5)), pts=times, cover=True)
    with open_source(path) as source:
        assert [frame.pts for frame in source] == pytest.approx([t - 10 for t in times], abs=1e-3)


@pytest.mark.parametrize("name", ["reordered.avi", "raw.h264"])
def test_containers_without_presentation_times(tmp_path: Path, name: str) -> None:
    read = frames(clip(tmp_path, 20, name, ticks=Fraction(1, 25), options={"bf": "3"}))
    assert [mark(frame.image) for frame in read] == list(range(20))
    gaps = np.diff([frame.pts for frame in read])
    assert gaps == pytest.approx(np.full(19, 0.04), abs=1e-6)


@pytest.mark.parametrize("bits", ["grey", "rgba", "16 bit", "rgb"])
def test_images_of_all_modes(tmp_path: Path, bits: str) -> None:
    rgb = marked(2)
    bgra = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGRA)
    stored = {
        "grey": rgb[..., 0],
        "rgba": bgra,
        "16 bit": bgra[..., :3].astype(np.uint16) * 257,
        "rgb": bgra[..., :3],
    }[bits]
    path = tmp_path / "still.png"
    cv2.imwrite(str(path), stored)
    with open_source(path) as source:
        assert (source.stem, source.frame_count, source.path) == ("still", 1, None)
        (frame,) = source
    np.testing.assert_array_equal(frame.image, rgb)


def save(path: Path, index: int) -> Path:
    cv2.imwrite(str(path), marked(index))
    return path


def test_folder_in_natural_order(tmp_path: Path) -> None:
    for name, index in [("img10.png", 2), ("img2.jpg", 1), ("IMG1.PNG", 0)]:
        save(tmp_path / name, index)
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "._img3.png").write_bytes(b"left by another system")
    with open_source(tmp_path) as source:
        assert (source.stem, source.fps, source.frame_count) == (tmp_path.name, 25, 3)
        assert [mark(frame.image) for frame in source] == [0, 1, 2]
    assert [frame.pts for frame in frames(tmp_path, fps=10)] == [0, 0.1, 0.2]


def test_list_keeps_its_order(tmp_path: Path) -> None:
    paths = [save(tmp_path / f"{k}.png", k) for k in range(3)]
    assert [mark(f.image) for f in frames([paths[2], str(paths[0]), paths[1]])] == [2, 0, 1]


def test_images_have_names(tmp_path: Path) -> None:
    names = ("b.png", "a.png")
    with open_source([save(tmp_path / name, 0) for name in names]) as source:
        assert source.file_names == names
        assert tuple(frame.name for frame in source) == names


def test_sizes_may_differ_between_images(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "0.png"), np.zeros((4, 6, 3), np.uint8))
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((7, 5, 3), np.uint8))
    assert [frame.image.shape for frame in frames(tmp_path)] == [(4, 6, 3), (7, 5, 3)]


Make = Callable[[Path], Any]


def text(path: Path) -> Path:
    path.write_text("This is not a video.\n" * 100)
    return path


def empty(path: Path) -> Path:
    path.touch()
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    (path / "notes.txt").touch()
    return path


def song(path: Path) -> Path:
    return write_sound(path, tone(0.2, 440), "aac")


def song_with_cover(path: Path) -> Path:
    picture = save(path.with_name("cover.png"), 0).read_bytes()
    return write_sound(path, tone(0.2, 440), "aac", cover=picture)


def headless(path: Path) -> Path:
    """An mp4 whose index, at the end, was lost."""
    whole = clip(path.parent, 3, "whole.mp4").read_bytes()
    path.write_bytes(whole[:40])
    return path


@pytest.mark.parametrize(
    ("make", "name", "words"),
    [
        (lambda path: path, "none.mp4", "no such file"),
        (lambda path: path, "0", "no such file"),
        (text, "notes.mp4", "not a video"),
        (text, "notes.txt", "not a video"),
        (empty, "empty.mp4", "empty"),
        (headless, "headless.mp4", "not a video"),
        (song, "song.m4a", "only audio"),
        (song_with_cover, "song.mka", "only audio"),
        (folder, "folder", "no image"),
        (text, "bad.png", "not an image"),
        (empty, "empty.png", "not an image"),
        (lambda path: path, "none.png", "no such file"),
        (lambda path: [save(path, 0), path.with_name("gone.png")], "here.png", "no such file"),
        (lambda path: [save(path, 0), text(path.with_name("x.txt"))], "here.png", "not an image"),
    ],
)
def test_refusals_are_one_line_that_names_the_culprit(
    tmp_path: Path, make: Make, name: str, words: str
) -> None:
    made = make(tmp_path / name)
    with pytest.raises(VidposeError, match=words) as caught:
        open_source(made)
    culprit = made[-1] if isinstance(made, list) else made
    assert "\n" not in str(caught.value)
    assert str(culprit) in str(caught.value)


def test_unreadable_image_on_the_way_is_named(tmp_path: Path) -> None:
    save(tmp_path / "0.png", 0)
    bad = text(tmp_path / "1.png")
    with open_source(tmp_path) as source, pytest.raises(VidposeError, match=str(bad)):
        list(source)


@pytest.mark.parametrize("fps", [0, -1, 9e-4, 1001, 1e9, float("nan"), float("inf")])
def test_impossible_rate_is_refused(tmp_path: Path, fps: float) -> None:
    with pytest.raises(VidposeError, match=r"fps .* from 0.001 to 1000 frames per second"):
        open_source(save(tmp_path / "0.png", 0), fps=fps)


@pytest.mark.parametrize("fps", [0.001, 1000])
def test_the_rarest_and_the_densest_images_keep_their_times(tmp_path: Path, fps: float) -> None:
    for k in range(2):
        save(tmp_path / f"{k}.png", k)
    with open_source(tmp_path, fps=fps) as source:
        film = tmp_path / "film.mp4"
        with VideoWriter(film, source.width, source.height, fps=source.fps) as writer:
            for frame in source:
                writer.write(frame.image, frame.pts)
    assert [frame.pts for frame in frames(film)] == pytest.approx([0, 1 / fps])


def test_a_missing_file_is_named_before_its_rate() -> None:
    with pytest.raises(VidposeError, match=r"none.mp4: no such file"):
        open_source("none.mp4", fps=30)


@pytest.mark.parametrize(("height", "matrix"), [(480, "ITU601"), (720, "ITU709")])
def test_untagged_colours_follow_the_size(tmp_path: Path, height: int, matrix: str) -> None:
    colour = np.full((height, 64, 3), (40, 180, 90), dtype=np.uint8)
    path = tmp_path / "plain.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, height, "yuv420p"
        frame = av.VideoFrame.from_ndarray(colour, format="rgb24").reformat(
            format="yuv420p", dst_colorspace=matrix
        )
        frame.colorspace = 2
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    (read,) = frames(path)
    assert np.abs(read.image.reshape(-1, 3).mean(axis=0) - (40, 180, 90)).max() < 3
