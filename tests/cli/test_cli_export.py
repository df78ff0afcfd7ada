"""`vidpose export`: what it says and refuses."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from small_models import SDTC
from vidpose.cli import main
from vidpose.export import manifest
from vidpose.models import registry
from vidpose.models.single import MoveNetConfig

pytest.importorskip("onnxruntime")


def test_an_export_is_compared_named_and_taken_as_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    config = MoveNetConfig(variant="lightning", side=64)
    registry.save(config.build(), config, tmp_path / "small.safetensors")
    assert main(["export", "small.safetensors", "--format", "onnx"]) == 0
    folder = tmp_path / "small-onnx-fp32"
    assert manifest.read(folder).trusted
    printed = capsys.readouterr()
    assert "small.safetensors for onnx in fp32: equal to torch" in printed.out
    assert printed.err == ""
    assert main(["export", "small.safetensors", "--format", "onnx"]) == 2
    assert "exists" in capsys.readouterr().err


def test_a_model_with_an_operation_of_ours_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    config = SDTC.model_copy(update={"motion": "flow"})
    registry.save(config.build(), config, tmp_path / "flow.safetensors")
    assert main(["export", "flow.safetensors", "--format", "onnx"]) == 2
    error = capsys.readouterr().err
    assert "this model cannot be exported: " in error and "vidpose::clip_flow" in error
    assert error.count("\n") == 1
    assert [file.name for file in tmp_path.iterdir()] == ["flow.safetensors"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing", "--format", "onnx"], "no model named 'nothing'"),
        (["movenet-lightning", "--format", "onnx", "--precision", "bf16"], "no precision 'bf16'"),
        (["movenet-lightning", "--format", "onnx", "--precision", "int8"], "--calibrate"),
        (
            [
                "movenet-lightning",
                *("--format", "onnx"),
                *("--precision", "int8"),
                *("--calibrate", "no.mp4"),
            ],
            "no.mp4",
        ),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_job_that_is_ended_leaves_nothing_half_written(tmp_path: Path) -> None:
    command = ["export", "movenet-lightning", "--format", "onnx", "-o", str(tmp_path / "out")]
    process = subprocess.Popen(
        [sys.executable, "-m", "vidpose", *command],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    try:
        until = time.monotonic() + 120
        while time.monotonic() < until and process.poll() is None and not any(tmp_path.iterdir()):
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        _, shown = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130, shown
    assert "Traceback" not in shown
    assert not list(tmp_path.iterdir())
