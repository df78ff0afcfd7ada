from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from vidpose.errors import VidposeError
from vidpose.synth.backgrounds import Backdrop, find_footage, find_pictures
from vidpose.synth.camera_moves import CameraMove
from vidpose.synth.state import Camera

SIZE = (96, 128)


def camera(yaw: float = 0, focal: float = 150, x: float = 0) -> Camera:
    one = np.zeros(1)
    place = np.array([[x, -5, 1.5]])
    return CameraMove(SIZE, place, one + yaw, one, one, one + focal).at(np.zeros(1))[0]


def backdrop(source: Path | None = None, footage: bool = False, **changes: object) -> Backdrop:
    given = {
        "source": source, "footage": footage, "seed": 3, "start": 0.0, "seconds": 1.0,
        "cover": 1.0, "offset": np.array([0.5, 0.5]), "drift": np.zeros(2), "reference": camera(),
        "distance": 20.0,
    }  # fmt: skip
    return Backdrop(**(given | changes))  # type: ignore[arg-type]


def save(path: Path, picture: np.ndarray) -> Path:
    cv2.imwrite(str(path), picture[..., ::-1])
    return path


def shift(before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    """By how many pixels what is seen moved to the right and down."""
    grey = [image.mean(axis=-1).astype(np.float64) for image in (before, after)]
    window = cv2.createHanningWindow(SIZE[::-1], cv2.CV_64F)
    (x, y), _ = cv2.phaseCorrelate(grey[0], grey[1], window)
    return x, y


def test_the_camera_that_it_was_made_for_sees_the_whole_picture(tmp_path: Path) -> None:
    smooth = cv2.resize(
        np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8), SIZE[::-1],
        interpolation=cv2.INTER_CUBIC,
    )  # fmt: skip
    seen = backdrop(save(tmp_path / "a.png", smooth)).view(camera(), 0)
    middle = (slice(24, -24), slice(32, -32))
    assert np.abs(seen[middle].astype(float) - smooth[middle]).mean() < 4


def test_it_moves_against_the_pan_and_with_its_own_drift() -> None:
    still = backdrop().view(camera(), 0)
    x, y = shift(still, backdrop().view(camera(yaw=0.05), 0))
    assert x == pytest.approx(-0.05 * 150, abs=1)
    assert y == pytest.approx(0, abs=0.5)
    x, _ = shift(still, backdrop(drift=np.array([6.0, 0.0])).view(camera(), 1.0))
    assert abs(x) == pytest.approx(6, abs=1)


def test_a_camera_that_travels_moves_it_by_its_distance() -> None:
    still = backdrop().view(camera(), 0)
    x, _ = shift(still, backdrop(distance=10.0).view(camera(x=0.4), 0))
    assert x == pytest.approx(-0.4 / 10 * 150, abs=1)


def test_zooming_enlarges_it() -> None:
    wide, close = (backdrop().view(camera(focal=focal), 0) for focal in (150, 300))
    half = wide[SIZE[0] // 4 : -SIZE[0] // 4, SIZE[1] // 4 : -SIZE[1] // 4]
    enlarged = cv2.resize(half, SIZE[::-1], interpolation=cv2.INTER_LINEAR)
    assert np.abs(enlarged.astype(float) - close).mean() < 12
    assert np.abs(wide.astype(float) - close).mean() > 15


def test_any_direction_shows_something() -> None:
    for yaw in (-3.0, 1.5, 3.1):
        assert backdrop().view(camera(yaw=yaw), 0).std() > 1


def test_paintings_differ_by_their_seed_only() -> None:
    views = [backdrop(seed=seed).view(camera(), 0) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(views[0], views[1])
    assert (views[0] != views[2]).any()


def test_a_video_plays_and_goes_back_where_it_is_too_short(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(10))
        stream.width, stream.height = SIZE[::-1]
        for row in range(5):
            grey = np.full((*SIZE, 3), 40 * row + 20, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode())
    shown = backdrop(path, footage=True, seconds=2.0)
    levels = [shown.view(camera(), 0.1 * row).mean() for row in range(7)]
    np.testing.assert_allclose(levels, [20, 60, 100, 140, 180, 140, 100], atol=8)


def test_a_video_has_the_colours_that_it_has_elsewhere(tmp_path: Path) -> None:
    """Untagged high definition is BT.709."""
    colour = np.full((720, 64, 3), (40, 180, 90), np.uint8)
    path = tmp_path / "plain.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 720, "yuv420p"
        frame = av.VideoFrame.from_ndarray(colour, format="rgb24").reformat(
            format="yuv420p", dst_colorspace="ITU709"
        )
        frame.colorspace = 2
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    seen = backdrop(path, footage=True).view(camera(), 0)
    assert np.abs(seen.reshape(-1, 3).mean(axis=0) - (40, 180, 90)).max() < 3


def test_folders_are_listed_by_name_and_missing_things_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(VidposeError, match="no picture"):
        find_pictures(tmp_path)
    with pytest.raises(VidposeError, match="no folder"):
        find_footage(tmp_path / "none")
    for name in ("b.JPG", "a.png", "c.txt", "d10.tif", "d9.tiff", ".e.png"):
        (tmp_path / name).write_bytes(b"")
    pictures = [path.name for path in find_pictures(tmp_path)]
    assert pictures == ["a.png", "b.JPG", "d9.tiff", "d10.tif"]
    with pytest.raises(VidposeError, match=r"a\.png: not an image"):
        backdrop(tmp_path / "a.png").view(camera(), 0)
    with pytest.raises(VidposeError, match=r"c\.txt: "):
        backdrop(tmp_path / "c.txt", footage=True).view(camera(), 0)
    with pytest.raises(VidposeError, match=r"d\.png: cannot be read"):
        backdrop(tmp_path / "d.png").view(camera(), 0)
