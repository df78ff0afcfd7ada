"""`vidpose synth`, and the other commands on what it wrote."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from vidpose.cli import main
from vidpose.errors import VidposeError
from vidpose.image_files import read_image
from vidpose.synth import gpu

SMALL = ["--size", "96x128", "--frames", "2", "--workers", "1"]


@pytest.fixture
def drawing() -> None:
    try:
        gpu.context()
    except VidposeError as error:
        pytest.skip(str(error))


def test_it_writes_a_dataset_and_a_sheet_that_the_other_commands_take(
    drawing: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, sheet, answers = tmp_path / "out", tmp_path / "sheet.jpg", tmp_path / "answers"
    command = ["synth", str(out), "--sequences", "2", "--preset", "clean", "--split", "val", *SMALL]
    assert main([*command, "--sheet", str(sheet)]) == 0
    assert "2 sequences" in capsys.readouterr().out
    # Four frames in a row of six.
    assert read_image(sheet).shape == (240, 6 * 320, 3)
    assert main(["data", "check", str(out)]) == 0
    assert main(["predict", "posetrack18", str(out), "--boxes", "gt", "-o", str(answers)]) == 0
    truth = str(out / "annotations" / "val")
    assert main(["evaluate", str(answers), "--gt", truth, "--tracking"]) == 0
    assert main(command) == 2
    assert "--overwrite" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--preset", "nix"], "no preset 'nix'"),
        (["--size", "96"], "HEIGHTxWIDTH"),
        (["--size", "1x1"], "greater than"),
        (["--size", "99999x99999"], "less than or equal to 8192"),
        (["--size", f"{'9' * 5000}x96"], "HEIGHTxWIDTH"),
        (["--kit", "nowhere"], "no kit"),
        (["--backgrounds", "nowhere"], "no folder nowhere"),
        (["--footage", "nowhere"], "no folder nowhere"),
        (["--sheet", "sheet.gif"], ".jpg or .png"),
        (["--sheet", "nowhere/sheet.jpg"], "there is no folder nowhere"),
    ],
)
def test_what_is_wrong_is_said_in_a_line_and_nothing_is_written(
    options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["synth", str(tmp_path / "out"), *options]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_sheet_may_lie_in_the_folder_that_is_made(drawing: None, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ["synth", str(out), "--sequences", "1", "--preset", "clean", *SMALL]
    assert main([*command, "--sheet", str(out / "sheet.jpg")]) == 0
    assert (out / "sheet.jpg").is_file()


def test_without_moderngl_it_says_what_to_install(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['moderngl'] = None; from vidpose.cli import main; "
        f"sys.exit(main(['synth', {str(tmp_path / 'out')!r}, '--sequences', '1']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.strip().endswith("pip install 'vidpose[synth]'")
    assert not (tmp_path / "out").exists()


def test_a_recipe_learns_from_scenes_that_are_rendered_meanwhile(
    drawing: None, tmp_path: Path
) -> None:
    recipe = {
        "model": {
            "kind": "heatmap-single",
            "config": {"backbone": "resnet18", "size": [64, 64], "deconvolutions": [16]},
        },
        "data": {
            "train": [{"dataset": "synth", "split": "train", "synth": {"clips": 4, "figures": 2}}]
        },
        "optimizer": {"lr": 0.001},
        "epochs": 1,
        "batch_size": 2,
        "workers": 0,
    }
    file = tmp_path / "tiny.yaml"
    file.write_text(yaml.safe_dump(recipe))
    assert main(["train", str(file), "-o", str(tmp_path / "run"), "--device", "cpu"]) == 0
    assert (tmp_path / "run" / "last.safetensors").is_file()
