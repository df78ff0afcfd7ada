"""SDTC as a pose model, and its configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from jaxtyping import Float, UInt8
from pydantic import Field, model_validator
from torch import Tensor, nn

from vidpose.backbones.base import Features
from vidpose.backbones.registry import BackboneName, build
from vidpose.datasets.flow import DISFlow
from vidpose.errors import VidposeError
from vidpose.geometry import CropGeometry
from vidpose.heads.deconvolution import DeconvolutionHead
from vidpose.heads.heatmap import Decoder, HeatmapCodec
from vidpose.heads.known import KnownHeatmaps
from vidpose.heads.losses import heatmap_loss
from vidpose.heads.prior import Prior
from vidpose.layers.tokens import TOKEN_STRIDE, TokenGrid
from vidpose.models.base import (
    HeatmapSigma,
    ModelConfig,
    Offsets,
    PoseModel,
    PoseOutput,
    SkeletonName,
    Targets,
)
from vidpose.models.heatmap import read_heatmaps
from vidpose.models.sdtc.collaboration import SMML, FrameAggregation, Fusion
from vidpose.models.sdtc.flow import FlowMotion, clip_flow
from vidpose.models.sdtc.motion import (
    MLSME,
    ClipTokens,
    EncoderConfig,
    MaskedAs,
    Masks,
    Motion,
)
from vidpose.models.sdtc.positions import PositionalEncoding
from vidpose.models.sdtc.reconstruction import (
    ContextPlaces,
    MotionDecoder,
    context_loss,
    context_target,
    hidden_places,
    pose_loss,
)
from vidpose.skeleton import SKELETONS

Side = Annotated[int, Field(gt=0, multiple_of=TOKEN_STRIDE)]
Count = Annotated[int, Field(gt=0)]
Depth = Annotated[int, Field(ge=0)]


class SDTCConfig(ModelConfig):
    """Configuration of `SDTC`. The defaults are the paper's, with four neighbours (delta = 2).

    But for ``masked_as``, ``decoder_reads`` and ``refine_shortcut``, which are not as printed. They
    and what the paper leaves open are fields here; `docs/models/sdtc.md` says why each default was
    chosen and where the other reading is.

    Attributes:
        backbone: A name of `vidpose.backbones.registry`.
        skeleton: A name of `SKELETONS`.
        size: Height and width of the crop in pixels, multiples of 16.
        enlargement: Of the person's box.
        offsets: Frames of the clip relative to the key frame; ``(0,)`` is the one-frame twin, in
            which no frame is hidden.
        width: Working channels C; a multiple of 4 and of ``heads``.
        heads: Attention heads of the motion encoders and the decoder.
        mlp_ratio: Hidden channels of their layers over ``width``.
        joint_depth, divided_depth: Layers of joint and of divided attention in each encoder.
        decoder_depth: Layers of the motion decoder; 2 in the paper.
        spatial_encoding, temporal_encoding: Which positional encodings there are (Table 7).
        motion: ``levels`` has both encoders of MLSME, ``patch`` the patch-level one only (Table 5),
            ``flow`` has optical flow in the place of MLSME (Table 4).
        mask_ratio: Part of the places and of the frames that are hidden in training; at 0 nothing
            is hidden or reconstructed.
        masked_as: What stands where something is hidden: the mask token with (``placed``) or
            without (``bare``, as printed in Eq. 1 and 4) the positional encoding.
        decoder_reads: What the motion decoder recovers from: what the frame-level encoder gave
            (``encoded``), or what entered it (``masked``, as printed).
        context_places: Where the context is recovered: hidden by the tubes and the frames
            (``intersection``, as printed in Eq. 15), or by either (``union``).
        pose_frames: Frames whose poses are recovered: all that are ``labelled`` (Eq. 15), or, where
            frames are hidden, those of them (``masked``).
        context_weight: lambda of Eq. 15 (Table 8).
        fusion: ``adaptive`` is SMML; the others are Table 4 and 6, see `SMML`.
        refine_shortcut: Whether the refinement of Eq. 8 adds to the feature or, as printed,
            replaces it.
        deconvolutions: Channels of each deconvolution of the head; every one doubles the
            resolution of a token.
        known: Add the key frame's heatmaps to those that the backbone itself gives, see
            `KnownHeatmaps` (``decoder`` has to be ``middle``); not in the paper.
        sigma: Standard deviation of the target heatmaps in cells.
        decoder: Convention of the heatmaps, see `HeatmapCodec`.
    """

    backbone: BackboneName = "vit-b"
    skeleton: SkeletonName = "posetrack15"
    size: tuple[Side, Side] = (256, 192)
    enlargement: Annotated[float, Field(gt=0)] = 1.25
    offsets: Offsets = (-2, -1, 0, 1, 2)
    width: Annotated[int, Field(gt=0, multiple_of=4)] = 256
    heads: Count = 8
    mlp_ratio: Annotated[float, Field(gt=0)] = 4.0
    joint_depth: Depth = 1
    divided_depth: Depth = 1
    decoder_depth: Count = 2
    spatial_encoding: bool = True
    temporal_encoding: bool = True
    motion: Literal["levels", "patch", "flow"] = "levels"
    mask_ratio: Annotated[float, Field(ge=0, lt=1)] = 0.5
    masked_as: MaskedAs = "placed"
    decoder_reads: Literal["encoded", "masked"] = "encoded"
    context_places: ContextPlaces = "intersection"
    pose_frames: Literal["labelled", "masked"] = "labelled"
    context_weight: Annotated[float, Field(ge=0)] = 0.01
    fusion: Fusion = "adaptive"
    refine_shortcut: bool = True
    deconvolutions: Annotated[tuple[Count, ...], Field(max_length=4)] = (128, 128)
    known: bool = False
    sigma: HeatmapSigma = 2.0
    decoder: Decoder = "quarter"

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"{self.heads} heads do not divide a width of {self.width}")
        if not self.joint_depth + self.divided_depth:
            raise ValueError("an encoder without layers: give joint_depth or divided_depth")
        if self.motion == "flow" and len(self.offsets) == 1:
            raise ValueError("flow needs frames beside the key frame: give offsets")
        return self

    @property
    def encoder(self) -> EncoderConfig:
        """Shape of both motion encoders."""
        return EncoderConfig(
            self.width, self.heads, self.mlp_ratio, self.joint_depth, self.divided_depth
        )

    def build(self) -> SDTC:
        """The model, with random weights."""
        return SDTC(self)


class SDTC(PoseModel):
    """Backbone, MLSME, SMML, heatmaps of the key frame; a motion decoder in training.

    ``embed`` projects the backbone's tokens to the working width; encodings, masks and all that
    mixes frames are in ``aggregate``.

    With optical flow for motion (Table 4), `encode` hands the frames on to `aggregate`, which
    computes the flow by OpenCV: that ablation cannot be exported, and every frame of a clip must
    have been cropped alike. In training the flow comes with the data.
    """

    def __init__(self, config: SDTCConfig) -> None:
        super().__init__()
        self.config = config
        self.skeleton = SKELETONS[config.skeleton]
        self.crop = CropGeometry(config.size, config.enlargement)
        self.offsets = config.offsets
        self.backbone = build(config.backbone)
        self.tokens = TokenGrid(self.backbone.info, config.size, config.width)
        width, grid = config.width, self.tokens.grid
        frames, joints = len(config.offsets), len(self.skeleton)
        scale = 2 ** len(config.deconvolutions)
        self.codec = HeatmapCodec((grid[0] * scale, grid[1] * scale), config.sigma, config.decoder)

        self.positions = PositionalEncoding(
            width,
            frames,
            grid,
            spatial=config.spatial_encoding,
            temporal=config.temporal_encoding,
        )
        self.mlsme: MLSME | None = None
        self.flow: FlowMotion | None = None
        if config.motion == "flow":
            self.dis = DISFlow(TOKEN_STRIDE)
            self.fields = {"flow": self.dis}
            self.flow = FlowMotion(width, TOKEN_STRIDE)
        else:
            self.mlsme = MLSME(
                config.encoder,
                frames,
                frame_level=config.motion == "levels",
                ratio=config.mask_ratio,
                masked_as=config.masked_as,
            )
        self.motion_decoder: MotionDecoder | None = None
        if self.mlsme is not None and config.mask_ratio:
            level = self.backbone.info[self.tokens.level]
            context = level.channels * (TOKEN_STRIDE // level.stride) ** 2
            self.motion_decoder = MotionDecoder(
                config.encoder, config.decoder_depth, context, joints, grid, scale
            )
        self.spatial_frames = FrameAggregation(width, frames, grid)
        self.motion_frames = FrameAggregation(width, frames, grid)
        self.smml = SMML(width, config.fusion, refine_shortcut=config.refine_shortcut)
        self.head = DetectionHead(width, config.deconvolutions, joints)
        self.known = None
        if config.known:
            self.known = KnownHeatmaps.of(self.backbone, self.skeleton, config.size, self.codec)
            self.uses_prior = True

    def encode(
        self, frames: UInt8[Tensor, "batch 3 h w"] | Float[Tensor, "batch 3 h w"]
    ) -> Features:
        """Tokens of single crops; the crops themselves behind them where flow is the motion."""
        encoded = super().encode(frames)
        return encoded if self.flow is None else Features((*encoded.levels, frames.clone()))

    def embed(self, features: Features) -> Features:
        """Tokens of the working width, and `KnownHeatmaps` where they are added."""
        known = () if self.known is None else (self.known(features.last),)
        return Features((self.tokens(features), *known))

    def aggregate(self, features: Features, prior: Prior | None = None) -> PoseOutput:
        """The joints of the key frame's heatmaps; with ``known`` ones a prior leads to them."""
        flow = None
        if self.flow is not None:
            flow = clip_flow(features.last, self.key, self.dis)
        heatmaps, _ = self._estimate(features, flow)
        return read_heatmaps(self.codec, heatmaps, prior if self.uses_prior else None)

    def loss(self, features: Features, targets: Targets) -> dict[str, Tensor]:
        """The terms of Eq. 14-16, weighted; those of the reconstruction where there is one.

        ``heatmap``: the squared error of the key frame's final heatmaps. ``context``: the absolute
        error of the backbone's tokens at hidden places, times lambda. ``pose``: the squared error
        of the heatmaps recovered for the labelled frames. All are means; in evaluation mode nothing
        is hidden, and ``context`` is 0.

        Raises:
            VidposeError: The flow is missing in the data.
        """
        clips = targets.xy_norm.shape[:2]
        if missing := self.fields.keys() - targets.extras.keys():
            raise VidposeError(f"this model learns from clips with the field {min(missing)!r}")
        frames = features.map(lambda level: level.flatten(0, 1))
        embedded = self.embed(frames).map(lambda level: level.unflatten(0, clips))
        heatmaps, motion = self._estimate(embedded, targets.extras.get("flow"))
        truth, weight = self.codec.encode(targets.xy_norm, targets.weight)
        of_key_frame = (truth[:, self.key], weight[:, self.key])
        terms = {"heatmap": heatmap_loss(heatmaps.float(), *of_key_frame)}
        if self.motion_decoder is not None and motion is not None:
            context, poses = self.motion_decoder(
                motion.encoded if self.config.decoder_reads == "encoded" else motion.masked
            )
            level = frames.levels[self.tokens.level]
            target = context_target(level, self.tokens.grid).unflatten(0, clips)
            terms["context"] = self._context_term(context.float(), target.float(), motion.masks)
            recovered = self._recovered_frames(targets.labelled, motion.masks)
            terms["pose"] = pose_loss(poses.float(), truth, weight, recovered)
        return terms

    def _context_term(self, context: Tensor, target: Tensor, masks: Masks | None) -> Tensor:
        if masks is None:
            return context.new_zeros(())
        hidden = hidden_places(masks, self.config.context_places)
        return self.config.context_weight * context_loss(context, target, hidden)

    def _recovered_frames(
        self, labelled: Float[Tensor, "batch frame"], masks: Masks | None
    ) -> Float[Tensor, "batch frame"]:
        """Weights of the frames whose poses are to be recovered."""
        if self.config.pose_frames == "labelled" or masks is None or masks.frames is None:
            return labelled
        return labelled * masks.frames[..., 0]

    def _estimate(
        self, features: Features, flow: Tensor | None
    ) -> tuple[Float[Tensor, "batch joint h w"], Motion | None]:
        """The key frame's heatmaps, and what MLSME made of the clip."""
        encoding = self.positions()
        tokens: ClipTokens = features.levels[0]
        spatial = tokens + encoding
        motion = None
        if self.mlsme is not None:
            motion = self.mlsme(spatial, encoding)
            total = motion.total
        else:
            assert self.flow is not None and flow is not None
            total = self.flow(flow)
        fused = self.smml(self.spatial_frames(spatial), self.motion_frames(total))
        heatmaps: Tensor = self.head(fused)
        if self.known is not None:
            heatmaps = heatmaps + features.levels[1][:, self.key]
        return heatmaps, motion


class DetectionHead(DeconvolutionHead):
    """Deconvolutions, then the 3x3 convolution that the paper names, one map a joint.

    Args:
        inputs: Channels of the features.
        channels: Of each deconvolution; none of them leaves the resolution alone.
        joints: Number of heatmaps.
    """

    def __init__(self, inputs: int, channels: Sequence[int], joints: int) -> None:
        super().__init__(inputs, channels, joints)
        self.final_layer = nn.Conv2d((inputs, *channels)[-1], joints, 3, padding=1)
        nn.init.normal_(self.final_layer.weight, std=0.001)
        assert self.final_layer.bias is not None
        nn.init.zeros_(self.final_layer.bias)
