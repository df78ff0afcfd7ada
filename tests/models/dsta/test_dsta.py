"""DSTA as a model: its parts, its counts, its loss."""

import pytest
import torch
from torch import nn

from learning import batch, losses
from vidpose.backbones import registry as backbones
from vidpose.backbones.base import FeatureInfo, Features
from vidpose.models.dsta import DSTA, DSTAConfig
from vidpose.models.dsta.joint_tokens import (
    CoordinateJFD,
    HeatmapJFD,
    MapJFD,
    PooledJFD,
    SampledJFD,
)
from vidpose.models.dsta.model import _decoder

SMALL = {"backbone": "resnet18", "size": (64, 64), "offsets": (-1, 0, 1)}
# As quick as they come.
SMALLEST: dict[str, object] = {"backbone": "movenet-lightning", "jfd": "pooled"}
ROWS = [
    {},
    {"aggregation": "space"},
    {"aggregation": "time"},
    {"aggregation": "coupled"},
    {"aggregation": "global"},
    {"aggregation": "none", "offsets": (0,)},
    {"jfd": "coordinates"},
    {"jfd": "sampled"},
    {"jfd": "map"},
    {"jfd": "branches"},
    {"fusion": "sum", "normalised": True, "centred": False, "prior_mean": 0.5, "norm": "post"},
    {"jfd": "heatmaps", "backbone": "movenet-lightning-heatmaps"},
    {"offsets": (0,)},
    {"offsets": (-1, 0)},
    {"skeleton": "coco17"},
    {"skeleton": "penn13", "joint_weights": "equal"},
]


def build(**changes: object) -> DSTA:
    torch.manual_seed(0)
    return DSTAConfig.model_validate(SMALL | changes).build()


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_gradient_reaches_every_parameter(row: dict[str, object]) -> None:
    model = build(**row).train()
    torch.stack(list(losses(model, *batch(model)).values())).sum().backward()
    silent = {name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()}
    # The released code's bias is the same in all channels: the heads' LayerNorm takes it away, but
    # for rounding, which differs between processors.
    assert silent <= {"std.sum.bias"}


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_encode_and_aggregate_are_forward(row: dict[str, object]) -> None:
    model = build(**row).eval()
    frames, _ = batch(model)
    with torch.inference_mode():
        encoded = model.encode(frames.flatten(0, 1))
        output = model.aggregate(encoded.map(lambda x: x.unflatten(0, frames.shape[:2])))
        whole = model(frames)
    assert whole.xy_norm.shape == (2, len(model.skeleton), 2)
    torch.testing.assert_close(output.xy_norm, whole.xy_norm, atol=1e-6, rtol=0)
    torch.testing.assert_close(output.score, 1 - whole.sigma.mean(-1))


@pytest.mark.parametrize("jfd", ["pooled", "coordinates", "sampled"])
def test_joints_that_are_not_labelled_cost_nothing(jfd: str) -> None:
    model = build(jfd=jfd).eval()
    frames, targets = batch(model)
    hidden = targets._replace(weight=targets.weight.index_fill(2, torch.tensor([3]), 0.0))
    wrong = hidden._replace(xy_norm=hidden.xy_norm.index_fill(2, torch.tensor([3]), 99.0))
    model.requires_grad_(False)
    whole, of_hidden, of_wrong = (losses(model, frames, each) for each in (targets, hidden, wrong))
    for name, term in of_hidden.items():
        assert torch.equal(term, of_wrong[name]), name
        assert not torch.equal(term, whole[name]), name


def test_a_wrist_costs_one_and_a_half_times_as_much_as_with_equal_weights() -> None:
    equal, limbs = (build(**SMALLEST, joint_weights=each).eval() for each in ("equal", "limbs"))
    frames, targets = batch(equal)
    wrist = torch.zeros_like(targets.weight)
    wrist[..., equal.skeleton.index("left_wrist")] = 1
    terms = [losses(model, frames, targets._replace(weight=wrist)) for model in (equal, limbs)]
    torch.testing.assert_close(terms[1]["rle"], 1.5 * terms[0]["rle"])


def test_the_flow_sees_the_residual_that_is_asked_for() -> None:
    """True minus predicted is predicted minus true with both exchanged."""
    model = build(**SMALLEST, residual="true").eval().requires_grad_(False)
    predicted_minus_true = build(**SMALLEST).rle
    for parameter in model.rle.parameters():
        nn.init.normal_(parameter, std=0.2)
    predicted_minus_true.load_state_dict(model.rle.state_dict())
    frames, targets = batch(model)
    output = model(frames)
    truth, weight = targets.xy_norm[:, model.key], model.joint_weights.expand(2, -1)
    found = losses(model, frames, targets)["rle"]
    expected = predicted_minus_true(truth, output.sigma, output.xy_norm, weight)
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)
    other = predicted_minus_true(output.xy_norm, output.sigma, truth, weight)
    assert (found - other).abs() > 0.1


def of_coordinates(kind: str) -> tuple[CoordinateJFD, Features]:
    """A decoder of Table 5, and features of two levels."""
    torch.manual_seed(0)
    info = [FeatureInfo(6, 4), FeatureInfo(10, 8)]
    jfd = CoordinateJFD(10, 3, 8) if kind == "coordinates" else SampledJFD(info, 3, 8, heads=2)
    return jfd, Features((torch.randn(2, 6, 8, 6), torch.randn(2, 10, 4, 3)))


@pytest.mark.parametrize("kind", ["coordinates", "sampled"])
def test_nothing_flows_back_through_regressed_coordinates(kind: str) -> None:
    jfd, features = of_coordinates(kind)
    tokens = jfd(features)
    tokens.square().sum().backward()
    assert jfd.classes.grad is not None and jfd.classes.grad.any()
    assert jfd.regress.weight.grad is None and jfd.regress.bias.grad is None
    # They learn from a loss of their own.
    jfd.coordinates(features).square().sum().backward()
    assert jfd.regress.weight.grad is not None


def test_coordinates_are_regressed_from_the_middle_of_the_crop() -> None:
    jfd, features = of_coordinates("coordinates")
    nn.init.zeros_(jfd.regress.weight)
    nn.init.zeros_(jfd.regress.bias)
    torch.testing.assert_close(jfd.coordinates(features), torch.full((2, 3, 2), 0.5))


@pytest.mark.parametrize(("stride", "kind"), [(16, MapJFD), (32, PooledJFD)])
def test_a_joint_gets_a_map_where_the_backbones_grid_is_fine(
    stride: int, kind: type[nn.Module]
) -> None:
    """A grid of 16 pixels, ViT's, is fine."""
    backbone = backbones.build("resnet18")
    backbone.info = (FeatureInfo(8, stride),)
    assert isinstance(_decoder(DSTAConfig(), backbone, 15), kind)


@pytest.mark.parametrize("name", ["movenet-lightning-heatmaps", "movenet-lightning-person"])
def test_tokens_of_heatmaps_want_a_backbone_that_gives_some(name: str) -> None:
    assert isinstance(build(jfd="heatmaps", backbone=name).jfd, HeatmapJFD)
    with pytest.raises(ValueError, match="movenet-lightning gives no heatmaps"):
        build(jfd="heatmaps", backbone="movenet-lightning")


def test_only_the_key_frames_labels_enter_the_likelihood() -> None:
    model = build(**SMALLEST).eval().requires_grad_(False)
    frames, targets = batch(model)
    likelihood = losses(model, frames, targets)["rle"]
    for which, matters in (([0, 2], False), ([1], True)):
        of_these = torch.tensor(which)
        moved = targets._replace(xy_norm=targets.xy_norm.index_fill(1, of_these, 99.0))
        unseen = targets._replace(weight=targets.weight.index_fill(1, of_these, 0.0))
        for changed in (moved, unseen):
            assert bool(losses(model, frames, changed)["rle"] != likelihood) == matters


def test_the_order_of_frames_matters_once_their_embeddings_have_grown() -> None:
    model = build().eval()
    nn.init.normal_(model.get_parameter("std.temporal.attend.position"))
    frames, _ = batch(model, 1)
    with torch.inference_mode():
        assert (model(frames).xy_norm - model(frames.flip(1)).xy_norm).abs().max() > 1e-5


def test_what_the_backbone_knows_of_a_joint_is_in_its_token() -> None:
    decoder = HeatmapJFD(channels=5, known=2, joints=3, width=4)
    level = torch.zeros(1, 5, 6, 4)
    level[0, :3, 2, 1] = torch.tensor([1.0, 2.0, 3.0])  # features at the first joint's peak
    level[0, 3, 2, 1], level[0, 4, 5, 3] = 0.9, 0.4
    first = [1.5 / 4 - 0.5, 2.5 / 6 - 0.5, 0.9, 1.0, 2.0, 3.0]
    second = [3.5 / 4 - 0.5, 5.5 / 6 - 0.5, 0.4, 0.0, 0.0, 0.0]
    expected = decoder.linear(torch.tensor(first + second)).reshape(1, 3, 4)
    torch.testing.assert_close(decoder(Features((level,))), expected, atol=1e-5, rtol=1e-5)


def test_without_aggregation_it_is_rle() -> None:
    """As the code of RLE: coordinates from the feature over its length, deviations from itself."""
    model = build(aggregation="none", offsets=(0,)).eval()
    frames, _ = batch(model)
    joints = len(model.skeleton)
    with torch.inference_mode():
        feature = model.backbone(frames[:, 0]).last.mean((-2, -1))
        weight, bias = model.coordinates.parameters()
        length = feature.square().sum(1, keepdim=True).sqrt()
        xy = feature @ weight.T / length + bias + 0.5
        weight, bias = model.deviations.parameters()
        sigma = torch.sigmoid(feature @ weight.T + bias)
        output = model(frames)
    torch.testing.assert_close(output.xy_norm, xy.reshape(2, joints, 2))
    torch.testing.assert_close(output.sigma, sigma.reshape(2, joints, 2))


def test_rle_can_pool_all_levels() -> None:
    model = build(aggregation="none", offsets=(0,), jfd="branches").eval()
    levels = model.backbone(batch(model)[0][:, 0])
    expected = torch.cat([level.mean((-2, -1)) for level in levels.levels], -1)
    assert len(levels.levels) > 1
    torch.testing.assert_close(model.jfd(levels)[:, 0], expected)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"aggregation": "none"}, "sees one frame"),
        ({"aggregation": "none", "offsets": (0,), "jfd": "map"}, "no joint tokens: jfd map"),
        ({"aggregation": "global", "jfd": "branches"}, "no joint tokens: jfd branches"),
        ({"aggregation": "global", "normalised": True}, "normalised is of joint tokens"),
        ({"jfd": "map", "normalised": True}, "normalised is of joint tokens"),
        ({"aggregation": "coupled", "fusion": "sum"}, "fusion sum"),
        ({"backbone": "vit-s", "normalised": True}, "gets maps"),
    ],
    ids=str,
)
def test_contradictions_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        build(**changes)


def test_a_backbone_without_heatmaps_is_refused() -> None:
    with pytest.raises(ValueError, match="mobilenet-v3-large gives no heatmaps"):
        build(jfd="heatmaps", backbone="mobilenet-v3-large")


def test_counts_of_the_paper() -> None:
    model = build(backbone="resnet50", size=(256, 192))
    assert count(model.jfd) == 983_520  # 2048 x 480 + 480
    stacks = count(model.std)
    embeddings = 32 * (3 + 3)
    norms = 2 * 2 * 32
    assert stacks - embeddings - norms == 68_352  # 8 blocks
    assert count(model.rle) == 53_784


def test_global_features_have_as_many_parameters_as_the_whole_model() -> None:
    whole = build(backbone="resnet50", size=(256, 192))
    pooled = build(backbone="resnet50", size=(256, 192), aggregation="global")

    def head(model: DSTA) -> int:
        return count(model) - count(model.backbone) - count(model.rle)

    assert abs(head(pooled) / head(whole) - 1) < 0.02


def test_a_checkpoint_of_one_configuration_names_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="no backbone named 'resnet51'"):
        DSTAConfig(backbone="resnet51")
    with pytest.raises(ValueError, match="no skeleton named 'cat'"):
        DSTAConfig(skeleton="cat")
    with pytest.raises(ValueError, match="contain 0"):
        DSTAConfig(offsets=(-1, 1))
