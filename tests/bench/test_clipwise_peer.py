"""The clip-wise DSTA that vidpose is compared with: as much work as ours, frame by frame."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

from vidpose.bench.variants import cost
from vidpose.costs import macs, parameters
from vidpose.models.dsta import DSTAConfig

PEERS = Path(__file__).parents[2] / "benchmarks" / "peers"


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(PEERS))
    specification = importlib.util.spec_from_file_location("clipwise", PEERS / "dsta_clipwise.py")
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    yield module
    sys.modules.pop("protocol", None)


def test_it_costs_what_our_clip_costs(peer: ModuleType) -> None:
    with torch.device("meta"):
        model = peer.ClipwiseDSTA().eval()
        clip = torch.zeros(1, 5, 3, 256, 192)
        ours = DSTAConfig(normalised=True, fusion="sum").build().eval()
    # It makes 17 tokens where we make the 15 that are joints.
    assert macs(model, clip) == pytest.approx(cost(ours).clip, rel=1e-3)
    # 8 layers of 8,544 and the linear layer, as counted in the released code.
    assert parameters(model.time.layers[0]) == 8544
    assert parameters(model.tokens) == 1_114_656


def test_every_frame_of_the_clip_reaches_the_answer(peer: ModuleType) -> None:
    torch.manual_seed(0)
    model = peer.ClipwiseDSTA().eval()
    clip = torch.rand(1, 5, 3, 64, 64)
    with torch.no_grad():
        xy, score = model(clip)
        assert xy.shape == (1, 17, 2) and score.shape == (1, 17)
        for frame in range(5):
            other = clip.clone()
            other[:, frame] = 0
            assert not torch.equal(model(other)[0], xy)
