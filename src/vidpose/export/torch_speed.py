"""What makes torch itself faster on a CPU."""

from typing import TypeVar

import torch
from torch import Tensor, nn

from vidpose.backbones.base import Features

_Network = TypeVar("_Network", bound=nn.Module)


def quick_pointwise(network: _Network) -> _Network:
    """Let oneDNN do the 1x1 convolutions also where torch has one thread; in place.

    With one thread torch takes a plain matrix product for them unless they are strided or dilated
    (``ConvParams::use_mkldnn``, ATen/native/Convolution.cpp, torch 2.13), and that of MKL is slow
    on AMD. A single tap is the same whatever its dilation, so a dilation of 2 changes the path and
    nothing else.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1):
            module.dilation = (2, 2)
    return network


def bf16(network: _Network) -> _Network:
    """Run the backbone in bfloat16; in place.

    What follows it costs little and places joints, for which bfloat16 has too few digits.
    """
    backbone = network.get_submodule("backbone")
    backbone.bfloat16()
    backbone.register_forward_hook(_in_full)
    return network


def _in_full(module: nn.Module, inputs: tuple[Tensor, ...], output: Features) -> Features:
    return output.map(lambda level: level.to(torch.float32))
