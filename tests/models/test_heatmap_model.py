"""The one-frame heatmap baseline: its arguments, its loss, and that it learns."""

import math

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from vidpose.heads.heatmap import gaussian_targets
from vidpose.models.base import Targets
from vidpose.models.heatmap import HeatmapConfig, HeatmapSingle
from vidpose.skeleton import PENN13

TINY = HeatmapConfig(
    backbone="resnet18", skeleton="penn13", size=(64, 64), deconvolutions=(32, 32, 32), sigma=1.0
)


def tiny(**changes: object) -> HeatmapSingle:
    torch.manual_seed(0)
    return HeatmapConfig.model_validate(TINY.model_dump() | changes).build()


def targets(batch: int, weight: float = 1.0) -> Targets:
    torch.manual_seed(1)
    joints = len(PENN13)
    xy_norm, weights = torch.rand(batch, 1, joints, 2), torch.full((batch, 1, joints), weight)
    return Targets(xy_norm, weights, torch.ones(batch, 1), extras={})


def frames(batch: int) -> Tensor:
    torch.manual_seed(2)
    return torch.randint(0, 256, (batch, 3, 64, 64), dtype=torch.uint8)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("backbone", "resnet51", "resnet50"),
        ("skeleton", "coco", "coco17"),
        ("size", (256, 200), "multiple of 32"),
        ("size", (0, 64), "greater than 0"),
        ("sigma", 0.0, "greater than or equal to 1"),
        ("decoder", "argmax", "quarter"),
        ("deconvolutions", (0,), "greater than 0"),
        ("colour", "red", "Extra inputs"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(
    field: str, value: object, said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        HeatmapConfig.model_validate({field: value})


def test_a_configuration_survives_its_json() -> None:
    assert HeatmapConfig.model_validate_json(TINY.model_dump_json()) == TINY


def test_the_tokens_of_a_vit_are_a_map() -> None:
    model = tiny(backbone="vit-s", size=(64, 96), deconvolutions=(8,)).eval()
    assert model(torch.zeros(1, 1, 3, 64, 96)).heatmaps.shape == (1, 13, 8, 12)


def test_no_people_give_no_poses() -> None:
    output = tiny().eval()(torch.zeros(0, 1, 3, 64, 64, dtype=torch.uint8))
    assert output.xy_norm.shape == (0, 13, 2) and output.score.shape == (0, 13)


@pytest.mark.parametrize("decoder", ["quarter", "dark", "udp", "middle"])
def test_shapes_and_ranges(decoder: str) -> None:
    model = tiny(decoder=decoder, size=(64, 96)).eval()
    output = model(torch.randint(0, 256, (2, 1, 3, 64, 96), dtype=torch.uint8))
    assert output.heatmaps is not None and output.heatmaps.shape == (2, 13, 16, 24)
    assert output.xy_norm.shape == (2, 13, 2) and output.xy_norm.isfinite().all()
    assert ((output.score >= 0) & (output.score <= 1)).all()


@pytest.mark.parametrize(("bias", "score"), [(-5.0, 0.0), (5.0, 1.0)])
def test_a_score_stays_a_probability(bias: float, score: float) -> None:
    model = tiny().eval()
    model.head.load_state_dict({"final_layer.bias": torch.full((13,), bias)}, strict=False)
    output = model(frames(1)[:, None])
    assert output.heatmaps is not None and ((output.heatmaps - bias).abs() < 1).all()
    assert (output.score == score).all()


def test_the_loss_is_float32_under_autocast() -> None:
    model = tiny()
    with torch.autocast("cpu", torch.bfloat16):
        features = model.backbone(frames(2)).map(lambda level: level[:, None])
        loss = model.loss(features, targets(2))["heatmap"]
    assert features.last.dtype == torch.bfloat16 and loss.dtype == torch.float32


def test_the_head_begins_nearly_silent() -> None:
    model = tiny()
    state = model.head.state_dict()
    assert state["deconv_layers.0.weight"].std().item() == pytest.approx(1e-3, rel=0.05)
    assert state["final_layer.weight"].std().item() == pytest.approx(1e-3, rel=0.2)
    assert not state["final_layer.bias"].any()


def test_parameters_are_those_of_simple_baselines() -> None:
    with torch.device("meta"):
        model = HeatmapConfig(skeleton="coco17").build()
    # The 34.0 M of the published ResNet-50 at 256 x 192.
    assert sum(p.numel() for p in model.parameters()) == 33_999_697
    assert not any("joint_weights" in key for key in model.state_dict())


def test_every_joint_of_a_batch_is_for_itself() -> None:
    model, clip = tiny().eval(), frames(3)[:, None]
    together, alone = model(clip), model(clip[1:2])
    assert together.heatmaps is not None and alone.heatmaps is not None
    torch.testing.assert_close(together.heatmaps[1:2], alone.heatmaps, atol=1e-5, rtol=0)


@pytest.mark.parametrize("scheme", ["equal", "limbs"])
def test_the_loss_is_the_weighted_squared_error_of_the_heatmaps(scheme: str) -> None:
    model = tiny(joint_weights=scheme).eval()
    wanted = targets(2)
    features = model.backbone(frames(2)).map(lambda level: level[:, None])
    loss = model.loss(features, wanted)
    assert list(loss) == ["heatmap"]
    predicted = model.aggregate(features).heatmaps
    assert predicted is not None
    expected, _ = gaussian_targets(wanted.xy_norm[:, 0] * 16, wanted.weight[:, 0], (16, 16), 1.0)
    heavy = {"elbow": 1.2, "knee": 1.2, "wrist": 1.5, "ankle": 1.5} if scheme == "limbs" else {}
    weight = torch.tensor([heavy.get(joint.split("_")[-1], 1.0) for joint in PENN13.joints])
    error = (weight[:, None, None] * (predicted - expected)) ** 2
    torch.testing.assert_close(loss["heatmap"], error.mean())


def test_what_is_not_labelled_costs_nothing() -> None:
    model = tiny()
    wanted = targets(2, weight=0.0)
    wanted = wanted._replace(xy_norm=torch.full_like(wanted.xy_norm, math.nan))
    features = model.backbone(frames(2)).map(lambda level: level[:, None])
    loss = model.loss(features, wanted)["heatmap"]
    loss.backward()
    assert loss.item() == 0
    assert all(p.grad is not None and not p.grad.any() for p in model.head.parameters())


def test_a_gradient_reaches_every_parameter() -> None:
    model = tiny()
    features = model.backbone(frames(2)).map(lambda level: level[:, None])
    model.loss(features, targets(2))["heatmap"].backward()
    silent = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert not silent


def test_a_frozen_backbone_stays_as_it_is() -> None:
    model = tiny()
    model.backbone.requires_grad_(False)
    with torch.no_grad():
        features = model.backbone(frames(2)).map(lambda level: level[:, None])
    model.loss(features, targets(2))["heatmap"].backward()
    assert all(p.grad is None for p in model.backbone.parameters())
    assert all(p.grad is not None for p in model.head.parameters())


def blobs(batch: int) -> tuple[Tensor, Targets]:
    """Images with one coloured blob a joint, and where they are."""
    wanted = targets(batch)
    wanted = wanted._replace(xy_norm=0.15 + 0.7 * wanted.xy_norm)
    places, _ = gaussian_targets(wanted.xy_norm[:, 0] * 64, wanted.weight[:, 0], (64, 64), 3.0)
    torch.manual_seed(3)
    colours = torch.rand(len(PENN13), 3) * 255
    images = torch.einsum("bjhw,jc->bchw", places, colours)
    return images.clamp(0, 255).to(torch.uint8), wanted


def test_it_learns_a_few_images_by_heart() -> None:
    model = tiny()
    images, wanted = blobs(4)
    optimiser = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(50):
        features = model.backbone(images).map(lambda level: level[:, None])
        loss = model.loss(features, wanted)["heatmap"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.inference_mode():
        output = model.eval()(images[:, None])
    distance = (output.xy_norm - wanted.xy_norm[:, 0]).norm(dim=-1) * 64
    assert (distance < 4).float().mean() > 0.95
