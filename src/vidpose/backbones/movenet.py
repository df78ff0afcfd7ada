"""MoveNet: a MobileNetV2 trunk, a feature pyramid to stride 4, and CenterNet-style heads.

Google publishes three sizes: Lightning and Thunder answer for one person in a crop, MultiPose for
every person of a frame. The published weights have their batch norms folded, so that every
convolution has a bias and there is no normalisation layer; all parameters are trainable. Module
names equal the tensor names of the weights files, whose cards tell their origin.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from vidpose.backbones.base import Backbone, FeatureInfo, Features
from vidpose.skeleton import COCO17

# Input arithmetic of the published graphs: 2 / 255 rounded to float16.
_PIXEL_SCALE = 0.007843017578125


class SameConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME on even sizes.

    With stride 2 that is nothing before and one pixel after: not symmetric, which is why the
    padding of `nn.Conv2d` does not do.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(inputs, outputs, kernel, stride, padding, groups=groups, bias=bias)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name nn.Conv2d gives it
        """Convolve ``[batch, channels, h, w]``."""
        if self.stride[0] == 2:
            input = F.pad(input, (0, 1, 0, 1))  # noqa: A001
        return super().forward(input)


class InvertedResidual(nn.Module):
    """MobileNetV2's block: expand, depthwise 3x3, linear projection, and a shortcut if it fits."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.expand = SameConv2d(inputs, hidden, 1) if expansion > 1 else None
        self.dw = SameConv2d(hidden, hidden, 3, stride, groups=hidden)
        self.project = SameConv2d(hidden, outputs, 1)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """``[batch, inputs, h, w]`` to ``[batch, outputs, h / stride, w / stride]``."""
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.dw(y)))
        return x + y if self.shortcut else y


class Separable(nn.Module):
    """A depthwise 3x3 without bias or activation, then a pointwise convolution and ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.dw = SameConv2d(inputs, inputs, 3, groups=inputs, bias=False)
        self.pw = SameConv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``[batch, inputs, h, w]`` to ``[batch, outputs, h, w]``."""
        return F.relu(self.pw(self.dw(x)))


class Head(nn.Module):
    """One output map on the stride-4 level."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.sep = Separable(inputs, 96)
        self.out = SameConv2d(96, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``[batch, inputs, h, w]`` to ``[batch, outputs, h, w]``, without activation."""
        return self.out(self.sep(x))


class Widths(NamedTuple):
    """Channels of the trunk: stem, then the stages of `_STAGES`."""

    stem: int
    stages: tuple[int, ...]


# MobileNetV2's stages as (blocks, stride of the first); the first stage does not expand.
_STAGES = ((1, 1), (2, 2), (3, 2), (4, 2), (3, 1), (3, 2), (1, 1))
# The blocks whose outputs feed the pyramid at strides 4, 8 and 16.
_TAPS = (2, 5, 9)
WIDTHS = {
    "lightning": Widths(32, (16, 24, 32, 64, 96, 160, 320)),  # MobileNetV2 x 1.0
    "multipose": Widths(48, (24, 40, 48, 96, 144, 240, 480)),  # x 1.5
    "thunder": Widths(56, (32, 40, 56, 112, 168, 280, 560)),  # x 1.75
}
SINGLE_HEADS = {"center": 1, "kpt_heatmap": 17, "kpt_regress": 34, "kpt_offset": 34}
MULTI_HEADS = {**SINGLE_HEADS, "box_offset": 2, "box_scale": 2}


class MoveNetBackbone(Backbone):
    """Trunk and pyramid.

    Args:
        widths: Channels of the trunk; `WIDTHS` holds the published ones.

    Attributes:
        info: Channels and stride of the levels.
    """

    info: tuple[FeatureInfo, ...] = (
        FeatureInfo(64, 32),
        FeatureInfo(32, 16),
        FeatureInfo(24, 8),
        FeatureInfo(24, 4),
    )
    # Levels are added to each other, so each has exactly twice the cells of the one before.
    multiple = 32

    def __init__(self, widths: Widths) -> None:
        super().__init__()
        self.stem = SameConv2d(3, widths.stem, 3, stride=2)
        self.blocks = nn.ModuleList()
        inputs = widths.stem
        for stage, (outputs, (count, stride)) in enumerate(
            zip(widths.stages, _STAGES, strict=True)
        ):
            for block in range(count):
                self.blocks.append(
                    InvertedResidual(
                        inputs,
                        outputs,
                        stride=stride if block == 0 else 1,
                        expansion=1 if stage == 0 else 6,
                    )
                )
                inputs = outputs
        self.last = SameConv2d(inputs, 1280, 1)
        # In int8 the rest, stem, first block and pyramid, costs 0.8 mAP: see docs/export.md.
        self.int8_parts = (*(f"blocks.{i}" for i in range(1, len(self.blocks))), "last")
        tap4, tap8, tap16 = (widths.stages[stage] for stage in (1, 2, 3))
        self.lat32 = SameConv2d(1280, 64, 1)
        self.lat16, self.s16 = SameConv2d(tap16, 64, 1), Separable(64, 32)
        self.lat8, self.s8 = SameConv2d(tap8, 32, 1), Separable(32, 24)
        self.lat4, self.s4 = SameConv2d(tap4, 24, 1), Separable(24, 24)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(
        self, frames: UInt8[Tensor, "batch 3 h w"] | Float[Tensor, "batch 3 h w"]
    ) -> Features:
        """The four levels of the feature pyramid, strides 32, 16, 8 and 4.

        Args:
            frames: RGB in [0, 255].

        Raises:
            ValueError: See `check_sides`.
        """
        self.check_sides(*frames.shape[-2:])
        x = frames.to(self.stem.weight.dtype) * _PIXEL_SCALE - 1
        x = F.relu6(self.stem(x.contiguous(memory_format=torch.channels_last)))
        taps = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in _TAPS:
                taps.append(x)
        tap4, tap8, tap16 = taps
        p32 = self.lat32(F.relu6(self.last(x)))
        p16 = self.s16(_up(p32) + self.lat16(tap16))
        p8 = self.s8(_up(p16) + self.lat8(tap8))
        p4 = self.s4(_up(p8) + self.lat4(tap4))
        return Features((p32, p16, p8, p4))


class MoveNetHeads(nn.ModuleDict):
    """The output maps on the stride-4 level.

    Args:
        outputs: Name and channels of each map; `SINGLE_HEADS` or `MULTI_HEADS`. Pairs of channels
            are (y, x), in cells of the stride-4 grid.
    """

    def __init__(self, outputs: dict[str, int]) -> None:
        super().__init__({name: Head(24, channels) for name, channels in outputs.items()})
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, p4: Float[Tensor, "batch 24 h w"]) -> dict[str, Float[Tensor, "batch _ h w"]]:
        """Every head's raw map, before any sigmoid."""
        return {name: head(p4) for name, head in self.items()}


class MoveNetHeatmaps(MoveNetBackbone):
    """Trunk and pyramid, and what the published network knows of its 17 joints.

    The only level, of stride 4, has the channels of the pyramid's last and, after them, the
    heatmaps: a model on top need not learn again where joints are.
    """

    info = (FeatureInfo(24 + 17, 4),)
    heatmaps = COCO17

    def __init__(self, widths: Widths) -> None:
        super().__init__(widths)
        self.kpt_heatmap = Head(24, 17)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(
        self, frames: UInt8[Tensor, "batch 3 h w"] | Float[Tensor, "batch 3 h w"]
    ) -> Features:
        """The pyramid's last level with the heatmaps in [0, 1]."""
        p4 = super().forward(frames).last
        return Features((torch.cat([p4, self.kpt_heatmap(p4).sigmoid()], 1),))


class MultiPose(nn.Module):
    """The network that finds everybody in a frame."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = MoveNetBackbone(WIDTHS["multipose"])
        self.heads = MoveNetHeads(MULTI_HEADS)

    def forward(
        self, frames: UInt8[Tensor, "batch 3 h w"] | Float[Tensor, "batch 3 h w"]
    ) -> dict[str, Float[Tensor, "batch _ h w"]]:
        """The raw maps of `MULTI_HEADS` at stride 4; RGB in [0, 255], sides multiples of 32."""
        maps: dict[str, Tensor] = self.heads(self.backbone(frames).last)
        return maps


def _up(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
