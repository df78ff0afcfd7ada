"""The datasets by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vidpose.datasets import coco, jhmdb, lsp, penn, posetrack_root
from vidpose.datasets.attach import need_folder
from vidpose.datasets.labels import SequenceLabels
from vidpose.errors import VidposeError


@dataclass(frozen=True)
class Dataset:
    """A dataset and how it is read.

    Attributes:
        description: What it is, in a few words.
        splits: The names of its splits, those to check first.
        read: Reads a split below a folder; faults go to the third argument, which raises them
            unless another is given.
        sequences: The published number of sequences by split, clips or stills.
        poses: The published number of labelled people in all splits with public labels.
    """

    description: str
    splits: tuple[str, ...]
    read: Callable[..., list[SequenceLabels]]
    sequences: Mapping[str, int] = field(default_factory=dict)
    poses: int | None = None


DATASETS = {
    "posetrack17": Dataset(
        "PoseTrack2017 (annolist files or the 17-in-18 conversion)",
        posetrack_root.SPLITS,
        posetrack_root.read_posetrack_root,
        {"train": 250, "val": 50},
        80_144,
    ),
    "posetrack18": Dataset(
        "PoseTrack2018",
        posetrack_root.SPLITS,
        posetrack_root.read_posetrack_root,
        {"train": 593, "val": 170},
        153_615,
    ),
    "posetrack21": Dataset(
        "PoseTrack21",
        posetrack_root.SPLITS,
        posetrack_root.read_posetrack21,
        poses=177_164,
    ),
    "coco": Dataset(
        "COCO keypoints, or a file in its layout with pictures",
        coco.SPLITS,
        coco.read_coco,
        {"train": 118_287, "val": 5_000},
    ),
    "penn": Dataset("Penn Action", penn.SPLITS, penn.read_penn, {"train": 1_258, "test": 1_068}),
    "jhmdb": Dataset("JHMDB", jhmdb.SPLITS, jhmdb.read_jhmdb, {"train": 660, "test": 268}),
    "lsp": Dataset("Leeds Sports Pose", lsp.SPLITS, lsp.read_lsp, {"train": 1_000, "test": 1_000}),
    "lsp-extended": Dataset(
        "Leeds Sports Pose, extended training set",
        lsp.EXTENDED_SPLITS,
        lsp.read_lsp_extended,
        {"train": 10_000},
    ),
}


def find(name: str) -> Dataset:
    """The dataset of a name.

    Raises:
        VidposeError: There is none; the message lists the names.
    """
    if name not in DATASETS:
        raise VidposeError(f"unknown dataset {name!r}: choose from {', '.join(DATASETS)}")
    return DATASETS[name]


def read(name: str, root: Path, split: str) -> list[SequenceLabels]:
    """The labelled sequences of a split, with their pictures.

    Args:
        name: A name in `DATASETS`.
        root: The folder of the download.
        split: One of the dataset's splits.

    Raises:
        VidposeError: The name or the split is unknown, or the folder lacks something: the message
            says what is expected there.
    """
    dataset = find(name)
    if split not in dataset.splits:
        raise VidposeError(
            f"{name} has no split {split!r}: choose from {', '.join(dataset.splits)}"
        )
    need_folder(root, f"that holds {dataset.description}")
    try:
        return dataset.read(root, split)
    except VidposeError as error:
        raise VidposeError(f"{error}; `vidpose data check {root}` tells more") from error
