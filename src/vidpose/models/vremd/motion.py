"""VREMD's Bidirectional Motion Disentanglement module: the motion of joints, both ways in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from vidpose.layers.attention import Mlp
from vidpose.layers.deformable import centres, sample
from vidpose.layers.sizes import x_and_y
from vidpose.layers.tokens import as_map
from vidpose.models.base import Probe

FrameTokens = Float[Tensor, "batch token width"]
ClipTokens = Float[Tensor, "batch frame token width"]
Places = Float[Tensor, "batch head token point 2"]
MotionBlockKind = Literal["cross", "attention", "convolution"]


class SamplingOffsets(nn.Module):
    """``theta(psi(.))`` of Eq. 3: from features, a few places around each cell, for every head.

    A depthwise 3x3 and a pointwise convolution, then a pointwise one that names the offsets; these
    begin at a quarter of a cell to four sides.

    Args:
        inputs: Channels that the offsets are seen in.
        heads: Number of heads.
        points: Places for every head.
        grid: Rows and columns of cells.
    """

    def __init__(self, inputs: int, heads: int, points: int, grid: tuple[int, int]) -> None:
        super().__init__()
        self.heads, self.points, self.grid = heads, points, grid
        hidden = max(inputs // 8, 1)
        self.psi = nn.Sequential(
            nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs),
            nn.Conv2d(inputs, hidden, 1),
            nn.GELU(),
        )
        self.theta = nn.Conv2d(hidden, heads * points * 2, 1)
        nn.init.normal_(self.theta.weight, std=0.01)
        self.theta.bias = nn.Parameter(_four_sides(heads, points))

    def forward(self, tokens: Float[Tensor, "batch token inputs"]) -> Places:
        """The places ``p_z + dp`` in [0, 1] of the crop; ``p_z`` are the cells themselves."""
        offsets = self.theta(self.psi(as_map(tokens, self.grid)))
        offsets = offsets.flatten(2).unflatten(1, (self.heads, self.points, 2))
        # [batch, head, point, xy, token] -> [batch, head, token, point, xy]
        return around_cells(offsets.permute(0, 1, 4, 2, 3), self.grid)


def around_cells(
    offsets: Float[Tensor, "batch *head token point 2"], grid: tuple[int, int]
) -> Float[Tensor, "batch *head token point 2"]:
    """Places in [0, 1] of the crop, so many cells to the right of and below each token's own."""
    # Places need more digits than autocast leaves: bfloat16 knows 1 to a 256th.
    offsets = offsets.to(torch.promote_types(offsets.dtype, torch.float32))
    cell = x_and_y(1 / grid[1], 1 / grid[0], offsets)
    return centres(grid, offsets)[:, None] + offsets * cell


def _four_sides(heads: int, points: int) -> Float[Tensor, " offset"]:
    """Offsets to begin with: the points of a head a quarter of a cell around."""
    angles = torch.arange(heads * points) * (2 * torch.pi / points)
    return torch.stack([angles.cos(), angles.sin()], -1).flatten() / 4


class DeformableCrossAttention(nn.Module):
    """DCA (Eq. 3, 4): motion attends to a few places of itself that the enhanced feature leads to.

    ``q = W_q x``, ``z = W_z F``, ``dp = theta(psi(q + z))`` with ``+`` for concatenation, and the
    keys and values are motion features sampled at ``p_z + dp``. ``W_k`` and ``W_v`` have no bias,
    so that sampling their maps is the same as mapping the samples.

    Args:
        width: Channels of a token.
        heads: Number of heads; divides ``width``.
        points: Sampling points N of a query, for every head.
        grid: Rows and columns of tokens.
    """

    def __init__(self, width: int, heads: int, points: int, grid: tuple[int, int]) -> None:
        super().__init__()
        self.heads, self.grid = heads, grid
        self.query = nn.Linear(width, width)
        self.constraint = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.offsets = SamplingOffsets(2 * width, heads, points, grid)
        self.places = Probe()

    def forward(self, motion: FrameTokens, enhanced: FrameTokens) -> FrameTokens:
        """The motion at the places that matter for the joints."""
        query, constraint = self.query(motion), self.constraint(enhanced)
        places = self.places(self.offsets(torch.cat([query, constraint], -1)))
        key = sample_heads(self.key(motion), places, self.grid)
        value = sample_heads(self.value(motion), places, self.grid)
        # One query of a token and head against its own points: [batch, head, token, 1, channel].
        query = query.unflatten(-1, (self.heads, -1)).transpose(1, 2)[..., None, :]
        weights = (query @ key.transpose(-1, -2) / key.shape[-1] ** 0.5).softmax(-1)
        return (weights @ value)[..., 0, :].transpose(1, 2).flatten(2)


class CrossAttention(nn.Module):
    """The other branch of an ADC block: motion attends to the enhanced feature, all of it.

    Like the DCA it leaves the mixing of heads to the block's MLP, which follows at once.

    Args:
        width: Channels of a token.
        heads: Number of heads; divides ``width``.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)

    def forward(self, motion: FrameTokens, enhanced: FrameTokens) -> FrameTokens:
        """What the enhanced feature holds for each place's motion."""
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.query(motion), *self.key_value(enhanced).chunk(2, dim=-1))
        )
        return F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)


class DeformableAttention(nn.Module):
    """Plain deformable attention (Zhu et al., 2021), Table 6 (b): the motion leads itself.

    A linear layer of the motion at a cell names its offsets, which begin as the DCA's do.

    Args:
        width: Channels of a token.
        heads: Number of heads; divides ``width``.
        points: Sampling points of a query, for every head.
        grid: Rows and columns of tokens.
    """

    def __init__(self, width: int, heads: int, points: int, grid: tuple[int, int]) -> None:
        super().__init__()
        self.heads, self.points, self.grid = heads, points, grid
        self.offsets = nn.Linear(width, heads * points * 2)
        nn.init.normal_(self.offsets.weight, std=0.01)
        self.offsets.bias = nn.Parameter(_four_sides(heads, points))
        self.weights = nn.Linear(width, heads * points)
        self.value = nn.Linear(width, width)
        self.places = Probe()

    def forward(self, motion: FrameTokens, enhanced: FrameTokens) -> FrameTokens:
        """``enhanced`` is not looked at."""
        offsets = self.offsets(motion).unflatten(-1, (self.heads, self.points, 2))
        places = self.places(around_cells(offsets.transpose(1, 2), self.grid))
        value = sample_heads(self.value(motion), places, self.grid)
        weights = self.weights(motion).unflatten(-1, (self.heads, -1)).softmax(-1).transpose(1, 2)
        return (weights[..., None] * value).sum(-2).transpose(1, 2).flatten(2)


class DeformableConvolution(nn.Module):
    """Deformable 3x3 convolution (Dai et al., 2017), Table 6 (a), by bilinear sampling.

    Args:
        width: Channels of a token.
        grid: Rows and columns of tokens.
    """

    kernel: Tensor

    def __init__(self, width: int, grid: tuple[int, int]) -> None:
        super().__init__()
        self.grid = grid
        self.offsets = nn.Conv2d(width, 18, 3, padding=1)
        nn.init.zeros_(self.offsets.weight)
        nn.init.zeros_(self.offsets.bias)  # type: ignore[arg-type]
        self.weight = nn.Linear(9 * width, width)
        steps = torch.tensor([[x, y] for y in (-1.0, 0.0, 1.0) for x in (-1.0, 0.0, 1.0)])
        self.register_buffer("kernel", steps, persistent=False)
        self.places = Probe()

    def forward(self, motion: FrameTokens, enhanced: FrameTokens) -> FrameTokens:
        """``enhanced`` is not looked at."""
        maps = as_map(motion, self.grid)
        offsets = self.offsets(maps).flatten(2).transpose(1, 2).unflatten(-1, (9, 2))
        places = self.places(around_cells(self.kernel + offsets, self.grid))
        convolved: Tensor = self.weight(sample(maps, places).flatten(2))
        return convolved


def sample_heads(
    tokens: FrameTokens, places: Places, grid: tuple[int, int]
) -> Float[Tensor, "batch head token point channel"]:
    """Each head's own channels of a grid of tokens at its own places."""
    heads = places.shape[1]
    maps = as_map(tokens, grid).unflatten(1, (heads, -1)).flatten(0, 1)
    return sample(maps, places.flatten(0, 1)).unflatten(0, (-1, heads))


class MotionBlock(nn.Module):
    """The Adaptive Deformable Cross block (ADC), and what Table 6 puts in its place.

    The branches' results are concatenated and transformed by an MLP; a shortcut carries the motion
    past the block.

    Args:
        kind: ``cross`` is the ADC: deformable cross attention beside cross attention to the
            enhanced feature. ``attention`` and ``convolution`` are Table 6 (b) and (a).
        width: Channels of a token.
        heads: Attention heads.
        points: Sampling points of a query, for every head.
        grid: Rows and columns of tokens.

    Raises:
        ValueError: The heads do not divide the width.
    """

    def __init__(
        self, kind: MotionBlockKind, width: int, heads: int, points: int, grid: tuple[int, int]
    ) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"{heads} heads do not divide a width of {width}")
        self.norm_motion = nn.LayerNorm(width, eps=1e-6)
        # Only the ADC looks at the enhanced feature.
        self.norm_enhanced = nn.LayerNorm(width, eps=1e-6) if kind == "cross" else nn.Identity()
        branches: list[nn.Module]
        match kind:
            case "cross":
                deformable = DeformableCrossAttention(width, heads, points, grid)
                branches = [deformable, CrossAttention(width, heads)]
            case "attention":
                branches = [DeformableAttention(width, heads, points, grid)]
            case "convolution":
                branches = [DeformableConvolution(width, grid)]
        self.branches = nn.ModuleList(branches)
        self.mlp = Mlp(len(branches) * width, 4 * width, width)

    def forward(self, motion: FrameTokens, enhanced: FrameTokens) -> FrameTokens:
        """Motion that knows more about the joints."""
        x, constraint = self.norm_motion(motion), self.norm_enhanced(enhanced)
        return motion + self.mlp(torch.cat([branch(x, constraint) for branch in self.branches], -1))


class BidirectionalMotion(nn.Module):
    """BMD: differences of features forward and backward in time, refined and fused.

    ``M_f`` are the later frames minus the key frame, ``M_b`` the earlier ones. Where a direction
    has several frames they are reduced to one by a linear layer; a direction without frames is left
    out. The blocks of Table 6 (a) and (b) do not look at the enhanced feature, so there it joins
    the motion at this reduction.

    Args:
        kind: Of the blocks.
        width: Channels of a token.
        heads: Attention heads.
        points: Sampling points of a query, for every head.
        depth: Blocks, shared by the directions.
        grid: Rows and columns of tokens.
        offsets: Frames of the clip relative to the key frame.
        separate: Process the directions apart (the paper); otherwise concatenated and jointly.

    Raises:
        ValueError: The clip has no frame but the key frame.
    """

    def __init__(
        self,
        kind: MotionBlockKind,
        width: int,
        heads: int,
        points: int,
        depth: int,
        grid: tuple[int, int],
        offsets: Sequence[int],
        *,
        separate: bool = True,
    ) -> None:
        super().__init__()
        later = [i for i, offset in enumerate(offsets) if offset > 0]
        earlier = [i for i, offset in enumerate(offsets) if offset < 0]
        self.key = list(offsets).index(0)
        self.directions = [part for part in (later, earlier) if part]
        if not self.directions:
            raise ValueError("motion needs frames beside the key frame")
        if not separate:
            self.directions = [later + earlier]
        self.joins = kind != "cross"
        inputs = [len(part) + self.joins for part in self.directions]
        self.reduce = nn.ModuleList(
            nn.Identity() if count == 1 else nn.Linear(count * width, width) for count in inputs
        )
        self.blocks = nn.ModuleList(
            MotionBlock(kind, width, heads, points, grid) for _ in range(depth)
        )
        self.fuse = (
            nn.Linear(len(self.directions) * width, width)
            if len(self.directions) > 1
            else nn.Identity()
        )
        self.differences, self.motion = Probe(), Probe()

    def forward(self, clip: ClipTokens, enhanced: FrameTokens) -> FrameTokens:
        """The motion ``M`` of the joints around the key frame."""
        difference = self.differences(clip - clip[:, self.key : self.key + 1])
        reduced = []
        for part, reduce in zip(self.directions, self.reduce, strict=True):
            # [batch, frame, token, width] -> the frames' channels side by side
            motion = torch.cat([difference[:, frame] for frame in part], -1)
            reduced.append(reduce(torch.cat([motion, enhanced], -1) if self.joins else motion))
        # The directions are folded into the batch: the blocks see each for itself.
        count = len(reduced)
        motion = torch.stack(reduced, 1).flatten(0, 1)
        constraint = enhanced[:, None].expand(-1, count, -1, -1).flatten(0, 1)
        for block in self.blocks:
            motion = block(motion, constraint)
        both = motion.unflatten(0, (-1, count)).transpose(1, 2).flatten(2)
        fused: Tensor = self.motion(self.fuse(both))
        return fused
