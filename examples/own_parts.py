"""A skeleton, a backbone, a model and a dataset of one's own, for all commands.

    python examples/own_parts.py train my-recipe.yaml --set data.root=/data/recordings
    python examples/own_parts.py run clip.mp4 --model runs/my-recipe/best.safetensors

A dictionary knows each kind of part by name; what stands there counts like what ships. So
`--set model.kind=dsta --set model.config.backbone=patches --set model.config.skeleton=hands5`
trains DSTA with these. The model is too simple to be good: it shows what one has to have.
"""

import csv
import sys
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from vidpose.backbones.base import Backbone, FeatureInfo, Features
from vidpose.backbones.registry import BACKBONES, BackboneName, build
from vidpose.cli import main
from vidpose.datasets.images import VideoFile
from vidpose.datasets.labels import (
    NOT_LABELLED,
    VISIBLE,
    FrameLabels,
    PersonLabels,
    SequenceLabels,
)
from vidpose.datasets.posetrack17 import extent_boxes
from vidpose.datasets.registry import DATASETS, Dataset
from vidpose.geometry import CropGeometry
from vidpose.heads.prior import Prior
from vidpose.models.base import ModelConfig, Offsets, PoseModel, PoseOutput, Targets
from vidpose.models.registry import KINDS
from vidpose.skeleton import SKELETONS, Skeleton

HANDS5 = Skeleton(
    "hands5",
    ("nose", "left_elbow", "left_wrist", "right_elbow", "right_wrist"),
    (("left_elbow", "left_wrist"), ("right_elbow", "right_wrist")),
    (0.026, 0.072, 0.062, 0.072, 0.062),
)


class Patches(Backbone):
    """Patches of 16 x 16 pixels, each a vector: the first layer of a ViT and nothing else."""

    info = (FeatureInfo(channels=32, stride=16),)
    multiple = 16

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 32, kernel_size=16, stride=16)

    def forward(
        self, frames: UInt8[Tensor, "batch 3 h w"] | Float[Tensor, "batch 3 h w"]
    ) -> Features:
        """One level, a map of 32 channels."""
        return Features((self.patches(frames.float() / 255).relu(),))


class LinearPoseConfig(ModelConfig):
    """What a recipe may set under ``model.config``."""

    backbone: BackboneName = "patches"
    size: tuple[int, int] = (64, 64)
    offsets: Offsets = (-1, 0, 1)

    def build(self) -> "LinearPose":
        """The model, with random weights."""
        return LinearPose(build(self.backbone), CropGeometry(self.size, 1.25), self.offsets)


class LinearPose(PoseModel):
    """The key frame's joints as a linear function of all frames' features."""

    skeleton = HANDS5

    def __init__(self, backbone: Backbone, crop: CropGeometry, offsets: tuple[int, ...]) -> None:
        super().__init__()
        self.backbone, self.crop, self.offsets = backbone, crop, offsets
        rows, columns = backbone.info[-1].grid(crop.size)
        seen = len(offsets) * backbone.info[-1].channels * rows * columns
        self.head = nn.Linear(seen, 3 * len(self.skeleton))

    def aggregate(self, features: Features, prior: Prior | None = None) -> PoseOutput:
        """From levels ``[batch, frame, ...]``; the detector's joints, the prior, are not asked."""
        joints = len(self.skeleton)
        xy, score = self.head(features.last.flatten(1)).split([2 * joints, joints], dim=1)
        return PoseOutput(xy.unflatten(1, (joints, 2)), score.sigmoid())

    def loss(self, features: Features, targets: Targets) -> dict[str, Tensor]:
        """Distances of the key frame's labelled joints."""
        key = self.key
        error = (self.aggregate(features).xy_norm - targets.xy_norm[:, key]).abs().sum(-1)
        return {"distance": (error * targets.weight[:, key]).mean()}


def read_recordings(root: Path, split: str) -> list[SequenceLabels]:
    """Videos of one person each, ``SPLIT/NAME.mp4``, labelled in ``SPLIT/NAME.csv``.

    Its columns are frame, joint, x and y, in pixels; frames and joints may be missing.
    """
    return [_read_recording(file) for file in sorted((root / split).glob("*.csv"))]


def _read_recording(file: Path) -> SequenceLabels:
    with file.open(newline="", encoding="utf-8") as text:
        rows = list(csv.DictReader(text))
    frames = sorted({int(row["frame"]) for row in rows})
    keypoints = np.zeros((len(frames), len(HANDS5), 2))
    visibility = np.full(keypoints.shape[:2], NOT_LABELLED)
    for row in rows:
        place = frames.index(int(row["frame"])), HANDS5.index(row["joint"])
        keypoints[place], visibility[place] = (float(row["x"]), float(row["y"])), VISIBLE
    boxes = extent_boxes(keypoints, visibility != NOT_LABELLED)
    labels = tuple(
        FrameLabels(frame, f"{file.stem}/{frame:06d}", (PersonLabels(0, points, flags, box),))
        for frame, points, flags, box in zip(frames, keypoints, visibility, boxes, strict=True)
    )
    return SequenceLabels(file.stem, HANDS5, labels, VideoFile(file.with_suffix(".mp4")))


SKELETONS[HANDS5.name] = HANDS5
BACKBONES["patches"] = Patches
KINDS["linear"] = LinearPoseConfig
DATASETS["recordings"] = Dataset("videos beside CSV files", ("train", "val"), read_recordings)

if __name__ == "__main__":
    sys.exit(main())
