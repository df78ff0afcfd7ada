"""Peer: ViTPose of transformers, random weights, eager f32: the network alone, a person a call."""

from functools import partial
from importlib.metadata import version

import torch
from protocol import Offer, repeat, serve
from vitpose_random import SIZES, vitpose


def load() -> Offer:
    """Both sizes and a crop of noise."""
    torch.set_num_threads(1)
    pixels = torch.randn(1, 3, 256, 192)
    models = {size: vitpose(size) for size in SIZES}
    return Offer(
        {"transformers": version("transformers"), "torch": torch.__version__},
        {f"ViTPose-{size}": repeat(partial(model, pixels)) for size, model in models.items()},
    )


if __name__ == "__main__":
    with torch.inference_mode():
        serve(load)
