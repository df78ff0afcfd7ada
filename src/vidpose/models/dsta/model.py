"""DSTA as a pose model, and its configuration."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import torch
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor, nn

from vidpose.backbones.base import Backbone, Features
from vidpose.backbones.registry import BackboneName, build
from vidpose.geometry import CropGeometry
from vidpose.heads.losses import JointWeights, weigh_joints
from vidpose.heads.prior import Prior
from vidpose.heads.regression import (
    JointHead,
    NormalisedLinear,
    ResidualLogLikelihood,
    absolute_error,
    confidence,
    within,
)
from vidpose.models.base import (
    ModelConfig,
    Offsets,
    PoseModel,
    PoseOutput,
    SkeletonName,
    Targets,
)
from vidpose.models.dsta.chosen_place import ChosenPlace
from vidpose.models.dsta.groups import body_groups
from vidpose.models.dsta.joint_tokens import (
    JFD,
    CoordinateJFD,
    GlobalFeature,
    HeatmapJFD,
    MapJFD,
    PooledJFD,
    SampledJFD,
)
from vidpose.models.dsta.known import KnownJFD
from vidpose.models.dsta.space_time import (
    Coupled,
    KeyFrame,
    SpaceTimeDecoupling,
    SpatialDependency,
    StackConfig,
    TemporalDependency,
)
from vidpose.skeleton import SKELETONS, Skeleton

JFDKind = Literal["pooled", "map", "branches", "coordinates", "sampled", "heatmaps", "known"]
Aggregation = Literal["decoupled", "space", "time", "coupled", "global", "none"]
Side = Annotated[int, Field(gt=0)]
# What can be pooled where there are no joint tokens; and what is normalised, None if it is pooled.
_POOLED: dict[str, tuple[JFDKind | None, ...]] = {
    "global": (None, "pooled"),
    "none": (None, "pooled", "branches"),
}
_NORMALISED = (None, "pooled", "branches")
# Where the backbone's grid is fine enough, a joint gets a map of it.
_FINE_STRIDE = 16


class DSTAConfig(ModelConfig):
    """Configuration of `DSTA`. The defaults are the paper's, with four neighbours (T = 2).

    Attributes:
        backbone: A name of `vidpose.backbones.registry`.
        skeleton: A name of `SKELETONS`.
        size: Height and width of the crop in pixels.
        enlargement: Of the person's box.
        offsets: Frames of the clip relative to the key frame; ``(0,)`` is the one-frame twin.
        jfd: Joint-centric feature decoder: ``pooled`` for ResNet, ``map`` for feature maps of high
            resolution; ``branches`` pools every level; ``coordinates`` and ``sampled`` are Table 5
            [23](a) and (b); ``heatmaps`` starts from the joints that the backbone already knows
            and ``known`` from its answers, neither of which is in the paper. None takes ``map``
            for a stride of at most 16, else ``pooled``. Without joint tokens (``global`` and
            ``none`` below) it is what is pooled: ``pooled``, also if None, or for ``none``
            ``branches``.
        normalised: Divide the pooled feature of joint tokens by its length, as the released code
            does.
        aggregation: ``decoupled`` is STD; ``space`` and ``time`` are SD and TD alone, ``coupled``
            is Eq. 4, ``global`` attends over one token a frame (Table 4), and ``none`` is RLE, the
            baseline of Table 1: linear layers on the pooled feature, and one frame.
        fusion: ``concatenate`` is Eq. 9; ``sum`` is the released code's.
        width: Channels of a joint token.
        depth: Layers of each attention stack.
        heads: Attention heads.
        mlp_ratio: Hidden channels of a layer over ``width``.
        norm: ``pre`` as in the released code, or ``post``.
        drop_path: Stochastic depth in training.
        global_width: Channels of the one token of ``global``; 152 gives it as many parameters as
            the full model has on ResNet-50 and T = 1, within 2 %.
        centred: Regress coordinates from the middle of the crop (RLE); the released code of DSTA
            regresses from its corner.
        prior_mean: Mean of the flow's Gaussian: 0 (RLE), 0.5 in the released code of DSTA.
        tolerance: A joint's score falls as its deviation grows beyond this part of the crop's
            side, on average of the joints: each has its share by its OKS constant. See `within`;
            None is the released code's score, `confidence`.
        residual: Which way the flow sees it, see `ResidualLogLikelihood`.
        joint_weights: How much each joint counts in the loss; ``limbs`` as in the released code.
    """

    backbone: BackboneName = "resnet50"
    skeleton: SkeletonName = "posetrack15"
    size: tuple[Side, Side] = (256, 192)
    enlargement: Annotated[float, Field(gt=0)] = 1.25
    offsets: Offsets = (-2, -1, 0, 1, 2)
    jfd: JFDKind | None = None
    normalised: bool = False
    aggregation: Aggregation = "decoupled"
    fusion: Literal["concatenate", "sum"] = "concatenate"
    width: Annotated[int, Field(gt=0)] = 32
    depth: Annotated[int, Field(gt=0)] = 4
    heads: Annotated[int, Field(gt=0)] = 8
    mlp_ratio: Annotated[float, Field(gt=0)] = 2.0
    norm: Literal["pre", "post"] = "pre"
    drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.1
    global_width: Annotated[int, Field(gt=0)] = 152
    centred: bool = True
    prior_mean: float = 0.0
    tolerance: Annotated[float, Field(gt=0)] | None = None
    residual: Literal["predicted", "true"] = "predicted"
    joint_weights: JointWeights = "limbs"

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.aggregation == "none" and len(self.offsets) > 1:
            raise ValueError("aggregation none sees one frame: offsets have to be (0,)")
        if self.jfd not in _POOLED.get(self.aggregation, (self.jfd,)):
            raise ValueError(f"aggregation {self.aggregation} has no joint tokens: jfd {self.jfd}")
        if self.normalised and (self.aggregation in _POOLED or self.jfd not in _NORMALISED):
            raise ValueError("normalised is of joint tokens from pooled features")
        if self.fusion == "sum" and self.aggregation != "decoupled":
            raise ValueError("fusion sum is of space and time: aggregation has to be decoupled")
        return self

    def build(self) -> DSTA:
        """The model, with random weights."""
        return DSTA(self)

    def stack(self, width: int) -> StackConfig:
        """The attention layers for tokens of ``width`` channels."""
        return StackConfig(width, self.depth, self.heads, self.mlp_ratio, self.norm, self.drop_path)


class DSTA(PoseModel):
    """Backbone, JFD, STD, joint-wise heads; trained by the residual log-likelihood.

    ``embed`` is the JFD, which sees one frame; ``aggregate`` is STD and the heads. With ``known``
    tokens the JFD is part of ``aggregate``, after the frames have been brought to one window.
    """

    joint_weights: Tensor
    tolerance: Tensor | None

    def __init__(self, config: DSTAConfig) -> None:
        super().__init__()
        self.skeleton = SKELETONS[config.skeleton]
        self.crop = CropGeometry(config.size, config.enlargement)
        self.offsets = config.offsets
        self.origin = 0.5 if config.centred else 0.0
        self.backbone = build(config.backbone)
        joints = len(self.skeleton)
        self.coordinates: nn.Module
        self.deviations: nn.Module
        channels = self.backbone.info[-1].channels
        self.jfd: JFD
        if config.aggregation == "none":
            levels = self.backbone.info if config.jfd == "branches" else self.backbone.info[-1:]
            channels = sum(level.channels for level in levels)
            self.jfd = GlobalFeature(len(levels))
            self.coordinates = PoseHead(NormalisedLinear(channels, 2 * joints))
            self.deviations = PoseHead(nn.Linear(channels, 2 * joints))
        elif config.aggregation == "global":
            width = config.global_width
            self.jfd = PooledJFD([channels], 1, width)
            self.coordinates, self.deviations = (
                PoseHead(nn.LayerNorm(width), nn.Linear(width, 2 * joints)) for _ in range(2)
            )
        else:
            self.jfd = _decoder(config, self.backbone, joints)
            width = config.width
            if config.aggregation == "decoupled" and config.fusion == "concatenate":
                width *= 2
            self.coordinates, self.deviations = JointHead(width), JointHead(width)
            if isinstance(self.jfd, KnownJFD):
                self.uses_prior = self.portable = True
                self.coordinates = ChosenPlace(
                    self.skeleton,
                    width,
                    config.width,
                    len(config.offsets),
                    self.key,
                    self.jfd.grid,
                )
        self.std = _aggregation(config, self.skeleton, self.key)
        self.rle = ResidualLogLikelihood(config.prior_mean, config.residual)
        weights = torch.tensor(weigh_joints(self.skeleton, config.joint_weights))
        self.register_buffer("joint_weights", weights, persistent=False)
        # Of a hip, whose place labels leave open, a good answer is further off than of an eye.
        sigmas = torch.tensor(self.skeleton.sigmas, dtype=torch.float32)
        tolerance = None if config.tolerance is None else config.tolerance * sigmas / sigmas.mean()
        self.register_buffer("tolerance", tolerance, persistent=False)

    def embed(self, features: Features) -> Features:
        """Joint tokens of single frames (Eq. 2).

        Of ``known`` tokens, what they are made of: small as well, and it can be `moved`.
        """
        return features if self.portable else Features((self.jfd(features),))

    def aggregate(self, features: Features, prior: Prior | None = None) -> PoseOutput:
        """The key frame's joints from the joint tokens of the clip (Eq. 3, 6).

        With ``known`` tokens a prior leads the backbone's answers and takes part in the choice of
        places.
        """
        tokens = self._tokens(features, prior) if self.portable else features
        aggregated = self.std(tokens.last)
        return self._answer(aggregated, tokens, self._believed(aggregated, tokens), prior)

    def _tokens(self, features: Features, prior: Prior | None = None) -> Features:
        """Joint tokens of clips (Eq. 2); before them, places that are known already."""
        if isinstance(self.jfd, KnownJFD):
            if prior is not None:
                features = self.jfd.led(features, prior)
            # The axes stay as they are: where they are joined and split again, an exported graph
            # takes the batch for a constant.
            return Features((self.jfd.candidates(features), self.jfd(features)))
        frames = features.map(lambda level: level.flatten(0, 1))
        return Features((self.jfd(frames).unflatten(0, features.last.shape[:2]),))

    def _believed(self, aggregated: Tensor, tokens: Features) -> Tensor | None:
        """How much each known place is believed; None where there are none to choose from."""
        if not isinstance(self.coordinates, ChosenPlace):
            return None
        return self.coordinates.logits(aggregated, *tokens.levels)

    def _answer(
        self,
        aggregated: Tensor,
        tokens: Features,
        believed: Tensor | None,
        prior: Prior | None = None,
    ) -> PoseOutput:
        if believed is None:
            xy_norm = self.coordinates(aggregated) + self.origin
        else:
            xy_norm = self.coordinates(aggregated, tokens.levels[0], believed, prior)
        sigma = self.deviations(aggregated).sigmoid()
        score = confidence(sigma) if self.tolerance is None else within(sigma, self.tolerance)
        return PoseOutput(xy_norm, score, sigma)

    def loss(self, features: Features, targets: Targets) -> dict[str, Tensor]:
        """The residual log-likelihood of the key frame's joints (Eq. 10).

        With ``known`` tokens also the cross entropy of the choice, see `ChosenPlace`. The
        alternatives of Table 5 learn their own coordinates, in all labelled frames, by the absolute
        error.
        """
        # Places need more digits than autocast leaves: bfloat16 knows 1 to a 256th.
        with torch.autocast(features.last.device.type, enabled=False):
            return self._terms(features.map(Tensor.float), targets)

    def _terms(self, features: Features, targets: Targets) -> dict[str, Tensor]:
        tokens = self._tokens(features)
        aggregated = self.std(tokens.last)
        believed = self._believed(aggregated, tokens)
        output = self._answer(aggregated, tokens, believed)
        assert output.sigma is not None
        truth, weight = targets.xy_norm[:, self.key], targets.weight[:, self.key]
        weight = weight * self.joint_weights
        terms = {"rle": self.rle(output.xy_norm, output.sigma, truth, weight)}
        if isinstance(self.coordinates, ChosenPlace) and believed is not None:
            terms["choice"] = self.coordinates.loss(tokens.levels[0], believed, truth, weight)
        if isinstance(self.jfd, CoordinateJFD):
            terms["coordinates"] = absolute_error(
                self.jfd.coordinates(features.map(lambda level: level.flatten(0, 1))),
                targets.xy_norm.flatten(0, 1),
                targets.weight.flatten(0, 1),
            )
        return terms


class PoseHead(nn.Module):
    """All joints out of the one token of ``global`` and ``none``, by the layers given."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, token: Float[Tensor, "batch 1 width"]) -> Float[Tensor, "batch joint 2"]:
        """Two numbers a joint."""
        pairs: Tensor = self.layers(token[:, 0]).unflatten(-1, (-1, 2))
        return pairs


def _decoder(config: DSTAConfig, backbone: Backbone, joints: int) -> JFD:
    info = backbone.info
    last = info[-1]
    kind = config.jfd or ("map" if last.stride <= _FINE_STRIDE else "pooled")
    if config.normalised and kind == "map":
        raise ValueError(f"backbone {config.backbone} gets maps, and normalised is of pooled ones")
    match kind:
        case "map":
            if last.kind == "joints":
                raise ValueError(
                    f"map needs a grid, and {config.backbone} gives joints: set jfd to known"
                )
            return MapJFD(last.channels, last.grid(config.size), joints, config.width)
        case "pooled":
            return PooledJFD([last.channels], joints, config.width, normalised=config.normalised)
        case "branches":
            return PooledJFD(
                [level.channels for level in info],
                joints,
                config.width,
                normalised=config.normalised,
            )
        case "coordinates":
            return CoordinateJFD(last.channels, joints, config.width)
        case "heatmaps":
            if backbone.heatmaps is None:
                raise ValueError(f"backbone {config.backbone} gives no heatmaps")
            return HeatmapJFD(last.channels, len(backbone.heatmaps), joints, config.width)
        case "known":
            if last.kind != "joints":
                raise ValueError(f"backbone {config.backbone} gives no joints")
            return KnownJFD(SKELETONS[config.skeleton], config.width, last.grid(config.size))
        case "sampled":
            if last.kind != "map":
                raise ValueError(f"sampled needs maps, and {config.backbone} gives {last.kind}")
            return SampledJFD(info, joints, config.width, config.heads)


def _aggregation(config: DSTAConfig, skeleton: Skeleton, key: int) -> nn.Module:
    frames, stack = len(config.offsets), config.stack(config.width)
    match config.aggregation:
        case "coupled":
            return Coupled(stack, frames, len(skeleton), key)
        case "space":
            return SpatialDependency(stack, body_groups(skeleton), key)
        case "time":
            return TemporalDependency(stack, frames, key)
        case "global":
            return TemporalDependency(config.stack(config.global_width), frames, key)
        case "none":
            return KeyFrame(key)
        case "decoupled":
            return SpaceTimeDecoupling(
                TemporalDependency(stack, frames, key),
                SpatialDependency(stack, body_groups(skeleton), key),
                config.fusion,
            )
