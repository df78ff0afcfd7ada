"""DSTA's Joint-centric Feature Decoder (Eq. 2): backbone features of one frame to joint tokens.

The decoder of the paper (`PooledJFD` on ResNet, `MapJFD` on feature maps of high resolution), and
the alternatives that its Table 5 compares it with.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vidpose.backbones.base import FeatureInfo, Features
from vidpose.heads.regression import NormalisedLinear
from vidpose.layers.deformable import MultiScaleDeformableAttention, centres
from vidpose.layers.positions import sine_cosine

JointTokens = Float[Tensor, "batch joint width"]


class JFD(nn.Module, ABC):
    """A way to make one token a joint out of the features of a frame."""

    @abstractmethod
    def forward(self, features: Features) -> JointTokens:
        """The joint tokens ``F^j(t')`` of single frames."""


class PooledJFD(JFD):
    """Global average pooling, then one linear layer to ``n x width`` (Sec. 3.2).

    Args:
        channels: Of each level that is pooled; the last ones of the features.
        joints: Number of tokens.
        width: Channels of a token.
        normalised: Divide the pooled feature by its length, as the released code does.
    """

    def __init__(
        self, channels: Sequence[int], joints: int, width: int, *, normalised: bool = False
    ) -> None:
        super().__init__()
        self.levels, self.joints = len(channels), joints
        layer = NormalisedLinear if normalised else nn.Linear
        self.linear = layer(sum(channels), joints * width)

    def forward(self, features: Features) -> JointTokens:
        """One pooled vector, evenly divided among the joints."""
        vector = pooled(features, self.levels)
        tokens: Tensor = self.linear(vector).unflatten(-1, (self.joints, -1))
        return tokens


class GlobalFeature(JFD):
    """The pooled feature as it is, one token a frame: what RLE regresses from.

    Args:
        levels: How many levels are pooled, the last ones.
    """

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.levels = levels

    def forward(self, features: Features) -> JointTokens:
        """``[batch, 1, channels]``, the levels' side by side."""
        return pooled(features, self.levels)[:, None]


def pooled(features: Features, levels: int) -> Float[Tensor, "batch channels"]:
    """The averages of the last levels over their maps, side by side."""
    return torch.cat([cells(level).mean(1) for level in features.levels[-levels:]], -1)


class MapJFD(JFD):
    """A map a joint by a 1x1 convolution, then one linear layer, shared by joints, to its token.

    Args:
        channels: Of the last level.
        grid: Its height and width for the crops of the model.
        joints: Number of tokens.
        width: Channels of a token.
    """

    def __init__(self, channels: int, grid: tuple[int, int], joints: int, width: int) -> None:
        super().__init__()
        self.maps = nn.Linear(channels, joints)
        self.linear = nn.Linear(grid[0] * grid[1], width)

    def forward(self, features: Features) -> JointTokens:
        """Tokens that know where their joint's map was high."""
        maps: Tensor = self.maps(cells(features.last))
        tokens: Tensor = self.linear(maps.transpose(1, 2))
        return tokens


class CoordinateJFD(JFD):
    """Table 5 [23](a): the place where a joint was regressed, plus an embedding of its class.

    Args:
        channels: Of the last level.
        joints: Number of tokens.
        width: Channels of a token, a multiple of 4.

    Raises:
        ValueError: The width is no such multiple.
    """

    def __init__(self, channels: int, joints: int, width: int) -> None:
        super().__init__()
        if width % 4:
            raise ValueError(f"joint tokens of places need a multiple of 4 channels, not {width}")
        self.regress = nn.Linear(channels, 2 * joints)
        self.classes = nn.Parameter(torch.zeros(joints, width))
        nn.init.trunc_normal_(self.classes, std=0.02)

    def coordinates(self, features: Features) -> Float[Tensor, "batch joint 2"]:
        """Joints of single frames in [0, 1] of the crop; they learn from a loss of their own."""
        regressed: Tensor = self.regress(cells(features.last).mean(1)).unflatten(-1, (-1, 2)) + 0.5
        return regressed

    def forward(self, features: Features) -> JointTokens:
        """Nothing flows back through the coordinates."""
        places = self.coordinates(features).detach()
        return sine_cosine(places, self.classes.shape[-1]) + self.classes


class SampledJFD(CoordinateJFD):
    """Table 5 [23](b): the same, plus what deformable attention finds around the place.

    Args:
        info: Levels of the features, all of them maps.
        joints: Number of tokens.
        width: Channels of a token.
        heads: Of the deformable attention.
        points: Places on each level, for every head.
    """

    def __init__(
        self, info: Sequence[FeatureInfo], joints: int, width: int, heads: int = 8, points: int = 4
    ) -> None:
        super().__init__(info[-1].channels, joints, width)
        channels = [level.channels for level in info]
        self.attention = MultiScaleDeformableAttention(width, channels, heads, points)

    def forward(self, features: Features) -> JointTokens:
        """Tokens with the context of the feature maps."""
        places = self.coordinates(features).detach()
        queries = sine_cosine(places, self.classes.shape[-1]) + self.classes
        return queries + self.attention(queries, places, features.levels)


class HeatmapJFD(JFD):
    """Tokens of what the backbone already knows: where its own joints are, and how sure it is.

    Not in the paper. For a backbone whose last level ends with the heatmaps of joints
    (`MoveNetHeatmaps`, `MoveNetPerson`), each of these gives its place, its peak and the features
    there; one linear layer makes all joint tokens of them.

    Args:
        channels: Of the last level.
        known: How many of them, the last ones, are heatmaps in [0, 1].
        joints: Number of tokens.
        width: Channels of a token.
    """

    def __init__(self, channels: int, known: int, joints: int, width: int) -> None:
        super().__init__()
        self.known, self.joints = known, joints
        self.linear = nn.Linear(known * (channels - known + 3), joints * width)

    def forward(self, features: Features) -> JointTokens:
        """Places are relative to the middle of the crop, in its sides."""
        level = features.last
        around, heatmaps = level[:, : -self.known].flatten(2), level[:, -self.known :]
        # A high power keeps to the peak, unlike an argmax with a fraction of a cell.
        peaks = heatmaps.float().flatten(2) ** 8 + 1e-12
        weights = peaks / peaks.sum(-1, keepdim=True)
        grid = (level.shape[2], level.shape[3])
        places = weights @ centres(grid, weights) - 0.5
        score = heatmaps.flatten(2).amax(-1, keepdim=True)
        context = weights.to(around) @ around.transpose(1, 2)
        known = torch.cat([places.to(around), score, context], -1)
        tokens: Tensor = self.linear(known.flatten(1)).unflatten(-1, (self.joints, -1))
        return tokens


def cells(level: Tensor) -> Float[Tensor, "batch cell channel"]:
    """A level's vectors in row-major order, whether it is a map or tokens already."""
    return level.flatten(2).transpose(1, 2) if level.ndim == 4 else level
