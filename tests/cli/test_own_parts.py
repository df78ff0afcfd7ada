"""`examples/own_parts.py`: what somebody registers is trained, answers and is exported."""

import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vidpose.backbones.registry import BACKBONES
from vidpose.cli import main
from vidpose.datasets.registry import DATASETS
from vidpose.models.registry import KINDS, load
from vidpose.poses import Poses
from vidpose.skeleton import SKELETONS
from vidpose.video import VideoWriter

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_parts.py"
RECIPE = """
description: On noise
model: {kind: linear}
data:
  protocol: coco
  train: [{dataset: recordings, split: train}]
  validation: [{dataset: recordings, split: val}]
optimizer: {lr: 0.001}
epochs: 1
batch_size: 4
workers: 0
"""


@pytest.fixture
def joints() -> Iterator[tuple[str, ...]]:
    """Those of the example's skeleton; its parts are forgotten afterwards."""
    registries: tuple[dict[str, Any], ...] = (BACKBONES, DATASETS, KINDS, SKELETONS)
    before = [set(registry) for registry in registries]
    yield runpy.run_path(str(EXAMPLE))["HANDS5"].joints
    for registry, names in zip(registries, before, strict=True):
        for name in set(registry) - names:
            del registry[name]


@pytest.fixture
def recordings(tmp_path: Path, joints: tuple[str, ...]) -> Path:
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
        rows = ["frame,joint,x,y"]
        with VideoWriter(tmp_path / split / "noise.mp4", 64, 48, fps=25) as video:
            for frame in range(6):
                video.write(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8), frame / 25)
                places = rng.uniform(5, 43, (len(joints), 2))
                rows.extend(
                    f"{frame},{joint},{x},{y}" for joint, (x, y) in zip(joints, places, strict=True)
                )
        (tmp_path / split / "noise.csv").write_text("\n".join(rows))
    (tmp_path / "mine.yaml").write_text(RECIPE)
    return tmp_path


DSTA = "{backbone: patches, skeleton: hands5, size: [64, 64], width: 16, depth: 1}"


@pytest.mark.parametrize(("kind", "config"), [("linear", "{}"), ("dsta", DSTA)])
def test_parts_of_ones_own_go_all_the_way(
    recordings: Path, joints: tuple[str, ...], kind: str, config: str
) -> None:
    model = str(recordings / "out" / "best.safetensors")
    chosen = ["--set", f"model={{kind: {kind}, config: {config}}}"]
    train = ["train", str(recordings / "mine.yaml"), "--set", f"data.root={recordings}"]
    assert main([*train, *chosen, "-o", str(recordings / "out")]) == 0
    assert load(model).skeleton.joints == joints

    answers = recordings / "answers"
    predict = ["predict", "recordings", str(recordings), "--split", "val", "--boxes", "gt"]
    assert main([*predict, "--model", model, "-o", str(answers)]) == 0
    run = ["run", str(recordings / "val" / "noise.mp4"), "--model", model, "--runtime", "torch"]
    again = ["--boxes", str(answers / "noise.json"), "-o", str(recordings / "run")]
    assert main([*run, *again]) == 0
    poses = Poses.load(recordings / "run" / "poses.json")
    assert poses.skeleton.joints == joints
    assert all(len(frame.people) == 1 for frame in poses)
