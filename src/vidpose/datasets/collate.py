"""Clips to batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from vidpose.datasets.clips import ClipSample
from vidpose.models.base import Targets


class ClipBatch(NamedTuple):
    """What a training step gets.

    Attributes:
        frames: Crops, RGB.
        targets: What is to be learnt about them.
        names: ``sequence/picture#track`` of each sample, for messages.
    """

    frames: UInt8[Tensor, "batch frame 3 h w"]
    targets: Targets
    names: tuple[str, ...]


def collate(samples: Sequence[ClipSample]) -> ClipBatch:
    """A batch of samples with equal shapes and fields."""
    count, height, width, _ = samples[0].frames.shape
    frames = torch.empty((len(samples), count, 3, height, width), dtype=torch.uint8)
    for sample, out in zip(samples, frames, strict=True):
        out.copy_(torch.from_numpy(sample.frames).permute(0, 3, 1, 2))
    extras = {
        name: _stack([sample.extras[name] for sample in samples]) for name in samples[0].extras
    }
    targets = Targets(
        _stack([sample.xy_norm for sample in samples]),
        _stack([sample.weight for sample in samples]),
        _stack([sample.labelled for sample in samples]),
        extras,
    )
    names = tuple(sample.name for sample in samples)
    return ClipBatch(frames, targets, names)


def _stack(arrays: Sequence[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(arrays))
