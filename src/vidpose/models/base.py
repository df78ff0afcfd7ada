"""The contract of every pose model: encode one frame, aggregate the frames of a clip, learn."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from pydantic import AfterValidator, Field, field_validator
from torch import Tensor, nn

from vidpose.backbones.base import Backbone, Features
from vidpose.backbones.movenet_joints import moved
from vidpose.geometry import CropGeometry
from vidpose.heads.prior import Prior
from vidpose.section import Section
from vidpose.skeleton import SKELETONS, Skeleton


class PoseOutput(NamedTuple):
    """The pose of the key frame.

    Attributes:
        xy_norm: Joints in [0, 1] of the crop (x, y); a joint may lie outside the crop.
        score: Confidence of each joint, in [0, 1].
        sigma: Deviation of each coordinate in units of ``xy_norm``, from models that regress it.
            It ranks joints; its scale is not fixed by the loss, see `ResidualLogLikelihood`.
        heatmaps: Per-joint maps, from models that have them.
    """

    xy_norm: Float[Tensor, "batch joint 2"]
    score: Float[Tensor, "batch joint"]
    sigma: Float[Tensor, "batch joint 2"] | None = None
    heatmaps: Float[Tensor, "batch joint h w"] | None = None


# From the crops of a clip ``[frame, h, w, 3]`` and the position of the key frame in it.
ClipField = Callable[[UInt8[np.ndarray, "frame h w 3"], int], np.ndarray]


class Targets(NamedTuple):
    """What is to be learnt about a batch of clips, in the coordinates of their crops.

    Attributes:
        xy_norm: Joints of all frames of the clip, in [0, 1] of the crop (x, y).
        weight: Weight of each joint; 0 where it is not labelled or outside the crop.
        labelled: Weight of each frame; 0 where the person is not labelled in it, and then all
            weights of joints are 0 too.
        extras: Further fields of the data by name, e.g. optical flow.
    """

    xy_norm: Float[Tensor, "batch frame joint 2"]
    weight: Float[Tensor, "batch frame joint"]
    labelled: Float[Tensor, "batch frame"]
    extras: dict[str, Tensor]


class Probe(nn.Identity):
    """A place in a model whose value is worth looking at.

    It changes nothing. `PoseModel.look` collects what passes the probes of a model, under their
    names; nobody else pays for them, and exported graphs do not have them.
    """


class PoseModel(nn.Module, ABC):
    """A pose of the key frame from a clip of crops.

    `forward` is the composition of `encode` and `aggregate`; streaming keeps what `encode` returned
    and calls `aggregate` once per output frame. `encode` is the composition of `backbone`, which
    training may freeze and whose output it may keep on disk, and `embed`. No step calls numpy,
    moves between devices or logs, so all can be exported as graphs.

    Attributes:
        backbone: Frames to `Features`; all that can be frozen.
        skeleton: The joints of the output, in order.
        crop: Shape of the crops and how far a person's box is enlarged for them.
        offsets: Frames of a clip relative to the key frame, ascending, e.g. ``(-2, -1, 0, 1, 2)``.
        uses_prior: Whether `aggregate` reads its prior.
        portable: Whether features are joints' vectors (`vidpose.backbones.movenet_joints`), which
            can be `moved` to another window.
        fields: What `loss` needs beside frames and joints, by name, and what makes it of the crops
            of a clip: it comes as `Targets.extras`.
    """

    backbone: Backbone
    skeleton: Skeleton
    crop: CropGeometry
    offsets: tuple[int, ...]
    uses_prior: bool = False
    portable: bool = False
    fields: Mapping[str, ClipField] = MappingProxyType({})

    @property
    def key(self) -> int:
        """Position of the key frame in a clip."""
        return self.offsets.index(0)

    @property
    def device(self) -> torch.device:
        """Where frames and features have to be."""
        return next(self.parameters()).device

    def encode(
        self, frames: UInt8[Tensor, "batch 3 h w"] | Float[Tensor, "batch 3 h w"]
    ) -> Features:
        """Features of single crops: ``embed`` of what ``backbone`` gives.

        Args:
            frames: RGB in [0, 255]; normalised inside. Features share no memory with them: whoever
                asks may write the next frames there.
        """
        return self.embed(self.backbone(frames))

    def embed(self, features: Features) -> Features:
        """What the model does to the backbone's features of single frames; by default nothing.

        Args:
            features: Levels ``[batch, ...]``, every frame for itself.
        """
        return features

    def moved(
        self,
        features: Features,
        scale: Float[Tensor, " batch"],
        shift: Float[Tensor, "batch 2"],
    ) -> Features:
        """Encoded frames as if they had been seen through another window; if ``portable``.

        Args:
            features: One level ``[batch, joint, channels]`` of single frames.
            scale: Of the crop: a place ``p`` in [0, 1] of it is ``scale * p + shift`` of the other.
            shift: In sides of the other crop, x and y.

        Raises:
            NotImplementedError: The features are not portable.
        """
        if not self.portable:
            raise NotImplementedError(f"features of {type(self).__name__} stay in their window")
        return Features((moved(features.last, scale, shift),))

    @abstractmethod
    def aggregate(self, features: Features, prior: Prior | None = None) -> PoseOutput:
        """The key frame's pose from the features of a clip.

        Args:
            features: Levels ``[batch, frame, ...]``, frames in the order of ``offsets``.
            prior: What the detector saw of the key frame; ignored unless ``uses_prior``.
        """

    def loss(self, features: Features, targets: Targets) -> dict[str, Tensor]:
        """The terms of the training loss, by name; their sum is minimised.

        Args:
            features: What ``backbone`` gave, levels ``[batch, frame, ...]``, so that a frozen
                backbone's features can come from disk.
            targets: Of the same clips.

        Raises:
            NotImplementedError: The model is not trained here.
        """
        raise NotImplementedError(f"{type(self).__name__} has no training loss")

    def forward(
        self,
        clip: UInt8[Tensor, "batch frame 3 h w"] | Float[Tensor, "batch frame 3 h w"],
        prior: Prior | None = None,
    ) -> PoseOutput:
        """``aggregate`` of the encoded frames of ``clip``."""
        features = self.encode(clip.flatten(0, 1))
        return self.aggregate(features.map(lambda level: level.unflatten(0, clip.shape[:2])), prior)

    def look(
        self,
        clip: UInt8[Tensor, "batch frame 3 h w"] | Float[Tensor, "batch frame 3 h w"],
        prior: Prior | None = None,
    ) -> tuple[PoseOutput, dict[str, Tensor]]:
        """`forward`, and beside the pose what passed the model's probes, by their names.

        What a probe in `embed` saw has the frames of all clips on its first axis.
        """
        seen: dict[str, Tensor] = {}

        def keep(name: str) -> Callable[..., None]:
            def hook(module: nn.Module, inputs: object, output: Tensor) -> None:
                seen[name] = output.detach()

            return hook

        hooks = [
            module.register_forward_hook(keep(name))
            for name, module in self.named_modules()
            if isinstance(module, Probe)
        ]
        try:
            return self(clip, prior), seen
        finally:
            for registered in hooks:
                registered.remove()


# No number of a configuration is larger, of channels, pixels or anything else.
LARGEST = 8192


class ModelConfig(Section, ABC):
    """The arguments that build a model; saved in its checkpoint."""

    @field_validator("*", mode="after")
    @classmethod
    def _of_a_model(cls, value: object) -> object:
        """A checkpoint may come from anywhere: to build what it says shall come to an end."""
        numbers = value if isinstance(value, tuple) else (value,)
        for number in numbers:
            if isinstance(number, int | float) and abs(number) > LARGEST:
                raise ValueError(f"{number:g} is beyond any model; the most is {LARGEST}")
        return value

    @abstractmethod
    def build(self) -> PoseModel:
        """The model, with random weights."""


def _known_skeleton(name: str) -> str:
    if name not in SKELETONS:
        raise ValueError(f"no skeleton named {name!r}; known: {', '.join(SKELETONS)}")
    return name


def _of_a_clip(offsets: tuple[int, ...]) -> tuple[int, ...]:
    if 0 not in offsets or list(offsets) != sorted(set(offsets)):
        raise ValueError(f"offsets rise and contain 0, the key frame; these are {list(offsets)}")
    return offsets


# Fields of configurations that many models have.
SkeletonName = Annotated[str, AfterValidator(_known_skeleton)]
Offsets = Annotated[tuple[int, ...], AfterValidator(_of_a_clip)]
# Cells; the largest is wider than heatmaps are.
HeatmapSigma = Annotated[float, Field(ge=1, le=100)]
