"""MoveNet as a backbone that hands on the heatmaps of the person it is asked for."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from vidpose.backbones.base import FeatureInfo, Features
from vidpose.backbones.movenet import SINGLE_HEADS, Head, MoveNetBackbone, Widths
from vidpose.heads.movenet import heatmaps_of_person
from vidpose.skeleton import COCO17


class MoveNetPerson(MoveNetBackbone):
    """Trunk, pyramid and heads, and what the published network answers for its 17 joints.

    The only level, of stride 4, has the channels of the pyramid's last and, after them, the
    heatmaps in which other people's joints are low, see `heatmaps_of_person`: their highest cells
    are the network's whole answer, where those of `MoveNetHeatmaps` may be anybody's.
    """

    info = (FeatureInfo(24 + 17, 4),)
    heatmaps = COCO17

    def __init__(self, widths: Widths) -> None:
        super().__init__(widths)
        self.center = Head(24, SINGLE_HEADS["center"])
        self.kpt_heatmap = Head(24, SINGLE_HEADS["kpt_heatmap"])
        self.kpt_regress = Head(24, SINGLE_HEADS["kpt_regress"])
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(
        self, frames: UInt8[Tensor, "batch 3 h w"] | Float[Tensor, "batch 3 h w"]
    ) -> Features:
        """The pyramid's last level with the person's heatmaps in [0, 1]."""
        p4 = super().forward(frames).last
        raw = {name: getattr(self, name)(p4) for name in ("center", "kpt_heatmap", "kpt_regress")}
        return Features((torch.cat([p4, heatmaps_of_person(raw).to(p4.dtype)], 1),))
