"""The flow is a density: it integrates to one, whatever its weights."""

import math

import pytest
import torch
from torch import nn

from vidpose.layers.realnvp import RealNVP


def wild(prior_mean: float) -> RealNVP:
    torch.manual_seed(3)
    flow = RealNVP(prior_mean).double()
    for parameter in flow.parameters():
        nn.init.normal_(parameter, std=0.2)
    return flow


def test_an_empty_batch_has_no_density() -> None:
    assert RealNVP().log_prob(torch.zeros(0, 15, 2)).shape == (0, 15)


@pytest.mark.parametrize("prior_mean", [0.0, 0.5])
def test_the_density_integrates_to_one(prior_mean: float) -> None:
    side, reach = 240, 12.0
    axis = (torch.arange(side, dtype=torch.float64) + 0.5) * (2 * reach / side) - reach
    with torch.no_grad():
        density = wild(prior_mean).log_prob(torch.cartesian_prod(axis, axis)).exp()
    assert float(density.sum()) * (2 * reach / side) ** 2 == pytest.approx(1, abs=1e-3)


def test_without_weights_it_is_the_gaussian() -> None:
    flow = RealNVP(0.5)
    for parameter in flow.parameters():
        nn.init.zeros_(parameter)
    x = torch.tensor([[0.5, 0.5], [1.5, 0.5]])
    expected = torch.tensor([0.0, -0.5]) - math.log(2 * math.pi)
    torch.testing.assert_close(flow.log_prob(x), expected)


def test_it_has_the_published_number_of_parameters() -> None:
    assert sum(p.numel() for p in RealNVP().parameters()) == 53_784
