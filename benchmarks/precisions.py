"""What exported models lose of their accuracy on labelled stills.

    python benchmarks/precisions.py STILLS EXPORT ...

STILLS has folders of validation stills in COCO's layout (coco, jaialai and lsp), which count as one
set; an EXPORT is a folder of `vidpose export` whose name begins with that of its model, e.g.
movenet-thunder-bf16. Prints the mAP of PoseTrack's 15 joints in true boxes, by torch and by each
export. Stills have no heads: a quarter of the box's longer side is taken for the diagonal.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import torch

from vidpose import export
from vidpose.datasets import registry as datasets
from vidpose.datasets.labels import FrameLabels, PersonLabels, SequenceLabels
from vidpose.export.compare import Labels, accuracy
from vidpose.models import registry
from vidpose.models.base import PoseModel

SETS = ("coco", "jaialai", "lsp")
HEAD = 0.25


def stills(root: Path) -> Iterator[SequenceLabels]:
    """All sets, in sequences of one frame with names of their own."""
    for name in SETS:
        for sequence in datasets.read("coco", root / name, "val"):
            frames = tuple(with_heads(frame) for frame in sequence.frames)
            yield replace(sequence, name=f"{name}_{sequence.name}", frames=frames)


def with_heads(frame: FrameLabels) -> FrameLabels:
    """People who have a box, with a square for a head."""
    return replace(frame, people=tuple(map(with_head, frame.people)))


def with_head(person: PersonLabels) -> PersonLabels:
    """Where the head is does not matter, only its size does."""
    if person.box is None:
        return person
    x1, y1, x2, y2 = person.box
    side = HEAD * max(x2 - x1, y2 - y1) / 2**0.5
    return replace(person, head_box=np.array([x1, y1, x1 + side, y1 + side]))


@cache
def in_torch(name: str) -> PoseModel:
    """The shipped model whose name an export's begins with."""
    known = [each for each in registry.SHIPPED if name.startswith(each)]
    if not known:
        sys.exit(f"{name}: its name does not begin with one of {', '.join(registry.SHIPPED)}")
    return registry.load(max(known, key=len)).eval()


def main(root: Path, folders: list[Path]) -> None:
    """A line for each export."""
    truth = Labels(str(root), list(stills(root)))
    torch.set_num_threads(1)
    for folder in folders:
        with torch.inference_mode():
            exported = export.load(folder)
            found = accuracy(in_torch(folder.name), exported, truth)
        print(
            f"{folder.name}: {found.before:.2f} -> {found.after:.2f} ({found.data})",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stills", type=Path)
    parser.add_argument("exports", nargs="+", type=Path)
    arguments = parser.parse_args()
    main(arguments.stills, arguments.exports)
