"""MoveNet: parity with the published runtimes, and the padding that makes or breaks it."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from vidpose import weights
from vidpose.backbones import checkpoints
from vidpose.backbones.movenet import WIDTHS, MoveNetBackbone, MultiPose, SameConv2d
from vidpose.backbones.registry import build
from vidpose.models import registry
from vidpose.models.single import MoveNetSingle

PARITY = Path(__file__).parents[1] / "data" / "movenet_parity.npz"


@pytest.mark.parametrize("size", [(33, 32), (32, 48)])
def test_a_side_that_is_no_multiple_of_32_is_refused(size: tuple[int, int]) -> None:
    network = MoveNetBackbone(WIDTHS["lightning"])
    with pytest.raises(ValueError, match="multiples of 32"):
        network(torch.zeros(1, 3, *size))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("side", [2, 4, 10])
def test_padding_is_tensorflows_same(stride: int, kernel: int, side: int) -> None:
    if stride == 2 and kernel == 1:
        return  # MoveNet has none
    torch.manual_seed(0)
    conv = SameConv2d(2, 3, kernel, stride)
    x = torch.randn(1, 2, side, side)
    out = -(-side // stride)
    total = max((out - 1) * stride + kernel - side, 0)
    before, after = total // 2, total - total // 2
    expected = F.conv2d(F.pad(x, (before, after, before, after)), conv.weight, conv.bias, stride)
    torch.testing.assert_close(conv(x), expected)
    assert expected.shape[-1] == out


@pytest.mark.parametrize("name", ["thunder", "lightning"])
def test_single_pose_agrees_with_tensorflow_js(name: str) -> None:
    with np.load(PARITY) as arrays:
        image, reference = arrays[f"{name}_image"], arrays[f"{name}_reference"]
    model = registry.load(f"movenet-{name}")
    with torch.inference_mode():
        output = model(torch.from_numpy(image).permute(2, 0, 1)[None, None])
    side = image.shape[0]
    xy = output.xy_norm[0].numpy() * side
    assert np.abs(xy - reference[:, 1::-1] * side).max() < 0.05
    assert np.abs(output.score[0].numpy() - reference[:, 2]).max() < 1e-3


def test_levels_have_the_stated_shapes() -> None:
    network = MoveNetBackbone(WIDTHS["lightning"])
    levels = network(torch.zeros(2, 3, 64, 96, dtype=torch.uint8)).levels
    for level, info in zip(levels, network.info, strict=True):
        assert level.shape == (2, info.channels, 64 // info.stride, 96 // info.stride)


def test_activations_stay_channels_last() -> None:
    model = registry.load("movenet-lightning")
    features = model.encode(torch.zeros(2, 3, 64, 64, dtype=torch.uint8))
    assert features.last.is_contiguous(memory_format=torch.channels_last)


def test_a_gradient_reaches_every_parameter() -> None:
    torch.manual_seed(0)
    network = MultiPose()
    maps = network(torch.rand(2, 3, 64, 64) * 255)
    torch.stack([head.square().sum() for head in maps.values()]).sum().backward()
    silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert not silent


def test_a_backbone_can_hand_on_the_heatmaps_of_the_published_network() -> None:
    backbone = build("movenet-lightning-heatmaps").eval()
    report = checkpoints.load(backbone, weights.path("movenet-lightning"))
    assert not report.missing
    model = registry.load("movenet-lightning")
    frames = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)
    with torch.inference_mode():
        known = model.backbone(frames).last
        assert isinstance(model, MoveNetSingle)
        heatmaps = model.heads(known)["kpt_heatmap"].sigmoid()
        torch.testing.assert_close(backbone(frames).last, torch.cat([known, heatmaps], 1))
