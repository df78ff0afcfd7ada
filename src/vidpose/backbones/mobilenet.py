"""MobileNetV2 (Sandler et al., 2018) and MobileNetV3-Large (Howard et al., 2019).

Parameters have torchvision's names, so that its checkpoints fit once ``classifier`` is left out.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from vidpose.backbones.base import Backbone, FeatureInfo, Features
from vidpose.backbones.normalise import ImageNetNormalise

Map = Float[Tensor, "batch channel h w"]


class MobileNet(Backbone):
    """Layers in a row, tapped where the resolution is about to halve.

    Args:
        features: The layers.
        taps: The layers whose outputs are the levels, at strides 4, 8, 16 and 32.
        channels: Of the levels.
    """

    def __init__(
        self, features: Sequence[nn.Module], taps: Sequence[int], channels: Sequence[int]
    ) -> None:
        super().__init__()
        self.info = tuple(map(FeatureInfo, channels, (4, 8, 16, 32)))
        self.normalise = ImageNetNormalise()
        self.features = nn.Sequential(*features)
        self._taps = tuple(taps)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        # Convolutions then keep this layout from the first one on; it is the faster one.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(
        self, frames: UInt8[Tensor, "batch 3 h w"] | Float[Tensor, "batch 3 h w"]
    ) -> Features:
        """The four levels of the frames, RGB in [0, 255]."""
        x = self.normalise(frames)
        levels = []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self._taps:
                levels.append(x)
        return Features(tuple(levels))


# MobileNetV2's stages: expansion, channels, blocks, stride of the first.
_V2_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def mobilenet_v2() -> MobileNet:
    """MobileNetV2 of width 1; its last level has 1280 channels."""
    features: list[nn.Module] = [_convolution_v2(3, 32, 3, stride=2)]
    inputs = 32
    for expansion, outputs, count, stride in _V2_STAGES:
        for index in range(count):
            first = index == 0
            features.append(InvertedResidual(inputs, outputs, stride if first else 1, expansion))
            inputs = outputs
    features.append(_convolution_v2(inputs, 1280, 1))
    return MobileNet(features, taps=(3, 6, 13, 18), channels=(24, 32, 96, 1280))


class InvertedResidual(nn.Module):
    """MobileNetV2's block: expand, depthwise 3x3, linear projection, and a shortcut if it fits."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        expand = [_convolution_v2(inputs, hidden, 1)] if expansion > 1 else []
        self.conv = nn.Sequential(
            *expand,
            _convolution_v2(hidden, hidden, 3, stride=stride, groups=hidden),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Map) -> Map:
        """``[batch, inputs, h, w]`` to ``[batch, outputs, h / stride, w / stride]``."""
        y: Tensor = self.conv(x)
        return x + y if self.shortcut else y


def _convolution_v2(
    inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(inplace=True),
    )


class _V3(NamedTuple):
    """A row of Table 1 of the paper."""

    kernel: int
    hidden: int
    outputs: int
    squeeze: bool
    activation: type[nn.ReLU] | type[nn.Hardswish]
    stride: int


_V3_LARGE = (
    _V3(3, 16, 16, False, nn.ReLU, 1),
    _V3(3, 64, 24, False, nn.ReLU, 2),
    _V3(3, 72, 24, False, nn.ReLU, 1),
    _V3(5, 72, 40, True, nn.ReLU, 2),
    _V3(5, 120, 40, True, nn.ReLU, 1),
    _V3(5, 120, 40, True, nn.ReLU, 1),
    _V3(3, 240, 80, False, nn.Hardswish, 2),
    _V3(3, 200, 80, False, nn.Hardswish, 1),
    _V3(3, 184, 80, False, nn.Hardswish, 1),
    _V3(3, 184, 80, False, nn.Hardswish, 1),
    _V3(3, 480, 112, True, nn.Hardswish, 1),
    _V3(3, 672, 112, True, nn.Hardswish, 1),
    _V3(5, 672, 160, True, nn.Hardswish, 2),
    _V3(5, 960, 160, True, nn.Hardswish, 1),
    _V3(5, 960, 160, True, nn.Hardswish, 1),
)


def mobilenet_v3_large() -> MobileNet:
    """MobileNetV3-Large of width 1; its last level has 960 channels."""
    features: list[nn.Module] = [_convolution_v3(3, 16, 3, nn.Hardswish, stride=2)]
    inputs = 16
    for row in _V3_LARGE:
        features.append(SqueezedResidual(inputs, row))
        inputs = row.outputs
    features.append(_convolution_v3(inputs, 960, 1, nn.Hardswish))
    return MobileNet(features, taps=(3, 6, 12, 16), channels=(24, 40, 112, 960))


class SqueezedResidual(nn.Module):
    """MobileNetV3's block: as MobileNetV2's, with other activations and perhaps `Squeeze`."""

    def __init__(self, inputs: int, row: _V3) -> None:
        super().__init__()
        hidden = row.hidden
        expand = [_convolution_v3(inputs, hidden, 1, row.activation)] if hidden != inputs else []
        self.block = nn.Sequential(
            *expand,
            _convolution_v3(
                hidden, hidden, row.kernel, row.activation, stride=row.stride, groups=hidden
            ),
            *([Squeeze(hidden)] if row.squeeze else []),
            _convolution_v3(hidden, row.outputs, 1, None),
        )
        self.shortcut = row.stride == 1 and inputs == row.outputs

    def forward(self, x: Map) -> Map:
        """``[batch, inputs, h, w]`` to ``[batch, outputs, h / stride, w / stride]``."""
        y: Tensor = self.block(x)
        return x + y if self.shortcut else y


class Squeeze(nn.Module):
    """Squeeze-and-excitation (Hu et al., 2018): each channel scaled by what all hold on average."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = _multiple_of_8(channels / 4)
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Map) -> Map:
        """A map to the same shape."""
        scale = torch.relu(self.fc1(x.mean((2, 3), keepdim=True)))
        return x * nn.functional.hardsigmoid(self.fc2(scale))


def _multiple_of_8(channels: float) -> int:
    """The nearest multiple, or the next one where that would lose more than a tenth."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels else nearest + 8


def _convolution_v3(
    inputs: int,
    outputs: int,
    kernel: int,
    activation: type[nn.ReLU] | type[nn.Hardswish] | None,
    *,
    stride: int = 1,
    groups: int = 1,
) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01),
    ]
    if activation:
        layers.append(activation(inplace=True))
    return nn.Sequential(*layers)
