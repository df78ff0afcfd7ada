"""SDTC's masked reconstruction (Sec. 3.1, Eq. 15): context and poses from what was left to see."""

from typing import Literal

import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from vidpose.layers.attention import Block, Mlp
from vidpose.layers.tokens import as_map
from vidpose.models.sdtc.motion import ClipTokens, EncoderConfig, Masks

ContextPlaces = Literal["intersection", "union"]
ClipHeatmaps = Float[Tensor, "batch frame joint h w"]


class MotionDecoder(nn.Module):
    """Self-attention over the clip, then an MLP each for the context and the heatmaps.

    Args:
        config: Width, heads and ratio of the layers.
        depth: Number of layers.
        context: Channels of the context.
        joints: Number of heatmaps.
        grid: Rows and columns of tokens.
        scale: Cells of a heatmap along each side of a token.
    """

    def __init__(
        self,
        config: EncoderConfig,
        depth: int,
        context: int,
        joints: int,
        grid: tuple[int, int],
        scale: int,
    ) -> None:
        super().__init__()
        width = config.width
        self.grid, self.scale = grid, scale
        self.blocks = nn.ModuleList(
            Block(width, config.heads, config.mlp_ratio) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.context = Mlp(width, width, context)
        self.pose = Mlp(width, width, joints * scale**2)

    def forward(
        self, clip: ClipTokens
    ) -> tuple[Float[Tensor, "batch frame token context"], ClipHeatmaps]:
        """The recovered context ``^F`` and the pose sequence ``^H`` of all frames."""
        frames = clip.shape[:2]
        tokens = clip.flatten(1, 2)
        for block in self.blocks:
            tokens = block(tokens)
        tokens = self.norm(tokens).unflatten(1, clip.shape[1:3])
        cells = as_map(self.pose(tokens).flatten(0, 1), self.grid)
        return self.context(tokens), F.pixel_shuffle(cells, self.scale).unflatten(0, frames)


def context_target(
    level: Float[Tensor, "batch token context"] | Float[Tensor, "batch channel h w"],
    grid: tuple[int, int],
) -> Float[Tensor, "batch token context"]:
    """What the context is recovered to be: the backbone's own features, which learn nothing here.

    Tokens are it already; maps are cut into patches, all cells of a patch side by side.

    Args:
        level: Of single frames.
        grid: Rows and columns of tokens.
    """
    if level.ndim == 3:
        return level.detach()
    patches = F.pixel_unshuffle(level.detach(), level.shape[-1] // grid[1])
    return patches.flatten(2).transpose(1, 2)


def hidden_places(masks: Masks, reading: ContextPlaces) -> Bool[Tensor, "batch #frame token"]:
    """Where the context has to be recovered.

    Args:
        masks: Where no frames are hidden, these are the tubes.
        reading: The product ``^M_c ^M_f`` of Eq. 15 is the intersection; the sentence below it,
            "masked locations/frames", may mean the union.
    """
    if masks.frames is None:
        return masks.tubes
    return masks.tubes & masks.frames if reading == "intersection" else masks.tubes | masks.frames


def context_loss(
    predicted: Float[Tensor, "batch frame token context"],
    target: Float[Tensor, "batch frame token context"],
    hidden: Bool[Tensor, "batch #frame token"],
) -> Float[Tensor, ""]:
    """Mean absolute error over a clip's hidden places and their channels, then over clips.

    A clip in which nothing is hidden counts as 0.
    """
    return _mean((predicted - target).abs().mean(-1), hidden.to(predicted))


def pose_loss(
    predicted: ClipHeatmaps,
    target: ClipHeatmaps,
    weight: Float[Tensor, "batch frame joint"],
    frames: Float[Tensor, "batch frame"],
) -> Float[Tensor, ""]:
    """Mean over a clip's weighted frames, joints and cells, then over clips.

    Of ``(weight predicted - weight target)^2``. As in `heatmap_loss`, joints that are not labelled
    stay in the divisor; frames of weight 0 do not. A mean of clips is the same whether they come
    in one batch or in parts.
    """
    error = (weight[..., None, None] * (predicted - target)).square()
    return _mean(error.mean((-3, -2, -1)), frames)


def _mean(values: Float[Tensor, "batch *n"], weight: Float[Tensor, "batch *#n"]) -> Tensor:
    weight = weight.expand_as(values)
    of_clips = (weight * values).flatten(1).sum(1) / weight.flatten(1).sum(1).clamp(min=1)
    return of_clips.sum() / max(len(of_clips), 1)
