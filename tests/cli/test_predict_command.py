"""`vidpose predict` from the outside: where files go, and what it says."""

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from scipy.io import savemat

from vidpose.cli import main
from vidpose.models.registry import save
from vidpose.models.single import MoveNetConfig

MODEL = ["--model", "movenet-lightning", "--boxes", "gt", "--device", "cpu"]


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((48, 64, 3), dtype=np.uint8))


def coco(root: Path, names: Sequence[str]) -> Path:
    """A person on each picture; the pictures lie in ``val2017``."""
    document = {
        "images": [{"id": n, "file_name": name} for n, name in enumerate(names)],
        "annotations": [
            {
                "id": n + 1,
                "image_id": n,
                "category_id": 1,
                "bbox": [5, 5, 40, 40],
                "keypoints": [20, 20, 2],
            }
            for n in range(len(names))
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": ["nose"]}],
    }
    file = root / "annotations/person_keypoints_val2017.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(document))
    for name in names:
        picture(root / "val2017" / name)
    return root


def jhmdb(root: Path) -> Path:
    """One clip of two frames."""
    positions = root / "joint_positions/catch/bob/joint_positions.mat"
    positions.parent.mkdir(parents=True)
    savemat(positions, {"pos_img": np.random.default_rng(0).uniform(5, 40, (2, 15, 2))})
    for number in (1, 2):
        picture(root / f"Rename_Images/catch/bob/{number:05d}.png")
    (root / "splits").mkdir()
    (root / "splits/catch_test_split1.txt").write_text("bob.avi 2\n")
    return root


def test_a_folder_may_be_called_as_the_labelled_boxes_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert predict("coco", coco(tmp_path / "coco", ["1.jpg"]), "-o", "gt") == 0
    assert (tmp_path / "gt/1.json").exists()


def predict(*arguments: object) -> int:
    return main(["predict", *map(str, arguments), *MODEL])


def test_the_folders_of_a_name_become_a_part_of_the_files_name(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert predict("coco", coco(tmp_path / "coco", ["a/1.jpg", "b/1.jpg"]), "-o", out) == 0
    assert sorted(path.name for path in out.iterdir()) == ["a_1.json", "b_1.json"]
    assert predict("jhmdb", jhmdb(tmp_path / "jhmdb"), "--split", "test", "-o", out) == 0
    assert len(json.loads((out / "catch_bob.json").read_text())["annotations"]) == 2


def test_a_flip_test_changes_the_answers_and_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out = coco(tmp_path / "coco", ["1.jpg"]), tmp_path / "out"
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    cv2.imwrite(str(root / "val2017/1.jpg"), noise)
    written = []
    for more in ([], ["--flip-test", "--overwrite"]):
        assert predict("coco", root, "-o", out, *more) == 0
        written.append((out / "1.json").read_text())
    assert written[0] != written[1]
    assert "movenet-lightning + flip test on coco" in capsys.readouterr().out


def test_cocos_results_are_one_file_that_is_evaluated_by_cocos_rules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pycocotools")
    root, out = coco(tmp_path / "coco", ["a/1.jpg", "b/1.jpg"]), tmp_path / "results.json"
    layout = ["--layout", "coco", "-o", out]
    assert predict("coco", root, *layout) == 0
    found = json.loads(out.read_text())
    # The dataset's one joint, and not PoseTrack's fifteen.
    assert [(each["image_id"], len(each["keypoints"])) for each in found] == [(0, 3), (1, 3)]
    assert "MOTA" not in capsys.readouterr().out
    gt = root / "annotations/person_keypoints_val2017.json"
    figures = tmp_path / "figures.json"
    command = ["evaluate", str(out), "--gt", str(gt), "--protocol", "coco", "-o", str(figures)]
    assert main(command) == 0
    written = json.loads(figures.read_text())
    assert f"AP {written['AP']:.1f}\n" in capsys.readouterr().out
    assert written["AP large"] is None and written["protocol"] == "coco"
    assert main([*command[:-2], "--tracking"]) == 2
    assert predict("coco", root, *layout) == 2
    assert "exists; add --overwrite" in capsys.readouterr().err
    labels = gt.read_bytes()
    assert predict("coco", root, "--layout", "coco", "-o", gt, "--overwrite") == 2
    assert "would replace what is read" in capsys.readouterr().err
    assert gt.read_bytes() == labels


@pytest.mark.parametrize(
    ("dataset", "out", "message"),
    [("coco", "folder", "give a name.json"), ("jhmdb", "results.json", "has no number")],
)
def test_what_cocos_results_cannot_hold_is_said_before_the_work(
    tmp_path: Path, dataset: str, out: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root = coco(tmp_path / "d", ["1.jpg"]) if dataset == "coco" else jhmdb(tmp_path / "d")
    split = ["--split", "val" if dataset == "coco" else "test"]
    assert predict(dataset, root, *split, "--layout", "coco", "-o", tmp_path / out) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line and not (tmp_path / out).exists()


def test_a_model_that_gives_no_numbers_is_warned_of_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = MoveNetConfig(variant="lightning", side=64)
    model = config.build()
    for parameter in model.parameters():
        torch.nn.init.constant_(parameter, 1e30)  # numbers, but what comes of them is none
    save(model, config, tmp_path / "broken.safetensors")
    root = coco(tmp_path / "coco", ["1.jpg", "2.jpg"])
    model_file = ["--model", str(tmp_path / "broken.safetensors"), "--boxes", "gt"]
    assert main(["predict", "coco", str(root), "-o", str(tmp_path / "out"), *model_file]) == 0
    shown = capsys.readouterr()
    assert shown.err.count("2 of 2 people have not one joint") == 1
    assert "track ids are those of the labels" in shown.out


@pytest.mark.parametrize("name", ["../../../evil/1.jpg", "{root}/evil/1.jpg"])
def test_pictures_outside_of_the_dataset_are_refused(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root = coco(tmp_path / "deep/coco", [name.format(root=tmp_path)])
    before = sorted(tmp_path.rglob("*"))
    assert predict("coco", root, "-o", tmp_path / "out") == 2
    assert "evil' lies outside" in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_threshold_that_is_no_score_is_one_line_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, boxes = coco(tmp_path / "coco", ["1.jpg"]), tmp_path / "boxes.json"
    boxes.write_text("[]")
    command = ["predict", "coco", str(root), "-o", str(tmp_path / "out"), "--boxes", str(boxes)]
    assert main([*command, "--threshold", "nan"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "the threshold is nan" in line
    assert not (tmp_path / "out").exists()


def test_one_file_for_a_layout_of_many_is_refused_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict("coco", coco(tmp_path / "coco", ["1.jpg"]), "-o", tmp_path / "all.json") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "give a folder, or --layout coco" in line
    assert not (tmp_path / "all.json").exists()


@pytest.mark.parametrize("place", ["afile", "afile/below"])
def test_a_place_that_cannot_be_written_is_one_line(
    tmp_path: Path, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "afile").touch()
    assert predict("coco", coco(tmp_path / "coco", ["1.jpg"]), "-o", tmp_path / place) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"cannot write {tmp_path / place}" in line
