"""The Python calls."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest

import vidpose
from vidpose.api import Run
from vidpose.detect.base import Detections
from vidpose.errors import VidposeError
from vidpose.frame import Frame
from vidpose.image_files import read_image
from vidpose.models import registry
from vidpose.poses import Poses
from vidpose.refine import smooth
from vidpose.skeleton import COCO17
from vidpose.video import Source, open_source

DATA = Path(__file__).parent / "data" / "movenet_parity.npz"


@pytest.fixture(scope="module")
def stills(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three pictures of two people, shifted a little."""
    folder = tmp_path_factory.mktemp("stills")
    with np.load(DATA) as arrays:
        image = arrays["multipose_image"]
    files = []
    for i in range(3):
        files.append(folder / f"{i}.png")
        cv2.imwrite(str(files[-1]), np.roll(image, 2 * i, axis=1)[..., ::-1])
    return files


@pytest.mark.parametrize("call", [vidpose.stream, vidpose.estimate])
def test_what_is_wrong_is_said_at_once(call: object, stills: list[Path], tmp_path: Path) -> None:
    assert callable(call)
    with pytest.raises(VidposeError, match=r"gone\.mp4"):
        call(tmp_path / "gone.mp4")
    for every in (0, 1.5):
        with pytest.raises(VidposeError, match="detect_every"):
            call(stills, detect_every=every)
    with pytest.raises(VidposeError, match="mode"):
        call(stills, mode="loose")
    with pytest.raises(VidposeError, match="smooth"):
        call(stills, smooth="very")


def test_stream_and_estimate_agree(stills: list[Path]) -> None:
    streamed = list(vidpose.stream(stills))
    poses = vidpose.estimate(stills)
    assert len(poses) == len(streamed) == 3
    for one, other in zip(streamed, poses, strict=True):
        assert [p.id for p in one.people] == [p.id for p in other.people] != []
        np.testing.assert_array_equal(one.people[0].keypoints, other.people[0].keypoints)


@pytest.mark.parametrize(
    ("model", "needed"), [("movenet-thunder", 1), ("dsta-movenet", 3), ("dsta-movenet-causal", 1)]
)
def test_a_stream_gives_frames_before_its_source_has_ended(
    stills: list[Path], monkeypatch: pytest.MonkeyPatch, model: str, needed: int
) -> None:
    taken = 0
    original = Source.__iter__

    def counting(source: Source) -> object:
        nonlocal taken
        for frame in original(source):
            taken += 1
            yield frame

    monkeypatch.setattr(Source, "__iter__", counting)
    frames = vidpose.stream(stills * 3, model=model, runtime="torch")
    next(frames)
    assert taken == needed


def test_pictures_in_memory_have_the_poses_of_their_files(stills: list[Path]) -> None:
    images = (read_image(path) for path in stills)
    of_files, of_arrays = vidpose.estimate(stills, fps=10), vidpose.estimate(images, fps=10)
    assert of_arrays.header.source == "frames"
    assert of_arrays.frames[0].people
    for one, other in zip(of_files, of_arrays, strict=True):
        assert other == one.model_copy(update={"name": None})


def test_a_model_of_ones_own_is_used_in_evaluation_mode(stills: list[Path]) -> None:
    model = registry.load("movenet-lightning").train()
    poses = vidpose.estimate(stills[:1], model=model)
    assert poses.header.model == "MoveNetSingle"
    assert not model.training
    assert poses.frames[0].people


def test_hold_and_exact_are_both_taken(stills: list[Path]) -> None:
    held = vidpose.estimate(stills, mode="hold", detect_every=2)
    assert all(frame.people for frame in held)


def test_a_flip_test_is_told_in_the_header(stills: list[Path]) -> None:
    plain, both = (
        vidpose.estimate(stills, model="movenet-lightning", runtime="torch", flip_test=flip_test)
        for flip_test in (False, True)
    )
    assert both.header.model == "movenet-lightning + flip test"
    assert both.header.runtime == plain.header.runtime == "torch fp32"
    pairs = zip(plain.frames, both.frames, strict=True)
    moved = [
        np.abs(one.keypoints - other.keypoints).max()
        for seen, again in pairs
        for one, other in zip(seen.people, again.people, strict=True)
    ]
    assert moved and min(moved) > 0


def test_smoothed_frames_have_their_own_pictures_and_raw_joints(stills: list[Path]) -> None:
    pictures = [*stills, *stills[:2]]
    run = Run(pictures, runtime="torch")
    plain = list(run)
    smoothed = list(Run(pictures, smooth="savgol", runtime="torch"))
    raw = Poses(header=run.header, frames=tuple(poses for _, poses in plain))
    assert [poses for _, poses in smoothed] == list(smooth(raw)) != list(raw)
    for (frame, poses), (own, unsmoothed) in zip(smoothed, plain, strict=True):
        assert frame.index == poses.index == own.index
        np.testing.assert_array_equal(frame.image, own.image)
        for person, before in zip(poses.people, unsmoothed.people, strict=True):
            np.testing.assert_array_equal(person.keypoints_raw, before.keypoints)


def test_a_run_that_is_finished_answers_what_it_has_taken(stills: list[Path]) -> None:
    picture = read_image(stills[0])
    taken = []

    def camera() -> Iterator[np.ndarray]:
        for index in range(8):
            taken.append(index)
            yield picture

    run = Run(camera(), smooth="savgol", runtime="torch")
    found = []
    for _, poses in run:  # the first when the fourth picture was taken
        found.append(poses)
        run.finish()
    assert len(taken) == len(found) == 4
    assert found == list(vidpose.estimate([picture] * 4, smooth="savgol", runtime="torch"))


def test_a_run_is_closed_where_its_block_ends(stills: list[Path]) -> None:
    with Run(stills, runtime="torch") as run:
        frame, poses = next(iter(run))
        assert poses.people and run.skeleton == COCO17
        picture = vidpose.draw(frame.image, poses.people, run.skeleton)
        assert picture.shape == frame.image.shape
    with Run(stills, runtime="torch") as unused:
        pass
    for each in (run, unused):
        assert not list(each.source)


def test_a_detector_of_ones_own_is_asked(stills: list[Path]) -> None:
    class Somewhere:
        name = "mine"

        def __call__(self, frame: Frame) -> Detections:
            height, width = frame.image.shape[:2]
            return Detections(np.array([[0.0, 0, width, height]]), np.array([0.8]))

    poses = vidpose.estimate(stills, detector=Somewhere(), runtime="torch")
    assert poses.header.detector == "mine"
    assert [[person.score for person in frame.people] for frame in poses] == [[0.8]] * len(stills)

    def everywhere(frame: Frame) -> Detections:
        return Somewhere()(frame)

    again = vidpose.estimate(stills, detector=everywhere, runtime="torch")  # type: ignore[arg-type]
    assert again.header.detector == "everywhere"
    assert list(again) == list(poses)


def test_a_run_is_iterated_once(stills: list[Path]) -> None:
    run = Run(stills[:1])
    assert len(list(run)) == 1
    with pytest.raises(ValueError, match="once"):
        list(run)


def test_a_source_without_an_end_is_not_estimated(
    stills: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(source: list[Path], fps: float | None) -> Source:
        opened = open_source(source, fps=fps)
        opened.live = True
        return opened

    monkeypatch.setattr("vidpose.api.open_source", endless)
    with pytest.raises(VidposeError, match=r"vidpose\.stream"):
        vidpose.estimate(stills)


def test_public_names_are_there() -> None:
    assert all(getattr(vidpose, name) is not None for name in vidpose.__all__)
    # A module of that name would take the place of what it defines once somebody imports it.
    assert not [name for name in vidpose.__all__ if find_spec(f"vidpose.{name}")]
    with pytest.raises(AttributeError, match="nonsense"):
        vidpose.nonsense  # noqa: B018
