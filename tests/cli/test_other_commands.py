"""The small commands."""

import errno
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from vidpose import cli, extras
from vidpose.cli import main
from vidpose.export.choice import cache_folder
from vidpose.models.registry import SHIPPED

# More than the 255 bytes that file systems take.
LONG = 300 * "a"


def picture(path: Path) -> Path:
    cv2.imwrite(str(path), np.zeros((48, 64, 3), dtype=np.uint8))
    return path


def test_models_lists_what_ships(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in SHIPPED)
    assert "Apache-2.0" in printed


def test_info_names_versions_and_runtimes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda package: package.startswith("onnx") or None)
    assert main(["info"]) == 0
    printed = capsys.readouterr().out
    assert f"torch {version('torch')}\n" in printed
    assert "runtimes, the fastest first: onnx, torch\n" in printed
    assert str(cache_folder()) in printed


def test_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert "properties" in json.loads(capsys.readouterr().out)


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "run" in capsys.readouterr().out
    assert main(["--version"]) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", LONG],
        ["run", "a.png", "--model", LONG],
        ["predict", "coco", LONG, "--boxes", "gt", "-o", "out"],
        ["evaluate", "answers.json", "--gt", LONG],
        ["train", LONG, "-o", "out"],
        ["export", LONG, "--format", "onnx"],
        ["data", "check", LONG],
    ],
    ids=lambda arguments: " ".join(arguments).replace(LONG, "LONG"),
)
def test_a_name_that_is_too_long_is_one_line(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    picture(tmp_path / "a.png")
    (tmp_path / "answers.json").write_text("[]")
    before = sorted(tmp_path.iterdir())
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("vidpose: ") and "aaa" in line
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("device", ["meta", "nix", "cpu:x", "vulkan"])
def test_a_device_that_cannot_compute_is_one_line(
    device: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = picture(tmp_path / "a.png"), tmp_path / "out"
    assert main(["run", str(source), "-o", str(out), "--device", device]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"device {device!r} cannot be used here" in line
    assert not out.exists()


def test_a_full_memory_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nmore lines")

    monkeypatch.setattr(cli, "app", full)
    assert main(["models"]) == 2
    assert capsys.readouterr().err == (
        "vidpose: CUDA out of memory. Tried to allocate 2 GiB. Take a smaller model or batch, or "
        "--device cpu.\n"
    )


def test_a_folder_that_may_not_be_entered_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def closed(*arguments: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "private/clip.mp4")

    monkeypatch.setattr(cli, "app", closed)
    assert main(["run", "private/clip.mp4"]) == 2
    assert capsys.readouterr().err == "vidpose: private/clip.mp4: Permission denied\n"


def test_a_reader_who_leaves_early_is_no_error() -> None:
    command = f"{sys.executable} -m vidpose schema | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_nobody_has_to_listen() -> None:
    command = f"{sys.executable} -m vidpose schema >&-"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_output_on_a_full_disk_is_one_line() -> None:
    command = f"{sys.executable} -m vidpose schema > /dev/full"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "vidpose: cannot write what it says: No space left on device\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "clip.mp4", "--bogus"], "Unknown option: --bogus."),
        (["run", "clip.mp4", "--detect-every", "x"], "'x' is not a whole number"),
        (["bogus"], 'Unknown command "bogus".'),
        (["run", "clip.mp4", "--out"], "--out requires an argument"),
    ],
)
def test_a_call_that_is_wrong_is_one_line(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("vidpose: ") and told in said.err
    assert said.err.count("\n") == 1
