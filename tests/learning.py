"""Random labelled clips for a model, and what it loses on them."""

import torch
from torch import Tensor

from vidpose.models.base import PoseModel, Targets


def batch(model: PoseModel, size: int = 2) -> tuple[Tensor, Targets]:
    """Clips of noise, and a place for every joint; always the same."""
    torch.manual_seed(1)
    shape = (size, len(model.offsets), len(model.skeleton))
    frames = torch.randint(0, 256, (*shape[:2], 3, *model.crop.size), dtype=torch.uint8)
    return frames, Targets(torch.rand(*shape, 2), torch.ones(shape), torch.ones(shape[:2]), {})


def losses(model: PoseModel, frames: Tensor, targets: Targets) -> dict[str, Tensor]:
    """The terms, from the backbone on."""
    features = model.backbone(frames.flatten(0, 1))
    return model.loss(features.map(lambda level: level.unflatten(0, frames.shape[:2])), targets)
