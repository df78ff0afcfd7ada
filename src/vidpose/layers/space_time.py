"""Transformer layers over the tokens of a clip (Bertasius et al., 2021)."""

from jaxtyping import Float
from torch import Tensor, nn

from vidpose.layers.attention import Block, Mlp, SelfAttention

ClipTokens = Float[Tensor, "batch frame token width"]


class JointSpaceTime(nn.Module):
    """A Transformer layer in which every token attends to all tokens of all frames.

    Args:
        width: Channels of a token.
        heads: Attention heads.
        mlp_ratio: Hidden channels of the feed-forward network over ``width``.
    """

    def __init__(self, width: int, heads: int, mlp_ratio: float) -> None:
        super().__init__()
        self.block = Block(width, heads, mlp_ratio)

    def forward(self, clip: ClipTokens) -> ClipTokens:
        """Updated tokens."""
        updated: Tensor = self.block(clip.flatten(1, 2))
        return updated.unflatten(1, clip.shape[1:3])


class DividedSpaceTime(nn.Module):
    """A layer in which a token attends to its place in all frames, then to all of its frame.

    Each attention and the feed-forward network behind them has a shortcut and normalises what
    enters it.

    Args:
        width: Channels of a token.
        heads: Attention heads.
        mlp_ratio: Hidden channels of the feed-forward network over ``width``.
    """

    def __init__(self, width: int, heads: int, mlp_ratio: float) -> None:
        super().__init__()
        self.norm_time = nn.LayerNorm(width, eps=1e-6)
        self.time = SelfAttention(width, heads)
        self.norm_space = nn.LayerNorm(width, eps=1e-6)
        self.space = SelfAttention(width, heads)
        self.norm_mlp = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width, int(width * mlp_ratio), width)

    def forward(self, clip: ClipTokens) -> ClipTokens:
        """Updated tokens."""
        frames, tokens = clip.shape[1:3]
        places = clip.transpose(1, 2).flatten(0, 1)
        places = places + self.time(self.norm_time(places))
        images = places.unflatten(0, (-1, tokens)).transpose(1, 2).flatten(0, 1)
        images = images + self.space(self.norm_space(images))
        images = images + self.mlp(self.norm_mlp(images))
        return images.unflatten(0, (-1, frames))
