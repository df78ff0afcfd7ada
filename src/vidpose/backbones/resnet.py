"""Residual networks (He et al., 2016).

Bottlenecks stride in their 3x3 convolution, as torchvision's do ("v1.5"), and parameters have
torchvision's names, so that its checkpoints fit once ``fc`` is left out.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from vidpose.backbones.base import Backbone, FeatureInfo, Features
from vidpose.backbones.normalise import ImageNetNormalise


class Basic(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(inputs, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """``[batch, inputs, h, w]`` to ``[batch, width, h / stride, w / stride]``."""
        residual = F.relu(self.bn1(self.conv1(x)), inplace=True)
        residual = self.bn2(self.conv2(residual))
        return F.relu(residual + self.downsample(x), inplace=True)


class Bottleneck(nn.Module):
    """A 3x3 convolution between two 1x1 that narrow and widen, beside a shortcut."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = width * self.expansion
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = _shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        """``[batch, inputs, h, w]`` to ``[batch, 4 width, h / stride, w / stride]``."""
        residual = F.relu(self.bn1(self.conv1(x)), inplace=True)
        residual = F.relu(self.bn2(self.conv2(residual)), inplace=True)
        residual = self.bn3(self.conv3(residual))
        return F.relu(residual + self.downsample(x), inplace=True)


class ResNet(Backbone):
    """Stem and four stages; gives the stages' outputs, at strides 4, 8, 16 and 32.

    Args:
        block: `Basic` or `Bottleneck`.
        depths: Blocks of each stage, e.g. ``(3, 4, 6, 3)`` bottlenecks for ResNet-50.
    """

    def __init__(
        self, block: type[Basic] | type[Bottleneck], depths: tuple[int, int, int, int]
    ) -> None:
        super().__init__()
        widths = [width * block.expansion for width in (64, 128, 256, 512)]
        self.info = tuple(
            FeatureInfo(width, stride) for width, stride in zip(widths, (4, 8, 16, 32), strict=True)
        )
        self.normalise = ImageNetNormalise()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = _stage(block, 64, 64, depths[0], stride=1)
        self.layer2 = _stage(block, widths[0], 128, depths[1], stride=2)
        self.layer3 = _stage(block, widths[1], 256, depths[2], stride=2)
        self.layer4 = _stage(block, widths[2], 512, depths[3], stride=2)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        # Convolutions then keep this layout from the first one on; it is the faster one.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(
        self, frames: UInt8[Tensor, "batch 3 h w"] | Float[Tensor, "batch 3 h w"]
    ) -> Features:
        """The four levels of the frames, RGB in [0, 255]."""
        x = F.relu(self.bn1(self.conv1(self.normalise(frames))), inplace=True)
        x = F.max_pool2d(x, 3, stride=2, padding=1)
        levels = []
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
            levels.append(x)
        return Features(tuple(levels))


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Module:
    """The input itself, or a projection where the shape changes."""
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    projection = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
    return nn.Sequential(projection, nn.BatchNorm2d(outputs))


def _stage(
    block: type[Basic] | type[Bottleneck], inputs: int, width: int, depth: int, stride: int
) -> nn.Sequential:
    """``depth`` blocks, of which the first takes the stride."""
    later = [block(width * block.expansion, width, 1) for _ in range(depth - 1)]
    return nn.Sequential(block(inputs, width, stride), *later)
