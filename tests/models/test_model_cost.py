"""The costs of a whole model against counts by hand."""

import pytest
import torch
from torch import Tensor, nn

from vidpose.backbones.base import Backbone, FeatureInfo, Features
from vidpose.geometry import CropGeometry
from vidpose.heads.prior import Prior
from vidpose.models.base import PoseModel, PoseOutput
from vidpose.models.cost import measure
from vidpose.models.single import MoveNetConfig
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


def test_a_weight_that_is_read_without_its_layer_being_called_is_no_training_only() -> None:
    """MoveNet's heads are computed in some cells alone."""
    with torch.device("meta"):
        model = MoveNetConfig(variant="lightning", side=64).build().eval()
    assert measure(model).training_only == 0


def test_the_cache_holds_what_encode_gives(toy: Toy) -> None:
    assert measure(toy).cache_bytes == 4 * 4
