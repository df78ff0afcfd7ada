"""Heatmaps led by a detector's joints: against a loop, and as MoveNet's decoder is led by them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from vidpose import weights
from vidpose.backbones import checkpoints
from vidpose.backbones import registry as backbones
from vidpose.heads.heatmap import Decoder, HeatmapCodec
from vidpose.heads.prior import has_seen, weight_of_cells
from vidpose.models import registry
from vidpose.models.registry import KINDS
from vidpose.skeleton import COCO17
from vidpose.training.recipe import read_recipe

DECODERS: list[Decoder] = ["quarter", "dark", "udp", "middle"]
SIZE = (12, 16)


def two_peaks() -> Tensor:
    """Heatmaps ``[1, 1, 12, 16]``: 0.9 in the cell (x 3, y 4), 0.6 in (11, 7), each with flanks."""
    maps = torch.zeros(1, 1, *SIZE)
    for x, y, height in ((3, 4, 0.9), (11, 7, 0.6)):
        maps[0, 0, y - 1 : y + 2, x - 1 : x + 2] = height / 2
        maps[0, 0, y, x] = height
        maps[0, 0, y, x + 1] = 0.75 * height
    return maps


def prior_at(codec: HeatmapCodec, x: float, y: float, score: float) -> Tensor:
    border, half = codec.decoder == "udp", 0.5 * (codec.decoder == "middle")
    return torch.tensor(
        [[[(x + half) / (SIZE[1] - border), (y + half) / (SIZE[0] - border), score]]]
    )


def test_the_weight_of_a_cell_equals_the_formula() -> None:
    prior = torch.rand(2, 3, 3, generator=torch.Generator().manual_seed(0))
    weight = weight_of_cells(prior[..., :2] * torch.tensor([16.0, 12.0]), prior[..., 2], SIZE)
    for person, joint, row, column in np.ndindex(2, 3, *SIZE):
        x, y, score = prior[person, joint].tolist()
        distance = np.hypot(column - 16 * x, row - 12 * y)
        expected = score / (distance + 1.4) + (1 - score) * 0.03
        assert weight[person, joint, row, column] == pytest.approx(expected, rel=1e-5)


def test_a_person_the_detector_has_not_seen_has_no_prior() -> None:
    trust = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 0.1]])
    assert has_seen(trust).tolist() == [[False], [True]]
    weight = weight_of_cells(torch.zeros(2, 3, 2), trust, SIZE)
    assert (weight[0] == 1).all()
    # Of joints it did not see, all cells of a person whom it saw are alike.
    assert weight[1, 0].min() == weight[1, 0].max() < 1


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_sure_prior_leads_to_the_peak_beside_it_as_it_stands(decoder: Decoder) -> None:
    codec, maps = HeatmapCodec(SIZE, 1.0, decoder), two_peaks()
    alone, height = codec.decode(maps)
    assert height.item() == pytest.approx(0.9)
    led, height = codec.decode(maps, prior_at(codec, 11.2, 7.6, 0.8))
    assert height.item() == pytest.approx(0.6)
    # Below a cell's size the heatmap alone decides: it is refined as if it had only this peak.
    maps[0, 0, :, :8] = 0
    torch.testing.assert_close(led, codec.decode(maps)[0], atol=0, rtol=0)
    assert (alone - led).abs().max() > 0.4


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_prior_that_is_unsure_or_far_from_both_leaves_the_highest_peak(decoder: Decoder) -> None:
    codec, maps = HeatmapCodec(SIZE, 1.0, decoder), two_peaks()
    expected = codec.decode(maps)
    for prior in (prior_at(codec, 11, 7, 0.01), prior_at(codec, 7, 11, 1.0), torch.zeros(1, 1, 3)):
        for part, other in zip(codec.decode(maps, prior), expected, strict=True):
            torch.testing.assert_close(part, other, atol=0, rtol=0)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("value", [0.0, -1.0])
def test_where_nothing_is_above_0_a_prior_finds_nothing(decoder: Decoder, value: float) -> None:
    codec = HeatmapCodec(SIZE, 1.0, decoder)
    found, height = codec.decode(torch.full((1, 1, *SIZE), value), prior_at(codec, 5, 5, 1.0))
    torch.testing.assert_close(found, prior_at(codec, 0, 0, 1.0)[..., :2])
    assert height.item() == value


def test_a_sure_prior_leads_to_the_cells_to_which_it_leads_movenet() -> None:
    backbone = backbones.build("movenet-lightning-heatmaps").eval()
    checkpoints.load(backbone, weights.path("movenet-lightning"))
    published = registry.load("movenet-lightning")
    with np.load(Path(__file__).parents[1] / "data" / "movenet_parity.npz") as file:
        frames = torch.from_numpy(file["lightning_image"]).permute(2, 0, 1)[None]
    with torch.inference_mode():
        other_sides = published(frames[:, None]).xy_norm[:, list(COCO17.flip_permutation)]
        prior = torch.cat([other_sides, torch.ones(1, 17, 1)], -1)
        expected = published(frames[:, None], prior)
        maps = backbone(frames).last[:, -17:]
    found, score = HeatmapCodec((48, 48), 2.0, "quarter").decode(maps, prior)
    torch.testing.assert_close(score, expected.score)
    # The same cells: MoveNet's offsets move them by less than one, a quarter is a quarter.
    assert ((found - expected.xy_norm) * 48).abs().max() < 1.25
    alone, _ = HeatmapCodec((48, 48), 2.0, "quarter").decode(maps)
    assert ((found - alone) * 48).abs().max() > 4


@pytest.mark.parametrize("kind", ["vremd", "sdtc"])
@pytest.mark.parametrize("known", [False, True])
def test_models_on_known_heatmaps_are_led_and_others_are_not(kind: str, known: bool) -> None:
    config = read_recipe(f"{kind}-movenet", "one-frame").model.config
    torch.manual_seed(0)
    model = KINDS[kind].model_validate({**config, "size": (64, 64), "known": known}).build().eval()
    assert model.uses_prior == known
    clip = torch.randint(0, 256, (2, 1, 3, 64, 64), dtype=torch.uint8)
    prior = torch.rand(2, len(model.skeleton), 3)
    with torch.inference_mode():
        alone, led = model(clip), model(clip, prior)
    assert led.heatmaps is not None
    torch.testing.assert_close(led.heatmaps, alone.heatmaps, atol=0, rtol=0)
    codec = HeatmapCodec((16, 16), 1.0, "middle")
    expected, score = codec.decode(led.heatmaps, prior if known else None)
    torch.testing.assert_close(led.xy_norm, expected, atol=0, rtol=0)
    torch.testing.assert_close(led.score, score.clamp(0, 1), atol=0, rtol=0)
    assert torch.equal(led.xy_norm, alone.xy_norm) != known
