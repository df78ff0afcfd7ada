from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor, nn
from training_toys import ToyBackbone, ToyConfig, ToyModel, toy_trainer

from vidpose.backbones.base import Features
from vidpose.heads.prior import Prior
from vidpose.models.base import PoseOutput
from vidpose.models.registry import load
from vidpose.training.learner import Learner
from vidpose.training.settle import batch_norms

BATCH, CLIPS = 4, 12


class NormedBackbone(ToyBackbone):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(4)

    def forward(self, frames: Tensor) -> Features:
        return super().forward(frames).map(self.norm)


class NormedModel(ToyModel):
    """With a batch norm behind dropout, so that it sees something else in training than in use."""

    def __init__(self, dropout: float) -> None:
        super().__init__(dropout)
        self.backbone: NormedBackbone = NormedBackbone()
        self.norm = nn.BatchNorm1d(self.head.in_features)

    def aggregate(self, features: Features, prior: Prior | None = None) -> PoseOutput:
        dropped = self.dropout(features.last.float().flatten(1))
        xy = self.head(self.norm(dropped)).unflatten(1, (-1, 2))
        return PoseOutput(xy, torch.ones_like(xy[..., 0]))


@pytest.fixture(autouse=True)
def _toys_have_norms(monkeypatch: pytest.MonkeyPatch) -> None:
    AcceleratorState._reset_state(True)
    monkeypatch.setattr(ToyConfig, "build", lambda self: NormedModel(self.dropout))


def run(folder: Path, **changes: Any) -> NormedModel:
    trainer = toy_trainer(folder, **changes)
    assert trainer.run()
    assert isinstance(trainer.result, NormedModel)
    return trainer.result.eval()


def seen_in_use(folder: Path, model: NormedModel, clips: int) -> tuple[Tensor, Tensor]:
    """Mean over batches of the mean and the variance of what the head's norm is given."""
    batches = [batch.frames for batch in toy_trainer(folder).loader.epoch(1, 0)]
    assert len(batches) == CLIPS // BATCH
    learner = Learner(model, freeze_backbone=False).eval()
    with torch.no_grad():
        given = [
            learner.features(frames).last.flatten(1)  # type: ignore[arg-type]
            for frames in islice(batches, clips // BATCH)
        ]
    means = torch.stack([each.mean(0) for each in given]).mean(0)
    return means, torch.stack([each.var(0) for each in given]).mean(0)


@pytest.mark.parametrize("ema", [None, 0.9])
@pytest.mark.parametrize("clips", [8, 12])
def test_statistics_are_those_of_clips_as_in_use(
    tmp_path: Path, clips: int, ema: float | None
) -> None:
    model = run(tmp_path / "run", settle=clips, ema=ema, freeze_backbone=True)
    mean, variance = seen_in_use(tmp_path / "none", model, clips)
    torch.testing.assert_close(model.norm.running_mean, mean)
    torch.testing.assert_close(model.norm.running_var, variance)


def test_it_is_what_is_kept_and_differs_from_training(tmp_path: Path) -> None:
    settled = run(tmp_path / "settled", settle=CLIPS)
    as_trained = run(tmp_path / "trained")
    assert torch.equal(settled.head.weight, as_trained.head.weight)
    assert not torch.allclose(settled.norm.running_var, as_trained.norm.running_var)  # type: ignore[arg-type]
    kept = load(tmp_path / "settled" / "last.safetensors")
    assert torch.equal(kept.norm.running_var, settled.norm.running_var)  # type: ignore[arg-type, union-attr]


def test_a_frozen_backbone_keeps_its_statistics_and_an_unfrozen_one_does_not(
    tmp_path: Path,
) -> None:
    learnt = [run(tmp_path / str(clips), settle=clips) for clips in (None, CLIPS)]
    means = [model.backbone.norm.running_mean for model in learnt]
    assert means[0] is not None and means[1] is not None
    assert not torch.allclose(means[0], means[1])
    frozen = run(tmp_path / "frozen", settle=CLIPS, freeze_backbone=True)
    assert not frozen.backbone.norm.num_batches_tracked
    assert len(batch_norms(Learner(frozen, freeze_backbone=True))) == 1


def test_a_half_read_loader_with_workers_changes_nothing(tmp_path: Path) -> None:
    models = [run(tmp_path / str(n), settle=4, epochs=3, workers=n) for n in (0, 2)]
    for name, value in models[0].state_dict().items():
        assert torch.equal(value, models[1].state_dict()[name]), name


def test_norms_learn_on_as_before(tmp_path: Path) -> None:
    """After a validation within the run training goes on with its own statistics and momentum."""
    trainer = toy_trainer(tmp_path, settle=CLIPS)
    modes: list[bool] = []
    trainer.validate = lambda model: modes.append(model.training) or {"mAP": 0.0}  # type: ignore[func-returns-value]
    assert trainer.run()
    norm = trainer.model.norm
    assert isinstance(norm, nn.BatchNorm1d)
    assert norm.momentum == 0.1 and norm.training
    assert modes == [False, False]


def test_processes_that_see_the_same_agree_on_what_one_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reduced(_: Accelerator, value: Tensor, how: str) -> Tensor:
        return {"mean": value, "sum": 2 * value}[how]

    one = run(tmp_path / "one", settle=CLIPS)
    monkeypatch.setattr(Accelerator, "reduce", reduced)
    two = run(tmp_path / "two", settle=CLIPS)
    for name, value in two.state_dict().items():
        assert torch.equal(value, one.state_dict()[name]), name


def test_means_and_variances_are_what_processes_agree_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reduced(_: Accelerator, value: Tensor, how: str) -> Tensor:
        return value + 1 if how == "mean" else value

    one = run(tmp_path / "one", settle=CLIPS)
    monkeypatch.setattr(Accelerator, "reduce", reduced)
    two = run(tmp_path / "two", settle=CLIPS)
    for name in ("running_mean", "running_var"):
        assert torch.equal(two.norm.get_buffer(name), one.norm.get_buffer(name) + 1), name


def test_a_stopped_run_settles_as_a_whole_one(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", settle=8)
    answers = iter([False] * 3 + [True])
    stopped = toy_trainer(tmp_path / "parts", settle=8)
    assert not stopped.run(stop=lambda: next(answers))
    continued = toy_trainer(tmp_path / "parts", settle=8)
    assert continued.run(resume=True)
    for name, value in continued.result.state_dict().items():
        assert torch.equal(value, whole.state_dict()[name]), name
