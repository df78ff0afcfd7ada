"""HRNet: the published names, counts, and the exchange between branches."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vidpose.backbones.hrnet import Exchange, HRNet
from vidpose.costs import macs, parameters

BRANCHES = {2: 1, 3: 4, 4: 3}  # number of branches -> exchanges of that stage


def official_shapes(width: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the official pose network without its final layer."""
    shapes: dict[str, tuple[int, ...]] = {}

    def norm(name: str, channels: int) -> None:
        for leaf in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.{leaf}"] = (channels,)
        shapes[f"{name}.num_batches_tracked"] = ()

    def conv(name: str, norm_name: str, inputs: int, outputs: int, kernel: int) -> None:
        shapes[f"{name}.weight"] = (outputs, inputs, kernel, kernel)
        norm(norm_name, outputs)

    conv("conv1", "bn1", 3, 64, 3)
    conv("conv2", "bn2", 64, 64, 3)
    for block in range(4):
        at = f"layer1.{block}"
        conv(f"{at}.conv1", f"{at}.bn1", 64 if block == 0 else 256, 64, 1)
        conv(f"{at}.conv2", f"{at}.bn2", 64, 64, 3)
        conv(f"{at}.conv3", f"{at}.bn3", 64, 256, 1)
    conv("layer1.0.downsample.0", "layer1.0.downsample.1", 64, 256, 1)
    widths = [width, 2 * width, 4 * width, 8 * width]
    conv("transition1.0.0", "transition1.0.1", 256, width, 3)
    conv("transition1.1.0.0", "transition1.1.0.1", 256, 2 * width, 3)
    conv("transition2.2.0.0", "transition2.2.0.1", 2 * width, 4 * width, 3)
    conv("transition3.3.0.0", "transition3.3.0.1", 4 * width, 8 * width, 3)
    for branches, exchanges in BRANCHES.items():
        for exchange in range(exchanges):
            at = f"stage{branches}.{exchange}"
            for branch in range(branches):
                for block in range(4):
                    for number in (1, 2):
                        name = f"{at}.branches.{branch}.{block}."
                        one = widths[branch]
                        conv(f"{name}conv{number}", f"{name}bn{number}", one, one, 3)
            for i in range(1 if at == "stage4.2" else branches):
                for j in range(branches):
                    name = f"{at}.fuse_layers.{i}.{j}"
                    if j > i:
                        conv(f"{name}.0", f"{name}.1", widths[j], widths[i], 1)
                    for k in range(i - j):
                        outputs = widths[i] if k == i - j - 1 else widths[j]
                        conv(f"{name}.{k}.0", f"{name}.{k}.1", widths[j], outputs, 3)
    return shapes


@pytest.mark.parametrize("size", [(64, 48), (33, 32)])
def test_a_side_that_is_no_multiple_of_32_is_refused(size: tuple[int, int]) -> None:
    with torch.device("meta"), pytest.raises(ValueError, match="multiples of 32"):
        HRNet(4)(torch.zeros(1, 3, *size))


@pytest.mark.parametrize("width", [32, 48])
def test_names_and_shapes_are_the_official_ones(width: int) -> None:
    with torch.device("meta"):
        state = HRNet(width).state_dict()
    assert {key: tuple(tensor.shape) for key, tensor in state.items()} == official_shapes(width)
    assert len(state) == 1752


def test_w48_has_the_published_size_and_cost() -> None:
    with torch.device("meta"):
        network = HRNet(48).eval()
        # The published 63.595 M hold the last convolution to 17 joints.
        assert parameters(network) + 48 * 17 + 17 == 63_595_745
        assert macs(network, torch.zeros(1, 3, 384, 288)) == pytest.approx(35.3e9, rel=0.01)


def test_w32_has_the_published_size() -> None:
    with torch.device("meta"):
        assert parameters(HRNet(32)) + 32 * 17 + 17 == 28_536_113


def test_levels_have_the_stated_shapes_and_the_finest_comes_last() -> None:
    network = HRNet(4).eval()
    with torch.inference_mode():
        levels = network(torch.zeros(2, 3, 64, 96, dtype=torch.uint8)).levels
    for level, info in zip(levels, network.info, strict=True):
        assert level.shape == (2, info.channels, 64 // info.stride, 96 // info.stride)
    assert [info.stride for info in network.info] == [32, 16, 8, 4]


def _norm(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    statistics = (state[f"{name}.running_mean"], state[f"{name}.running_var"])
    return F.batch_norm(x, *statistics, state[f"{name}.weight"], state[f"{name}.bias"])


@pytest.mark.parametrize("receivers", [3, 1])
def test_an_exchange_is_the_sum_over_all_branches(receivers: int) -> None:
    torch.manual_seed(0)
    exchange = Exchange([2, 3, 4], receivers).eval()
    for name, tensor in exchange.state_dict().items():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand_like(tensor) if "var" in name else torch.randn_like(tensor))
    state = exchange.state_dict()
    maps = [torch.randn(1, width, 16 // 2**i, 8 // 2**i) for i, width in enumerate([2, 3, 4])]
    originals = [x.clone() for x in maps]
    with torch.inference_mode():
        outputs = exchange(maps)
        blocks = []
        for branch, x in enumerate(maps):
            for block in range(4):
                name = f"branches.{branch}.{block}."
                y = F.conv2d(x, state[name + "conv1.weight"], padding=1)
                y = F.relu(_norm(state, name + "bn1", y))
                y = F.conv2d(y, state[name + "conv2.weight"], padding=1)
                x = F.relu(x + _norm(state, name + "bn2", y))
            blocks.append(x)
        for i in range(3):
            if i >= receivers:
                torch.testing.assert_close(outputs[i], blocks[i])
                continue
            total = torch.zeros_like(blocks[i])
            for j, x in enumerate(blocks):
                name = f"fuse_layers.{i}.{j}"
                if j > i:
                    x = _norm(state, f"{name}.1", F.conv2d(x, state[f"{name}.0.weight"]))
                    x = x.repeat_interleave(2 ** (j - i), 2).repeat_interleave(2 ** (j - i), 3)
                for k in range(i - j):
                    x = F.conv2d(x, state[f"{name}.{k}.0.weight"], stride=2, padding=1)
                    x = _norm(state, f"{name}.{k}.1", x)
                    x = F.relu(x) if k < i - j - 1 else x
                total = total + x
            torch.testing.assert_close(outputs[i], F.relu(total))
    for x, original in zip(maps, originals, strict=True):
        assert torch.equal(x, original)


@pytest.mark.slow
def test_the_graph_can_be_exported() -> None:
    torch.manual_seed(0)
    network = HRNet(2).eval()
    frames = torch.randint(0, 256, (1, 3, 64, 32)).float()
    exported = torch.export.export(network, (frames,)).module()
    with torch.inference_mode():
        torch.testing.assert_close(exported(frames).last, network(frames).last)
