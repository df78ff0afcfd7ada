"""Backbones by name, for configurations."""

from collections.abc import Callable
from functools import partial
from typing import Annotated

from pydantic import AfterValidator

from vidpose.backbones.base import Backbone
from vidpose.backbones.hrnet import HRNet
from vidpose.backbones.mobilenet import mobilenet_v2, mobilenet_v3_large
from vidpose.backbones.movenet import WIDTHS, MoveNetBackbone, MoveNetHeatmaps
from vidpose.backbones.movenet_joints import MoveNetJoints
from vidpose.backbones.movenet_person import MoveNetPerson
from vidpose.backbones.resnet import Basic, Bottleneck, ResNet
from vidpose.backbones.vit import ViT

BACKBONES: dict[str, Callable[[], Backbone]] = {
    "resnet18": partial(ResNet, Basic, (2, 2, 2, 2)),
    "resnet50": partial(ResNet, Bottleneck, (3, 4, 6, 3)),
    "resnet152": partial(ResNet, Bottleneck, (3, 8, 36, 3)),
    "hrnet-w32": partial(HRNet, 32),
    "hrnet-w48": partial(HRNet, 48),
    # Sizes and rates of stochastic depth as ViTPose has them; its small one has 12 heads, not 6.
    "vit-s": partial(ViT, 384, depth=12, heads=12, drop_path=0.1),
    "vit-b": partial(ViT, 768, depth=12, heads=12, drop_path=0.3),
    "vit-l": partial(ViT, 1024, depth=24, heads=16, drop_path=0.5),
    "vit-h": partial(ViT, 1280, depth=32, heads=16, drop_path=0.55),
    "mobilenet-v2": mobilenet_v2,
    "mobilenet-v3-large": mobilenet_v3_large,
    **{f"movenet-{name}": partial(MoveNetBackbone, widths) for name, widths in WIDTHS.items()},
    **{
        f"movenet-{name}-heatmaps": partial(MoveNetHeatmaps, widths)
        for name, widths in WIDTHS.items()
    },
    **{
        f"movenet-{name}-person": partial(MoveNetPerson, WIDTHS[name])
        for name in ("lightning", "thunder")
    },
    **{
        f"movenet-{name}-joints": partial(MoveNetJoints, WIDTHS[name])
        for name in ("lightning", "thunder")
    },
}


def _known(name: str) -> str:
    if name not in BACKBONES:
        raise ValueError(f"no backbone named {name!r}; known: {', '.join(BACKBONES)}")
    return name


# The name of a backbone as a field of a configuration: an unknown one does not validate.
BackboneName = Annotated[str, AfterValidator(_known)]


def build(name: BackboneName) -> Backbone:
    """The backbone of this name, with random weights.

    Raises:
        ValueError: There is none of this name.
    """
    return BACKBONES[_known(name)]()
