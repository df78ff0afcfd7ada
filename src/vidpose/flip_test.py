"""The flip test: a model sees every crop a second time, mirrored, and its answers are joined."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from vidpose.backbones.base import Features
from vidpose.heads.prior import Prior
from vidpose.models.base import PoseModel, PoseOutput

# Answers further apart than this, in [0, 1] of the crop, mean two places: between them is neither.
_APART = 0.04


class FlipTest(PoseModel):
    """A model asked about crops and about their mirror images, at twice its cost.

    A joint is where both answers have it on average, weighted by their scores; where they are more
    than 4 % of the crop apart it is where the surer one has it. Its score is their mean.

    Args:
        model: In evaluation mode, of any runtime; it is not changed.

    Attributes:
        model: The model that is asked.
    """

    def __init__(self, model: PoseModel) -> None:
        super().__init__()
        self.model = model
        self.skeleton, self.crop, self.offsets = model.skeleton, model.crop, model.offsets
        self.uses_prior, self.portable = model.uses_prior, model.portable
        # Column i of a crop is column width - 1 - i of its mirror image.
        self._far_side = (model.crop.size[1] - 1) / model.crop.size[1]
        self._partners: list[int] = model.skeleton.flip_permutation.tolist()

    @property
    def device(self) -> torch.device:
        """Where the model's parameters are."""
        return self.model.device

    def encode(
        self, frames: UInt8[Tensor, "batch 3 h w"] | Float[Tensor, "batch 3 h w"]
    ) -> Features:
        """Features ``[batch, 2, ...]``: of the crops, and of their mirror images.

        Args:
            frames: As the model takes them.
        """
        both = self.model.encode(torch.cat((frames, frames.flip(-1))))
        return both.map(lambda level: level.unflatten(0, (2, len(frames))).transpose(0, 1))

    def moved(
        self,
        features: Features,
        scale: Float[Tensor, " batch"],
        shift: Float[Tensor, "batch 2"],
    ) -> Features:
        """Both sides' features as if they had been seen through another window, if ``portable``.

        Args:
            features: Level ``[batch, 2, joint, channels]``.
            scale: As of `PoseModel.moved`.
            shift: As of `PoseModel.moved`; of the crop, not of its mirror image.

        Raises:
            NotImplementedError: The model's features are not portable.
        """
        # With q = far - p, p' = scale p + shift becomes q' = scale q + far (1 - scale) - shift.
        mirrored = torch.stack((self._far_side * (1 - scale) - shift[:, 0], shift[:, 1]), -1)
        shifts = torch.stack((shift, mirrored), 1).flatten(0, 1)
        both = features.map(lambda level: level.flatten(0, 1))
        there = self.model.moved(both, scale.repeat_interleave(2), shifts)
        return there.map(lambda level: level.unflatten(0, (-1, 2)))

    def aggregate(self, features: Features, prior: Prior | None = None) -> PoseOutput:
        """Where both answers together have the key frame's joints; without sigma and heatmaps.

        Args:
            features: Levels ``[batch, frame, 2, ...]``.
            prior: As the model takes it.
        """
        both = features.map(lambda level: level.movedim(2, 0).flatten(0, 1))
        if prior is not None:
            prior = torch.cat((prior, self._mirrored(prior)))
        output = self.model.aggregate(both, prior)
        answers = torch.cat((output.xy_norm, output.score[..., None]), -1)
        seen, mirrored = answers.chunk(2)
        return _joined(seen, self._mirrored(mirrored))

    def _mirrored(self, joints: Float[Tensor, "batch joint 3"]) -> Float[Tensor, "batch joint 3"]:
        """Joints of the mirror image in the crop, or the other way round: left is right."""
        x, y, score = joints[:, self._partners].unbind(-1)
        return torch.stack((self._far_side - x, y, score), -1)


def _joined(
    one: Float[Tensor, "batch joint 3"], other: Float[Tensor, "batch joint 3"]
) -> PoseOutput:
    """Two answers, x, y and score in the same crop, as one."""
    score, others = one[..., 2:], other[..., 2:]
    total = (score + others).clamp(min=torch.finfo(score.dtype).eps)
    between = (score * one[..., :2] + others * other[..., :2]) / total
    surer = torch.where(score >= others, one[..., :2], other[..., :2])
    distance = (one[..., :2] - other[..., :2]).norm(dim=-1, keepdim=True)
    # Two scores of 0 leave nothing to weight by.
    apart = (distance > _APART) | (score + others <= 0)
    return PoseOutput(torch.where(apart, surer, between), (score + others)[..., 0] / 2)
