import json
import os
import runpy
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from training_toys import ToyClips, toy_recipe, toy_trainer

from vidpose.errors import VidposeError
from vidpose.training import build

SCRIPT = Path(__file__).with_name("train_toy_in_processes.py")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def launch(folder: Path) -> None:
    """Run the script in two processes, as torchrun would."""
    started = []
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2"}
    for rank in ("0", "1"):
        place = common | {"RANK": rank, "LOCAL_RANK": rank, "OMP_NUM_THREADS": "1"}
        started.append(
            subprocess.Popen(
                [sys.executable, str(SCRIPT), str(folder)],
                env=os.environ | place,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    try:
        for process in started:
            _, errors = process.communicate(timeout=180)
            assert process.returncode == 0, errors
    finally:
        for process in started:
            process.kill()


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / "log.jsonl").read_text().splitlines()]


def test_two_processes_learn_what_one_does_and_stop_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), str(one)])
    runpy.run_path(str(SCRIPT))
    launch(two)
    for run, steps in [("whole", 6), ("stopped", 2)]:
        alone, shared = (load_file(at / run / "state.safetensors") for at in (one, two))
        for name in alone:
            if not name.startswith("random"):
                torch.testing.assert_close(shared[name], alone[name], atol=1e-5, rtol=0)
        assert len(shared["random.cpu"]) == 2
        assert len(losses(two / run)) == steps
        torch.testing.assert_close(losses(two / run), losses(one / run), atol=1e-5, rtol=0)
    # Batch norms see another part of a batch in each process, and all validate what is saved.
    saved = load_file(two / "norm" / "last.safetensors")
    for rank in (0, 1):
        validated = load_file(two / f"validated-{rank}.safetensors")
        assert all(torch.equal(validated[name], saved[name]) for name in saved)
    with pytest.raises(VidposeError, match=r"a run with 2 process\(es\), and these are 1"):
        toy_trainer(
            two / "stopped",
            ToyClips(13),
            model={"kind": "toy"},
            ema=0.9,
            clip_norm=0.5,
            accumulate=2,
        ).run(resume=True)


def test_without_a_gpu_processes_are_still_told_of_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: dict[str, object] = {}
    monkeypatch.setattr(build, "Accelerator", lambda **arguments: asked.update(arguments))
    monkeypatch.setattr(build, "pick_device", lambda name: torch.device("cpu"))
    build.open_accelerator(toy_recipe(), "auto")
    assert asked["cpu"] is True
    monkeypatch.setattr(build, "pick_device", lambda name: torch.device("cuda"))
    build.open_accelerator(toy_recipe(), "auto")
    assert asked["cpu"] is False


def test_a_process_of_several_looks_at_its_own_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[int] = []
    monkeypatch.setattr(build, "Accelerator", lambda **arguments: None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", said.append)
    # Its device is looked for when the GPU is set.
    monkeypatch.setattr(build, "pick_device", lambda name: torch.device(name, said[0]))
    monkeypatch.setenv("LOCAL_RANK", "3")
    build.open_accelerator(toy_recipe(), "cuda")
    assert said == [3]
