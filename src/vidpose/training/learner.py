"""The module that is trained: one forward pass from a batch to its loss."""

from typing import Self

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from vidpose.backbones.base import Features
from vidpose.models.base import PoseModel, Targets


class Learner(nn.Module):
    """A model with its loss.

    Args:
        model: What is trained.
        freeze_backbone: Its backbone gets no gradient and stays in evaluation mode, so that
            neither its weights nor its running statistics change.
    """

    def __init__(self, model: PoseModel, *, freeze_backbone: bool) -> None:
        super().__init__()
        self.model = model
        self.frozen = freeze_backbone
        if freeze_backbone:
            model.backbone.requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """Set the mode of all but a frozen backbone."""
        super().train(mode)
        if self.frozen:
            self.model.backbone.eval()
        return self

    def features(
        self,
        frames: UInt8[Tensor, "batch frame 3 h w"] | Float[Tensor, "batch frame 3 h w"],
    ) -> Features:
        """What the backbone sees: levels ``[batch, frame, ...]``."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            features: Features = self.model.backbone(frames.flatten(0, 1))
        return features.map(lambda level: level.unflatten(0, frames.shape[:2]))

    def forward(self, clips: Tensor | Features, targets: Targets) -> dict[str, Tensor]:
        """The terms of the loss, by name.

        Args:
            clips: Frames ``[batch, frame, 3, h, w]``, or features of them in any precision.
            targets: Of the same clips.
        """
        if isinstance(clips, Features):
            return self.model.loss(clips.map(Tensor.float), targets)
        return self.model.loss(self.features(clips), targets)
