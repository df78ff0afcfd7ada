"""VREMD as a pose model, and its configuration."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor, nn

from vidpose.backbones.base import Features
from vidpose.backbones.registry import BackboneName, build
from vidpose.geometry import CropGeometry
from vidpose.heads.deconvolution import DeconvolutionHead
from vidpose.heads.heatmap import Decoder, HeatmapCodec
from vidpose.heads.known import KnownHeatmaps
from vidpose.heads.losses import heatmap_loss
from vidpose.heads.prior import Prior
from vidpose.layers.tokens import TOKEN_STRIDE, TokenGrid, as_map
from vidpose.models.base import (
    HeatmapSigma,
    ModelConfig,
    Offsets,
    PoseModel,
    PoseOutput,
    Probe,
    SkeletonName,
    Targets,
)
from vidpose.models.heatmap import read_heatmaps
from vidpose.models.vremd.masks import (
    HumanMask,
    KeypointMask,
    Scale,
    SpaceTimeAggregation,
)
from vidpose.models.vremd.motion import BidirectionalMotion, MotionBlockKind
from vidpose.skeleton import SKELETONS

# Heatmaps have a quarter of the crop's resolution, tokens a sixteenth.
_UPSAMPLING = 4
_DECONVOLUTIONS = (256, 256)
Upsampling = Literal["bilinear", "simple", "deconvolution"]
Side = Annotated[int, Field(gt=0, multiple_of=TOKEN_STRIDE)]


class VREMDConfig(ModelConfig):
    """Configuration of `VREMD`. The defaults are the paper's, with two neighbours (T = 1).

    But for ``frame_position``, which the paper does not have. It and what the paper leaves open are
    fields here; `docs/models/vremd.md` says why each default was
    chosen and where the other reading is.

    Attributes:
        backbone: A name of `vidpose.backbones.registry`.
        skeleton: A name of `SKELETONS`.
        size: Height and width of the crop in pixels, multiples of 16.
        enlargement: Of the person's box.
        offsets: Frames of the clip relative to the key frame.
        width: Channels of a token; None keeps the backbone's D.
        heads: Attention heads of all blocks.
        points: Sampling points N of deformable attention.
        human_mask, keypoint_mask: Which masks HKME makes (Table 5); a keypoint mask also gives the
            heatmaps ``H_k``.
        aggregation: Whether space and time are aggregated to ``F``: HKME is there (Table 4).
        motion: Whether BMD is there (Table 4), and what its blocks are (Table 6); None leaves it
            out.
        separate: The bidirectional separation of Table 6.
        human_depth, keypoint_depth, spatial_depth, temporal_depth, motion_depth: Blocks of each
            part.
        frame_position: Add a learnable embedding of its frame to what HKME reads of each; without
            it the keypoint tokens cannot tell the key frame from its neighbours.
        mask_scale: ``none`` as printed in Eq. 1 and 2, ``root`` divides products by the square root
            of the width.
        unit_mask: Scale the keypoint mask so that its mean is 1.
        reduction: Of 3N tokens to N: along the ``tokens`` (the text), or at each ``place``.
        upsampling: Of the heatmaps ``H_m``: ``bilinear``, then a 3x3 convolution; ``simple``, the
            same after a ReLU, or ``deconvolution``, two of them: ViTPose's two decoders.
        known: Add the final heatmaps to those that the backbone itself gives, see `KnownHeatmaps`
            (``decoder`` has to be ``middle``); not in the paper.
        sigma: Standard deviation of the target heatmaps in cells.
        decoder: Convention of the heatmaps, see `HeatmapCodec`.
    """

    backbone: BackboneName = "vit-l"
    skeleton: SkeletonName = "posetrack15"
    size: tuple[Side, Side] = (256, 192)
    enlargement: Annotated[float, Field(gt=0)] = 1.25
    offsets: Offsets = (-1, 0, 1)
    width: Annotated[int, Field(gt=0)] | None = None
    heads: Annotated[int, Field(gt=0)] = 16
    points: Annotated[int, Field(gt=0)] = 4
    human_mask: bool = True
    keypoint_mask: bool = True
    aggregation: bool = True
    motion: MotionBlockKind | None = "cross"
    separate: bool = True
    human_depth: Annotated[int, Field(gt=0)] = 2
    keypoint_depth: Annotated[int, Field(gt=0)] = 2
    spatial_depth: Annotated[int, Field(gt=0)] = 1
    temporal_depth: Annotated[int, Field(gt=0)] = 1
    motion_depth: Annotated[int, Field(gt=0)] = 2
    frame_position: bool = True
    mask_scale: Scale = "none"
    unit_mask: bool = False
    reduction: Literal["tokens", "place"] = "tokens"
    upsampling: Upsampling = "bilinear"
    known: bool = False
    sigma: HeatmapSigma = 2.0
    decoder: Decoder = "quarter"

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if (self.human_mask or self.keypoint_mask) and not self.aggregation:
            raise ValueError("masks belong to HKME: without aggregation nothing reads them")
        if self.motion and len(self.offsets) == 1:
            raise ValueError("motion needs frames beside the key frame: give offsets, or no motion")
        if self.width is not None and self.width % self.heads:
            raise ValueError(f"{self.heads} heads do not divide a width of {self.width}")
        return self

    def build(self) -> VREMD:
        """The model, with random weights."""
        return VREMD(self)


class VREMD(PoseModel):
    """Backbone, HKME, BMD, and the sum of two heatmaps."""

    def __init__(self, config: VREMDConfig) -> None:
        super().__init__()
        self.skeleton = SKELETONS[config.skeleton]
        self.crop = CropGeometry(config.size, config.enlargement)
        self.offsets = config.offsets
        self.backbone = build(config.backbone)
        self.tokens = TokenGrid(self.backbone.info, config.size, config.width)
        width, grid = self.tokens.width, self.tokens.grid
        frames, joints, heads = len(config.offsets), len(self.skeleton), config.heads
        height, breadth = (side * _UPSAMPLING for side in grid)
        self.codec = HeatmapCodec((height, breadth), config.sigma, config.decoder)

        self.human_mask = (
            HumanMask(width, heads, config.human_depth, config.mask_scale)
            if config.human_mask
            else None
        )
        self.keypoint_mask, self.keypoint_head = None, None
        if config.keypoint_mask:
            self.keypoint_mask = KeypointMask(
                width,
                heads,
                config.keypoint_depth,
                frames,
                joints,
                scale=config.mask_scale,
                unit_mean=config.unit_mask,
            )
            self.keypoint_head = KeypointHead(width, (height, breadth))
        self.aggregation, self.frame_position = None, None
        if config.aggregation:
            if config.frame_position:
                self.frame_position = nn.Parameter(torch.empty(frames, 1, width))
                nn.init.trunc_normal_(self.frame_position, std=0.02)
            self.aggregation = SpaceTimeAggregation(
                width,
                heads,
                config.spatial_depth,
                config.temporal_depth,
                frames,
                grid[0] * grid[1],
                reduction=config.reduction,
            )
        self.motion = None
        if config.motion:
            self.motion = BidirectionalMotion(
                config.motion,
                width,
                heads,
                config.points,
                config.motion_depth,
                grid,
                config.offsets,
                separate=config.separate,
            )
        self.merge = nn.Linear(2 * width, width) if config.motion else None
        self.head: nn.Module
        if config.upsampling == "deconvolution":
            self.head = DeconvolutionHead(width, _DECONVOLUTIONS, joints)
        else:
            self.head = BilinearHead(width, joints, rectified=config.upsampling == "simple")
        self.known = None
        if config.known:
            self.known = KnownHeatmaps.of(self.backbone, self.skeleton, config.size, self.codec)
            self.uses_prior = True
        self.enhanced = Probe()

    def embed(self, features: Features) -> Features:
        """What is read of single frames: tokens, those coarsely selected by Eq. 1, heatmaps.

        Without BMD nobody reads the first once the second are there; the last are `KnownHeatmaps`.
        """
        levels = [self.tokens(features)]
        if self.human_mask is not None:
            levels.append(self.human_mask(levels[0]))
            if self.motion is None:
                del levels[0]
        if self.known is not None:
            levels.append(self.known(features.last))
        return Features(tuple(levels))

    def heatmaps(self, features: Features) -> Float[Tensor, "batch joint h w"]:
        """The final heatmaps ``H = H_k + H_m`` of the key frame, and the known ones."""
        tokens = features.levels if self.known is None else features.levels[:-1]
        clip, selected = tokens[0], tokens[-1]
        key_frame = enhanced = clip[:, self.key]
        if self.frame_position is not None:
            selected = selected + self.frame_position
        from_keypoints = None
        if self.keypoint_mask is not None and self.keypoint_head is not None:
            selected, keypoints = self.keypoint_mask(selected)
            from_keypoints = self.keypoint_head(keypoints[:, self.key])
        if self.aggregation is not None:
            enhanced = self.enhanced(self.aggregation(selected))
        decoded = enhanced
        if self.motion is not None and self.merge is not None:
            motion = self.motion(clip, enhanced)
            decoded = self.merge(torch.cat([key_frame, motion], -1))
        heatmaps: Tensor = self.head(as_map(decoded, self.tokens.grid))
        if from_keypoints is not None:
            heatmaps = heatmaps + from_keypoints
        return heatmaps if self.known is None else heatmaps + features.last[:, self.key]

    def aggregate(self, features: Features, prior: Prior | None = None) -> PoseOutput:
        """The joints of the key frame's heatmaps; with ``known`` ones a prior leads to them."""
        heatmaps = self.heatmaps(features)
        return read_heatmaps(self.codec, heatmaps, prior if self.uses_prior else None)

    def loss(self, features: Features, targets: Targets) -> dict[str, Tensor]:
        """``heatmap``: the squared error of the final heatmaps (Eq. 5)."""
        clips = targets.xy_norm.shape[:2]
        frames = self.embed(features.map(lambda level: level.flatten(0, 1)))
        heatmaps = self.heatmaps(frames.map(lambda level: level.unflatten(0, clips)))
        target, weight = self.codec.encode(
            targets.xy_norm[:, self.key], targets.weight[:, self.key]
        )
        return {"heatmap": heatmap_loss(heatmaps.float(), target, weight)}


class KeypointHead(nn.Sequential):
    """``H_k``: an MLP from each keypoint token to its heatmap.

    Args:
        width: Channels of a token.
        size: Height and width of the heatmaps.
    """

    def __init__(self, width: int, size: tuple[int, int]) -> None:
        cells = nn.Linear(width, size[0] * size[1])
        nn.init.normal_(cells.weight, std=0.001)
        nn.init.zeros_(cells.bias)
        super().__init__(nn.Linear(width, width), nn.GELU(), cells, nn.Unflatten(-1, size))


class BilinearHead(nn.Module):
    """``H_m``: features up-sampled, and a 3x3 convolution to the joints.

    Args:
        width: Channels of the features.
        joints: Number of heatmaps.
        rectified: Whether features below 0 are read as 0, as ViTPose's simple decoder does.
    """

    def __init__(self, width: int, joints: int, *, rectified: bool = False) -> None:
        super().__init__()
        self.rectified = rectified
        self.final = nn.Conv2d(width, joints, 3, padding=1)
        nn.init.normal_(self.final.weight, std=0.001)
        assert self.final.bias is not None
        nn.init.zeros_(self.final.bias)

    def forward(self, maps: Float[Tensor, "batch width h w"]) -> Float[Tensor, "batch joint _ _"]:
        """Heatmaps of four times the resolution."""
        maps = maps.relu() if self.rectified else maps
        maps = F.interpolate(maps, scale_factor=_UPSAMPLING, mode="bilinear", align_corners=False)
        heatmaps: Tensor = self.final(maps)
        return heatmaps
