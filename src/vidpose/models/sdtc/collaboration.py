"""SDTC's Spatial-Motion Mutual Learning (Sec. 3.2): two features of the key frame become one.

Shapes: maps ``[batch, channel, h, w]``.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from vidpose.layers.tokens import as_map
from vidpose.models.base import Probe

Maps = Float[Tensor, "batch channel h w"]
Fusion = Literal["add", "convolution", "refinement", "propagation", "adaptive"]


class FrameAggregation(nn.Module):
    """The features of all frames side by side in channels, and a 1x1 convolution to one frame's.

    Args:
        width: Channels of a token.
        frames: Of a clip.
        grid: Rows and columns of tokens.
    """

    def __init__(self, width: int, frames: int, grid: tuple[int, int]) -> None:
        super().__init__()
        self.grid = grid
        self.conv = nn.Conv2d(frames * width, width, 1)

    def forward(self, clip: Float[Tensor, "batch frame token width"]) -> Maps:
        """The aggregated feature, ``R`` or ``M`` with one bar."""
        aggregated: Tensor = self.conv(as_map(clip.transpose(1, 2).flatten(2), self.grid))
        return aggregated


class SelfRefinement(nn.Module):
    """Self-feature refinement by context (Eq. 6-8), after OCR (Yuan et al., 2020).

    Args:
        width: Channels of the maps.
        shortcut: Add the refined feature to the feature itself; Eq. 8 as printed does not.
    """

    def __init__(self, width: int, *, shortcut: bool = False) -> None:
        super().__init__()
        self.shortcut = shortcut
        self.conv = nn.Conv2d(width, width, 1)
        self.context_maps = Probe()

    def forward(self, maps: Maps) -> Maps:
        """The refined feature, with two bars."""
        pixels = maps.flatten(2)
        regions = self.context_maps(maps.softmax(1)).flatten(2)
        context = pixels @ regions.transpose(1, 2)
        relation = (pixels.transpose(1, 2) @ context).softmax(-1)
        refined = relation @ context.transpose(1, 2)
        refined = self.conv(as_map(refined, (maps.shape[2], maps.shape[3])))
        return maps + refined if self.shortcut else refined


class SMCA(nn.Module):
    """Spatial-Motion Cross-Attention (Eq. 9): what the guidance knows passes to the source.

    One head; ``d`` is the number of channels.

    Args:
        width: Channels of the maps.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Conv2d(width, width, 1)
        self.key = nn.Conv2d(width, width, 1)
        self.value = nn.Conv2d(width, width, 1)
        self.transform = conv_bn_relu(width, width)

    def forward(self, source: Maps, guidance: Maps) -> Maps:
        """The source, updated."""
        query, key, value = (
            maps.flatten(2).transpose(1, 2)[:, None]
            for maps in (self.query(source), self.key(guidance), self.value(guidance))
        )
        attended = F.scaled_dot_product_attention(query, key, value)[:, 0]
        updated: Tensor = self.transform(
            source + attended.transpose(1, 2).unflatten(2, source.shape[2:])
        )
        return updated


class AdaptiveFusion(nn.Module):
    """Both features weighted pixel by pixel (Eq. 11-13).

    Args:
        width: Channels of the maps.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.together = conv_bn_relu(2 * width, width)
        # The fully connected layers FC_S and FC_M of every pixel.
        self.weights = nn.Conv2d(width, 2, 1)
        self.spatial = nn.Conv2d(width, width, 1)
        self.motion = nn.Conv2d(width, width, 1)
        self.attention = Probe()

    def forward(self, spatial: Maps, motion: Maps) -> Maps:
        """The aggregated feature ``F``."""
        together = self.together(torch.cat([spatial, motion], 1))
        weights = self.attention(self.weights(together).sigmoid())
        fused: Tensor = weights[:, :1] * self.spatial(spatial)
        return fused + weights[:, 1:] * self.motion(motion)


class ConvolutionFusion(nn.Module):
    """Concatenation and a convolution (Table 4)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = conv_bn_relu(2 * width, width)

    def forward(self, spatial: Maps, motion: Maps) -> Maps:
        """One feature out of both."""
        fused: Tensor = self.conv(torch.cat([spatial, motion], 1))
        return fused


class Addition(nn.Module):
    """The plain sum (Tables 4 and 6)."""

    def forward(self, spatial: Maps, motion: Maps) -> Maps:
        """One feature out of both."""
        return spatial + motion


class SMML(nn.Module):
    """Refinement, propagation (Eq. 10) and fusion, or the part of it that an ablation keeps.

    Args:
        width: Channels of the maps.
        fusion: ``adaptive`` is all of it. ``refinement`` and ``propagation`` stop there and add
            (Table 6); ``add`` and ``convolution`` do nothing else (Table 4).
        refine_shortcut: See `SelfRefinement`.
    """

    def __init__(self, width: int, fusion: Fusion, *, refine_shortcut: bool = False) -> None:
        super().__init__()
        self.refine_spatial = self.refine_motion = None
        if fusion in ("refinement", "propagation", "adaptive"):
            self.refine_spatial = SelfRefinement(width, shortcut=refine_shortcut)
            self.refine_motion = SelfRefinement(width, shortcut=refine_shortcut)
        self.to_spatial = self.to_motion = None
        if fusion in ("propagation", "adaptive"):
            self.to_spatial, self.to_motion = SMCA(width), SMCA(width)
        match fusion:
            case "adaptive":
                self.fuse: nn.Module = AdaptiveFusion(width)
            case "convolution":
                self.fuse = ConvolutionFusion(width)
            case _:
                self.fuse = Addition()
        self.aggregated_spatial, self.aggregated_motion = Probe(), Probe()
        self.fused = Probe()

    def forward(self, spatial: Maps, motion: Maps) -> Maps:
        """The fused feature of the key frame."""
        spatial, motion = self.aggregated_spatial(spatial), self.aggregated_motion(motion)
        if self.refine_spatial is not None and self.refine_motion is not None:
            spatial, motion = self.refine_spatial(spatial), self.refine_motion(motion)
        if self.to_spatial is not None and self.to_motion is not None:
            spatial, motion = self.to_spatial(spatial, motion), self.to_motion(motion, spatial)
        fused: Tensor = self.fused(self.fuse(spatial, motion))
        return fused


def conv_bn_relu(inputs: int, outputs: int) -> nn.Sequential:
    """``Conv -> BN -> ReLU`` with a 3x3 convolution."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
