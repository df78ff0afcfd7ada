"""The smallest things that can be trained: a model without batch norm, clips made of numbers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vidpose.backbones.base import Backbone, FeatureInfo, Features
from vidpose.datasets.clips import ClipSample
from vidpose.datasets.collate import collate
from vidpose.datasets.sampler import ClipIndex
from vidpose.geometry import CropGeometry
from vidpose.heads.prior import Prior
from vidpose.models.base import ModelConfig, PoseModel, PoseOutput, Targets
from vidpose.models.registry import KINDS
from vidpose.skeleton import POSETRACK15
from vidpose.training.build import open_accelerator
from vidpose.training.config import Recipe
from vidpose.training.loop import Trainer
from vidpose.training.recipe import check_recipe

SIDE, JOINTS = 8, 15


class ToyBackbone(Backbone):
    info = (FeatureInfo(4, 2),)
    layers = 2

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        # As the last level of a backbone whose head reads an earlier one.
        self.unread = nn.Parameter(torch.zeros(4))

    def layer_of(self, name: str) -> int:
        return int(name.startswith("second"))

    def forward(self, frames: Tensor) -> Features:
        x = frames.float() / 255
        return Features((self.second(self.first(x).relu()).relu(),))


class ToyConfig(ModelConfig):
    dropout: float = 0.0
    norm: bool = False

    def build(self) -> "ToyModel":
        return ToyModel(self.dropout, self.norm)


class ToyModel(PoseModel):
    offsets = (-1, 0, 1)
    skeleton = POSETRACK15
    crop = CropGeometry((SIDE, SIDE))

    def __init__(self, dropout: float, norm: bool = False) -> None:
        super().__init__()
        self.backbone = ToyBackbone()
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(3 * 4 * (SIDE // 2) ** 2, 2 * JOINTS)
        self.position = nn.Parameter(torch.zeros(1, 2 * JOINTS))
        self.norm = nn.BatchNorm1d(2 * JOINTS) if norm else nn.Identity()

    def aggregate(self, features: Features, prior: Prior | None = None) -> PoseOutput:
        xy = self.head(self.dropout(features.last.float().flatten(1))) + self.position
        xy_norm = self.norm(xy).unflatten(1, (JOINTS, 2))
        return PoseOutput(xy_norm, torch.ones_like(xy_norm[..., 0]))

    def loss(self, features: Features, targets: Targets) -> dict[str, Tensor]:
        error = self.aggregate(features).xy_norm - targets.xy_norm[:, self.key]
        return {"l1": error.abs().mean(), "l2": 0.1 * error.square().mean()}


class ToyClips:
    """Bright noise whose first pixels say where the joints are.

    Args:
        broken: Position of a clip with labels that are not numbers.
        views: As `ClipDataset`'s.
    """

    def __init__(
        self, count: int = 12, broken: int | None = None, views: int | None = None
    ) -> None:
        self.count, self.broken, self.views = count, broken, views

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, item: ClipIndex) -> ClipSample:
        epoch, position = item
        rng = np.random.default_rng((epoch if self.views is None else epoch % self.views, position))
        frames = rng.integers(0, 256, (3, SIDE, SIDE, 3), dtype=np.uint8)
        xy = np.resize(frames.reshape(3, -1) / 255, (3, JOINTS, 2)).astype(np.float32)
        if position == self.broken:
            xy[:] = np.nan
        ones = np.ones((3, JOINTS), np.float32)
        return ClipSample(frames, xy, ones, ones[:, 0], {}, f"toy/{position:06d}.jpg#0")


def toy_recipe(**changes: Any) -> Recipe:
    KINDS["toy"] = ToyConfig
    recipe = {
        "model": {"kind": "toy", "config": {"dropout": 0.2}},
        "data": {"train": [{"dataset": "toy", "split": "train"}]},
        "optimizer": {"lr": 0.01},
        "epochs": 2,
        "batch_size": 4,
        "workers": 0,
    }
    return check_recipe(recipe | changes, "toy")


def toy_trainer(
    folder: Path,
    clips: ToyClips | None = None,
    validate: Callable[[PoseModel], dict[str, float]] | None = None,
    data: str = "",
    **changes: Any,
) -> Trainer:
    """A trainer whose model is the same each time."""
    recipe = toy_recipe(**changes)
    config = ToyConfig.model_validate(recipe.model.config)
    torch.manual_seed(0)
    return Trainer(
        recipe,
        config,
        config.build(),
        clips or ToyClips(),
        collate,
        folder,
        accelerator=open_accelerator(recipe, "cpu"),
        data=data,
        validate=validate,
    )
