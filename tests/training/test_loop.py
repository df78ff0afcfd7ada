import json
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from training_toys import ToyClips, toy_trainer

from vidpose.errors import VidposeError
from vidpose.models.base import PoseModel
from vidpose.models.registry import load
from vidpose.training.folder import claim
from vidpose.training.log import JsonLog, Record
from vidpose.training.loop import Trainer

EVERYTHING: dict[str, Any] = {
    "ema": 0.9,
    "clip_norm": 1.0,
    "accumulate": 2,
    "schedule": {"kind": "cosine", "warmup_steps": 2},
}


@pytest.fixture(autouse=True)
def _fresh_accelerator() -> None:
    """A process has one precision; these tests have several."""
    AcceleratorState._reset_state(True)


def losses(folder: Path) -> list[tuple[int, float, float]]:
    records = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [(r["step"], r["loss"], r["lr"]) for r in records if r["event"] == "step"]


def after(steps: int) -> Callable[[], bool]:
    """Asks to stop after so many steps."""
    left = iter([False] * (steps - 1) + [True])
    return lambda: next(left)


def assert_same_state(a: Path, b: Path) -> None:
    one, other = load_file(a / "state.safetensors"), load_file(b / "state.safetensors")
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def run(folder: Path, clips: ToyClips | None = None, **changes: Any) -> Trainer:
    trainer = toy_trainer(folder, clips, **changes)
    assert trainer.run()
    return trainer


def test_the_loss_falls(tmp_path: Path) -> None:
    run(tmp_path, ToyClips(8, views=1), epochs=60, batch_size=8, model={"kind": "toy"})
    figures = [loss for _, loss, _ in losses(tmp_path)]
    assert len(figures) == 60
    assert figures[-1] < 0.4 * figures[0]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("steps", [1, 3, 5], ids=["mid-epoch", "epoch's end", "second epoch"])
def test_a_stopped_run_continues_bit_exactly(tmp_path: Path, workers: int, steps: int) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run(whole, workers=workers, **EVERYTHING)
    assert not toy_trainer(parts, workers=workers, **EVERYTHING).run(stop=after(steps))
    torch.rand(7)  # somebody else's random numbers
    assert toy_trainer(parts, workers=workers, **EVERYTHING).run(resume=True)
    assert_same_state(whole, parts)
    assert losses(whole) == losses(parts)


def test_the_number_of_workers_changes_nothing(tmp_path: Path) -> None:
    for workers in (0, 2):
        run(tmp_path / str(workers), workers=workers)
    assert losses(tmp_path / "0") == losses(tmp_path / "2")


def test_steps_after_the_state_are_dropped_from_the_log(tmp_path: Path) -> None:
    toy_trainer(tmp_path).run(stop=after(2))
    with (tmp_path / "log.jsonl").open("a") as log:
        log.write('{"event": "step", "step": 3, "loss": 9.0, "lr": 1}\n{"event": "st')
    toy_trainer(tmp_path).run(resume=True)
    assert [step for step, _, _ in losses(tmp_path)] == [1, 2, 3, 4, 5, 6]
    assert 9.0 not in [loss for _, loss, _ in losses(tmp_path)]


def test_a_finished_run_that_is_resumed_is_finished(tmp_path: Path) -> None:
    run(tmp_path)
    before = (tmp_path / "log.jsonl").read_text()
    assert toy_trainer(tmp_path).run(resume=True)
    assert (tmp_path / "log.jsonl").read_text() == before


def test_accumulation_and_one_batch_give_the_same_weights(tmp_path: Path) -> None:
    plain: dict[str, Any] = {"model": {"kind": "toy"}, "optimizer": {"lr": 0.01, "kind": "adam"}}
    whole = run(tmp_path / "1", **plain)
    for parts in (2, 3, 9):
        other = run(tmp_path / str(parts), accumulate=parts, **plain)
        for a, b in zip(whole.model.parameters(), other.model.parameters(), strict=True):
            torch.testing.assert_close(a, b, atol=1e-5, rtol=0)


def test_a_loss_that_is_not_finite_names_the_pictures_and_keeps_what_was(tmp_path: Path) -> None:
    clips = ToyClips(4, broken=2)
    with pytest.raises(VidposeError) as caught:
        toy_trainer(tmp_path, clips).run()
    message = str(caught.value)
    assert "toy/000002.jpg#0" in message
    assert "step 1, in epoch 1" in message and "l1 nan" in message and "lr 0.01" in message
    assert not (tmp_path / "state.safetensors").exists()
    clips.broken = None
    assert toy_trainer(tmp_path, clips).run()  # the folder is free again


def test_weights_are_not_touched_by_a_loss_that_is_not_finite(tmp_path: Path) -> None:
    trainer = toy_trainer(tmp_path, clips := ToyClips(4))
    trainer.run(stop=after(1))
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    clips.broken = 0
    with pytest.raises(VidposeError, match=r"state.safetensors is from before"):
        trainer.run(resume=True)
    assert all(
        torch.equal(value, before[name]) for name, value in trainer.model.state_dict().items()
    )


def test_each_group_learns_at_its_own_rate_times_the_schedules(tmp_path: Path) -> None:
    trainer = toy_trainer(
        tmp_path,
        optimizer={"lr": 0.01, "layer_decay": 0.5},
        schedule={"kind": "step", "milestones": [1], "gamma": 0.1},
    )
    rates: list[list[float]] = []

    def watch(_: Record) -> None:
        rates.append(sorted(group["lr"] for group in trainer.optimizer.param_groups))

    trainer.run(listeners=[watch])
    # 12 clips in batches of 4: the second epoch begins with the fourth step.
    factors = [1, 1, 1, 0.1, 0.1, 0.1]
    # Two layers of the backbone, and all behind it.
    assert rates == [pytest.approx([0.0025 * f, 0.005 * f, 0.01 * f]) for f in factors]
    assert [lr for _, _, lr in losses(tmp_path)] == pytest.approx([0.01 * f for f in factors])


def test_gradients_are_clipped_before_the_step_and_logged_as_they_were(tmp_path: Path) -> None:
    trainer = toy_trainer(tmp_path, clip_norm=1e-3)
    taken: list[float] = []
    logged: list[float] = []

    def watch(optimizer: torch.optim.Optimizer, *_: object) -> None:
        parameters = [each for group in optimizer.param_groups for each in group["params"]]
        gradients = [each.grad.flatten() for each in parameters if each.grad is not None]
        taken.append(float(torch.cat(gradients).norm()))

    trainer.optimizer.optimizer.register_step_pre_hook(watch)
    trainer.run(listeners=[lambda record: logged.append(float(record["gradient_norm"]))])
    assert taken == pytest.approx([1e-3] * len(logged), rel=1e-2)
    assert min(logged) > 1e-2


def test_each_process_has_its_own_random_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = toy_trainer(tmp_path, seed=5)
    monkeypatch.setattr(Accelerator, "process_index", 3)
    trainer.run(stop=after(1))
    assert torch.initial_seed() == 5 + 3


def test_a_frozen_backbone_stays_as_it_is_and_the_rest_learns(tmp_path: Path) -> None:
    trainer = toy_trainer(tmp_path, freeze_backbone=True)
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    trainer.run()
    assert not trainer.model.backbone.training
    for name, value in trainer.model.state_dict().items():
        assert torch.equal(value, before[name]) == name.startswith("backbone."), name


def test_bf16_computes_in_half_and_keeps_weights_in_full_precision(tmp_path: Path) -> None:
    run(tmp_path / "full")
    AcceleratorState._reset_state(True)
    half = run(tmp_path / "half", precision="bf16")
    assert {value.dtype for value in half.model.state_dict().values()} == {torch.float32}
    full_losses, half_losses = losses(tmp_path / "full"), losses(tmp_path / "half")
    assert full_losses != half_losses
    assert half_losses[-1][1] == pytest.approx(full_losses[-1][1], rel=0.05)


def test_the_average_follows_its_definition_and_is_what_is_saved(tmp_path: Path) -> None:
    history: list[torch.Tensor] = []
    trainer = toy_trainer(tmp_path, ema=0.75)

    def watch(_: Record) -> None:
        history.append(trainer.model.state_dict()["head.weight"].clone())

    trainer.run(listeners=[watch])
    average = history[0]
    for weights in history[1:]:
        average = 0.75 * average + 0.25 * weights
    saved = load(tmp_path / "last.safetensors").state_dict()["head.weight"]
    torch.testing.assert_close(saved, average)
    assert not torch.equal(saved, history[-1])


def test_the_best_validation_is_kept_and_survives_resuming(tmp_path: Path) -> None:
    # The last is as good as the first, not better.
    marks = iter([70.0, 40.0, 70.0])
    judged: list[torch.Tensor] = []

    def validate(model: PoseModel) -> dict[str, float]:
        assert not model.training
        judged.append(model.state_dict()["head.weight"].clone())
        return {"mAP": next(marks)}

    def part(**how: Any) -> list[Record]:
        trainer = toy_trainer(tmp_path, epochs=3, ema=0.5)
        trainer.validate = validate
        records: list[Record] = []
        trainer.run(listeners=[records.append], **how)
        return [record for record in records if record["event"] == "validation"]

    figures = part(stop=after(5)) + part(resume=True)
    assert [(r["epoch"], r["step"], r["mAP"]) for r in figures] == [
        (1, 3, 70.0),
        (2, 6, 40.0),
        (3, 9, 70.0),
    ]
    best, last = (load_file(tmp_path / f"{name}.safetensors") for name in ("best", "last"))
    assert torch.equal(best["head.weight"], judged[0])
    assert torch.equal(last["head.weight"], judged[2])


def test_validation_comes_when_it_is_due_and_at_the_end(tmp_path: Path) -> None:
    trainer = toy_trainer(tmp_path, epochs=5, validate_every=2)
    trainer.validate = lambda model: {"mAP": 1.0}
    records: list[Record] = []
    trainer.run(listeners=[records.append])
    assert [r["epoch"] for r in records if r["event"] == "validation"] == [2, 4, 5]


def test_a_validation_that_fails_is_repeated_on_resuming(tmp_path: Path) -> None:
    def fail(model: PoseModel) -> dict[str, float]:
        raise VidposeError("a picture is missing")

    trainer = toy_trainer(tmp_path, epochs=1)
    trainer.validate = fail
    with pytest.raises(VidposeError, match="a picture"):
        trainer.run()
    again = toy_trainer(tmp_path, epochs=1)
    again.validate = lambda model: {"mAP": 3.0}
    records: list[Record] = []
    again.run(resume=True, listeners=[records.append])
    assert [record["event"] for record in records] == ["validation"]


def test_another_recipe_is_not_resumed(tmp_path: Path) -> None:
    toy_trainer(tmp_path).run(stop=after(1))
    with pytest.raises(VidposeError, match=r"optimizer.lr: 0.01 then, 0.02 now"):
        toy_trainer(tmp_path, optimizer={"lr": 0.02}).run(resume=True)
    with pytest.raises(VidposeError, match=r"ema: None then, 0.9 now"):
        toy_trainer(tmp_path, ema=0.9).run(resume=True)
    assert toy_trainer(tmp_path, workers=1, description="more workers").run(resume=True)


def test_a_run_is_not_overwritten_nor_resumed_from_nothing(tmp_path: Path) -> None:
    with pytest.raises(VidposeError, match="nothing to resume"):
        toy_trainer(tmp_path / "new").run(resume=True)
    toy_trainer(tmp_path).run(stop=after(1))
    with pytest.raises(VidposeError, match="--resume"):
        toy_trainer(tmp_path).run()


@pytest.mark.parametrize(
    "name", ["recipe.yaml", "log.jsonl", "best.safetensors", "last.safetensors"]
)
def test_a_file_that_a_run_would_write_over_is_refused_and_kept(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(VidposeError, match=rf"holds {name} already.*-o"):
        toy_trainer(tmp_path).run()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_of_two_runs_that_begin_at_once_in_a_folder_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Both have found it free before either writes.
    monkeypatch.setattr("vidpose.training.folder.refuse_taken", lambda folder: None)
    claim(tmp_path / "run", "first")
    with pytest.raises(VidposeError, match=r"another run has just begun in .*run: .* -o"):
        claim(tmp_path / "run", "second")
    assert (tmp_path / "run/recipe.yaml").read_text() == "first"


@pytest.mark.parametrize("content", [b"", b"not a state", b"\x80\x04cos\nsystem\n."])
def test_a_file_that_is_no_state_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "state.safetensors").write_bytes(content)
    with pytest.raises(VidposeError, match=r"state\.safetensors"):
        toy_trainer(tmp_path).run(resume=True)


def stopped(folder: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The content of the state of a run that was stopped."""
    toy_trainer(folder).run(stop=after(2))
    with safe_open(folder / "state.safetensors", "pt") as file:
        return load_file(folder / "state.safetensors"), file.metadata()


@pytest.mark.parametrize(
    "name", ["model.head.bias", "random.cpu", "optimizer.0.exp_avg", "optimizer.0.step"]
)
def test_a_state_that_lacks_a_tensor_is_one_line(tmp_path: Path, name: str) -> None:
    tensors, metadata = stopped(tmp_path)
    del tensors[name]
    save_file(tensors, tmp_path / "state.safetensors", metadata)
    with pytest.raises(VidposeError, match=r"state\.safetensors.*not whole"):
        toy_trainer(tmp_path).run(resume=True)


@pytest.mark.parametrize("run", ["", "5", "{}", '{"recipe": {}, "position": {"x": 1}}'])
def test_a_state_with_other_metadata_is_one_line(tmp_path: Path, run: str) -> None:
    tensors, _ = stopped(tmp_path)
    save_file(tensors, tmp_path / "state.safetensors", {"vidpose.run": run})
    with pytest.raises(VidposeError, match=r"state\.safetensors"):
        toy_trainer(tmp_path).run(resume=True)


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": "x"},
        {"epoch": -1},
        {"epoch": 1.5},
        {"epoch": float("nan")},
        {"epoch": 3, "step": 9},
        {"batch": "a"},
        {"batch": 10**9},
        {"step": None},
        {"best": "q"},
    ],
)
def test_a_state_at_no_place_of_the_run_is_one_line(tmp_path: Path, change: dict[str, Any]) -> None:
    tensors, metadata = stopped(tmp_path)
    run = json.loads(metadata["vidpose.run"])
    run["position"] |= change
    save_file(tensors, tmp_path / "state.safetensors", {"vidpose.run": json.dumps(run)})
    with pytest.raises(VidposeError, match=r"state\.safetensors.*not whole") as caught:
        toy_trainer(tmp_path).run(resume=True)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["optimizer.0.exp_avg", "optimizer.0.exp_avg_sq", "optimizer.0.step"]
)
def test_moments_of_another_shape_are_one_line(tmp_path: Path, name: str) -> None:
    tensors, metadata = stopped(tmp_path)
    tensors[name] = torch.zeros(7)
    save_file(tensors, tmp_path / "state.safetensors", metadata)
    with pytest.raises(VidposeError, match=r"state\.safetensors.*not whole"):
        toy_trainer(tmp_path).run(resume=True)


def test_metadata_that_are_nested_without_end_are_one_line(tmp_path: Path) -> None:
    tensors, _ = stopped(tmp_path)
    nested = "[" * 200_000 + "]" * 200_000
    save_file(tensors, tmp_path / "state.safetensors", {"vidpose.run": nested})
    with pytest.raises(VidposeError, match=r"state\.safetensors"):
        toy_trainer(tmp_path).run(resume=True)


def test_a_full_disk_ends_the_log_with_one_line(tmp_path: Path) -> None:
    log = JsonLog(tmp_path / "log.jsonl", 0)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, limits[1]))
    try:
        with pytest.raises(VidposeError, match=r"cannot write .*log\.jsonl: File too large"):
            log({"event": "step", "step": 1, "loss": "9" * 100})
        with pytest.raises(VidposeError, match=r"cannot write .*log\.jsonl"):
            log.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("line", ["5", '{"step": "x"}', "[]", "\xff"])
def test_lines_of_the_log_that_are_no_records_are_dropped(tmp_path: Path, line: str) -> None:
    toy_trainer(tmp_path).run(stop=after(2))
    with (tmp_path / "log.jsonl").open("a", encoding="latin-1") as log:
        log.write(line + "\n")
    assert toy_trainer(tmp_path).run(resume=True)
    assert [step for step, _, _ in losses(tmp_path)] == [1, 2, 3, 4, 5, 6]


def test_a_file_in_the_place_of_tensorboards_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "tensorboard").touch()
    with pytest.raises(VidposeError, match="tensorboard"):
        run(tmp_path)


def test_a_model_checkpoint_is_no_state(tmp_path: Path) -> None:
    run(tmp_path)
    (tmp_path / "last.safetensors").replace(tmp_path / "state.safetensors")
    with pytest.raises(VidposeError, match="not the state of a training run"):
        toy_trainer(tmp_path).run(resume=True)
