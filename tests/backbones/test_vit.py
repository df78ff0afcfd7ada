"""The plain vision transformer: parity with transformers' VitPose, positions, stochastic depth."""

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from vidpose.backbones import checkpoints
from vidpose.backbones.registry import BACKBONES
from vidpose.backbones.vit import ViT, resize_positions
from vidpose.costs import macs
from vidpose.layers.attention import DropPath


def _agrees_with_transformers(
    width: int, depth: int, heads: int, grid: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Our tokens and theirs for the same random weights and frames."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    size = [16 * side for side in grid]
    config = transformers.VitPoseBackboneConfig(
        image_size=size,
        hidden_size=width,
        num_hidden_layers=depth,
        num_attention_heads=heads,
        layer_norm_eps=1e-6,
    )
    reference = transformers.VitPoseBackbone(config).eval()
    for name, tensor in reference.state_dict().items():
        # Larger than at initialisation: attention shall not be nearly uniform.
        tensor.normal_(mean=1 if "norm" in name and "weight" in name else 0, std=0.1)
    network = ViT(width, depth, heads, drop_path=0.5, grid=grid).eval()
    checkpoints.load_state(network, reference.state_dict(), "reference")
    frames = torch.randint(0, 256, (2, 3, *size), dtype=torch.uint8)
    with torch.inference_mode():
        expected = reference(network.normalise(frames)).feature_maps[-1]
        return network(frames).last, expected


def test_small_networks_agree_with_transformers() -> None:
    ours, theirs = _agrees_with_transformers(48, depth=3, heads=4, grid=(8, 6))
    assert theirs.std() > 0.5
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_vit_s_agrees_with_transformers() -> None:
    ours, theirs = _agrees_with_transformers(384, depth=12, heads=12, grid=(16, 12))
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "giga_macs"), [("vit-s", 4.47), ("vit-b", 17.10), ("vit-l", 59.94), ("vit-h", 124.0)]
)
def test_costs_are_the_published_ones(name: str, giga_macs: float) -> None:
    with torch.device("meta"):
        count = macs(BACKBONES[name]().eval(), torch.zeros(1, 3, 256, 192))
    assert count / 1e9 == pytest.approx(giga_macs, rel=1e-3)


def test_every_16_pixels_give_a_token() -> None:
    network = ViT(8, depth=1, heads=2, grid=(4, 3)).eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 64, 48)).last.shape == (1, 12, 8)
        assert network(torch.zeros(1, 3, 96, 80, dtype=torch.uint8)).last.shape == (1, 30, 8)
        assert network(torch.zeros(0, 3, 64, 48)).last.shape == (0, 12, 8)


def test_the_class_position_is_added_to_every_token() -> None:
    torch.manual_seed(0)
    network = ViT(8, depth=1, heads=2, grid=(4, 3)).eval()
    frames = torch.rand(1, 3, 64, 48) * 255
    with torch.inference_mode():
        before = network(frames).last
        shift = torch.randn(8)
        network.pos_embed[:, 0] += shift
        moved = network(frames).last
        network.pos_embed[:, 1:] -= shift
        back = network(frames).last
    assert (moved - before).abs().amax(-1).min() > 1e-3
    torch.testing.assert_close(back, before)


@pytest.mark.parametrize("new", [(16, 12), (24, 18), (5, 9)])
def test_resized_positions_are_opencvs_cubics_and_keep_the_class_entry(
    new: tuple[int, int],
) -> None:
    grid = np.random.default_rng(0).normal(size=(8, 6, 3)).astype(np.float32)
    positions = torch.cat(
        [torch.full((1, 1, 3), -7.0), torch.from_numpy(grid).flatten(0, 1)[None]], 1
    )
    assert resize_positions(positions, (8, 6), (8, 6)) is positions
    resized = resize_positions(positions, (8, 6), new)
    assert torch.equal(resized[:, 0], positions[:, 0])
    expected = cv2.resize(grid, new[::-1], interpolation=cv2.INTER_CUBIC)
    np.testing.assert_allclose(resized[0, 1:].unflatten(0, new), expected, atol=1e-4)


def test_positions_learn_at_another_input_size() -> None:
    network = ViT(8, depth=1, heads=2, grid=(4, 3))
    network(torch.zeros(1, 3, 96, 80)).last.square().sum().backward()
    assert network.pos_embed.grad is not None
    assert (network.pos_embed.grad.abs().sum(-1) > 0).all()


def _rates(network: ViT) -> list[float]:
    return [module.rate for module in network.modules() if isinstance(module, DropPath)]


def test_stochastic_depth_grows_with_the_depth() -> None:
    rates = _rates(ViT(8, depth=5, heads=2, drop_path=0.4))
    assert rates == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert _rates(ViT(8, depth=1, heads=2, drop_path=0.4)) == [0]


def test_layers_of_parameters_are_those_of_vitpose() -> None:
    network = ViT(8, depth=3, heads=2)
    layers = {name: network.layer_of(name) for name, _ in network.named_parameters()}
    assert layers["pos_embed"] == layers["patch_embed.proj.weight"] == 0
    assert layers["blocks.0.attn.qkv.weight"] == 1
    assert layers["blocks.2.mlp.fc2.bias"] == 3
    assert layers["last_norm.weight"] == network.layers == 4


@pytest.mark.parametrize("size", [(64, 48), (96, 80)])
def test_the_graph_can_be_exported(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = ViT(8, depth=2, heads=2, grid=(4, 3)).eval()
    frames = torch.randint(0, 256, (2, 3, *size)).float()
    exported = torch.export.export(network, (frames,)).module()
    with torch.inference_mode():
        torch.testing.assert_close(exported(frames).last, network(frames).last)


def test_half_precision_works_at_another_input_size() -> None:
    network = ViT(8, depth=1, heads=2, grid=(4, 3)).eval().to(torch.bfloat16)
    with torch.inference_mode():
        tokens = network(torch.zeros(1, 3, 96, 80, dtype=torch.uint8)).last
    assert tokens.dtype == torch.bfloat16
    assert tokens.isfinite().all()
