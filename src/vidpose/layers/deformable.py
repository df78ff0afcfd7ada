"""Attention to a few learnt places of a feature map instead of all of it (Zhu et al., 2021)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from vidpose.layers.sizes import x_and_y


def sample(
    maps: Float[Tensor, "batch channel h w"], xy_norm: Float[Tensor, "batch query point 2"]
) -> Float[Tensor, "batch query point channel"]:
    """Bilinear values of the maps at places in [0, 1] of their width and height; 0 outside.

    Computed in the type of the places, which need more digits than half precision has.
    """
    values = F.grid_sample(
        maps.to(xy_norm.dtype),
        2 * xy_norm - 1,
        mode="bilinear",
        padding_mode="zeros",
        align_corners=False,
    )
    return values.permute(0, 2, 3, 1).to(maps.dtype)


def centres(grid: tuple[int, int], like: Tensor) -> Float[Tensor, "cell 2"]:
    """The middles of a grid's cells in row-major order, x and y in [0, 1]."""
    rows, columns = (
        (torch.arange(length, device=like.device, dtype=like.dtype) + 0.5) / length
        for length in grid
    )
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([x, y], -1).flatten(0, 1)


class MultiScaleDeformableAttention(nn.Module):
    """Each query looks at a few places around its own, on every level.

    Args:
        width: Channels of a query and of its answer.
        channels: Of each level.
        heads: Number of heads; divides ``width``.
        points: Places on each level, for every head.
    """

    def __init__(self, width: int, channels: Sequence[int], heads: int, points: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"{heads} heads do not divide a width of {width}")
        self.heads, self.points = heads, points
        self.values = nn.ModuleList(nn.Conv2d(inputs, width, 1) for inputs in channels)
        places = heads * len(channels) * points
        self.offsets = nn.Linear(width, places * 2)
        self.weights = nn.Linear(width, places)
        self.proj = nn.Linear(width, width)
        nn.init.zeros_(self.offsets.weight)
        self.offsets.bias = nn.Parameter(_ring(heads, len(channels), points))
        nn.init.zeros_(self.weights.weight)
        nn.init.zeros_(self.weights.bias)

    def forward(
        self,
        queries: Float[Tensor, "batch query width"],
        xy_norm: Float[Tensor, "batch query 2"],
        levels: Sequence[Float[Tensor, "batch _ h w"]],
    ) -> Float[Tensor, "batch query width"]:
        """What the queries find around their places.

        Args:
            queries: One vector a query.
            xy_norm: Their places in [0, 1] of the crop.
            levels: Feature maps.
        """
        shape = (self.heads, len(levels), self.points)
        offsets = self.offsets(queries).unflatten(-1, (*shape, 2))
        weights = self.weights(queries).unflatten(-1, (self.heads, -1)).softmax(-1)
        weights = weights.unflatten(-1, shape[1:])
        found = queries.new_zeros(())
        for level, (maps, project) in enumerate(zip(levels, self.values, strict=True)):
            cell = x_and_y(1 / maps.shape[-1], 1 / maps.shape[-2], xy_norm)
            places = xy_norm[:, :, None, None] + offsets[:, :, :, level] * cell
            # Heads look at their own channels: they are folded into the batch.
            values = project(maps).unflatten(1, (self.heads, -1)).flatten(0, 1)
            seen = sample(values, places.transpose(1, 2).flatten(0, 1))
            seen = seen.unflatten(0, (-1, self.heads)).transpose(1, 2)
            found = found + (seen * weights[:, :, :, level, :, None]).sum(-2)
        answer: Tensor = self.proj(found.flatten(2))
        return answer


def _ring(heads: int, levels: int, points: int) -> Float[Tensor, " place"]:
    """Offsets to begin with, in cells: each head in a direction of its own, its points outwards."""
    angle = torch.arange(heads) * (2 * torch.pi / heads)
    direction = torch.stack([angle.cos(), angle.sin()], -1)
    distance = torch.arange(1, points + 1)
    places = direction[:, None, None] * distance[None, None, :, None]
    return places.expand(heads, levels, points, 2).flatten()
