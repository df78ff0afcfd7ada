"""`vidpose run` from the outside: exit codes, messages, files."""

import json
import signal
import sys
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from vidpose.__main__ import main as start
from vidpose.cli import main
from vidpose.cli.progress import Progress
from vidpose.image_files import read_image
from vidpose.interrupt import SIGNALS
from vidpose.poses import Poses

DATA = Path(__file__).parents[1] / "data" / "movenet_parity.npz"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def people(path: Path) -> Path:
    """A picture with a walking person and another on a roof."""
    with np.load(DATA) as arrays:
        cv2.imwrite(str(path), arrays["multipose_image"][..., ::-1])
    return path


def black(path: Path, shape: tuple[int, int] = (48, 64)) -> Path:
    cv2.imwrite(str(path), np.zeros((*shape, 3), np.uint8))
    return path


def refused(capsys: pytest.CaptureFixture[str], arguments: list[str], *words: str) -> None:
    """The command leaves with code 2, says ``words`` in one line and writes nothing."""
    before = sorted(Path.cwd().rglob("*"))
    assert main(arguments) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    for word in words:
        assert word in lines[0]
    assert sorted(Path.cwd().rglob("*")) == before


def test_no_source(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused(capsys, ["run"], "no source given")


def test_no_such_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused(capsys, ["run", "missing.mp4"], "missing.mp4")


def test_what_is_read_is_never_replaced(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever --overwrite says: the drawn picture is called like the picture itself."""
    photo = black(folder / "photo.jpg")
    refused(capsys, ["run", "photo.jpg", "-o", ".", "--overwrite"], "photo.jpg", "what is read")
    boxes = folder / "poses.json"
    assert main(["run", "photo.jpg", "-o", ".", "--no-video"]) == 0
    capsys.readouterr()
    before = photo.read_bytes(), boxes.read_bytes()
    options = ["--boxes", "poses.json", "-o", ".", "--no-video", "--overwrite"]
    refused(capsys, ["run", "photo.jpg", *options], "poses.json", "what is read")
    assert (photo.read_bytes(), boxes.read_bytes()) == before


def test_not_a_video(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "letter.mp4").write_text("dear all")
    refused(capsys, ["run", "letter.mp4"], "letter.mp4")


def test_an_empty_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "empty.mp4").touch()
    refused(capsys, ["run", "empty.mp4"], "empty.mp4")


def test_an_unknown_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    black(folder / "a.png")
    refused(capsys, ["run", "a.png", "--model", "resnet-9000"], "resnet-9000", "movenet-thunder")


def test_an_unknown_device_and_format(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    black(folder / "a.png")
    refused(capsys, ["run", "a.png", "--device", "abacus"], "abacus")
    refused(capsys, ["run", "a.png", "--format", "xml"], "xml", "json")
    refused(capsys, ["run", "a.png", "--detect-every", "0"], "--detect-every")
    refused(capsys, ["run", "a.png", "--detector", "nosuch"], "nosuch", "movenet")
    refused(capsys, ["run", "a.png", "b.png", "--boxes", "a.json"], "one source")


def test_causal_refuses_a_model_that_looks_ahead(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    black(folder / "a.png")
    refused(
        capsys,
        ["run", "a.png", "--causal", "--model", "dsta-movenet", "--runtime", "torch"],
        "looks ahead",
        "dsta-movenet-causal",
    )


def test_causal_answers_without_frames_to_come_and_unsmoothed(folder: Path) -> None:
    people(folder / "walk.png")
    assert main(["run", "walk.png", "--causal", "--runtime", "torch", "--no-video"]) == 0
    poses = Poses.load(folder / "walk-poses" / "poses.json")
    assert poses.header.model == "dsta-movenet-causal"
    people_found = poses.frames[0].people
    assert people_found and all(person.keypoints_raw is None for person in people_found)


def test_causal_leaves_a_model_that_was_given(folder: Path) -> None:
    black(folder / "a.png")
    options = ["--causal", "--model", "movenet-thunder", "--runtime", "torch", "--no-video"]
    assert main(["run", "a.png", *options]) == 0
    assert Poses.load(folder / "a-poses" / "poses.json").header.model == "movenet-thunder"


def test_an_unknown_option_is_code_2_too(folder: Path) -> None:
    assert main(["run", "--colour"]) == 2


def test_existing_output(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    black(folder / "a.png")
    (folder / "a-poses").mkdir()
    (folder / "a-poses" / "poses.csv").write_text("mine")
    refused(capsys, ["run", "a.png"], "poses.csv", "--overwrite")
    assert main(["run", "a.png", "--overwrite"]) == 0
    assert (folder / "a-poses" / "poses.csv").read_text().startswith("frame,")


def test_unwritable_output(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    black(folder / "a.png")
    (folder / "file").touch()
    refused(capsys, ["run", "a.png", "-o", "file/out"], "cannot be written")


def test_boxes_that_do_not_match(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    black(folder / "a.png")
    (folder / "b.json").write_text("{}")
    refused(capsys, ["run", "a.png", "--boxes", "b.json"], "b.json")
    (folder / "wide").mkdir()
    black(folder / "wide" / "a.png", (48, 128))
    black(folder / "wide" / "other.png", (48, 64))
    for name in ("a", "other"):
        assert main(["run", f"wide/{name}.png", "--no-video"]) == 0
    capsys.readouterr()
    refused(capsys, ["run", "a.png", "-o", "c", "--boxes", "a-poses/poses.json"], "128", "64")
    refused(capsys, ["run", "a.png", "-o", "c", "--boxes", "other-poses/poses.json"], "other.png")


def test_a_frame_without_people_gives_valid_empty_files(folder: Path) -> None:
    black(folder / "a.png", (47, 63))
    assert main(["run", "a.png", "--format", "json,csv,posetrack18,coco"]) == 0
    poses = Poses.load(folder / "a-poses" / "poses.json")
    assert len(poses) == 1 and poses.frames[0].people == ()
    assert (folder / "a-poses" / "poses.csv").read_text().count("\n") == 1
    for name in ("posetrack18.json", "coco.json"):
        assert json.loads((folder / "a-poses" / name).read_text())["annotations"] == []
    assert (folder / "a-poses" / "a.jpg").stat().st_size > 0


def test_people_are_found_tracked_and_drawn(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "walk").mkdir()
    for i in range(3):
        people(folder / "walk" / f"{i}.png")
    assert main(["run", "walk", "-o", "out", "--fps", "10"]) == 0
    printed = capsys.readouterr().out
    assert "3 frames" in printed and str(Path("out") / "poses.json") in printed
    poses = Poses.load(folder / "out" / "poses.json")
    assert [round(frame.pts, 6) for frame in poses] == [0.0, 0.1, 0.2]
    ids = [{person.id for person in frame.people} for frame in poses]
    assert ids[0] and ids[0] == ids[1] == ids[2]
    walker = max(poses.frames[0].people, key=lambda person: person.score)
    box = walker.box + [-20, -20, 20, 20]
    sure = walker.keypoints[walker.keypoint_scores > 0.4]
    assert len(sure) > 10
    assert (sure >= box[:2]).all() and (sure <= box[2:]).all()


def test_smoothing_keeps_the_raw_joints_in_the_json(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "walk").mkdir()
    for i in range(2):
        people(folder / "walk" / f"{i}.png")
    assert main(["run", "walk", "-o", "plain", "--smooth", "off", "--no-video"]) == 0
    assert main(["run", "walk", "-o", "smooth", "--smooth", "savgol", "--no-video"]) == 0
    assert main(["run", "walk", "-o", "default", "--no-video"]) == 0
    plain = Poses.load(folder / "plain" / "poses.json")
    for name in ("smooth", "default"):
        smoothed = Poses.load(folder / name / "poses.json")
        for frame, raw in zip(smoothed, plain, strict=True):
            for person, before in zip(frame.people, raw.people, strict=True):
                assert before.keypoints_raw is None
                np.testing.assert_array_equal(person.keypoints_raw, before.keypoints)
    capsys.readouterr()
    refused(capsys, ["run", "walk", "--smooth", "savgol", "--show-features"], "leave out --smooth")
    refused(capsys, ["run", "walk", "--flip-test", "--show-features"], "leave out --flip-test")
    assert main(["run", "walk", "--smooth", "very"]) == 2


def test_a_result_serves_as_boxes(folder: Path) -> None:
    people(folder / "a.png")
    assert main(["run", "a.png", "--no-video"]) == 0
    assert main(["run", "a.png", "--no-video", "-o", "again", "--boxes", "a-poses/poses.json"]) == 0
    first, again = (Poses.load(folder / name / "poses.json") for name in ("a-poses", "again"))
    assert len(first.frames[0].people) == len(again.frames[0].people)
    assert not (folder / "again" / "a.jpg").exists()


def test_several_sources_have_a_folder_each_and_one_failure_spares_the_others(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    black(folder / "a.png")
    black(folder / "b.png")
    assert main(["run", "a.png", "gone.png", "b.png", "-o", "all", "--no-video"]) == 2
    assert "gone.png" in capsys.readouterr().err
    assert (folder / "all" / "a-poses" / "poses.json").exists()
    assert (folder / "all" / "b-poses" / "poses.json").exists()


def test_sources_of_one_name_are_told_apart(folder: Path) -> None:
    for name in ("x", "y"):
        (folder / name).mkdir()
        black(folder / name / "a.png")
    for name in ("a.bmp", "b.png"):
        black(folder / name)
    sources = ["x/a.png", "y/a.png", "a.bmp", "b.png"]
    assert main(["run", *sources, "--no-video"]) == 0
    for source, name in zip(sources, ("x-a", "y-a", "a.bmp", "b"), strict=True):
        assert Poses.load(folder / f"{name}-poses" / "poses.json").header.source == source


def test_folders_above_give_results_their_names_and_not_dots(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "shots" / "day").mkdir(parents=True)
    black(folder / "shots" / "a.png")
    monkeypatch.chdir(folder / "shots" / "day")
    black(Path("a.png"))
    assert main(["run", "..", "../a.png", "a.png"]) == 0
    made = {str(file) for file in Path().glob("*/[!p]*")}
    assert made == {"shots-poses/shots.jpg", "shots-a-poses/a.jpg", "day-a-poses/a.jpg"}


def test_a_source_given_twice_is_refused_before_any_runs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    black(folder / "a.png")
    refused(capsys, ["run", "a.png", "a.png"], "a.png: given twice")
    assert not (folder / "a-poses").exists()


def test_a_single_image_gives_an_image(folder: Path) -> None:
    black(folder / "a.png")
    assert main(["run", "a.png"]) == 0
    assert {file.name for file in (folder / "a-poses").iterdir()} == {
        "a.jpg",
        "poses.csv",
        "poses.json",
    }
    assert read_image(folder / "a-poses" / "a.jpg").shape == read_image(folder / "a.png").shape


def test_an_image_too_large_to_be_drawn_is_refused_before_it_is_looked_at(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    black(folder / "wide.png", (20, 70_000))
    refused(capsys, ["run", "wide.png"], "wide.jpg: cannot have 70000 x 20", "--no-video")
    assert main(["run", "wide.png", "--no-video"]) == 0


@pytest.mark.parametrize("number", SIGNALS)
def test_ctrl_c_keeps_what_was_done_and_ends_the_command(
    number: signal.Signals,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (folder / "still").mkdir()
    for i in range(8):
        black(folder / "still" / f"{i}.png")
    advance = Progress.advance
    told: list[signal.Signals] = []

    def interrupted(progress: Progress, people: int) -> None:
        advance(progress, people)
        if not told:
            told.append(number)
            signal.raise_signal(number)

    monkeypatch.setattr(Progress, "advance", interrupted)
    before = signal.getsignal(number)
    assert main(["run", "still", "still/0.png"]) == 130
    assert "interrupted" in capsys.readouterr().out
    # Smoothing gives the first frame when it has four.
    assert len(Poses.load(folder / "still-poses" / "poses.json")) == 4
    assert (folder / "still-poses" / "still.mp4").exists()
    assert not (folder / "0-poses").exists()
    assert signal.getsignal(number) == before
    assert not list((folder / "still-poses").glob(".*"))


def test_ctrl_c_while_the_program_starts_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Starting(ModuleType):
        def __getattr__(self, name: str) -> object:
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "vidpose.cli", Starting("vidpose.cli"))
    assert start() == 130


def test_a_second_ctrl_c_stops_at_once_and_keeps_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    black(folder / "a.png")

    def twice(progress: Progress, people: int) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Progress, "advance", twice)
    assert main(["run", "a.png"]) == 130
    assert [entry.name for entry in folder.iterdir()] == ["a.png"]
