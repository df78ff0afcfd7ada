"""MoveNet's heatmaps of one person: the published network's whole answer, as maps."""

from pathlib import Path

import numpy as np
import torch

from vidpose import weights
from vidpose.backbones import checkpoints
from vidpose.backbones.registry import build
from vidpose.heads.heatmap import HeatmapCodec
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
    # And the answer keeps its height, so that a sure joint stays sure.
    torch.testing.assert_close(maps.amax((-2, -1)), answer.score)
    # Cells further than the answer from where the joint is expected are lower than they were.
    torch.testing.assert_close(level[:, :24], model.encode(frames).last)
    cells = torch.tensor([24, 16])
    at = (expected[..., :2] + 0.5 + expected[..., 3:5]) * cells
    grid = torch.stack(torch.meshgrid(torch.arange(24), torch.arange(16), indexing="xy"), -1)
    away = (grid - at[:, :, None, None]).norm(dim=-1)
    of_answer = away.flatten(2).gather(2, best)[..., None]
    softening = 1.7998046875
    weight = ((of_answer + softening) / (away + softening)).clamp(max=1)
    assert 0.1 < (weight < 1).float().mean() < 1
    torch.testing.assert_close(maps, answer.heatmaps * weight)


def test_decoded_as_cells_that_hold_a_joint_it_is_the_published_answer() -> None:
    backbone = build("movenet-lightning-person").eval()
    checkpoints.load(backbone, weights.path("movenet-lightning"))
    with np.load(Path(__file__).parents[1] / "data" / "movenet_parity.npz") as file:
        frames = torch.from_numpy(file["lightning_image"]).permute(2, 0, 1)[None]
    with torch.inference_mode():
        expected = registry.load("movenet-lightning")(frames[:, None])
        maps = backbone(frames).last[:, 24:]
    sure = expected.score > 0.3
    assert sure.sum() >= 10
    found, score = HeatmapCodec((48, 48), 1.0, "middle").decode(maps)
    torch.testing.assert_close(score, expected.score)
    cells = ((found - expected.xy_norm) * 48)[sure]
    assert cells.norm(dim=-1).mean() < 0.25
    # As cells that are points all would be half a cell to the left and above.
    shifted, _ = HeatmapCodec((48, 48), 1.0, "dark").decode(maps)
    assert (((shifted - expected.xy_norm) * 48)[sure].mean(0) < -0.3).all()
