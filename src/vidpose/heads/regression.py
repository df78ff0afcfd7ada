"""Joints by regression: coordinates with their deviations, and the loss that they learn from."""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from vidpose.layers.realnvp import RealNVP

Coordinates = Float[Tensor, "batch joint 2"]


class NormalisedLinear(nn.Linear):
    """RLE's linear layer: the input is divided by its length, ``W x / |x| + b``."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        nn.init.xavier_uniform_(self.weight, gain=0.01)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name nn.Linear gives it
        """``[..., inputs]`` to ``[..., outputs]``."""
        return super().forward(F.normalize(input, dim=-1))


class JointHead(nn.Sequential):
    """DSTA's joint-wise feed-forward network (Eq. 6): the same layers for every joint.

    A norm and one linear layer, as in the released code.

    Args:
        width: Channels of a joint's feature.
    """

    def __init__(self, width: int) -> None:
        super().__init__(nn.LayerNorm(width), nn.Linear(width, 2))


class ResidualLogLikelihood(nn.Module):
    """RLE, the loss of regression with a learnt density of the residuals (Li et al., 2021).

    ``-log P`` of the truth, where ``P`` is a Laplace density times what a normalising flow adds to
    it. Summed over joints and coordinates, averaged over the batch.

    What the flow sees is divided by the deviations, so that it can make up for a factor in them:
    they rank joints, and are larger than the errors.

    Args:
        prior_mean: Of the flow's Gaussian: 0 in RLE, 0.5 in the released code of DSTA.
        residual: What the flow sees: ``predicted`` minus true, as in the code of both, or ``true``
            minus predicted, as the text of RLE has it.
    """

    def __init__(
        self, prior_mean: float = 0.0, residual: Literal["predicted", "true"] = "predicted"
    ) -> None:
        super().__init__()
        self.flow = RealNVP(prior_mean)
        self.sign = 1.0 if residual == "predicted" else -1.0

    def forward(
        self,
        predicted: Coordinates,
        sigma: Coordinates,
        target: Coordinates,
        weight: Float[Tensor, "batch joint"],
    ) -> Float[Tensor, ""]:
        """The loss of a batch.

        Args:
            predicted: Coordinates in units of the crop's sides.
            sigma: Their deviations in the same units, above 0.
            target: True coordinates.
            weight: Of each joint; 0 leaves it out.
        """
        residual = self.sign * (predicted - target) / sigma
        flow = sigma.log() - self.flow.log_prob(residual)[..., None]
        laplace = (sigma * math.sqrt(2 * math.pi)).log() + (target - predicted).abs() / (
            math.sqrt(2) * sigma + 1e-9
        )
        loss = ((flow + laplace) * weight[..., None]).sum()
        return loss / max(len(predicted), 1)


def confidence(sigma: Coordinates) -> Float[Tensor, "batch joint"]:
    """The score of a joint: 1 minus the mean of its two deviations, which are in (0, 1)."""
    return 1 - sigma.mean(-1)


def within(sigma: Coordinates, tolerance: Float[Tensor, " joint"]) -> Float[Tensor, "batch joint"]:
    """A score of each joint: ``1 - exp(-sqrt(2) t / s)``, mean of both coordinates.

    It is the chance that a Laplace variable of deviation ``s`` is within ``tolerance``. Unlike
    `confidence` it uses all of [0, 1], so that a threshold on it tells joints apart. It is no
    chance that has been checked: the loss leaves the scale of its deviations open, which the flow
    takes up (`ResidualLogLikelihood`).

    Args:
        sigma: Deviations in units of the crop's sides, above 0.
        tolerance: Of each joint, in the same units.
    """
    return 1 - torch.exp(-math.sqrt(2) * tolerance[:, None] / sigma).mean(-1)


def absolute_error(
    predicted: Coordinates, target: Coordinates, weight: Float[Tensor, "batch joint"]
) -> Float[Tensor, ""]:
    """The absolute error, summed over joints and coordinates, averaged over the batch."""
    error = (predicted - target).abs().sum(-1)
    return (error * weight).sum() / max(len(predicted), 1)
