"""Leeds Sports Pose and its extended training set: stills of one person, 14 joints.

Layout, as downloaded (Johnson and Everingham, BMVC 2010 and CVPR 2011)::

    joints.mat      joints: 3 x 14 x 2000 (LSP) or 14 x 3 x 10000 (extended)
    images/im0001.jpg ... (LSP), im00001.jpg ... (extended)

The three numbers are x and y in pixels counted from 1 and a flag.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from vidpose.datasets.attach import AbsentSplitError, MissingPicturesError, OnFault, refuse
from vidpose.datasets.images import ImageFiles, ImageFolder
from vidpose.datasets.labels import (
    NOT_LABELLED,
    VISIBLE,
    FrameLabels,
    PersonLabels,
    SequenceLabels,
)
from vidpose.datasets.matlab import numbers, read_mat
from vidpose.datasets.posetrack17 import extent_boxes
from vidpose.skeleton import COCO17, Skeleton, coco_sigmas

SPLITS = ("train", "test")
EXTENDED_SPLITS = ("train",)

_JOINTS = (
    *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle"),
    *("right_wrist", "right_elbow", "right_shoulder"),
    *("left_shoulder", "left_elbow", "left_wrist"),
    *("neck", "head_top"),
)
LSP14 = Skeleton(
    "lsp14",
    _JOINTS,
    (*(edge for edge in COCO17.edges if set(edge) <= set(_JOINTS)), ("neck", "head_top")),
    coco_sigmas(_JOINTS),
)


def read_lsp(root: Path, split: str, report: OnFault = refuse) -> list[SequenceLabels]:
    """Read Leeds Sports Pose: the first half of the pictures is for training, the other for tests.

    Every joint is `VISIBLE`: all are labelled, and whether the flag means seen or occluded is told
    differently in different places.

    Args:
        root: The folder with ``joints.mat`` and ``images``.
        split: ``train`` or ``test``.
        report: What to do about missing pictures.

    Returns:
        Labels in `LSP14`, a sequence of one frame a picture.

    Raises:
        VidposeError: ``joints.mat`` cannot be read, or ``report`` raises.
    """
    points, _ = _read_joints(root / "joints.mat")
    half = len(points) // 2
    chosen = range(half) if split == "train" else range(half, len(points))
    labelled = np.ones(points.shape[:2], dtype=bool)
    return _sequences(root / "images", "im{:04d}.jpg", points, labelled, chosen, report)


def read_lsp_extended(root: Path, split: str, report: OnFault = refuse) -> list[SequenceLabels]:
    """Read the extended training set, whose only split is ``train``; see `read_lsp`.

    A joint flagged 0 is `NOT_LABELLED`.
    """
    points, flags = _read_joints(root / "joints.mat")
    return _sequences(root / "images", "im{:05d}.jpg", points, flags, range(len(points)), report)


def _read_joints(path: Path) -> tuple[Float[np.ndarray, "n 14 2"], Bool[np.ndarray, "n 14"]]:
    if not path.is_file():
        raise AbsentSplitError(f"{path.parent}: no labels; expected joints.mat")
    content = read_mat(path, "joints")
    if np.shape(content["joints"])[:1] == (3,):
        table = numbers(content, "joints", path, 3, len(LSP14), -1).transpose(2, 1, 0)
    else:
        table = numbers(content, "joints", path, len(LSP14), 3, -1).transpose(2, 0, 1)
    return table[..., :2] - 1, table[..., 2] > 0


def _sequences(
    folder: Path,
    pattern: str,
    points: Float[np.ndarray, "n 14 2"],
    labelled: Bool[np.ndarray, "n 14"],
    chosen: range,
    report: OnFault,
) -> list[SequenceLabels]:
    points = np.where(labelled[..., None], points, 0.0)
    boxes = extent_boxes(points, labelled)
    names = [pattern.format(number + 1) for number in chosen]
    there = set(ImageFolder(folder).names) if folder.is_dir() else set()
    missing = [name for name in names if name not in there]
    if missing:
        report(
            MissingPicturesError(
                f"{folder}: {len(missing)} of {len(names)} pictures are missing, the first is "
                f"{missing[0]}"
            )
        )
    return [
        SequenceLabels(
            name=Path(name).stem,
            skeleton=LSP14,
            frames=(
                FrameLabels(
                    index=0,
                    name=f"images/{name}",
                    people=(
                        PersonLabels(
                            track_id=0,
                            keypoints=points[number],
                            visibility=np.where(labelled[number], VISIBLE, NOT_LABELLED),
                            box=boxes[number],
                        ),
                    ),
                ),
            ),
            images=ImageFiles([folder / name]) if name in there else None,
        )
        for number, name in zip(chosen, names, strict=True)
    ]
