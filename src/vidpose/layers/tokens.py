"""Any backbone's features as a grid of tokens, 16 pixels of the crop a token."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from vidpose.backbones.base import FeatureInfo, Features

TOKEN_STRIDE = 16


class TokenGrid(nn.Module):
    """Backbone features of single frames to tokens of ``width`` channels.

    A plain ViT's tokens pass unchanged, or through one linear layer if ``width`` differs. Of other
    backbones the last level of at most 16 pixels a cell is cut into patches of 16 pixels.

    Args:
        info: Levels of the backbone.
        size: Height and width of the crop in pixels, multiples of 16.
        width: Channels of a token; None keeps the backbone's, where nothing has to be cut.

    Attributes:
        grid: Rows and columns of tokens.
        width: Channels of a token.

    Raises:
        ValueError: The crop is no multiple of 16, or the backbone is too coarse or gives joints.
    """

    def __init__(
        self, info: Sequence[FeatureInfo], size: tuple[int, int], width: int | None
    ) -> None:
        super().__init__()
        if size[0] % TOKEN_STRIDE or size[1] % TOKEN_STRIDE:
            raise ValueError(f"crops of {size[0]}x{size[1]} are no multiple of {TOKEN_STRIDE}")
        fine = [
            i
            for i, level in enumerate(info)
            if level.stride <= TOKEN_STRIDE and level.kind != "joints"
        ]
        if not fine:
            raise ValueError(f"the backbone has no grid of at most {TOKEN_STRIDE} pixels a cell")
        self.level = fine[-1]
        level = info[self.level]
        patch = TOKEN_STRIDE // level.stride
        self.grid = (size[0] // TOKEN_STRIDE, size[1] // TOKEN_STRIDE)
        self.width = width or level.channels
        same = patch == 1 and self.width == level.channels
        self.project = (
            nn.Identity() if same else nn.Conv2d(level.channels, self.width, patch, stride=patch)
        )

    def forward(self, features: Features) -> Float[Tensor, "batch token width"]:
        """The tokens in row-major order."""
        level = features.levels[self.level]
        if level.ndim == 3:
            level = level.transpose(1, 2).unflatten(2, self.grid)
        tokens: Tensor = self.project(level).flatten(2).transpose(1, 2)
        return tokens


def as_map(
    tokens: Float[Tensor, "batch token width"], grid: tuple[int, int]
) -> Float[Tensor, "batch width h w"]:
    """Tokens in row-major order as a map."""
    return tokens.transpose(1, 2).unflatten(2, grid)
