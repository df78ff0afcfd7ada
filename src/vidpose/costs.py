"""What a network costs: multiply-accumulates and parameters."""

from collections.abc import Callable

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

Shape = tuple[int, ...]


def _attention_flops(query: Shape, key: Shape, value: Shape, *_: object, **__: object) -> int:
    count: int = sdpa_flop_count(query, key, value)
    return count


# torch 2.13 knows attention on every device but the CPU, where it would count as nothing.
_CPU_ATTENTION = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention_flops}


@torch.no_grad()
def macs(function: Callable[..., object], *args: object) -> int:
    """Multiply-accumulates of ``function(*args)``, half of its floating-point operations.

    Those of convolutions, matrix products and attention, as papers count them; additions, norms,
    activations and sampling are left out. The function is run: on tensors and modules of the meta
    device that needs neither memory nor time.

    Args:
        function: A module or a method of one.
        *args: What it is called with.
    """
    with FlopCounterMode(display=False, custom_mapping=_CPU_ATTENTION) as counter:
        function(*args)
    return counter.get_total_flops() // 2


def parameters(module: nn.Module, *, trainable: bool = False) -> int:
    """Number of parameters, each shared one once; buffers are none.

    Args:
        module: The network.
        trainable: Count only those that require a gradient.
    """
    return sum(p.numel() for p in module.parameters() if p.requires_grad or not trainable)
