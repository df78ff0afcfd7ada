"""A model of each kind, and variants, small enough to be exported or recorded in a test."""

from vidpose.models.base import ModelConfig
from vidpose.models.dsta import DSTAConfig
from vidpose.models.heatmap import HeatmapConfig
from vidpose.models.registry import KINDS
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
VIT = {"backbone": "vit-s", "size": (32, 32)}
VARIANTS: dict[str, ModelConfig] = {
    "dsta on a plain transformer": DSTA.model_copy(update=VIT),
    "dsta, unequal groups": DSTA.model_copy(update={"skeleton": "coco17"}),
    "dsta, sampled": DSTA.model_copy(update={"jfd": "sampled"}),
    "vremd on a plain transformer": VREMD.model_copy(
        update=VIT | {"width": None, "mask_scale": "root"}
    ),
    "vremd, deformable convolution": VREMD.model_copy(
        update={"motion": "convolution", "separate": False}
    ),
    "vremd, deformable attention": VREMD.model_copy(
        update={"motion": "attention", "separate": False}
    ),
    "vremd, one frame": VREMD.model_copy(update={"offsets": (0,), "motion": None}),
    "vremd, known": VREMD.model_copy(
        update={"backbone": "movenet-lightning-heatmaps", "known": True, "decoder": "middle"}
    ),
    "sdtc, known": SDTC.model_copy(
        update={"backbone": "movenet-lightning-heatmaps", "known": True, "decoder": "middle"}
    ),
    "sdtc on a plain transformer": SDTC.model_copy(update=VIT | {"width": 384}),
    "sdtc, patch level alone": SDTC.model_copy(update={"motion": "patch"}),
}


def shipped_kinds() -> set[str]:
    """The kinds of models there are, without those that other tests have added."""
    return {name for name, kind in KINDS.items() if kind.__module__.startswith("vidpose.")}
