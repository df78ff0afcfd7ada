"""A normalising flow over the plane (Dinh et al., 2017), as RLE uses it."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class RealNVP(nn.Module):
    """An invertible map of residuals to a Gaussian, so that their density can be learnt.

    Six affine couplings whose masks alternate between the coordinates, as in RLE (Li et al., 2021),
    with its parameter names. Used in training only.

    Args:
        prior_mean: Mean of the unit Gaussian on both axes.
    """

    mask: Tensor

    def __init__(self, prior_mean: float = 0.0) -> None:
        super().__init__()
        self.prior_mean = prior_mean
        self.register_buffer("mask", torch.tensor([[0.0, 1.0], [1.0, 0.0]] * 3))
        self.t = nn.ModuleList(_net() for _ in self.mask)
        self.s = nn.ModuleList(_net(nn.Tanh()) for _ in self.mask)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight, gain=0.01)

    def log_prob(self, x: Float[Tensor, "*n 2"]) -> Float[Tensor, "*n"]:
        """The logarithm of the density at ``x``."""
        log_determinant = x.new_zeros(x.shape[:-1])
        for mask, translate, scale in reversed(list(zip(self.mask, self.t, self.s, strict=True))):
            kept, moved = mask * x, 1 - mask
            s, t = scale(kept) * moved, translate(kept) * moved
            x = kept + moved * (x - t) * torch.exp(-s)
            log_determinant = log_determinant - s.sum(-1)
        gaussian = -0.5 * (x - self.prior_mean).square().sum(-1) - torch.log(
            torch.tensor(2 * torch.pi)
        )
        return gaussian + log_determinant


def _net(*last: nn.Module) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(2, 64), nn.LeakyReLU(), nn.Linear(64, 64), nn.LeakyReLU(), nn.Linear(64, 2), *last
    )
