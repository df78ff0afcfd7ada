"""Sizes as tensors, made where they are needed."""

import torch
from jaxtyping import Float
from torch import Tensor


def x_and_y(x: float, y: float, like: Tensor) -> Float[Tensor, "2"]:
    """``[x, y]`` in the type and on the device of ``like``.

    A list would be copied from the host, which waits for the device; CUDA graphs forbid that.
    """
    return torch.stack([like.new_full((), x), like.new_full((), y)])
