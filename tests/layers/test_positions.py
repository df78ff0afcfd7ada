"""The sine-cosine encoding."""

import math

import pytest
import torch

from vidpose.layers.positions import sine_cosine


def test_widths_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 4 channels, not 30"):
        sine_cosine(torch.zeros(1, 2), 30)


def test_it_is_the_literal_formula() -> None:
    place = torch.rand(3, 2, dtype=torch.float64)
    encoded = sine_cosine(place, 32)
    for row in range(3):
        for axis in range(2):
            for step in range(8):
                angle = 2 * math.pi * float(place[row, axis]) / 10_000 ** (step / 8)
                assert float(encoded[row, axis * 16 + step]) == pytest.approx(math.sin(angle))
                assert float(encoded[row, axis * 16 + 8 + step]) == pytest.approx(math.cos(angle))


def test_different_places_differ() -> None:
    grid = torch.cartesian_prod(torch.linspace(0, 0.95, 20), torch.linspace(0, 0.95, 20))
    assert torch.pdist(sine_cosine(grid, 16)).min() > 1e-2
