"""What a model costs: parameters, multiply-accumulates of its steps, bytes of the feature cache."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from vidpose.backbones.base import Features
from vidpose.costs import macs, parameters
from vidpose.models.base import PoseModel


@dataclass(frozen=True)
class Cost:
    """The costs of one clip of one person, batch size 1.

    Attributes:
        parameters: All of them.
        training_only: Those that an answer does not need, e.g. the flow of RLE.
        backbone_parameters: Those of the backbone.
        frames: Of a clip.
        backbone: Multiply-accumulates of one frame.
        embed: Of one frame.
        aggregate: Of one output frame.
        cache_bytes: What streaming keeps of one frame, in float32.
    """

    parameters: int
    training_only: int
    backbone_parameters: int
    frames: int
    backbone: int
    embed: int
    aggregate: int
    cache_bytes: int

    @property
    def clip(self) -> int:
        """Multiply-accumulates of an output frame whose whole clip is encoded for it."""
        return self.frames * (self.backbone + self.embed) + self.aggregate

    @property
    def stream(self) -> int:
        """Multiply-accumulates of an output frame where each frame is encoded once."""
        return self.backbone + self.embed + self.aggregate


@torch.inference_mode()
def measure(model: PoseModel) -> Cost:
    """The costs of a model, counted without computing anything.

    Args:
        model: On the meta device, in evaluation mode.
    """
    clip = torch.zeros(len(model.offsets), 3, *model.crop.size, device="meta")
    with _Reading() as reading:
        features = model.backbone(clip[:1])
        encoded = model.embed(features)
        whole = model.encode(clip).map(lambda level: level[None])
        model.aggregate(whole)
    return Cost(
        parameters=parameters(model),
        training_only=sum(p.numel() for p in model.parameters() if p not in reading.read),
        backbone_parameters=parameters(model.backbone),
        frames=len(model.offsets),
        backbone=macs(model.backbone, clip[:1]),
        embed=macs(model.embed, features),
        aggregate=macs(model.aggregate, whole),
        cache_bytes=_float32_bytes(encoded),
    )


def _float32_bytes(features: Features) -> int:
    return sum(4 * level.numel() for level in features.levels)


class _Reading(TorchDispatchMode):
    """Notes which parameters are read: those of a layer may be without it being called."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.read: set[nn.Parameter] = set()

    def __torch_dispatch__(
        self,
        func: Callable[..., object],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        given = tree_leaves((args, kwargs))
        self.read.update(each for each in given if isinstance(each, nn.Parameter))
        return func(*args, **(kwargs or {}))
