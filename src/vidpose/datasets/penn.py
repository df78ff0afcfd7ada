"""Penn Action: 2,326 clips of one person each, 13 joints (Zhang et al., ICCV 2013).

Layout, as downloaded::

    frames/0001/000001.jpg ...
    labels/0001.mat ...

A label file has ``x``, ``y`` and ``visibility`` (frame x 13), ``bbox`` (frame x 4: x1, y1, x2, y2)
in pixels counted from 1, and ``train`` (1 or -1).
"""

from pathlib import Path

import numpy as np

from vidpose.datasets.attach import AbsentSplitError, OnFault, attach_folder, refuse, reporting
from vidpose.datasets.labels import (
    NOT_LABELLED,
    VISIBLE,
    FrameLabels,
    PersonLabels,
    SequenceLabels,
)
from vidpose.datasets.matlab import numbers, read_mat
from vidpose.datasets.posetrack17 import extent_boxes
from vidpose.errors import VidposeError
from vidpose.skeleton import PENN13

SPLITS = ("train", "test")


def read_penn(root: Path, split: str, report: OnFault = refuse) -> list[SequenceLabels]:
    """Read the clips of a split.

    A joint flagged invisible is `NOT_LABELLED`: its coordinates are a guess or filler. Pixels
    count from 0. Frames that ``bbox`` does not reach get the joints' extent with 20 % added.

    Args:
        root: The folder with ``frames`` and ``labels``.
        split: ``train`` or ``test``, by the files' own flag.
        report: What to do about a clip that cannot be read, or has not all its pictures.

    Returns:
        Labels in `PENN13`, named as the clips.

    Raises:
        VidposeError: There are no label files, or ``report`` raises.
    """
    files = sorted((root / "labels").glob("*.mat"))
    if not files:
        raise AbsentSplitError(f"{root}: no Penn Action labels; expected labels/0001.mat and so on")
    sequences = []
    for file in files:
        with reporting(report):
            is_train, sequence = _read_clip(file)
            if is_train == (split == "train"):
                sequences.append(attach_folder(sequence, root / "frames" / file.stem, report))
    return sequences


def _read_clip(path: Path) -> tuple[bool, SequenceLabels]:
    content = read_mat(path, "x", "y", "visibility", "bbox", "train")
    joints = len(PENN13)
    x, y, seen = (numbers(content, name, path, -1, joints) for name in ("x", "y", "visibility"))
    if not len(x) == len(y) == len(seen):
        raise VidposeError(
            f"{path}: x, y and visibility have {len(x)}, {len(y)} and {len(seen)} frames"
        )
    there = seen > 0
    keypoints = np.where(there[..., None], np.stack([x, y], axis=-1) - 1, 0.0)
    boxes = extent_boxes(keypoints, there)
    given = numbers(content, "bbox", path, -1, 4)[: len(boxes)] - 1
    boxes[: len(given)] = list(given)
    frames = [
        FrameLabels(
            index=index,
            name=f"frames/{path.stem}/{index + 1:06d}.jpg",
            people=(
                PersonLabels(
                    track_id=0,
                    keypoints=keypoints[index],
                    visibility=np.where(there[index], VISIBLE, NOT_LABELLED),
                    box=box,
                ),
            ),
        )
        for index, box in enumerate(boxes)
    ]
    train = numbers(content, "train", path, 1, 1)
    return bool(train[0, 0] == 1), SequenceLabels(path.stem, PENN13, tuple(frames))
