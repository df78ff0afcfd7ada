"""The steps that are timed are those of streaming and of whole clips."""

import pytest
import torch

from vidpose.bench.steps import STEPS, macs, steps
from vidpose.bench.variants import cost, load
from vidpose.errors import VidposeError
from vidpose.models import registry
from vidpose.models.base import PoseModel, PoseOutput
from vidpose.models.dsta import DSTAConfig


@pytest.fixture
def model() -> PoseModel:
    torch.manual_seed(0)
    config = DSTAConfig(backbone="resnet18", size=(64, 64), offsets=(-1, 0, 1))
    return config.build().eval().requires_grad_(False)


def test_stream_and_clip_give_the_same_pose(model: PoseModel) -> None:
    calls = steps(model)
    clip, stream, kept = calls["clip"](), calls["stream"](), calls["aggregate"]()
    for output in (stream, kept):
        assert isinstance(output, PoseOutput) and isinstance(clip, PoseOutput)
        torch.testing.assert_close(output.xy_norm, clip.xy_norm, atol=1e-5, rtol=0)


def test_a_streamed_frame_encodes_one_crop(model: PoseModel) -> None:
    calls = steps(model)
    batches = []
    model.backbone.register_forward_hook(lambda module, frames, _: batches.append(len(frames[0])))
    calls["stream"]()
    calls["aggregate"]()
    assert batches == [1]
    calls["clip"]()
    assert batches == [1, 3]


def test_costs_add_up_and_leave_the_model_where_it_is(model: PoseModel) -> None:
    costs = cost(model)
    counted = {step: macs(costs, step) for step in STEPS}
    assert counted["stream"] == counted["encode"] + counted["aggregate"]
    assert counted["clip"] == 3 * counted["encode"] + counted["aggregate"]
    assert model.device.type == "cpu"


def test_a_recipe_has_the_same_random_weights_every_time_and_spares_others_chance() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    first = load("dsta-resnet50")
    assert torch.equal(torch.rand(1), expected)
    second = load("dsta-resnet50")
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_name_of_a_model_and_of_a_recipe_is_the_trained_model() -> None:
    trained = registry.load("dsta-movenet").state_dict()
    assert all(
        torch.equal(a, trained[name]) for name, a in load("dsta-movenet").state_dict().items()
    )


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(VidposeError, match="no model named 'dsta-resnet51'"):
        load("dsta-resnet51")
