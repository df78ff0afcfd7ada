"""A model of each kind, small enough to be exported or recorded in a test."""

from vidpose.models.base import ModelConfig
from vidpose.models.dsta import DSTAConfig
from vidpose.models.heatmap import HeatmapConfig
from vidpose.models.sdtc import SDTCConfig
from vidpose.models.single import MoveNetConfig
from vidpose.models.vremd import VREMDConfig

DSTA = DSTAConfig(backbone="resnet18", size=(64, 64), offsets=(-1, 0, 1))
VREMD = VREMDConfig(
    backbone="resnet18",
    size=(64, 64),
    width=16,
    heads=2,
    human_depth=1,
    keypoint_depth=1,
    motion_depth=1,
)
SDTC = SDTCConfig(
    backbone="resnet18",
    size=(64, 64),
    offsets=(-1, 0, 1),
    width=16,
    heads=2,
    deconvolutions=(8, 8),
)
HEATMAP = HeatmapConfig(backbone="resnet18", size=(64, 64), deconvolutions=(8, 8, 8))
MOVENET = MoveNetConfig(variant="lightning", side=64)
SMALL: dict[str, ModelConfig] = {
    "dsta": DSTA,
    "vremd": VREMD,
    "sdtc": SDTC,
    "heatmap-single": HEATMAP,
    "movenet-single": MOVENET,
}
