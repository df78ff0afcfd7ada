"""The proof on real crops; `benchmarks/overfit.py` does the work."""

import os
import runpy
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "overfit.py"


@pytest.mark.slow
def test_twenty_stills_are_learnt_by_heart(tmp_path: Path) -> None:
    shared = os.environ.get("VIDPOSE_SHARED")
    if shared is None:
        pytest.skip("VIDPOSE_SHARED, the folder with labelled stills, is not set")
    torch.set_num_threads(1)
    overfit = runpy.run_path(str(SCRIPT))["overfit"]
    before, after, _ = overfit(Path(shared) / "data/stills/coco", tmp_path)
    assert before < 20
    assert after > 99
