import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from vidpose.cli.data import data
from vidpose.datasets.registry import read
from vidpose.errors import VidposeError

ANNOLIST: dict[str, Any] = {
    "annolist": [
        {
            "image": [{"name": "images/000342_mpii/00000001.jpg"}],
            "is_labeled": [1],
            "annorect": [
                {
                    "track_id": [0],
                    "annopoints": [{"point": [{"id": [0], "x": [1.5], "y": [2.5]}]}],
                }
            ],
        }
    ]
}


def run(*arguments: object) -> object:
    return data(
        [str(each) for each in arguments], exit_on_error=False, result_action="return_value"
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """PoseTrack2017 without its pictures."""
    folder = tmp_path / "annotations/val"
    folder.mkdir(parents=True)
    (folder / "000342_mpii.json").write_text(json.dumps(ANNOLIST))
    return tmp_path


def test_check_says_what_is_missing_and_gives_2(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("check", root) == 2
    printed = capsys.readouterr().out
    assert "posetrack17" in printed
    assert "1 people" in printed
    assert "FAULT" in printed


def test_check_of_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VidposeError, match="no dataset is recognised"):
        run("check", tmp_path)


def test_check_of_a_file_asks_for_the_folder(root: Path) -> None:
    file = root / "annotations/val/000342_mpii.json"
    with pytest.raises(VidposeError, match="is a file: give the folder"):
        run("check", file)
    with pytest.raises(VidposeError, match="is a file: give the folder"):
        read("posetrack17", file, "val")


def test_convert_writes_and_says_what(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = root / "annotations/val", root / "out"
    assert not run("convert", source, out, "--to", "posetrack18")
    said = capsys.readouterr().out
    assert "1 file in the posetrack18 layout, of 1 sequence, 1 frame and 1 person\n" in said
    document = json.loads((out / "000342_mpii.json").read_text())
    assert document["annotations"][0]["keypoints"][-3:] == [1.5, 2.5, 1]
    with pytest.raises(VidposeError, match="--overwrite"):
        run("convert", source, out, "--to", "posetrack18")
    run("convert", source, out, "--to", "posetrack17", "--overwrite")
    assert "annolist" in json.loads((out / "000342_mpii.json").read_text())


@pytest.fixture
def stills(tmp_path: Path) -> Path:
    """COCO's layout with one picture of one person."""
    joints = ("nose", "left_shoulder", "right_shoulder", "left_hip", "right_hip", "left_knee")
    document = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 120, "height": 160}],
        "annotations": [
            {
                "id": 1,
                "image_id": 1,
                "category_id": 1,
                "bbox": [20, 20, 60, 120],
                "keypoints": [n for i in range(len(joints)) for n in (40 + i, 30 + 15 * i, 2)],
            }
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": joints}],
    }
    root = tmp_path / "stills"
    (root / "annotations").mkdir(parents=True)
    (root / "annotations/person_keypoints_train2017.json").write_text(json.dumps(document))
    (root / "train2017").mkdir()
    cv2.imwrite(str(root / "train2017/a.jpg"), np.full((160, 120, 3), 80, np.uint8))
    return root


def test_animated_stills_pass_the_check(
    stills: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    run("animate", "coco", stills, out, "--frames", 3, "--views", 2)
    assert "2 clips" in capsys.readouterr().out
    assert run("check", out) == 0
    assert [len(each.frames) for each in read("posetrack18", out, "train")] == [3, 3]
    with pytest.raises(VidposeError, match="--overwrite"):
        run("animate", "coco", stills, out)
    with pytest.raises(VidposeError, match="another folder"):
        run("animate", "coco", stills, stills, "--overwrite")


def test_without_a_clip_there_is_nothing_to_label(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(VidposeError, match="no clip given"):
        run("label", "-o", out)
    assert not out.exists()


def test_a_video_without_people_is_a_clip_without_labels(
    stills: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    run("label", stills / "train2017", "-o", out, "--device", "cpu")
    assert "1 clip, 0 people, 0 labelled joints" in capsys.readouterr().out
    (sequence,) = read("posetrack18", out, "train")
    assert sequence.name == "000000_train2017"
    assert [frame.people for frame in sequence.frames] == [()]
