"""What every backbone of the registry says of itself, on the meta device."""

import pytest
import torch

from vidpose.backbones.base import Backbone
from vidpose.backbones.registry import BACKBONES, build


def on_meta(name: str) -> Backbone:
    with torch.device("meta"):
        return build(name).eval()


@pytest.mark.parametrize("name", BACKBONES)
def test_levels_are_what_their_info_says(name: str) -> None:
    backbone = on_meta(name)
    # As odd as the backbone lets them be.
    size = (5 * backbone.multiple, 3 * backbone.multiple)
    levels = backbone(torch.zeros(2, 3, *size, device="meta")).levels
    for level, info in zip(levels, backbone.info, strict=True):
        rows, columns = info.grid(size)
        shapes = {
            "map": (2, info.channels, rows, columns),
            "tokens": (2, rows * columns, info.channels),
            "joints": (2, 17, info.channels),
        }
        assert level.shape == shapes[info.kind]


@pytest.mark.parametrize("name", BACKBONES)
def test_sides_are_multiples_of_what_it_says(name: str) -> None:
    backbone = on_meta(name)
    side = 3 * backbone.multiple
    backbone.check_sides(side, side)
    if backbone.multiple > 1:
        with pytest.raises(ValueError, match=f"multiples of {backbone.multiple}, got {side}x"):
            backbone.check_sides(side, side + 1)
