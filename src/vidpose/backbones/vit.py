"""Plain vision transformers as ViTPose has them (Xu et al., 2022).

What differs from the ViT of Dosovitskiy et al. (2021): patches are padded by 2 pixels, no class
token runs along, and the position embedding's entry for it is added to every token instead.
Parameters have the names of the official ViTPose release.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from vidpose.backbones.base import Backbone, FeatureInfo, Features
from vidpose.backbones.normalise import ImageNetNormalise
from vidpose.layers.attention import Block

_PATCH = 16
_PADDING = 2
_EPS = 1e-6


class PatchEmbed(nn.Module):
    """A linear map of each patch of pixels, as a strided convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, _PATCH, _PATCH, _PADDING)

    def forward(self, x: Float[Tensor, "batch 3 h w"]) -> Float[Tensor, "batch channel rows cols"]:
        """Pixels to a grid of tokens."""
        out: Tensor = self.proj(x)
        return out


class ViT(Backbone):
    """Patches to tokens, transformer blocks, a last norm.

    Its one level is tokens ``[batch, tokens, width]``, row by row of the grid.

    Args:
        width: Channels of a token.
        depth: Number of blocks.
        heads: Of every attention; they divide ``width``.
        drop_path: Rate of stochastic depth at the last block; it grows linearly from 0.
        grid: Rows and columns of tokens that the position embedding is learnt for; it is
            interpolated to frames of another size. A frame has a row for each 16 pixels.

    Attributes:
        layers: Layers for layer-wise learning rates: the embedding and the blocks.
    """

    multiple = _PATCH

    def __init__(
        self,
        width: int,
        depth: int,
        heads: int,
        drop_path: float = 0.0,
        grid: tuple[int, int] = (16, 12),
    ) -> None:
        super().__init__()
        self.info = (FeatureInfo(width, _PATCH, "tokens"),)
        self.layers = 1 + depth
        self.grid = grid
        self.normalise = ImageNetNormalise()
        self.patch_embed = PatchEmbed(width)
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + grid[0] * grid[1], width))
        self.blocks = nn.Sequential(
            *(
                Block(width, heads, 4, drop_path=drop_path * index / max(depth - 1, 1))
                for index in range(depth)
            )
        )
        self.last_norm = nn.LayerNorm(width, eps=_EPS)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def forward(
        self, frames: UInt8[Tensor, "batch 3 h w"] | Float[Tensor, "batch 3 h w"]
    ) -> Features:
        """The tokens of the frames, RGB in [0, 255]."""
        x = self.patch_embed(self.normalise(frames))
        positions = resize_positions(self.pos_embed, self.grid, (x.shape[2], x.shape[3]))
        x = x.flatten(2).transpose(1, 2) + (positions[:, 1:] + positions[:, :1])
        return Features((self.last_norm(self.blocks(x)),))

    def layer_of(self, name: str) -> int:
        """Layer of the parameter called ``name``: 0 the embedding, then the blocks.

        The last norm is ``layers``: as in ViTPose it learns like what follows the backbone.
        """
        part, *rest = name.split(".")
        if part == "blocks":
            return 1 + int(rest[0])
        return self.layers if part == "last_norm" else 0


def resize_positions(
    positions: Float[Tensor, "1 1+n channel"], old: tuple[int, int], new: tuple[int, int]
) -> Float[Tensor, "1 1+m channel"]:
    """Interpolate a position embedding, bicubically, to another grid of tokens.

    Args:
        positions: An entry for the class token, which stays, and the grid row by row.
        old: Rows and columns of the grid.
        new: Rows and columns wanted.
    """
    if old == new:
        return positions
    grid = positions[:, 1:].transpose(1, 2).unflatten(2, old)
    grid = F.interpolate(grid, size=new, mode="bicubic", align_corners=False)
    return torch.cat([positions[:, :1], grid.flatten(2).transpose(1, 2)], dim=1)
