"""MoveNet's joints as features: the same answers as the published network, in one vector each."""

import torch

from vidpose import weights
from vidpose.backbones import checkpoints
from vidpose.backbones.movenet_joints import JOINTS, KNOWN, sample
from vidpose.backbones.registry import build
from vidpose.models import registry


def test_its_places_and_scores_are_the_published_networks() -> None:
    backbone = build("movenet-lightning-joints").eval()
    assert not checkpoints.load(backbone, weights.path("movenet-lightning")).missing
    model = registry.load("movenet-lightning")
    torch.manual_seed(0)
    frames = torch.randint(0, 256, (2, 3, 96, 96), dtype=torch.uint8)
    with torch.inference_mode():
        vectors = backbone(frames).last
        answer = model(frames[:, None])
    assert vectors.shape == (2, JOINTS, backbone.info[0].channels)
    torch.testing.assert_close(vectors[..., :2] + 0.5, answer.xy_norm)
    torch.testing.assert_close(vectors[..., 2], answer.score)
    assert answer.heatmaps is not None
    second = vectors[..., :2] + 0.5 + vectors[..., 5:7]
    cells = (second * 24).round().long()
    height = answer.heatmaps[
        torch.arange(2)[:, None], torch.arange(JOINTS), cells[..., 1], cells[..., 0]
    ]
    torch.testing.assert_close(vectors[..., 7], height)
    away = ((second - answer.xy_norm) * 24).norm(dim=-1)
    assert (away >= 3.99).all()
    # The middle one of the nine places around is the place itself, between cells.
    assert KNOWN == 8 + 9
    around = sample(answer.heatmaps, answer.xy_norm)
    own = torch.diagonal(around, dim1=1, dim2=2)
    torch.testing.assert_close(vectors[..., 8 + 4], own)


def test_a_map_is_sampled_at_the_index_of_a_cell_over_their_number() -> None:
    level = torch.arange(12.0).reshape(1, 1, 3, 4)
    places = torch.tensor([[[1 / 4, 2 / 3], [1.5 / 4, 0.0], [2.0, 2.0]]])
    torch.testing.assert_close(sample(level, places)[0, :, 0], torch.tensor([9.0, 1.5, 0.0]))
