"""Heatmaps that a pose network used as the backbone already gives, for a head to start from."""

from typing import Self

import torch
from torch import nn

from vidpose.backbones.base import Backbone
from vidpose.heads.heatmap import Decoder, HeatmapCodec
from vidpose.skeleton import Skeleton

# Of `Backbone.heatmaps`; by another one all joints would be half a cell off.
_CONVENTION: Decoder = "middle"


class KnownHeatmaps(nn.Conv2d):
    """A 1x1 convolution of the backbone's last level, at first its own heatmaps of each joint.

    Not in the papers, whose backbones know nothing of joints. Joints that the backbone does not
    answer for begin empty.

    Args:
        channels: Of the level, whose last are a heatmap for each joint of ``answered``.
        answered: The joints of the backbone.
        skeleton: The joints that are asked for.
    """

    def __init__(self, channels: int, answered: Skeleton, skeleton: Skeleton) -> None:
        super().__init__(channels, len(skeleton), 1)
        assert self.bias is not None
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)
        first = channels - len(answered)
        with torch.no_grad():
            for row, joint in enumerate(skeleton.joints):
                if joint in answered.joints:
                    self.weight[row, first + answered.index(joint)] = 1.0

    @classmethod
    def of(
        cls, backbone: Backbone, skeleton: Skeleton, size: tuple[int, int], codec: HeatmapCodec
    ) -> Self:
        """For a head on a backbone with `Backbone.heatmaps`.

        Args:
            backbone: Of the model.
            skeleton: Of the model.
            size: Height and width of its crops in pixels.
            codec: Of its heatmaps.

        Raises:
            ValueError: The backbone gives no heatmaps, none of the head's size, or of another
                convention.
        """
        if backbone.heatmaps is None:
            raise ValueError("known heatmaps need a backbone that gives some")
        level = backbone.info[-1]
        if level.grid(size) != codec.size:
            raise ValueError(
                f"the backbone's heatmaps have {level.grid(size)} cells, the head's {codec.size}"
            )
        if codec.decoder != _CONVENTION:
            raise ValueError(
                f"the backbone's heatmaps follow the convention {_CONVENTION!r}, the head's "
                f"{codec.decoder!r}: set decoder to {_CONVENTION}"
            )
        return cls(level.channels, backbone.heatmaps, skeleton)
