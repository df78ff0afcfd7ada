from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from clips import SIZE, mark, marked, write_clip

from vidpose.errors import VidposeError
from vidpose.frame import Frame
from vidpose.video import open_source

Gather = Callable[[list[np.ndarray]], Iterable[np.ndarray]]


def pictures(count: int = 4) -> list[np.ndarray]:
    return [marked(k)[..., ::-1] for k in range(count)]


def frames(source: Iterable[np.ndarray], **options: Any) -> list[Frame]:
    with open_source(source, **options) as opened:
        return list(opened)


@pytest.mark.parametrize("gather", [list, tuple, np.stack, iter])
def test_any_collection_of_arrays_is_a_source(gather: Gather) -> None:
    with open_source(gather(pictures()), fps=10) as source:
        assert (source.name, source.stem, source.path) == ("frames", "frames", None)
        assert (source.width, source.height, source.fps, source.live) == (*SIZE, 10, False)
        assert source.file_names is None
        assert source.frame_count == (None if gather is iter else 4)
        read = list(source)
    assert [(frame.index, frame.pts, frame.name) for frame in read] == [
        (k, k / 10, None) for k in range(4)
    ]
    assert all(frame.image.flags.c_contiguous for frame in read)
    for frame, picture in zip(read, pictures(), strict=True):
        np.testing.assert_array_equal(frame.image, picture)


def test_one_picture_is_a_source_too() -> None:
    (frame,) = frames(marked(7))
    assert (frame.index, frame.pts, mark(frame.image)) == (0, 0.0, 7)


def test_a_generator_may_write_every_picture_to_the_same_place() -> None:
    def camera() -> Iterator[np.ndarray]:
        buffer = np.empty_like(marked(0))
        for k in range(5):
            buffer[:] = marked(k)
            yield buffer

    assert [mark(frame.image) for frame in frames(camera())] == list(range(5))


def test_a_generator_is_asked_for_no_frame_before_it_is_needed() -> None:
    asked = []

    def camera() -> Iterator[np.ndarray]:
        for k in range(5):
            asked.append(k)
            yield marked(k)

    with open_source(camera()) as source:
        for frame in source:
            assert asked[-1] == frame.index


def test_sizes_may_differ() -> None:
    sizes = [(4, 6, 3), (7, 5, 3)]
    assert [f.image.shape for f in frames([np.zeros(size, np.uint8) for size in sizes])] == sizes


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (np.zeros((4, 6), np.uint8), r"frame 1: is uint8 \[4, 6\]; give RGB"),
        (np.zeros((3, 4, 6), np.uint8), r"frame 1: is uint8 \[3, 4, 6\]"),
        (np.zeros((4, 6, 4), np.uint8), r"frame 1: is uint8 \[4, 6, 4\]"),
        (np.zeros((4, 6, 3), np.float32), r"frame 1: is float32 \[4, 6, 3\]"),
        (np.zeros((0, 6, 3), np.uint8), r"frame 1: is uint8 \[0, 6, 3\]"),
        (torch.zeros(4, 6, 3), "frame 1: is a Tensor; give numpy arrays"),
        (None, "frame 1: is a NoneType"),
    ],
)
def test_what_is_no_picture_is_refused_with_its_number(bad: Any, words: str) -> None:
    with open_source([marked(0), bad]) as source, pytest.raises(VidposeError, match=words):
        list(source)
    with pytest.raises(VidposeError, match=words.replace("frame 1", "frame 0")):
        open_source([bad])


@pytest.mark.parametrize("nothing", [[], np.zeros((0, 4, 6, 3), np.uint8), iter(())])
def test_nothing_is_refused(nothing: Any) -> None:
    with pytest.raises(VidposeError, match="no image at all; give at least one, as a file or as"):
        open_source(nothing)


@pytest.mark.parametrize("source", [None, 1.5, np.array(3), object()])
def test_what_cannot_be_a_source_is_refused(source: Any) -> None:
    kind = type(source).__name__
    with pytest.raises(VidposeError, match=f"a source cannot be a {kind}; give a video, "):
        open_source(source)


def test_an_array_among_names_is_refused_with_its_number(tmp_path: Path) -> None:
    mixed: Any = [tmp_path / "a.png", marked(0)]
    with pytest.raises(VidposeError, match="frame 1: is a ndarray; give names of files alone"):
        open_source(mixed)


def test_paths_may_come_from_a_generator(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mkv", pictures(1), codec="ffv1", pix_fmt="bgr0")
    with pytest.raises(VidposeError, match=r"clip\.mkv: not an image"):
        open_source(each for each in [path])
