"""A small DSTA on joints' vectors, and such vectors."""

import torch

from vidpose.backbones.movenet_joints import DESCRIBED, PEAKS
from vidpose.models.dsta import DSTA, DSTAConfig


def vectors(batch: int = 1) -> torch.Tensor:
    torch.manual_seed(0)
    return 0.4 * torch.rand(batch, 17, DESCRIBED + 3 * PEAKS)


def build(**changes: object) -> DSTA:
    torch.manual_seed(0)
    config = {"backbone": "movenet-lightning-joints", "size": (64, 64), "jfd": "known"}
    return DSTAConfig.model_validate(config | changes).build().eval()
