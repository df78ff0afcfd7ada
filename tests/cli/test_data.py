import json
from pathlib import Path
from typing import Any

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
    assert "1 files" in capsys.readouterr().out
    document = json.loads((out / "000342_mpii.json").read_text())
    assert document["annotations"][0]["keypoints"][-3:] == [1.5, 2.5, 1]
    with pytest.raises(VidposeError, match="--overwrite"):
        run("convert", source, out, "--to", "posetrack18")
    run("convert", source, out, "--to", "posetrack17", "--overwrite")
    assert "annolist" in json.loads((out / "000342_mpii.json").read_text())
