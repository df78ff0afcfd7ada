"""What every model of the registry promises, checked with random weights."""

import pytest
import torch

from learning import losses
from vidpose.models.base import ModelConfig, PoseModel, Targets
from vidpose.models.dsta import DSTAConfig
from vidpose.models.heatmap import HeatmapConfig
from vidpose.models.registry import KINDS
from vidpose.models.sdtc import SDTCConfig
from vidpose.models.single import MoveNetConfig
from vidpose.models.vremd import VREMDConfig

# Of every kind, something small.
SMALL: dict[str, ModelConfig] = {
    "movenet-single": MoveNetConfig(variant="lightning", side=96),
    "heatmap-single": HeatmapConfig(backbone="resnet18", size=(64, 64), deconvolutions=(8, 8)),
    "dsta": DSTAConfig(backbone="resnet18", size=(64, 64), offsets=(-1, 0, 1)),
    "vremd": VREMDConfig(backbone="movenet-lightning", size=(64, 64), width=32, heads=4),
    "sdtc": SDTCConfig(
        backbone="movenet-lightning",
        size=(64, 64),
        offsets=(-1, 0, 1),
        width=16,
        heads=2,
        deconvolutions=(8, 8),
    ),
}
LEARN_FROM_LOSS = sorted(KINDS.keys() - {"movenet-single"})


def build(kind: str) -> PoseModel:
    torch.manual_seed(0)
    return SMALL[kind].build().eval()


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("dsta", "depth", 10**9),
        ("dsta", "size", (10**18, 32)),
        ("dsta", "offsets", (-(10**9), 0)),
        ("heatmap-single", "deconvolutions", (10**9,)),
        ("heatmap-single", "enlargement", 1e308),
        ("sdtc", "context_weight", 1e308),
        ("vremd", "width", 10**9),
    ],
)
def test_numbers_beyond_any_model_are_refused(kind: str, field: str, value: object) -> None:
    """A checkpoint of some bytes could fill the memory by them."""
    with pytest.raises(ValueError, match=f"(?s){field}.*beyond any model"):
        type(SMALL[kind]).model_validate({field: value})


@pytest.fixture(params=sorted(KINDS))
def model(request: pytest.FixtureRequest) -> PoseModel:
    return build(request.param)


def clip(model: PoseModel, batch: int) -> torch.Tensor:
    torch.manual_seed(1)
    shape = (batch, len(model.offsets), 3, *model.crop.size)
    return torch.randint(0, 256, shape, dtype=torch.uint8)


def test_an_empty_batch_gives_an_empty_answer(model: PoseModel) -> None:
    output = model(clip(model, 0))
    assert output.xy_norm.shape == (0, len(model.skeleton), 2)


def test_shapes_and_ranges(model: PoseModel) -> None:
    output = model(clip(model, 2))
    assert output.xy_norm.shape == (2, len(model.skeleton), 2)
    assert output.score.shape == (2, len(model.skeleton))
    assert (output.score >= 0).all() and (output.score <= 1).all()
    assert output.xy_norm.isfinite().all()


def test_forward_is_aggregate_of_encode(model: PoseModel) -> None:
    frames = clip(model, 2)
    encoded = model.encode(frames.flatten(0, 1))
    stacked = encoded.map(lambda level: level.unflatten(0, frames.shape[:2]))
    torch.testing.assert_close(model.aggregate(stacked).xy_norm, model(frames).xy_norm)


def test_uint8_and_float_frames_are_the_same(model: PoseModel) -> None:
    frames = clip(model, 1)
    torch.testing.assert_close(model(frames.float()).xy_norm, model(frames).xy_norm)


def test_one_person_does_not_depend_on_the_others(model: PoseModel) -> None:
    frames = clip(model, 3)
    together, alone = model(frames), model(frames[1:2])
    torch.testing.assert_close(together.xy_norm[1:2], alone.xy_norm, atol=1e-5, rtol=0)
    torch.testing.assert_close(together.score[1:2], alone.score, atol=1e-5, rtol=0)


def targets_of(model: PoseModel, batch: int) -> Targets:
    torch.manual_seed(2)
    shape = (batch, len(model.offsets), len(model.skeleton))
    return Targets(torch.rand(*shape, 2), torch.ones(shape), torch.ones(shape[:2]), {})


def loss(model: PoseModel, frames: torch.Tensor, targets: Targets) -> torch.Tensor:
    return torch.stack(list(losses(model, frames, targets).values())).sum()


@pytest.mark.parametrize("kind", LEARN_FROM_LOSS)
def test_a_gradient_of_the_loss_reaches_every_parameter(kind: str) -> None:
    model = build(kind).train()
    loss(model, clip(model, 2), targets_of(model, 2)).backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert not silent


@pytest.mark.parametrize("kind", LEARN_FROM_LOSS)
def test_clips_without_labels_teach_the_joints_nothing(kind: str) -> None:
    model = build(kind)
    targets = targets_of(model, 2)
    nothing = targets._replace(
        weight=torch.zeros_like(targets.weight), labelled=torch.zeros_like(targets.labelled)
    )
    assert float(loss(model, clip(model, 2), nothing).detach()) == 0


def test_models_that_are_not_trained_here_say_so() -> None:
    model = build("movenet-single")
    with pytest.raises(NotImplementedError, match="no training loss"):
        loss(model, clip(model, 1), targets_of(model, 1))


def test_a_gradient_reaches_every_map_of_movenet() -> None:
    model = build("movenet-single").train()
    output = model(clip(model, 2))
    assert output.heatmaps is not None
    # Decoding picks cells: every cell of every raw map must be able to learn.
    (output.heatmaps.sum() + output.xy_norm.sum() + output.score.sum()).backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None]
    # The decoder reads the centre and the regression by argmax only; training reads the maps.
    assert all("center" in name or "kpt_regress" in name for name in silent), silent


def test_a_prior_of_zeros_is_no_prior(model: PoseModel) -> None:
    frames = clip(model, 2)
    nothing = torch.zeros(2, len(model.skeleton), 3)
    torch.testing.assert_close(model(frames, nothing).xy_norm, model(frames).xy_norm)
