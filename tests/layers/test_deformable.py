"""Deformable sampling against loops, and its gradients against differences."""

import math

import pytest
import torch
from torch import Tensor

from vidpose.layers.deformable import MultiScaleDeformableAttention, sample


def literal_bilinear(image: Tensor, x: float, y: float) -> Tensor:
    """The value at cell coordinates whose cell centres are at 0.5; outside there is nothing."""
    value = torch.zeros(image.shape[0], dtype=image.dtype)
    left, top = math.floor(x - 0.5), math.floor(y - 0.5)
    for row in (top, top + 1):
        for column in (left, left + 1):
            if 0 <= row < image.shape[1] and 0 <= column < image.shape[2]:
                near = (1 - abs(x - 0.5 - column)) * (1 - abs(y - 0.5 - row))
                value += near * image[:, row, column]
    return value


def test_the_middle_of_a_cell_is_its_value() -> None:
    maps = torch.arange(6.0).reshape(1, 1, 2, 3)
    centres = torch.tensor([[[[(x + 0.5) / 3, (y + 0.5) / 2] for y in range(2) for x in range(3)]]])
    torch.testing.assert_close(sample(maps, centres).flatten(), torch.arange(6.0))


def test_far_outside_there_is_nothing() -> None:
    assert not sample(torch.ones(1, 2, 4, 4), torch.tensor([[[[-1.0, 0.5], [0.5, 9.0]]]])).any()


def test_sampling_is_the_literal_interpolation() -> None:
    torch.manual_seed(0)
    maps = torch.randn(2, 3, 5, 7, dtype=torch.float64)
    places = torch.rand(2, 4, 6, 2, dtype=torch.float64) * 1.4 - 0.2
    found = sample(maps, places)
    for b in range(2):
        for q in range(4):
            for p in range(6):
                x, y = places[b, q, p].tolist()
                torch.testing.assert_close(
                    found[b, q, p], literal_bilinear(maps[b], 7 * x, 5 * y), atol=1e-9, rtol=0
                )


def test_gradients_of_sampling_are_right() -> None:
    torch.manual_seed(0)
    maps = torch.randn(1, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    places = torch.rand(1, 2, 3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(sample, (maps, places))


def literal_attention(
    attention: MultiScaleDeformableAttention, queries: Tensor, xy: Tensor, levels: list[Tensor]
) -> Tensor:
    heads, points = attention.heads, attention.points
    answer = torch.zeros_like(queries)
    for b in range(len(queries)):
        values = [
            project(level[b : b + 1])[0]
            for project, level in zip(attention.values, levels, strict=True)
        ]
        for q in range(queries.shape[1]):
            offsets = attention.offsets(queries[b, q]).reshape(heads, len(levels), points, 2)
            raw = attention.weights(queries[b, q]).reshape(heads, -1)
            found = []
            for head in range(heads):
                weights = (raw[head].exp() / raw[head].exp().sum()).reshape(len(levels), points)
                total = torch.zeros(queries.shape[-1] // heads, dtype=queries.dtype)
                for i, value in enumerate(values):
                    part = value.reshape(heads, -1, *value.shape[1:])[head]
                    for p in range(points):
                        x = float(xy[b, q, 0]) * value.shape[2] + float(offsets[head, i, p, 0])
                        y = float(xy[b, q, 1]) * value.shape[1] + float(offsets[head, i, p, 1])
                        total += weights[i, p] * literal_bilinear(part, x, y)
                found.append(total)
            answer[b, q] = attention.proj(torch.cat(found))
    return answer


def test_attention_is_the_literal_sum() -> None:
    torch.manual_seed(0)
    attention = MultiScaleDeformableAttention(8, (3, 5), heads=2, points=3).double()
    for parameter in attention.requires_grad_(False).parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    queries = torch.randn(2, 4, 8, dtype=torch.float64)
    xy = torch.rand(2, 4, 2, dtype=torch.float64)
    levels = [torch.randn(2, 3, 6, 4).double(), torch.randn(2, 5, 3, 2).double()]
    torch.testing.assert_close(
        attention(queries, xy, levels), literal_attention(attention, queries, xy, levels)
    )


def test_heads_begin_by_looking_in_different_directions() -> None:
    attention = MultiScaleDeformableAttention(8, (3,), heads=4, points=2)
    offsets = attention.offsets(torch.randn(1, 1, 8)).reshape(4, 1, 2, 2)
    first = offsets[:, 0, 0]
    torch.testing.assert_close(first.norm(dim=-1), torch.ones(4))
    assert torch.pdist(first).min() > 1
    torch.testing.assert_close(offsets[:, 0, 1], 2 * first)


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(ValueError, match="3 heads"):
        MultiScaleDeformableAttention(8, (3,), heads=3, points=2)
