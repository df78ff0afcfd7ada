"""JHMDB: 928 clips of one person each, 15 joints (Jhuang et al., ICCV 2013).

Layout, as downloaded::

    Rename_Images/<action>/<clip>/00001.png ...
    joint_positions/<action>/<clip>/joint_positions.mat    pos_img: 2 x 15 x frame, from 1
    puppet_mask/<action>/<clip>/puppet_mask.mat            part_mask: h x w x frame (optional)
    splits/<action>_test_split1.txt                        "<clip>.avi 1": 1 train, 2 test
"""

import re
from pathlib import Path

import numpy as np

from vidpose.datasets.attach import AbsentSplitError, OnFault, attach_folder, refuse, reporting
from vidpose.datasets.labels import VISIBLE, FrameLabels, PersonLabels, SequenceLabels
from vidpose.datasets.matlab import numbers, read_mat
from vidpose.datasets.posetrack17 import extent_boxes
from vidpose.errors import VidposeError
from vidpose.geometry import Box
from vidpose.skeleton import JHMDB15

SPLITS = ("train", "test", "train2", "test2", "train3", "test3")
_TRAIN, _TEST = 1, 2


def read_jhmdb(root: Path, split: str, report: OnFault = refuse) -> list[SequenceLabels]:
    """Read the clips of one side of one of the three splits.

    Every joint is `VISIBLE`: the files have no flag, and joints outside the picture are labelled
    too. A person's box is the bounding box of the puppet mask where that is there, else the extent
    of the joints with 20 % added. Pixels count from 0.

    Args:
        root: The folder with ``Rename_Images``, ``joint_positions`` and ``splits``.
        split: ``train`` or ``test`` of split 1, or ``train2`` .. ``test3`` of the other two.
        report: What to do about a clip that cannot be read, or has not all its pictures.

    Returns:
        Labels in `JHMDB15`, named ``<action>/<clip>``.

    Raises:
        VidposeError: There are no files of the split, or ``report`` raises.
    """
    sequences = []
    for action, clip in _clips(root, split):
        with reporting(report):
            sequence = _read_clip(root, action, clip)
            folder = root / "Rename_Images" / action / clip
            sequences.append(attach_folder(sequence, folder, report))
    return sequences


def _clips(root: Path, split: str) -> list[tuple[str, str]]:
    number = split[-1] if split[-1].isdigit() else "1"
    wanted = _TRAIN if split.startswith("train") else _TEST
    ending = f"_test_split{number}.txt"
    lists = sorted((root / "splits").glob(f"*{ending}"))
    if not lists:
        raise AbsentSplitError(f"{root}: no JHMDB splits; expected splits/<action>{ending}")
    clips = []
    for path in lists:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        for line in filter(None, map(str.strip, lines)):
            entry = re.fullmatch(r"([^/\\]+)\.avi\s+([012])", line)
            if entry is None:
                raise VidposeError(f"{path}: {line!r} is not '<clip>.avi' and 0, 1 or 2")
            if int(entry[2]) == wanted:
                clips.append((path.name.removesuffix(ending), entry[1]))
    return clips


def _read_clip(root: Path, action: str, clip: str) -> SequenceLabels:
    path = root / "joint_positions" / action / clip / "joint_positions.mat"
    positions = numbers(read_mat(path, "pos_img"), "pos_img", path, 2, len(JHMDB15), -1)
    keypoints = positions.transpose(2, 1, 0) - 1
    visibility = np.full(len(JHMDB15), VISIBLE)
    boxes = extent_boxes(keypoints, np.ones(keypoints.shape[:2], dtype=bool))
    mask = root / "puppet_mask" / action / clip / "puppet_mask.mat"
    if mask.is_file():
        for index, box in enumerate(_mask_boxes(mask)[: len(boxes)]):
            boxes[index] = boxes[index] if box is None else box
    frames = [
        FrameLabels(
            index=index,
            name=f"Rename_Images/{action}/{clip}/{index + 1:05d}.png",
            people=(PersonLabels(0, keypoints[index], visibility, box),),
        )
        for index, box in enumerate(boxes)
    ]
    return SequenceLabels(f"{action}/{clip}", JHMDB15, tuple(frames))


def _mask_boxes(path: Path) -> list[Box | None]:
    """The bounding box of the mask of each frame; None where it is empty."""
    masks = np.atleast_3d(read_mat(path, "part_mask")["part_mask"]) > 0
    boxes: list[Box | None] = []
    for mask in np.moveaxis(masks, -1, 0):
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if len(rows):
            corners = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
            boxes.append(np.array(corners, dtype=np.float64))
        else:
            boxes.append(None)
    return boxes
