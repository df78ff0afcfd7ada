"""The costs of a whole model against counts by hand."""

import pytest
from torch import Tensor, nn

from vidpose.backbones.base import Backbone, FeatureInfo, Features
from vidpose.geometry import CropGeometry
from vidpose.heads.prior import Prior
from vidpose.models.base import PoseModel, PoseOutput
from vidpose.models.cost import measure
from vidpose.skeleton import PENN13


class Patches(Backbone):
    info = (FeatureInfo(5, 8),)

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 8, stride=8)

    def forward(self, frames: Tensor) -> Features:
        return Features((self.conv(frames),))


class Toy(PoseModel):
    skeleton = PENN13
    crop = CropGeometry((16, 24), 1.25)
    offsets = (-1, 0, 1)

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Patches()
        self.token = nn.Linear(5, 4)
        self.mix = nn.Linear(12, 26)
        self.only_in_training = nn.Linear(7, 7)

    def embed(self, features: Features) -> Features:
        return Features((self.token(features.last.flatten(2).mean(2)),))

    def aggregate(self, features: Features, prior: Prior | None = None) -> PoseOutput:
        xy_norm = self.mix(features.last.flatten(1)).unflatten(1, (13, 2))
        return PoseOutput(xy_norm, xy_norm[..., 0].sigmoid())


@pytest.fixture
def toy() -> Toy:
    return Toy().to("meta").eval()


def test_every_step_is_counted_once(toy: Toy) -> None:
    costs = measure(toy)
    assert costs.backbone == 5 * 3 * 64 * 6
    assert costs.embed == 5 * 4
    assert costs.aggregate == 12 * 26
    assert costs.clip == 3 * (5760 + 20) + 312
    assert costs.stream == 5760 + 20 + 312


def test_parameters_are_told_apart(toy: Toy) -> None:
    costs = measure(toy)
    assert costs.backbone_parameters == 5 * 3 * 64 + 5
    assert costs.training_only == 7 * 7 + 7
    assert costs.parameters == 965 + (20 + 4) + (312 + 26) + 56


def test_the_cache_holds_what_encode_gives(toy: Toy) -> None:
    assert measure(toy).cache_bytes == 4 * 4


def test_measuring_leaves_no_hook_behind(toy: Toy) -> None:
    measure(toy)
    assert not any(module._forward_pre_hooks for module in toy.modules())
