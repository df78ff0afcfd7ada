"""MobileNets: torchvision's names and counts, and an independent implementation's numbers."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from vidpose.backbones.mobilenet import (
    MobileNet,
    SqueezedResidual,
    mobilenet_v2,
    mobilenet_v3_large,
)
from vidpose.costs import macs, parameters

BUILDS = {"v2": mobilenet_v2, "v3": mobilenet_v3_large}


@pytest.mark.parametrize("size", [(64, 96), (33, 47)])
@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)
def test_levels_have_the_stated_shapes(
    build: Callable[[], MobileNet], size: tuple[int, int]
) -> None:
    network = build().eval()
    with torch.inference_mode():
        levels = network(torch.zeros(2, 3, *size, dtype=torch.uint8)).levels
    for level, info in zip(levels, network.info, strict=True):
        rows, columns = (-(-side // info.stride) for side in size)
        assert level.shape == (2, info.channels, rows, columns)


# The published counts, whole networks; the classifiers are known layers.
@pytest.mark.parametrize(
    ("build", "total", "classifier", "cost"),
    [
        (mobilenet_v2, 3_504_872, [(1280, 1000)], 300.8e6),
        (mobilenet_v3_large, 5_483_032, [(960, 1280), (1280, 1000)], 216.6e6),
    ],
)
def test_sizes_and_costs_are_the_published_ones(
    build: Callable[[], MobileNet], total: int, classifier: list[tuple[int, int]], cost: float
) -> None:
    with torch.device("meta"):
        network = build().eval()
        count = macs(network, torch.zeros(1, 3, 224, 224))
    assert parameters(network) + sum(i * o + o for i, o in classifier) == total
    assert count + sum(i * o for i, o in classifier) == pytest.approx(cost, rel=1e-3)


def test_names_are_torchvisions() -> None:
    with torch.device("meta"):
        v2, v3 = mobilenet_v2().state_dict(), mobilenet_v3_large().state_dict()
    for state, key, shape in [
        (v2, "features.0.0.weight", (32, 3, 3, 3)),
        (v2, "features.1.conv.0.0.weight", (32, 1, 3, 3)),
        (v2, "features.1.conv.1.weight", (16, 32, 1, 1)),
        (v2, "features.1.conv.2.running_mean", (16,)),
        (v2, "features.2.conv.1.0.weight", (96, 1, 3, 3)),
        (v2, "features.17.conv.2.weight", (320, 960, 1, 1)),
        (v2, "features.17.conv.3.bias", (320,)),
        (v2, "features.18.0.weight", (1280, 320, 1, 1)),
        (v3, "features.1.block.1.0.weight", (16, 16, 1, 1)),
        (v3, "features.4.block.1.0.weight", (72, 1, 5, 5)),
        (v3, "features.4.block.2.fc1.weight", (24, 72, 1, 1)),
        (v3, "features.4.block.3.0.weight", (40, 72, 1, 1)),
        (v3, "features.11.block.2.fc2.bias", (480,)),
        (v3, "features.15.block.3.1.weight", (160,)),
        (v3, "features.16.1.num_batches_tracked", ()),
    ]:
        assert tuple(state[key].shape) == shape, key


def test_v2_agrees_with_transformers() -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.MobileNetV2Config(tf_padding=False, layer_norm_eps=1e-5)
    reference = transformers.MobileNetV2Model(config, add_pooling_layer=False).eval()
    for name, tensor in reference.state_dict().items():
        if "running_var" in name:
            tensor.uniform_(0.5, 2)
        elif "normalization" in name and tensor.is_floating_point():
            tensor.normal_(std=0.5)
    network = mobilenet_v2().eval()
    # Both list their layers from the input to the output.
    pairs = zip(network.state_dict().items(), reference.state_dict().items(), strict=True)
    state = {ours: tensor for (ours, _), (_, tensor) in pairs}
    network.load_state_dict(state)
    frames = torch.randint(0, 256, (2, 3, 96, 64), dtype=torch.uint8)
    with torch.inference_mode():
        expected = reference(network.normalise(frames)).last_hidden_state
        torch.testing.assert_close(network(frames).last, expected, rtol=1e-4, atol=1e-5)


def test_a_squeezed_block_computes_what_the_paper_says() -> None:
    torch.manual_seed(0)
    network = mobilenet_v3_large().eval()
    block = network.features[15]
    assert isinstance(block, SqueezedResidual)
    state = block.state_dict()
    for tensor in state.values():
        if tensor.is_floating_point() and tensor.ndim == 1:
            tensor.uniform_(0.5, 1.5)
    x = torch.randn(1, 160, 6, 5)

    def norm(name: str, y: torch.Tensor) -> torch.Tensor:
        mean, var, weight, bias = (
            state[f"block.{name}.1.{leaf}"][:, None, None]
            for leaf in ("running_mean", "running_var", "weight", "bias")
        )
        return (y - mean) / (var + 0.001).sqrt() * weight + bias

    def swish(y: torch.Tensor) -> torch.Tensor:
        return y * (y + 3).clamp(0, 6) / 6

    y = swish(norm("0", F.conv2d(x, state["block.0.0.weight"])))
    y = swish(norm("1", F.conv2d(y, state["block.1.0.weight"], padding=2, groups=960)))
    pooled = y.mean((2, 3))
    weights = [state[f"block.2.{name}.weight"][:, :, 0, 0] for name in ("fc1", "fc2")]
    hidden = (pooled @ weights[0].T + state["block.2.fc1.bias"]).clamp(0)
    scale = ((hidden @ weights[1].T + state["block.2.fc2.bias"] + 3) / 6).clamp(0, 1)
    y = norm("3", F.conv2d(y * scale[:, :, None, None], state["block.3.0.weight"]))
    with torch.inference_mode():
        torch.testing.assert_close(block(x), x + y, rtol=1e-4, atol=1e-4)
