"""The one-frame heatmap baseline: a backbone, deconvolutions, a heatmap a joint."""

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from vidpose.backbones import registry
from vidpose.backbones.base import Features
from vidpose.geometry import CropGeometry
from vidpose.heads.deconvolution import DeconvolutionHead
from vidpose.heads.heatmap import Decoder, HeatmapCodec
from vidpose.heads.losses import JointWeights, heatmap_loss, weigh_joints
from vidpose.heads.prior import Prior
from vidpose.layers.tokens import as_map
from vidpose.models.base import (
    HeatmapSigma,
    ModelConfig,
    PoseModel,
    PoseOutput,
    SkeletonName,
    Targets,
)
from vidpose.skeleton import SKELETONS, Skeleton

Side = Annotated[int, Field(gt=0, multiple_of=32)]


class HeatmapConfig(ModelConfig):
    """Configuration of `HeatmapSingle`; the defaults are Simple Baselines with ResNet-50.

    Attributes:
        backbone: A name of `vidpose.backbones.registry`.
        skeleton: A name of `vidpose.skeleton.SKELETONS`.
        size: Height and width of the crop in pixels, multiples of 32.
        enlargement: Of the person's box, after it is extended to the crop's aspect.
        deconvolutions: Channels of each deconvolution; every one doubles the resolution, so three
            bring a backbone of stride 32 to heatmaps of a quarter of the crop.
        sigma: Standard deviation of the targets in cells of the heatmap; papers use 2 for crops of
            256 x 192 and 3 for 384 x 288.
        decoder: Convention of the heatmaps, see `HeatmapCodec`.
        joint_weights: ``equal``, or ``limbs``: 1.2 for elbows and knees, 1.5 for wrists and ankles.
    """

    backbone: registry.BackboneName = "resnet50"
    skeleton: SkeletonName = "posetrack15"
    size: tuple[Side, Side] = (256, 192)
    enlargement: Annotated[float, Field(gt=0)] = 1.25
    deconvolutions: tuple[Annotated[int, Field(gt=0)], ...] = (256, 256, 256)
    sigma: HeatmapSigma = 2.0
    decoder: Decoder = "quarter"
    joint_weights: JointWeights = "equal"

    def build(self) -> "HeatmapSingle":
        """The model, with random weights."""
        return HeatmapSingle(
            self.backbone,
            SKELETONS[self.skeleton],
            CropGeometry(self.size, self.enlargement),
            deconvolutions=self.deconvolutions,
            sigma=self.sigma,
            decoder=self.decoder,
            joint_weights=self.joint_weights,
        )


class HeatmapSingle(PoseModel):
    """Simple Baselines (Xiao et al., 2018): the key frame's pose from its own heatmaps.

    Args:
        backbone: A name of `vidpose.backbones.registry`.
        skeleton: The joints.
        crop: The crop; heatmaps cover exactly it where its sides are multiples of the stride of the
            backbone's last level.
        deconvolutions: Channels of each deconvolution.
        sigma: Standard deviation of the targets in cells.
        decoder: Convention of the heatmaps.
        joint_weights: How much each joint counts in the loss, see `weigh_joints`.

    Raises:
        ValueError: There is no such backbone, or it gives joints.
    """

    offsets = (0,)
    joint_weights: Tensor

    def __init__(
        self,
        backbone: str,
        skeleton: Skeleton,
        crop: CropGeometry,
        *,
        deconvolutions: tuple[int, ...] = (256, 256, 256),
        sigma: float = 2.0,
        decoder: Decoder = "quarter",
        joint_weights: JointWeights = "equal",
    ) -> None:
        super().__init__()
        self.skeleton, self.crop = skeleton, crop
        self.backbone = registry.build(backbone)
        level = self.backbone.info[-1]
        if level.kind == "joints":
            raise ValueError(f"deconvolutions need a grid, and {backbone} gives joints")
        self.head = DeconvolutionHead(level.channels, deconvolutions, len(skeleton))
        scale = 2 ** len(deconvolutions)
        self.grid = level.grid(crop.size)
        self.codec = HeatmapCodec((self.grid[0] * scale, self.grid[1] * scale), sigma, decoder)
        weights = torch.tensor(weigh_joints(skeleton, joint_weights))
        self.register_buffer("joint_weights", weights, persistent=False)

    def embed(self, features: Features) -> Features:
        """The last level, the only one that the head reads."""
        return Features((features.last,))

    def heatmaps(self, features: Features) -> Tensor:
        """The key frame's ``[batch, joint, h, w]`` from ``[batch, frame, ...]``."""
        level = features.last[:, self.key]
        maps: Tensor = self.head(as_map(level, self.grid) if level.ndim == 3 else level)
        return maps

    def aggregate(self, features: Features, prior: Prior | None = None) -> PoseOutput:
        """Heatmaps of the key frame, the only frame there is, and the joints in them."""
        return read_heatmaps(self.codec, self.heatmaps(features))

    def loss(self, features: Features, targets: Targets) -> dict[str, Tensor]:
        """``heatmap``: the squared error of the key frame's heatmaps, see `heatmap_loss`."""
        target, weight = self.codec.encode(
            targets.xy_norm[:, self.key], targets.weight[:, self.key]
        )
        weight = weight * self.joint_weights
        return {"heatmap": heatmap_loss(self.heatmaps(features), target, weight)}


def read_heatmaps(
    codec: HeatmapCodec, heatmaps: Float[Tensor, "batch joint h w"], prior: Prior | None = None
) -> PoseOutput:
    """The pose in heatmaps; a joint's score is its cell's height, at most 1."""
    xy_norm, score = codec.decode(heatmaps, prior)
    return PoseOutput(xy_norm, score.clamp(0, 1), heatmaps=heatmaps)
