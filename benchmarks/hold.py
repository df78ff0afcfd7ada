"""How long `hold` keeps a window, how many backbone passes a pose that leaves, and what it shows.

    python benchmarks/hold.py BOXES.json ...

BOXES.json is the poses.json of `vidpose run`. Its people are played to a `ClipEstimator` with
an empty model of five frames, whose crops are 256x192, enlarged by 1.25. A row
says, over all people and frames of a file:

    passes       crops encoded for each pose: 5 when every window is new, 1 when none ever is
    hold         frames for which a window is kept, on average
    border       the least distance of a box from the edge of its window; below 0 it was cut off
    off centre   distance of the box's centre from the window's, 95th percentile
    size         the window's size over that of a fresh one, 5th and 95th percentile and the largest

Distances are in % of the window's width. A fresh window has a border of 10 %.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from vidpose.backbones.base import Features
from vidpose.estimator import ClipEstimator, Subject
from vidpose.frame import Frame
from vidpose.geometry import Box, CropGeometry, box_centre, box_size
from vidpose.heads.prior import Prior
from vidpose.models.base import PoseModel, PoseOutput
from vidpose.poses import Poses
from vidpose.skeleton import COCO17
from vidpose.windows import clips

PIXEL = np.zeros((1, 1, 3), np.uint8)


class Nothing(PoseModel):
    """A model that looks at nothing, with the clips and crops of the papers."""

    skeleton = COCO17
    crop = CropGeometry((256, 192), 1.25)
    offsets = (-2, -1, 0, 1, 2)

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.zeros(()))

    def encode(self, frames: Tensor) -> Features:
        """An empty level."""
        return Features((torch.zeros(len(frames), 1),))

    def aggregate(self, features: Features, prior: Prior | None = None) -> PoseOutput:
        """Everything in the corner."""
        count = len(features.last)
        return PoseOutput(torch.zeros(count, 17, 2), torch.zeros(count, 17))


@dataclass
class Seen:
    """What the windows of a file were like; a row for each person and frame."""

    windows: int = 0
    border: list[float] = field(default_factory=list)
    off_centre: list[float] = field(default_factory=list)
    size: list[float] = field(default_factory=list)

    def add(self, box: Box, window: Box, fresh: Box) -> None:
        """One person in one frame."""
        width = float(box_size(window)[0])
        border = min((box[:2] - window[:2]).min(), (window[2:] - box[2:]).min())
        drift = np.abs(box_centre(fresh) - box_centre(window)).max()
        self.border.append(100 * border / width)
        self.off_centre.append(100 * drift / width)
        self.size.append(width / float(box_size(fresh)[0]))


def main(files: list[Path]) -> None:
    """Print one row a file."""
    print(f"{'':24}{'poses':>7}{'passes':>8}{'hold':>7}{'border':>8}{'off centre':>12}  size")
    for file in files:
        estimator, seen = play(file)
        small, large = np.percentile(seen.size, [5, 95])
        print(
            f"{(file.parent.name or file.stem)[:23]:24}{estimator.answered:7}"
            f"{estimator.passes:8.2f}{estimator.answered / seen.windows:7.1f}"
            f"{min(seen.border):8.1f}{np.percentile(seen.off_centre, 95):12.1f}"
            f"  {small:.2f} to {large:.2f}, {max(seen.size):.2f}"
        )


def play(file: Path) -> tuple[ClipEstimator, Seen]:
    """Play a file's people to `hold`."""
    poses = Poses.load(file)
    estimator = ClipEstimator(Nothing(), "hold")
    seen = Seen()
    held: dict[int, Box] = {}
    frames = (Frame(frame.index, frame.pts, PIXEL) for frame in poses)
    for people, clip in zip(_people(poses), clips(frames, Nothing.offsets), strict=True):
        estimator(clip[1], people)
        windows = {person.id: estimator.window_of(person.id) for person in people}
        for person in people:
            before, window = held.get(person.id), windows[person.id]
            seen.windows += before is None or not np.array_equal(before, window)
            seen.add(person.box, window, Nothing.crop.window(person.box))
        held = windows
    return estimator, seen


def _people(poses: Poses) -> Iterator[list[Subject]]:
    for frame in poses:
        yield [Subject(person.id, person.box) for person in frame.people]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("boxes", nargs="+", type=Path, metavar="BOXES.json")
    main(parser.parse_args().boxes)
