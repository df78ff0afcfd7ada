"""Transformer layers (Vaswani et al., 2017)."""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

Tokens = Float[Tensor, "batch token width"]


class SelfAttention(nn.Module):
    """Multi-head self-attention.

    Args:
        width: Channels of a token.
        heads: Number of heads; divides ``width``.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"{heads} heads do not divide a width of {width}")
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tokens, seen: Bool[Tensor, "batch token"] | None = None) -> Tokens:
        """Every token becomes a mix of those that are ``seen``; of all if it is None."""
        # Four axes (batch, head, token, channel) all along: exporters have no rule for three.
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in self.qkv(tokens).chunk(3, dim=-1)
        )
        mask = None if seen is None else seen[:, None, None, :]
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        attended: Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return attended


class Mlp(nn.Module):
    """The token-wise feed-forward network: two linear layers with an exact GELU between."""

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(inputs, hidden)
        self.fc2 = nn.Linear(hidden, outputs)

    def forward(self, tokens: Tokens) -> Float[Tensor, "batch token outputs"]:
        """Each token for itself."""
        changed: Tensor = self.fc2(F.gelu(self.fc1(tokens)))
        return changed


class DropPath(nn.Module):
    """Stochastic depth (Huang et al., 2016): in training a branch is left out for some samples.

    Args:
        rate: Part of the samples for which the branch is left out, in [0, 1).
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        """The branch, scaled so that its mean stays; unchanged outside training."""
        if not self.training or self.rate == 0:
            return branch
        kept = torch.rand(len(branch), *[1] * (branch.ndim - 1), device=branch.device) >= self.rate
        return branch * kept / (1 - self.rate)


class Block(nn.Module):
    """One Transformer layer: self-attention, then the feed-forward network, each with a shortcut.

    Args:
        width: Channels of a token.
        heads: Number of attention heads.
        mlp_ratio: Hidden channels of the feed-forward network over ``width``.
        norm: ``pre`` normalises what enters a branch (as ViT does), ``post`` what leaves the sum
            (as the original Transformer does).
        drop_path: Rate of `DropPath` on both branches.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        mlp_ratio: float,
        *,
        norm: Literal["pre", "post"] = "pre",
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.pre = norm == "pre"
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = SelfAttention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width, int(width * mlp_ratio), width)
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Tokens, seen: Bool[Tensor, "batch token"] | None = None) -> Tokens:
        """Updated tokens; only those that are ``seen`` are attended to."""
        if self.pre:
            tokens = tokens + self.drop_path(self.attn(self.norm1(tokens), seen))
            return tokens + self.drop_path(self.mlp(self.norm2(tokens)))
        tokens = self.norm1(tokens + self.drop_path(self.attn(tokens, seen)))
        return self.norm2(tokens + self.drop_path(self.mlp(tokens)))
