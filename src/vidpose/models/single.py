"""One-frame models: the baselines that every temporal model has to beat."""

from functools import partial
from typing import Annotated, Literal, cast

import torch
from pydantic import Field

from vidpose.backbones.base import Features
from vidpose.backbones.movenet import SINGLE_HEADS, WIDTHS, Head, MoveNetBackbone, MoveNetHeads
from vidpose.geometry import CropGeometry
from vidpose.heads.movenet import decode_where_needed, pairs_of_head
from vidpose.heads.prior import Prior
from vidpose.models.base import ModelConfig, PoseModel, PoseOutput
from vidpose.skeleton import COCO17


class MoveNetConfig(ModelConfig):
    """Configuration of `MoveNetSingle`.

    Attributes:
        variant: ``thunder`` or ``lightning``.
        side: Side of the square crop in pixels.
        enlargement: Of the person's box, after it is extended to a square.
    """

    variant: Literal["thunder", "lightning"] = "thunder"
    side: Annotated[int, Field(gt=0)] = 256
    enlargement: float = 1.0

    def build(self) -> "MoveNetSingle":
        """The model, with random weights."""
        return MoveNetSingle(self.variant, side=self.side, enlargement=self.enlargement)


class MoveNetSingle(PoseModel):
    """MoveNet Thunder or Lightning on a person's crop, decoded with the detector's prior.

    Args:
        variant: A key of `WIDTHS`.
        side: Side of the square crop in pixels.
        enlargement: Of the person's box.
    """

    offsets = (0,)
    skeleton = COCO17
    uses_prior = True

    def __init__(self, variant: str, *, side: int = 256, enlargement: float = 1.0) -> None:
        super().__init__()
        self.backbone = MoveNetBackbone(WIDTHS[variant])
        self.heads = MoveNetHeads(SINGLE_HEADS)
        self.crop = CropGeometry((side, side), enlargement)

    def embed(self, features: Features) -> Features:
        """The level of stride 4, the one that the heads read."""
        return Features((features.last,))

    def aggregate(self, features: Features, prior: Prior | None = None) -> PoseOutput:
        """Heads and decoding on the key frame, the only frame there is."""
        # Not indexed: in a graph that would be a copy.
        p4 = features.last.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        joints = decode_where_needed(
            self.heads["center"](p4),
            self.heads["kpt_heatmap"](p4),
            partial(pairs_of_head, cast(Head, self.heads["kpt_regress"]), p4),
            partial(pairs_of_head, cast(Head, self.heads["kpt_offset"]), p4),
            prior,
        )
        return PoseOutput(joints.xy_norm, joints.score, heatmaps=joints.heatmaps)
