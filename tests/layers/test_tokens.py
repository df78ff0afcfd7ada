"""Tokens of 16 pixels out of any backbone's features."""

import pytest
import torch

from vidpose.backbones.base import FeatureInfo, Features
from vidpose.backbones.registry import build
from vidpose.layers.tokens import TokenGrid, as_map


def test_tokens_of_a_plain_transformer_pass_unchanged() -> None:
    grid = TokenGrid([FeatureInfo(8, 16)], (48, 32), None)
    tokens = torch.randn(2, 6, 8)
    assert grid.grid == (3, 2) and grid.width == 8 and not list(grid.parameters())
    torch.testing.assert_close(grid(Features((tokens,))), tokens, atol=0, rtol=0)


def test_a_reduced_width_is_one_linear_layer_for_all_tokens() -> None:
    torch.manual_seed(0)
    grid = TokenGrid([FeatureInfo(8, 16)], (48, 32), 4)
    tokens = torch.randn(2, 6, 8)
    weight, bias = grid.project.parameters()
    for b in range(2):
        for n in range(6):
            expected = weight[:, :, 0, 0] @ tokens[b, n] + bias
            torch.testing.assert_close(grid(Features((tokens,)))[b, n], expected)


def test_a_finer_map_is_cut_into_patches_of_16_pixels() -> None:
    torch.manual_seed(0)
    grid = TokenGrid([FeatureInfo(9, 32), FeatureInfo(3, 4)], (32, 48), 5)
    weight, bias = grid.project.parameters()
    maps = torch.randn(1, 3, 8, 12)
    tokens = grid(Features((torch.empty(1, 9, 1, 1), maps)))
    assert tokens.shape == (1, 6, 5)
    for n in range(6):
        row, column = divmod(n, 3)
        patch = maps[0, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
        expected = (weight * patch).sum((1, 2, 3)) + bias
        torch.testing.assert_close(tokens[0, n], expected, atol=1e-5, rtol=0)


def test_the_last_level_that_is_fine_enough_is_read() -> None:
    info = [FeatureInfo(2, 4), FeatureInfo(3, 16), FeatureInfo(4, 32)]
    grid = TokenGrid(info, (32, 32), None)
    assert grid.level == 1 and grid.width == 3


def test_a_backbone_that_is_too_coarse_is_refused() -> None:
    with pytest.raises(ValueError, match="no grid of at most 16 pixels a cell"):
        TokenGrid([FeatureInfo(512, 32), FeatureInfo(8, 4, "joints")], (64, 64), None)


def test_a_crop_that_is_no_multiple_of_16_is_refused() -> None:
    with pytest.raises(ValueError, match="50x64"):
        TokenGrid([FeatureInfo(8, 16)], (50, 64), None)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet-v2", "movenet-lightning", "hrnet-w32"])
def test_every_kind_of_backbone_gives_tokens(name: str) -> None:
    with torch.device("meta"):
        backbone = build(name).eval()
        grid = TokenGrid(backbone.info, (64, 96), 24)
        features = backbone(torch.zeros(2, 3, 64, 96))
    assert grid(features).shape == (2, 4 * 6, 24)


def test_a_map_has_its_tokens_in_row_major_order() -> None:
    maps = as_map(torch.arange(6.0).reshape(1, 6, 1), (2, 3))
    assert maps[0, 0].tolist() == [[0, 1, 2], [3, 4, 5]]
