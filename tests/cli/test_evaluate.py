"""`vidpose evaluate` from the outside: the table, the files, the messages."""

import json
from pathlib import Path
from typing import Any

import cyclopts
import numpy as np
import pytest

from vidpose.cli.evaluate import evaluate
from vidpose.errors import VidposeError
from vidpose.skeleton import COCO17

NAME = "000342_mpii_test"


def truth(frames: int = 3, people: int = 2) -> dict[str, Any]:
    images = [
        {"id": n, "file_name": f"images/val/{NAME}/{n:06d}.jpg", "is_labeled": True}
        for n in range(frames)
    ]
    annotations = [
        {
            "image_id": n,
            "track_id": who,
            "keypoints": [
                number
                for joint in range(17)
                for number in (100 + 300 * who + 3 * joint, 90 + 9 * joint, 1)
            ],
            "bbox_head": [100, 50, 30, 40],
            "scores": [0.5 + who / 10] * 17,
        }
        for n in range(frames)
        for who in range(people)
    ]
    return {"images": images, "annotations": annotations}


def save(path: Path, document: object) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document))
    return path


@pytest.fixture
def gt(tmp_path: Path) -> Path:
    return save(tmp_path / "gt" / f"{NAME}.json", truth())


def test_a_file_against_itself_is_perfect_in_the_table_and_the_json(
    gt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"
    assert evaluate(gt, gt=gt, tracking=True, bootstrap=20, out=out) == 0
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    assert str(gt) in lines[0] and "1 sequence, 3 frames, 6 people" in lines[0]
    assert lines[1].split() == [
        *("Head", "Shoulder", "Elbow", "Wrist", "Hip", "Knee", "Ankle", "Mean"),
        *("7", "columns"),
    ]
    rows = {line[:12].strip(): line[12:].split() for line in lines[2:]}
    assert rows["AP"] == ["100.0"] * 9
    assert rows["low"] == rows["high"] == ["100.0"] * 8
    assert "HOTA 100.0" in printed
    written = json.loads(out.read_text())
    assert written["predictions"] == written["ground_truth"] == str(gt)
    assert written["ap"]["joints"]["nose"] == 100
    assert written["intervals"]["mean"] == [100, 100]
    assert written["tracking"]["mota"]["mean"] == 100


def test_folders_and_a_report(gt: Path, tmp_path: Path) -> None:
    worse = truth()
    worse["annotations"].pop()
    found = save(tmp_path / "found" / gt.name, worse)
    report, out = tmp_path / "report.html", tmp_path / "out.json"
    assert evaluate(found.parent, gt=gt.parent, out=out, report=report) == 0
    written = json.loads(out.read_text())
    assert written["ap"]["mean"] == pytest.approx(500 / 6)
    assert written["tracking"] is None
    assert report.read_text().count("<svg") == 17


def test_our_own_poses(gt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = truth(people=1)
    slots = np.array(one["annotations"][0]["keypoints"]).reshape(17, 3)[:, :2].tolist()
    person = {
        **{"id": 4, "score": 0.9, "box": [0, 0, 50, 50]},
        **{"keypoints": slots, "keypoint_scores": [0.8] * 17},
    }
    header = {
        **{"schema_version": "1.0", "source": "my.mp4", "width": 640, "height": 480, "fps": 25},
        "skeleton": {
            "name": COCO17.name,
            "joints": COCO17.joints,
            "edges": COCO17.edges,
            "sigmas": COCO17.sigmas,
        },
    }
    frames = [{"index": n, "pts": n / 25, "people": [person]} for n in range(3)]
    poses = save(tmp_path / "poses.json", {"header": header, "frames": frames})
    out = tmp_path / "out.json"
    assert evaluate(poses, gt=save(tmp_path / "one.json", one), out=out) == 0
    joints = json.loads(out.read_text())["ap"]["joints"]
    assert joints["left_hip"] == joints["nose"] == 100


@pytest.mark.parametrize("protocol", ["posetrack17", "posetrack18", "posetrack21"])
def test_the_protocol_is_named(gt: Path, protocol: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(gt, gt=gt, protocol=protocol) == 0
    assert f"({protocol})" in capsys.readouterr().out


def test_bad_input_is_a_line_and_writes_nothing(gt: Path, tmp_path: Path) -> None:
    out, report = tmp_path / "out.json", tmp_path / "out.html"
    short = save(tmp_path / "short.json", truth(frames=2))
    before = sorted(tmp_path.rglob("*"))
    for arguments, message in (
        ({"predictions": short}, f"{NAME}: 3 frames in the ground truth, 2 in the predictions"),
        ({"predictions": tmp_path / "none.json"}, "no such file"),
        ({"out": gt}, "would replace what is compared"),
        ({"report": gt}, "would replace what is compared"),
        ({"report": out}, "--out and --report are both"),
        ({"out": tmp_path / "no" / "out.json"}, "there is no folder"),
        ({"report": tmp_path / "no" / "out.html"}, "there is no folder"),
        ({"out": tmp_path}, "it is a folder"),
    ):
        given: dict[str, Any] = {"predictions": gt, "gt": gt, "out": out, "report": report}
        with pytest.raises(VidposeError, match=message):
            evaluate(**(given | arguments))
        assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("side", ["gt", "found"])
def test_figures_are_not_written_among_the_files_they_are_of(
    gt: Path, tmp_path: Path, side: str
) -> None:
    found = save(tmp_path / "found" / gt.name, truth())
    with pytest.raises(VidposeError, match="the next evaluation would read it"):
        evaluate(found.parent, gt=gt.parent, out=tmp_path / side / "result.json")
    assert evaluate(found, gt=gt, out=tmp_path / "result.json") == 0
    assert evaluate(found.parent, gt=gt.parent, out=tmp_path / "found" / "result.txt") == 0


def test_the_command_line(gt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app = cyclopts.App()
    app.command(evaluate)
    given = ["evaluate", str(gt), "--gt", str(gt), "--no-tracking", "--bootstrap", "5"]
    assert app(given, exit_on_error=False, result_action="return_value") == 0
    assert "MOTA" not in capsys.readouterr().out
    with pytest.raises(cyclopts.CycloptsError):
        app(["evaluate", str(gt)], exit_on_error=False, print_error=False)
