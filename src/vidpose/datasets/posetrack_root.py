"""PoseTrack downloads: where the annotations and the pictures of a split lie.

Layouts, ``S`` being a split::

    PoseTrack2018   annotations/S/*.json          images/S/<sequence>/000000.jpg
    PoseTrack2017   annotations/S/*.json          images/bonn_5sec/<sequence>/00000001.jpg
                    (annolist files)              (mpii_5sec, bonn_mpii_train_5sec and others)
    PoseTrack21     posetrack_data/S/*.json       images/S/<sequence>/000000.jpg

Annotations of 2017 and 2018 may also be in ``posetrack_data/annotations/S``. PoseTrack21 has the
pictures of 2018, so both may lie in one folder. Pictures may be where the file names say, seen from
the root, from ``images`` or from ``posetrack_data``. A video ``<sequence>.mp4`` may stand in for a
sequence's folder, as `vidpose synth` writes them.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vidpose.datasets.attach import (
    AbsentSplitError,
    OnFault,
    attach_folder,
    inside,
    refuse,
    reporting,
)
from vidpose.datasets.labels import SequenceLabels
from vidpose.datasets.posetrack import read_posetrack
from vidpose.datasets.posetrack18 import of_one_skeleton
from vidpose.errors import VidposeError

SPLITS = ("train", "val", "test")

_ANNOTATIONS = ("annotations", "posetrack_data/annotations")
_ANNOTATIONS_21 = ("posetrack_data",)
_PICTURES = (".", "images", "posetrack_data", "posetrack_data/images")


def read_posetrack21(root: Path, split: str, report: OnFault = refuse) -> list[SequenceLabels]:
    """As `read_posetrack_root`, of PoseTrack21."""
    return _read(annotation_files(root, split, _ANNOTATIONS_21), root, report)


def read_posetrack_root(root: Path, split: str, report: OnFault = refuse) -> list[SequenceLabels]:
    """Read the sequences of a split of PoseTrack2017 or 2018, told apart by their files.

    Args:
        root: The folder of the download.
        split: ``train``, ``val`` or ``test``.
        report: What to do about a file that cannot be read, or a sequence without its pictures.

    Returns:
        Labels in `POSETRACK15`, or in `BODY19` with faces. A sequence is named as its annotation
        file, as the official tools want its predictions named too; those of a merged file are named
        as their folders.

    Raises:
        VidposeError: There are no annotation files, or ``report`` raises.
    """
    return _read(annotation_files(root, split, _ANNOTATIONS), root, report)


def annotation_files(root: Path, split: str, places: Sequence[str]) -> list[Path]:
    """The JSON files of a split.

    Raises:
        VidposeError: There are none.
    """
    folders = [root / place / split for place in places]
    for folder in folders:
        files = sorted(folder.glob("*.json"))
        if files:
            return files
    if any(any(folder.glob("*.mat")) for folder in folders):
        raise VidposeError(
            f"{root}: the annotations of {split} are .mat files: convert them to JSON first"
        )
    expected = " or ".join(f"{place}/{split}/*.json" for place in places)
    raise AbsentSplitError(f"{root}: no annotations of the split {split}; expected {expected}")


def _read(files: Sequence[Path], root: Path, report: OnFault) -> list[SequenceLabels]:
    sequences = []
    for path in files:
        with reporting(report):
            found = read_posetrack(path)
            if len(found) == 1:
                found = [replace(found[0], name=path.stem)]
            sequences += [
                attach_folder(each, _folder(root, each), report) for each in found if each.frames
            ]
    return of_one_skeleton(sequences)


def _folder(root: Path, sequence: SequenceLabels) -> Path:
    """The first of the known places that has the sequence's pictures, else where they should be."""
    name = Path(sequence.frames[0].name)
    folders = [root / place / name.parent for place in _PICTURES]
    with_picture = (folder for folder in folders if (folder / name.name).is_file())
    existing = (folder for folder in folders if folder.is_dir())
    return inside(root, next(with_picture, next(existing, folders[0])))
