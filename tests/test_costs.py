"""Counts of multiply-accumulates and parameters against the formulas."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vidpose.costs import macs, parameters


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_attention_counts_its_two_products(device: str) -> None:
    query = torch.zeros(2, 4, 10, 8, device=device)
    key = torch.zeros(2, 4, 6, 8, device=device)
    count = macs(F.scaled_dot_product_attention, query, key, key)
    assert count == 2 * (2 * 4 * 10 * 6 * 8)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_layers_count_as_their_formulas_say(device: str) -> None:
    image = torch.zeros(2, 6, 8, 8, device=device)
    with torch.device(device):
        assert macs(nn.Conv2d(6, 12, 3, 2, 1, groups=2), image) == 2 * (4 * 4) * 12 * 3 * 9
        assert macs(nn.ConvTranspose2d(6, 5, 4, 2, 1), image) == 2 * (8 * 8) * 6 * 5 * 16
        assert macs(nn.Linear(8, 5), image) == 2 * 6 * 8 * 8 * 5
    assert macs(torch.bmm, image[0], image[1]) == 6 * 8 * 8 * 8


def test_what_multiplies_nothing_costs_nothing() -> None:
    assert macs(F.relu, torch.zeros(3)) == 0


def test_counting_leaves_gradients_alone() -> None:
    layer = nn.Linear(3, 3)
    assert macs(layer, torch.zeros(1, 3)) == 9
    assert layer(torch.zeros(1, 3)).requires_grad


def test_a_shared_parameter_counts_once_and_a_frozen_one_if_asked_for() -> None:
    layer = nn.Linear(3, 4)
    network = nn.Sequential(layer, nn.BatchNorm1d(4), nn.Identity(), layer)
    assert parameters(network) == 3 * 4 + 4 + 2 * 4
    layer.weight.requires_grad_(False)
    assert parameters(network, trainable=True) == 4 + 2 * 4
    assert parameters(nn.Identity()) == 0
