"""Places as vectors: the sine-cosine encoding (Vaswani et al., 2017), over the plane."""

import torch
from jaxtyping import Float
from torch import Tensor

_TEMPERATURE = 10_000.0


def sine_cosine(xy_norm: Float[Tensor, "*n 2"], width: int) -> Float[Tensor, "*n width"]:
    """Half of the channels encode x, the other half y; of each half, sines and then cosines.

    Args:
        xy_norm: Places in [0, 1] of the crop, once around the circle of the fastest sine.
        width: Channels, a multiple of 4.

    Raises:
        ValueError: ``width`` is not a multiple of 4.
    """
    if width % 4:
        raise ValueError(f"a sine-cosine encoding needs a multiple of 4 channels, not {width}")
    steps = torch.arange(width // 4, device=xy_norm.device, dtype=xy_norm.dtype)
    frequencies = 2 * torch.pi / _TEMPERATURE ** (steps / (width // 4))
    angles = xy_norm[..., None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], -1).flatten(-2)
