"""The regression loss against the figures of the original code."""

from pathlib import Path

import numpy as np
import pytest
import torch

from vidpose.heads.regression import (
    NormalisedLinear,
    ResidualLogLikelihood,
    absolute_error,
    confidence,
)

ORACLE = Path(__file__).parents[1] / "data" / "rle_loss.npz"


@pytest.fixture(scope="module")
def oracle() -> dict[str, torch.Tensor]:
    with np.load(ORACLE) as arrays:
        return {name: torch.from_numpy(arrays[name]).double() for name in arrays.files}


@pytest.fixture
def rle(oracle: dict[str, torch.Tensor]) -> ResidualLogLikelihood:
    loss = ResidualLogLikelihood().double()
    flow = {k.removeprefix("sd/"): v for k, v in oracle.items() if k.startswith("sd/flow.")}
    loss.load_state_dict(flow)
    return loss


def test_values_and_gradients_are_the_originals(
    oracle: dict[str, torch.Tensor], rle: ResidualLogLikelihood
) -> None:
    predicted = oracle["out64/pred_jts"].requires_grad_()
    sigma = oracle["out64/sigma"].requires_grad_()
    weight = oracle["in/target_uv_weight"][..., 0]
    loss = rle(predicted, sigma, oracle["in/target_uv"], weight)
    loss.backward()
    assert loss.item() == pytest.approx(oracle["out64/loss"].item(), abs=1e-5)
    torch.testing.assert_close(predicted.grad, oracle["out64/grad_pred_jts"], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(sigma.grad, oracle["out64/grad_sigma"], atol=1e-5, rtol=1e-5)


def test_the_score_is_the_originals(oracle: dict[str, torch.Tensor]) -> None:
    score = confidence(oracle["out64/sigma"])
    torch.testing.assert_close(score, oracle["out64/maxvals"][..., 0], atol=1e-6, rtol=0)


def test_unweighted_joints_cost_nothing(
    oracle: dict[str, torch.Tensor], rle: ResidualLogLikelihood
) -> None:
    truth = oracle["in/target_uv"]
    nothing = torch.zeros(truth.shape[:2], dtype=torch.float64)
    assert rle(truth + 9, torch.ones_like(truth), truth, nothing).item() == 0


def test_an_empty_batch_costs_nothing() -> None:
    empty = torch.zeros(0, 15, 2)
    loss = ResidualLogLikelihood()(empty, empty, empty, torch.zeros(0, 15))
    assert loss.item() == 0


def test_a_wrong_place_costs_more_than_the_right_one() -> None:
    torch.manual_seed(0)
    loss, truth, weight = ResidualLogLikelihood(), torch.rand(4, 15, 2), torch.ones(4, 15)
    sigma = torch.full_like(truth, 0.1)
    right = loss(truth, sigma, truth, weight).item()
    wrong = loss(truth + 0.3, sigma, truth, weight).item()
    assert wrong > right + 10


def test_the_other_residual_is_the_mirror_image() -> None:
    torch.manual_seed(0)
    one, other = ResidualLogLikelihood(), ResidualLogLikelihood(residual="true")
    for parameter in one.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    other.load_state_dict(one.state_dict())
    truth, weight = torch.rand(4, 15, 2), torch.ones(4, 15)
    off, sigma = 0.1 * torch.randn(4, 15, 2), torch.full_like(truth, 0.2)
    mirrored = other(truth - off, sigma, truth, weight)
    torch.testing.assert_close(one(truth + off, sigma, truth, weight), mirrored)
    assert not torch.allclose(one(truth - off, sigma, truth, weight), mirrored)


def test_the_absolute_error_is_summed_over_joints_and_averaged_over_the_batch() -> None:
    truth = torch.zeros(2, 3, 2)
    weight = torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    assert float(absolute_error(truth + 0.5, truth, weight)) == pytest.approx(1.5)


def test_a_normalised_linear_ignores_the_length_of_its_input() -> None:
    torch.manual_seed(0)
    layer, x = NormalisedLinear(8, 3), torch.randn(2, 8)
    torch.testing.assert_close(layer(x), layer(17 * x))
    torch.testing.assert_close(
        layer(x), x @ layer.weight.T / x.norm(dim=-1, keepdim=True) + layer.bias
    )
