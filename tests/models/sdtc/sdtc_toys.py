"""A small SDTC, and random clips for it."""

import numpy as np
import torch
from torch import Tensor

from learning import batch as random_clips
from vidpose.backbones.base import Features
from vidpose.models.base import Targets
from vidpose.models.sdtc import SDTC, SDTCConfig

SMALL = {
    "backbone": "movenet-lightning",
    "size": (64, 32),
    "offsets": (-1, 0, 1),
    "width": 16,
    "heads": 2,
    "deconvolutions": (8, 8),
}
FLOW = {"motion": "flow", "fusion": "add"}


def build(**changes: object) -> SDTC:
    torch.manual_seed(0)
    return SDTCConfig.model_validate(SMALL | changes).build()


def batch(model: SDTC, size: int = 2) -> tuple[Tensor, Targets]:
    frames, targets = random_clips(model, size)
    clips = frames.permute(0, 1, 3, 4, 2).numpy()
    extras = {
        name: torch.from_numpy(np.stack([field(clip, model.key) for clip in clips]))
        for name, field in model.fields.items()
    }
    return frames, targets._replace(extras=extras)


def seen(model: SDTC, frames: Tensor) -> Features:
    features: Features = model.backbone(frames.flatten(0, 1))
    return features.map(lambda level: level.unflatten(0, frames.shape[:2]))
