"""High-resolution networks (Sun et al., 2019): four branches of resolutions that exchange features.

Parameters have the names of the official release, which its pose checkpoints, PoseWarper, DCPose,
mmpose and timm share.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from vidpose.backbones.base import Backbone, FeatureInfo, Features
from vidpose.backbones.normalise import ImageNetNormalise
from vidpose.backbones.resnet import Basic, Bottleneck

_STRIDES = (4, 8, 16, 32)
_BLOCKS_OF_A_BRANCH = 4


def _convolution(inputs: int, outputs: int, stride: int, *, relu: bool = True) -> nn.Sequential:
    layers = [
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if relu else nn.Sequential(*layers)


def _exchange(widths: Sequence[int], source: int, target: int) -> nn.Module:
    """From the resolution of one branch to that of another; branch 0 is the finest."""
    inputs, outputs = widths[source], widths[target]
    if source == target:
        return nn.Identity()
    if source > target:
        return nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.Upsample(scale_factor=2 ** (source - target), mode="nearest"),
        )
    halvings = [_convolution(inputs, inputs, 2) for _ in range(target - source - 1)]
    return nn.Sequential(*halvings, _convolution(inputs, outputs, 2, relu=False))


class Exchange(nn.Module):
    """Residual blocks on every branch, then every branch receives the sum of all.

    Args:
        widths: Channels of the branches, finest first.
        receivers: Branches that receive the sum, counted from the finest; the others leave as
            their own blocks made them.
    """

    def __init__(self, widths: Sequence[int], receivers: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(Basic(width, width, 1) for _ in range(_BLOCKS_OF_A_BRANCH)))
            for width in widths
        )
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_exchange(widths, source, target) for source in range(len(widths)))
            for target in range(receivers)
        )

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """A map a branch, ``[batch, width, h, w]``, to the same shapes."""
        maps = [branch(x) for branch, x in zip(self.branches, maps, strict=True)]
        fused = []
        for layers in self.fuse_layers:
            assert isinstance(layers, nn.ModuleList)
            # Not in place: the first term may be a branch's own map, which others still read.
            total = layers[0](maps[0])
            for layer, x in zip(layers[1:], maps[1:], strict=True):
                total = total + layer(x)
            fused.append(F.relu(total))
        return fused + maps[len(fused) :]


class HRNet(Backbone):
    """Stem, bottlenecks at stride 4, and three stages that each add a branch of half resolution.

    The levels are the branches at strides 32, 16, 8 and 4. The last one, at stride 4, holds the sum
    of all, which is what pose heads read; the official pose network sums for no other branch, so
    the other three are what the last blocks of their branches give.

    Args:
        width: Channels at stride 4, e.g. 48 for HRNet-W48; each halving of the resolution doubles
            them.
    """

    # Branches are added to each other, so each has exactly half the cells of the one before.
    multiple = _STRIDES[-1]

    def __init__(self, width: int) -> None:
        super().__init__()
        widths = [width << branch for branch in range(len(_STRIDES))]
        self.info = tuple(map(FeatureInfo, reversed(widths), reversed(_STRIDES)))
        self.normalise = ImageNetNormalise()
        self.conv1 = nn.Conv2d(3, 64, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.conv2 = nn.Conv2d(64, 64, 3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(
            Bottleneck(64, 64, 1), *(Bottleneck(256, 64, 1) for _ in range(3))
        )
        # A transition changes the map of a branch that is new, or of another width than before.
        self.transition1 = nn.ModuleList(
            [_convolution(256, widths[0], 1), nn.Sequential(_convolution(256, widths[1], 2))]
        )
        self.stage2 = _stage(widths[:2], receivers=(2,))
        self.transition2 = _transition(widths[:3])
        self.stage3 = _stage(widths[:3], receivers=(3, 3, 3, 3))
        self.transition3 = _transition(widths)
        self.stage4 = _stage(widths, receivers=(4, 4, 1))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        # Convolutions then keep this layout from the first one on; it is the faster one.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(
        self, frames: UInt8[Tensor, "batch 3 h w"] | Float[Tensor, "batch 3 h w"]
    ) -> Features:
        """The four levels of the frames.

        Args:
            frames: RGB in [0, 255].

        Raises:
            ValueError: See `check_sides`.
        """
        self.check_sides(*frames.shape[-2:])
        x = F.relu(self.bn1(self.conv1(self.normalise(frames))), inplace=True)
        x = F.relu(self.bn2(self.conv2(x)), inplace=True)
        maps = [self.layer1(x)]
        for transition, stage in (
            (self.transition1, self.stage2),
            (self.transition2, self.stage3),
            (self.transition3, self.stage4),
        ):
            # The new branch starts from the coarsest one there is.
            maps = [change(x) for change, x in zip(transition, [*maps, maps[-1]], strict=True)]
            maps = stage(maps)
        return Features(tuple(reversed(maps)))


def _stage(widths: Sequence[int], receivers: Sequence[int]) -> nn.Sequential:
    return nn.Sequential(*(Exchange(widths, count) for count in receivers))


def _transition(widths: Sequence[int]) -> nn.ModuleList:
    """What adds the last of these branches; the others stay as they are."""
    kept = [nn.Identity() for _ in widths[:-1]]
    return nn.ModuleList([*kept, nn.Sequential(_convolution(widths[-2], widths[-1], 2))])
