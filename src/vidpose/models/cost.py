"""What a model costs: parameters, multiply-accumulates of its steps, bytes of the feature cache."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

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
    with _unused(model) as unused:
        features = model.backbone(clip[:1])
        encoded = model.embed(features)
        whole = model.encode(clip).map(lambda level: level[None])
        model.aggregate(whole)
    return Cost(
        parameters=parameters(model),
        training_only=parameters(nn.ParameterList(unused)),
        backbone_parameters=parameters(model.backbone),
        frames=len(model.offsets),
        backbone=macs(model.backbone, clip[:1]),
        embed=macs(model.embed, features),
        aggregate=macs(model.aggregate, whole),
        cache_bytes=_float32_bytes(encoded),
    )


def _float32_bytes(features: Features) -> int:
    return sum(4 * level.numel() for level in features.levels)


@contextmanager
def _unused(model: PoseModel) -> Iterator[list[nn.Parameter]]:
    """A list that holds, at the end, the parameters of modules that were never called."""
    waiting = {
        module: list(module.parameters(recurse=False))
        for module in model.modules()
        if module is not model
    }

    def called(module: nn.Module, inputs: object) -> None:
        waiting.pop(module, None)

    hooks = [module.register_forward_pre_hook(called) for module in waiting]
    unused: list[nn.Parameter] = []
    try:
        yield unused
    finally:
        for hook in hooks:
            hook.remove()
    unused += [parameter for left in waiting.values() for parameter in left]
