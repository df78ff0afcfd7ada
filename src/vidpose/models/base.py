"""The contract of every pose model: encode one frame, aggregate the frames of a clip."""

from abc import ABC, abstractmethod
from typing import NamedTuple

from jaxtyping import Float, UInt8
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from vidpose.backbones.base import Features
from vidpose.geometry import CropGeometry
from vidpose.skeleton import Skeleton


class PoseOutput(NamedTuple):
    """The pose of the key frame.

    Attributes:
        xy_norm: Joints in [0, 1] of the crop (x, y); a joint may lie outside the crop.
        score: Confidence of each joint, in [0, 1].
        sigma: Standard deviation of each coordinate in units of ``xy_norm``, from models that
            regress it.
        heatmaps: Per-joint maps, from models that have them.
    """

    xy_norm: Float[Tensor, "batch joint 2"]
    score: Float[Tensor, "batch joint"]
    sigma: Float[Tensor, "batch joint 2"] | None = None
    heatmaps: Float[Tensor, "batch joint h w"] | None = None


# Where somebody else (the detector) saw the key frame's joints: x, y as `xy_norm`, and a score.
# A score of 0 says nothing was seen.
Prior = Float[Tensor, "batch joint 3"]


class PoseModel(nn.Module, ABC):
    """A pose of the key frame from a clip of crops.

    `forward` is the composition of the two steps; streaming keeps what `encode` returned and calls
    `aggregate` once per output frame. Neither step calls numpy, moves between devices or logs, so
    both can be exported as graphs.

    Attributes:
        skeleton: The joints of the output, in order.
        crop: Shape of the crops and how far a person's box is enlarged for them.
        offsets: Frames of a clip relative to the key frame, ascending, e.g. ``(-2, -1, 0, 1, 2)``.
        uses_prior: Whether `aggregate` reads its prior.
    """

    skeleton: Skeleton
    crop: CropGeometry
    offsets: tuple[int, ...]
    uses_prior: bool = False

    @property
    def key(self) -> int:
        """Position of the key frame in a clip."""
        return self.offsets.index(0)

    @abstractmethod
    def encode(
        self, frames: UInt8[Tensor, "batch 3 h w"] | Float[Tensor, "batch 3 h w"]
    ) -> Features:
        """Features of single crops.

        Args:
            frames: RGB in [0, 255]; normalised inside.
        """

    @abstractmethod
    def aggregate(self, features: Features, prior: Prior | None = None) -> PoseOutput:
        """The key frame's pose from the features of a clip.

        Args:
            features: Levels ``[batch, frame, ...]``, frames in the order of ``offsets``.
            prior: What the detector saw of the key frame; ignored unless ``uses_prior``.
        """

    def forward(
        self,
        clip: UInt8[Tensor, "batch frame 3 h w"] | Float[Tensor, "batch frame 3 h w"],
        prior: Prior | None = None,
    ) -> PoseOutput:
        """``aggregate`` of the encoded frames of ``clip``."""
        features = self.encode(clip.flatten(0, 1))
        return self.aggregate(features.map(lambda level: level.unflatten(0, clip.shape[:2])), prior)


class ModelConfig(BaseModel, ABC):
    """The arguments that build a model; saved in its checkpoint. An unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @abstractmethod
    def build(self) -> PoseModel:
        """The model, with random weights."""
