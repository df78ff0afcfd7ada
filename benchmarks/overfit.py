"""Training proves itself: a small network learns 20 labelled stills by heart, on a CPU.

A ResNet-18 with random weights, three deconvolutions, crops of 96 x 96, no augmentation, through
the loop that `vidpose train` runs. The figure is PCK@0.2: the part of the labelled joints that lie
within 0.2 torso diameters (a shoulder to the opposite hip, as in the LSP and Penn Action protocols)
of their labels. Of each picture the largest person with such a torso is taken.

    python benchmarks/overfit.py ROOT

ROOT holds COCO keypoints, or a file in that layout with its pictures: annotations/*_train.json.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vidpose.datasets import registry
from vidpose.datasets.clips import ClipDataset, ClipSample
from vidpose.datasets.collate import collate
from vidpose.datasets.labels import PersonLabels, SequenceLabels
from vidpose.datasets.sampler import ClipIndex
from vidpose.errors import VidposeError
from vidpose.geometry import box_area
from vidpose.models.base import PoseModel
from vidpose.skeleton import COCO17
from vidpose.training.build import open_accelerator
from vidpose.training.log import Record
from vidpose.training.loop import Trainer
from vidpose.training.recipe import check_recipe, model_config

PICTURES, STEPS = 20, 300
RECIPE: dict[str, Any] = {
    "model": {
        "kind": "heatmap-single",
        "config": {
            "backbone": "resnet18",
            "skeleton": COCO17.name,
            "size": [96, 96],
            "deconvolutions": [64, 64, 64],
            "sigma": 1.5,
        },
    },
    "data": {"train": [{"dataset": "coco", "split": "train"}]},
    "optimizer": {"kind": "adam", "lr": 2e-3},
    "schedule": {"kind": "cosine", "warmup_steps": 5},
    "epochs": 1,
    "batch_size": PICTURES,
    "workers": 0,
}
# A shoulder and the opposite hip.
TORSOS = [
    (COCO17.index("left_shoulder"), COCO17.index("right_hip")),
    (COCO17.index("right_shoulder"), COCO17.index("left_hip")),
]


@dataclass
class Stills:
    """The samples in memory, so often that an epoch is a whole run."""

    samples: list[ClipSample]
    steps: int

    def __len__(self) -> int:
        """As many as the steps of a run need."""
        return self.steps * len(self.samples)

    def __getitem__(self, item: ClipIndex) -> ClipSample:
        """The sample of a `ClipIndex`."""
        return self.samples[item[1] % len(self.samples)]


def has_torso(person: PersonLabels) -> bool:
    """Whether PCK has a scale for this person."""
    there = person.labelled
    return not person.crowd and any(there[a] and there[b] for a, b in TORSOS)


def largest_people(sequences: list[SequenceLabels]) -> list[SequenceLabels]:
    """The first pictures that have somebody with a torso, each with the largest such person."""
    chosen = []
    for sequence in (each.in_skeleton(COCO17) for each in sequences):
        frame = sequence.frames[0]
        people = [each for each in frame.people if each.box is not None and has_torso(each)]
        if people:
            largest = max(people, key=lambda person: float(box_area(np.asarray(person.box))))
            chosen.append(replace(sequence, frames=(replace(frame, people=(largest,)),)))
    if len(chosen) < PICTURES:
        raise VidposeError(f"{len(chosen)} pictures with a torso, {PICTURES} are needed")
    return chosen[:PICTURES]


def pck(model: PoseModel, samples: list[ClipSample], threshold: float = 0.2) -> float:
    """Percentage of labelled joints within ``threshold`` torso diameters."""
    batch = collate(samples)
    with torch.inference_mode():
        found = model.eval()(batch.frames).xy_norm.numpy()
    truth, weight = batch.targets.xy_norm[:, 0].numpy(), batch.targets.weight[:, 0].numpy() > 0
    sizes = [np.linalg.norm(truth[:, a] - truth[:, b], axis=1) for a, b in TORSOS]
    there = [weight[:, a] & weight[:, b] for a, b in TORSOS]
    torso = np.where(there, sizes, np.nan)
    distance = np.linalg.norm(found - truth, axis=2) / np.nanmax(torso, axis=0)[:, None]
    return 100 * float((distance[weight] <= threshold).mean())


def overfit(
    root: Path, folder: Path, tell: Callable[[Record], None] = lambda record: None
) -> tuple[float, float, float]:
    """Learn the stills below ``root``.

    Returns:
        PCK@0.2 before and after, and the CPU seconds of training.
    """
    recipe = check_recipe(RECIPE, "overfit")
    torch.manual_seed(recipe.seed)
    model = model_config(recipe).build()
    people = largest_people(registry.read("coco", root, "train"))
    clips = ClipDataset(people, model.crop, model.offsets, model.skeleton)
    samples = [clips[index] for index in range(len(clips))]
    before = pck(model, samples)
    trainer = Trainer(
        recipe,
        model_config(recipe),
        model,
        Stills(samples, STEPS),
        collate,
        folder,
        accelerator=open_accelerator(recipe, "cpu"),
    )
    began = time.process_time()
    trainer.run(listeners=[tell])
    return before, pck(model, samples), time.process_time() - began


def main() -> None:
    """Learn, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path)
    torch.set_num_threads(1)

    def tell(record: Record) -> None:
        if record["step"] % 10 == 0:
            print(f"step {record['step']}: loss {record['loss']:.5f}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        before, after, seconds = overfit(parser.parse_args().root, Path(folder), tell)
    print(f"PCK@0.2 of {PICTURES} stills: {before:.1f} % before, {after:.1f} % after {STEPS} steps")
    print(f"{seconds:.0f} s of CPU time, one thread")


if __name__ == "__main__":
    main()
