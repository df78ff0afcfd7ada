"""MoveNet's heatmaps of one person: the published network's whole answer, as maps."""

import torch

from vidpose import weights
from vidpose.backbones import checkpoints
from vidpose.backbones.registry import build
from vidpose.models import registry


def test_the_highest_cells_are_the_published_networks_answer() -> None:
    backbone = build("movenet-lightning-person").eval()
    assert not checkpoints.load(backbone, weights.path("movenet-lightning")).missing
    joints = build("movenet-lightning-joints").eval()
    checkpoints.load(joints, weights.path("movenet-lightning"))
    model = registry.load("movenet-lightning")
    torch.manual_seed(0)
    frames = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)
    with torch.inference_mode():
        level = backbone(frames).last
        answer = model(frames[:, None])
        expected = joints(frames).last
    assert answer.heatmaps is not None
    maps = level[:, 24:]
    best = maps.flatten(2).argmax(-1, keepdim=True)
    score = answer.heatmaps.flatten(2).gather(2, best)[..., 0]
    torch.testing.assert_close(score, answer.score)
    # Elsewhere lower than they were, the more the further from where the joint is expected.
    torch.testing.assert_close(level[:, :24], model.encode(frames).last)
    cells = torch.tensor([24, 16])
    at = (expected[..., :2] + 0.5 + expected[..., 3:5]) * cells
    grid = torch.stack(torch.meshgrid(torch.arange(24), torch.arange(16), indexing="xy"), -1)
    away = (grid - at[:, :, None, None]).norm(dim=-1)
    softening = 1.7998046875
    torch.testing.assert_close(maps, answer.heatmaps * softening / (away + softening))
