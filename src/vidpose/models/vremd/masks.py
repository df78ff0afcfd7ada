"""VREMD's Human-Keypoint Mask Enhanced module: from all of the frame to what matters of it."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vidpose.layers.attention import Block
from vidpose.models.base import Probe

FrameTokens = Float[Tensor, "batch token width"]
ClipTokens = Float[Tensor, "batch frame token width"]
Scale = Literal["none", "root"]


class HumanMask(nn.Module):
    """Eq. 1: the visual features of a frame, weighted by how human they look.

    A learnable human token passes the Transformer blocks together with the features; their products
    are the mask. It is shared by the frames, so that each frame can be encoded for itself.

    Args:
        width: Channels of a token.
        heads: Attention heads.
        depth: Transformer blocks.
        scale: ``none`` takes the products as printed, ``root`` divides them by the square root of
            the width.
    """

    def __init__(self, width: int, heads: int, depth: int, scale: Scale = "none") -> None:
        super().__init__()
        self.human = nn.Parameter(torch.zeros(1, 1, width))
        nn.init.trunc_normal_(self.human, std=0.02)
        self.blocks = nn.ModuleList(Block(width, heads, 4.0) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.scale = width**-0.5 if scale == "root" else 1.0
        self.mask = Probe()

    def forward(self, tokens: FrameTokens) -> FrameTokens:
        """The coarsely selected features ``F_c`` of single frames."""
        joined = torch.cat([self.human.expand_as(tokens[:, :1]), tokens], 1)
        for block in self.blocks:
            joined = block(joined)
        joined = self.norm(joined)
        human, visual = joined[:, :1], joined[:, 1:]
        mask = self.mask(visual @ human.transpose(1, 2) * self.scale)
        return visual * mask


class KeypointMask(nn.Module):
    """Eq. 2: the visual features of a clip, weighted by how much the keypoints look at them.

    Keypoint tokens of every frame pass the Transformer blocks together with the features of all
    frames. Each row of their products is a softmax over the features of the clip; the sum over the
    rows is the mask.

    Args:
        width: Channels of a token.
        heads: Attention heads.
        depth: Transformer blocks.
        frames: Of a clip.
        joints: Number of keypoints.
        scale: As of `HumanMask`.
        unit_mean: Multiply the mask so that its mean is 1; as printed it is ``joints / tokens``.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        depth: int,
        frames: int,
        joints: int,
        *,
        scale: Scale = "none",
        unit_mean: bool = False,
    ) -> None:
        super().__init__()
        self.keypoints = nn.Parameter(torch.zeros(frames, joints, width))
        nn.init.trunc_normal_(self.keypoints, std=0.02)
        self.blocks = nn.ModuleList(Block(width, heads, 4.0) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.scale = width**-0.5 if scale == "root" else 1.0
        self.unit_mean = unit_mean
        self.mask = Probe()

    def forward(
        self, clip: ClipTokens
    ) -> tuple[ClipTokens, Float[Tensor, "batch frame joint width"]]:
        """The refined features ``F_f`` and the keypoint tokens of all frames."""
        batch, frames, tokens, _ = clip.shape
        joints = self.keypoints.shape[1]
        keypoints = self.keypoints.expand(batch, -1, -1, -1)
        joined = torch.cat([keypoints, clip], 2).flatten(1, 2)
        for block in self.blocks:
            joined = block(joined)
        joined = self.norm(joined).unflatten(1, (frames, joints + tokens))
        keypoints, visual = joined[:, :, :joints], joined[:, :, joints:]
        flat = visual.flatten(1, 2)
        confidence = keypoints.flatten(1, 2) @ flat.transpose(1, 2) * self.scale
        mask = confidence.softmax(-1).sum(1)
        if self.unit_mean:
            mask = mask * (tokens / joints)
        mask = self.mask(mask.unflatten(1, (frames, tokens)))
        return visual * mask[..., None], keypoints


class SpaceTimeAggregation(nn.Module):
    """The features of a clip to one frame's: attention over space, over time, token reduction.

    Args:
        width: Channels of a token.
        heads: Attention heads.
        spatial, temporal: Transformer blocks of each kind.
        frames: Of a clip.
        tokens: Of a frame.
        reduction: ``tokens`` is an MLP along the token axis, from all tokens of the clip to those
            of one frame, as the text has it; ``place`` is a linear layer for each place, over the
            channels of its frames.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        spatial: int,
        temporal: int,
        frames: int,
        tokens: int,
        *,
        reduction: Literal["tokens", "place"] = "tokens",
    ) -> None:
        super().__init__()
        self.spatial = nn.ModuleList(Block(width, heads, 4.0) for _ in range(spatial))
        self.temporal = nn.ModuleList(Block(width, heads, 4.0) for _ in range(temporal))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.along_tokens = reduction == "tokens"
        self.reduce: nn.Module = nn.Linear(frames * width, width)
        if self.along_tokens:
            everything = frames * tokens
            self.reduce = nn.Sequential(
                nn.Linear(everything, everything), nn.GELU(), nn.Linear(everything, tokens)
            )

    def forward(self, clip: ClipTokens) -> FrameTokens:
        """The enhanced feature ``F``."""
        _, frames, tokens, _ = clip.shape
        images = clip.flatten(0, 1)
        for block in self.spatial:
            images = block(images)
        places = images.unflatten(0, (-1, frames)).transpose(1, 2).flatten(0, 1)
        for block in self.temporal:
            places = block(places)
        places = self.norm(places).unflatten(0, (-1, tokens))
        if self.along_tokens:
            in_frames = places.transpose(1, 2).flatten(1, 2)
            reduced: Tensor = self.reduce(in_frames.transpose(1, 2)).transpose(1, 2)
            return reduced
        reduced = self.reduce(places.flatten(2))
        return reduced
