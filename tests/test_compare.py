"""A model beside the baseline: one detector run, two answers, one film."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import vidpose
from vidpose.api import Run
from vidpose.cli import main
from vidpose.compare import Comparison
from vidpose.detect.base import Detections
from vidpose.detect.movenet import MoveNetDetector
from vidpose.errors import VidposeError
from vidpose.frame import Frame
from vidpose.models import registry
from vidpose.models.vremd import VREMDConfig
from vidpose.poses import FramePoses
from vidpose.video import open_source

PEOPLE = Path(__file__).parent / "data" / "movenet_parity.npz"
TINY = VREMDConfig(backbone="movenet-lightning", size=(96, 64), width=16, heads=4)
# A runtime other than torch would export the models first.
OWN = ("--model", "tiny.safetensors", "--runtime", "torch")
THUNDER = ("--model", "movenet-thunder", "--runtime", "torch")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four frames of two people, and a tiny model of three frames."""
    monkeypatch.chdir(tmp_path)
    with np.load(PEOPLE) as arrays:
        image = arrays["multipose_image"][..., ::-1]
    (tmp_path / "walk").mkdir()
    for i in range(4):
        cv2.imwrite(str(tmp_path / "walk" / f"{i}.png"), np.roll(image, 2 * i, axis=1))
    torch.manual_seed(0)
    registry.save(TINY.build(), TINY, tmp_path / "tiny.safetensors")
    return tmp_path


def test_both_sides_answer_as_they_do_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    picture = Comparison._picture

    def keeping(self: Comparison, frame: Frame, left: FramePoses, right: FramePoses) -> np.ndarray:
        drawn.append((left, right))
        return picture(self, frame, left, right)

    monkeypatch.setattr(Comparison, "_picture", keeping)
    # Smoothing delays both sides, one behind the other.
    answers = list(
        Comparison(Run("walk", model="tiny.safetensors", smooth="savgol", runtime="torch"))
    )
    left = vidpose.estimate("walk", model="movenet-thunder", smooth="savgol", runtime="torch")
    right = vidpose.estimate("walk", model="tiny.safetensors", smooth="savgol", runtime="torch")
    assert drawn == list(zip(left, right, strict=True))
    assert [poses for _, poses, _ in answers] == list(right)
    assert any(frame.people for frame in left)


def test_the_detector_looks_once_at_each_frame(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    detect = MoveNetDetector.__call__

    def counting(self: MoveNetDetector, frame: Frame) -> Detections:
        seen.append(frame.index)
        return detect(self, frame)

    monkeypatch.setattr(MoveNetDetector, "__call__", counting)
    comparison = Comparison(Run("walk", model="tiny.safetensors", detect_every=2, runtime="torch"))
    assert len(list(comparison)) == 4
    assert seen == [0, 2]


def test_the_baseline_is_not_compared_with_itself(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(VidposeError, match="beside movenet-thunder, which is the model"):
        Comparison(Run("walk", model="movenet-thunder", runtime="torch"))
    before = sorted(folder.rglob("*"))
    assert main(["run", "walk", "--compare", *THUNDER]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "--compare" in line and "--model" in line
    assert sorted(folder.rglob("*")) == before


def test_the_film_has_the_frames_side_by_side_under_captions(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "walk", *OWN, "--compare", "--no-video"]) == 0
    assert str(Path("walk-poses") / "walk-compare.mp4") in capsys.readouterr().out
    read = cv2.imread(str(folder / "walk" / "0.png"))
    assert read is not None
    original = read[..., ::-1].astype(int)
    height, width = original.shape[:2]
    with open_source(folder / "walk-poses" / "walk-compare.mp4") as film:
        pictures = [frame.image.astype(int) for frame in film]
    assert len(pictures) == 4
    caption = pictures[0].shape[0] - height
    assert caption > 0 and pictures[0].shape[1] == 2 * width
    for half in (pictures[0][:, :width], pictures[0][:, width:]):
        assert half[:caption].max() > 150 > half[:caption].mean()
        # Compression and a few bones are all that differ.
        assert np.median(np.abs(half[caption:] - original)) < 10
    assert (pictures[0][:caption, :width] != pictures[0][:caption, width:]).any()


@pytest.mark.parametrize("width", [4000, 40_000])
def test_a_large_source_gives_a_film_that_players_take(folder: Path, width: int) -> None:
    cv2.imwrite("wide.png", np.zeros((100, width, 3), np.uint8))
    assert main(["run", "wide.png", *OWN, "--compare"]) == 0
    picture = cv2.imread("wide-poses/wide-compare.jpg")
    assert picture is not None and picture.shape[1] == 3840
    # Two pictures side by side below their captions, 4 % of a width.
    assert picture.shape[0] / 3840 == pytest.approx((100 + 0.04 * width) / (2 * width), rel=0.02)


def test_an_image_of_one_pixel_has_a_comparison(folder: Path) -> None:
    cv2.imwrite("dot.png", np.zeros((1, 1, 3), np.uint8))
    assert main(["run", "dot.png", *OWN, "--compare"]) == 0
