"""ResNet against a literal reading of its checkpoints' layout, and against published counts."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from vidpose.backbones import registry
from vidpose.backbones.resnet import Basic, Bottleneck, ResNet

DEPTHS = {"resnet18": (2, 2, 2, 2), "resnet50": (3, 4, 6, 3), "resnet152": (3, 8, 36, 3)}


def shape_only(name: str) -> ResNet:
    with torch.device("meta"):
        backbone = registry.build(name)
    assert isinstance(backbone, ResNet)
    return backbone


def literal(state: dict[str, Tensor], frames: Tensor, depths: tuple[int, ...]) -> list[Tensor]:
    """The network in evaluation mode, straight from the names of torchvision's checkpoints."""

    def norm(x: Tensor, name: str) -> Tensor:
        mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
        return F.batch_norm(x, mean, variance, state[f"{name}.weight"], state[f"{name}.bias"])

    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    deviation = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    x = F.conv2d((frames / 255 - mean) / deviation, state["conv1.weight"], stride=2, padding=3)
    x = F.max_pool2d(F.relu(norm(x, "bn1")), 3, 2, 1)
    levels = []
    for layer, depth in enumerate(depths, start=1):
        for block in range(depth):
            name = f"layer{layer}.{block}"
            stride = 2 if layer > 1 and block == 0 else 1
            shortcut = x
            if f"{name}.downsample.0.weight" in state:
                shortcut = F.conv2d(x, state[f"{name}.downsample.0.weight"], stride=stride)
                shortcut = norm(shortcut, f"{name}.downsample.1")
            bottleneck = f"{name}.conv3.weight" in state
            strides = (1, stride, 1) if bottleneck else (stride, 1)
            for number, step in enumerate(strides, start=1):
                weight = state[f"{name}.conv{number}.weight"]
                x = F.conv2d(x, weight, stride=step, padding=weight.shape[-1] // 2)
                x = norm(x, f"{name}.bn{number}")
                if number < len(strides):
                    x = F.relu(x)
            x = F.relu(x + shortcut)
        levels.append(x)
    return levels


def test_an_unknown_backbone_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"resnet9000.*resnet50"):
        registry.build("resnet9000")


@pytest.mark.parametrize(
    ("name", "parameters", "tensors"),
    [
        ("resnet18", 11_176_512, 120),
        ("resnet50", 23_508_032, 318),
        ("resnet152", 58_143_808, 930),
    ],
)
def test_parameters_are_torchvisions_without_the_classifier(
    name: str, parameters: int, tensors: int
) -> None:
    state = shape_only(name).state_dict()
    learnt = [tensor for key, tensor in state.items() if key.endswith(("weight", "bias"))]
    assert sum(tensor.numel() for tensor in learnt) == parameters
    assert len(state) == tensors
    assert not any("normalise" in key for key in state)
    last = "conv2" if name == "resnet18" else "conv3"
    assert {"conv1.weight", "bn1.running_var", f"layer4.1.{last}.weight"} <= set(state)
    assert "layer2.0.downsample.1.num_batches_tracked" in state
    # Only bottlenecks widen already in the first stage.
    assert ("layer1.0.downsample.0.weight" in state) == (name != "resnet18")


@pytest.mark.parametrize(("name", "gmac"), [("resnet18", 1.78), ("resnet50", 4.00)])
def test_multiplications_at_256x192_are_the_published_ones(name: str, gmac: float) -> None:
    backbone = shape_only(name)
    with FlopCounterMode(display=False) as counter:
        backbone(torch.zeros(1, 3, 256, 192, device="meta"))
    assert counter.get_total_flops() / 2e9 == pytest.approx(gmac, abs=0.005)


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_levels_equal_the_literal_network(name: str) -> None:
    torch.manual_seed(0)
    backbone = registry.build(name).eval()
    for key, tensor in backbone.state_dict().items():
        if "bn" in key and tensor.dtype == torch.float32:
            tensor.copy_(torch.rand_like(tensor) * 0.5 + 0.5)
    frames = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)
    with torch.inference_mode():
        levels = backbone(frames).levels
        expected = literal(backbone.state_dict(), frames.float(), DEPTHS[name])
    for level, reference, info in zip(levels, expected, backbone.info, strict=True):
        assert level.shape == (2, info.channels, 64 // info.stride, 96 // info.stride)
        scale = reference.abs().max()
        torch.testing.assert_close(level / scale, reference / scale, atol=1e-5, rtol=0)


def test_a_block_computed_by_hand() -> None:
    block = Basic(1, 1, stride=1).eval()
    for convolution, factor in ((block.conv1, 2.0), (block.conv2, 3.0)):
        kernel = torch.zeros(1, 1, 3, 3)
        kernel[0, 0, 1, 1] = factor
        convolution.weight.data = kernel
    block.bn1.eps = block.bn2.eps = 0.0
    # 3 relu(2 x) + x, and what is below 0 is cut.
    out = block(torch.tensor([[[[1.0, -2.0], [0.5, 0.0]]]]))
    assert out.tolist() == [[[[7.0, 0.0], [3.5, 0.0]]]]


def test_a_bottleneck_strides_in_its_3x3_convolution() -> None:
    block = Bottleneck(64, 32, stride=2)
    strides = [convolution.stride for convolution in (block.conv1, block.conv2, block.conv3)]
    assert strides == [(1, 1), (2, 2), (1, 1)]


def test_uint8_and_float_frames_are_the_same() -> None:
    backbone = registry.build("resnet18").eval()
    frames = torch.randint(0, 256, (1, 3, 32, 32), dtype=torch.uint8)
    torch.testing.assert_close(backbone(frames.float()).last, backbone(frames).last)


def test_half_precision_takes_the_constants_along() -> None:
    backbone = registry.build("resnet18").eval().to(torch.bfloat16)
    assert backbone(torch.zeros(1, 3, 32, 32, dtype=torch.uint8)).last.dtype == torch.bfloat16


def test_activations_stay_channels_last() -> None:
    levels = registry.build("resnet18")(torch.zeros(2, 3, 64, 64, dtype=torch.uint8)).levels
    assert all(level.is_contiguous(memory_format=torch.channels_last) for level in levels)


def test_a_gradient_reaches_every_parameter() -> None:
    torch.manual_seed(0)
    backbone = registry.build("resnet18")
    backbone(torch.rand(2, 3, 64, 64) * 255).last.square().sum().backward()
    silent = [n for n, p in backbone.named_parameters() if p.grad is None or not p.grad.any()]
    assert not silent
