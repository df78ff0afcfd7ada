"""`vidpose data`: datasets on this computer, looked through and converted."""

from pathlib import Path
from typing import Literal

from cyclopts import App

data = App(name="data", help="Check a dataset's files, and convert labels between layouts.")

_FAULTY = 2


@data.command
def check(root: Path, *, dataset: str | None = None) -> int:
    """Say what of a dataset lies in a folder, what is missing or broken, and if counts agree.

    Labels are all read, and a sample of the pictures. A part of a download is fine; the exit code
    is 2 if something that should be there is missing or cannot be used.

    Args:
        root: Folder of PoseTrack, COCO, Penn Action, JHMDB or LSP as downloaded.
        dataset: posetrack17, posetrack18, posetrack21, coco, penn, jhmdb, lsp or lsp-extended;
            recognised from the files if not given.
    """
    from vidpose.datasets.check import check as look_through

    report = look_through(root, dataset)
    print("\n".join(report.lines()))
    return 0 if report.whole else _FAULTY


@data.command
def convert(
    source: Path,
    out: Path,
    *,
    to: Literal["posetrack17", "posetrack18", "coco"],
    overwrite: bool = False,
) -> None:
    """Write labels, or predictions with their scores, in another layout.

    PoseTrack2017 labels --to posetrack18 are the 17-in-18 files; PoseTrack labels --to coco the
    17-slot files for training. Files name the pictures as the source does, except that
    --to posetrack17 counts them from 1.

    Args:
        source: JSON file of PoseTrack or COCO keypoints, or a folder of such files.
        out: Folder for one file a sequence; with --to coco, or for one sequence, a .json file.
        to: The layout to write.
        overwrite: Replace files that exist.
    """
    from vidpose.datasets.conversion import convert_labels

    done = convert_labels(source, out, to, overwrite)
    print(
        f"{out}: {done.files} files in the {to} layout, of {done.sequences} sequences, "
        f"{done.frames:,} frames and {done.people:,} people"
    )
