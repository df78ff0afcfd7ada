"""Whether rendered people are as easy to read as photographed ones.

    python benchmarks/realism.py BENCH STILLS ... [--model MODEL]

BENCH is a folder written by `vidpose synth-bench`, of which the slice ``clean`` is taken. Each
STILLS is a folder in COCO's layout, of which the split ``val`` is taken; the last row is all of
them together. The model answers for the labelled boxes of people taller than 100 pixels, and the
official metric is computed over them.

Photographs have no head boxes. So that both sides follow one rule, a head is 0.15 times the longer
side of its person's box, on both; the row ``own heads`` is the rendered slice with its true head
boxes. Where a photograph does not label a joint, its prediction counts as false, which lowers AP
but not recall (PCKh).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from vidpose.datasets.boxes import ground_truth_boxes
from vidpose.datasets.coco import read_coco
from vidpose.datasets.labels import PersonLabels, SequenceLabels
from vidpose.datasets.posetrack_root import read_posetrack_root
from vidpose.defaults import DEFAULT_MODEL
from vidpose.evaluation.frames import HEAD_OF_DIAGONAL
from vidpose.evaluation.posetrack import evaluate
from vidpose.evaluation.slices import slice_of
from vidpose.models.base import PoseModel
from vidpose.models.registry import load
from vidpose.predict import predict
from vidpose.skeleton import POSETRACK15

TALLER_THAN = 100
HEAD_OF_BOX = 0.15
RESAMPLES = 1000

Rule = Callable[[PersonLabels], PersonLabels]


def main(bench: Path, stills: Sequence[Path], model: str) -> None:
    """Print one row a set."""
    network = load(model)
    rendered = [
        each for each in read_posetrack_root(bench, "val") if slice_of(each.name) == "clean"
    ]
    print(f"{'set':14}{'people':>7}{'limb mAP':>10}{'95 %':>14}{'mAP':>7}{'limb PCKh':>11}")
    report("own heads", rendered, network, lambda person: person)
    report("clean", rendered, network, head_of_box)
    together = []
    for folder in stills:
        found = [
            replace(each, name=f"{folder.name}/{each.name}") for each in read_coco(folder, "val")
        ]
        report(folder.name, found, network, head_of_box)
        together += found
    report("stills", together, network, head_of_box)


def report(name: str, sequences: list[SequenceLabels], model: PoseModel, rule: Rule) -> None:
    """Print a row."""
    kept = [tall(each, rule) for each in sequences]
    kept = [each for each in kept if any(frame.people for frame in each.frames)]
    boxes = ground_truth_boxes(kept)
    answers = [predict(model, each, boxes) for each in kept]
    result = evaluate(kept, answers, resamples=RESAMPLES).result
    assert result.intervals is not None
    low, high = result.intervals.limbs
    print(
        f"{name:14}{result.people:7}{result.ap.limbs:10.1f}{f'{low:.1f} to {high:.1f}':>14}"
        f"{result.ap.mean:7.1f}{result.recall.limbs:11.1f}",
        flush=True,
    )


def tall(sequence: SequenceLabels, rule: Rule) -> SequenceLabels:
    """The same with those alone whose box is tall, in the joints of PoseTrack."""
    sequence = sequence.in_skeleton(POSETRACK15)
    frames = []
    for frame in sequence.frames:
        people = [
            rule(person)
            for person in frame.people
            if not person.crowd
            and person.labelled.any()
            and person.box is not None
            and person.box[3] - person.box[1] > TALLER_THAN
        ]
        frames.append(replace(frame, people=tuple(people)))
    return replace(sequence, frames=tuple(frames))


def head_of_box(person: PersonLabels) -> PersonLabels:
    """The same with a head box whose size is a part of the longer side of the person's box."""
    assert person.box is not None
    size = HEAD_OF_BOX * float((person.box[2:] - person.box[:2]).max())
    side = size / HEAD_OF_DIAGONAL / np.sqrt(2)
    return replace(person, head_box=np.array([0.0, 0.0, side, side]))


if __name__ == "__main__":
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser()
    parser.add_argument("bench", type=Path)
    parser.add_argument("stills", type=Path, nargs="+")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    given = parser.parse_args()
    main(given.bench, given.stills, given.model)
