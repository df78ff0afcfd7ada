"""`vidpose data`: datasets on this computer, looked through, converted and made."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from vidpose.cli.numbers import Count, Whole
from vidpose.counting import counted
from vidpose.defaults import BASELINE
from vidpose.errors import VidposeError

data = App(name="data", help="Check datasets, convert their labels, and make clips for training.")

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
        f"{out}: {counted(done.files, 'file', 'files')} in the {to} layout, "
        f"of {counted(done.sequences, 'sequence', 'sequences')}, "
        f"{counted(done.frames, 'frame', 'frames')} and {counted(done.people, 'person', 'people')}"
    )


@data.command
def animate(
    dataset: str,
    root: Path,
    out: Path,
    *,
    split: str = "train",
    frames: Count = 16,
    views: Count = 1,
    seed: Whole = 0,
    overwrite: bool = False,
) -> None:
    """Make clips for training from labelled stills, by moving the view over them.

    Every person with 6 labelled joints or more becomes a clip, square and at most 384 pixels a
    side: the view pans, zooms and turns smoothly, on half of the clips the picture smears as it
    does in an exposure, and on half of them pieces of other stills pass in front. Labels move with
    the picture; hidden joints stay labelled. Writes the layout of PoseTrack2018.

    Args:
        dataset: What the stills are: coco, lsp, lsp-extended, ...
        root: Folder of the stills.
        out: Folder of the new dataset.
        split: Which part of the stills, and without a number (JHMDB's) of the part that is written.
        frames: Of each clip.
        views: Clips of each person.
        seed: Which motions.
        overwrite: Replace clips of the same names.
    """
    from vidpose.cli.progress import Progress
    from vidpose.datasets import registry
    from vidpose.datasets.animate import animate as clips

    if out.resolve() == root.resolve():
        raise VidposeError(f"{out}: holds the stills; give the clips another folder")
    sequences = registry.read(dataset, root, split)
    part = split.rstrip("0123456789")
    made = joints = 0
    with Progress("animate", None) as progress:
        for labels in clips(
            sequences, out, part, frames=frames, views=views, seed=seed, overwrite=overwrite
        ):
            made += 1
            for frame in labels.frames:
                joints += sum(int(person.labelled.sum()) for person in frame.people)
                progress.advance(len(frame.people))
    print(
        f"{out}: {counted(made, 'clip', 'clips')}, "
        f"{counted(joints, 'labelled joint', 'labelled joints')}, {progress.summary}"
    )


@data.command
def label(
    *clips: Path,
    out: Annotated[Path, Parameter(["--out", "-o"])],
    model: str = BASELINE,
    split: Literal["train", "val", "test"] = "train",
    every: Count = 1,
    max_frames: Count | None = None,
    device: str = "auto",
    overwrite: bool = False,
) -> None:
    """Label videos by a one-frame model, where it is sure, for training others.

    The model finds and follows people as in vidpose run, and then looks at each person in crops of
    two sizes, also mirrored. Joints on which its answers agree are labelled, others are not. Writes
    the layout of PoseTrack2018, pictures of at most 640 pixels a side.

    Args:
        clips: Video files, or folders of images.
        out: Folder of the new dataset.
        model: One-frame pose model: a name of `vidpose models`, or a checkpoint file.
        split: Name of the part that is written.
        every: Label every n-th frame; those between are written without labels.
        max_frames: Stop a clip after this many frames with somebody to label.
        device: auto, cpu, cuda, mps.
        overwrite: Replace clips of the same names.
    """
    if not clips:
        raise VidposeError("no clip given; for example: vidpose data label clip.mp4 -o out")
    from vidpose.api import Run
    from vidpose.cli.progress import Progress
    from vidpose.datasets.pseudo_label import label_clip
    from vidpose.datasets.teacher import Teacher
    from vidpose.datasets.write_sequence import SequenceNames, write_sequence
    from vidpose.device import pick_device
    from vidpose.models.registry import load

    teacher = Teacher(load(model).to(pick_device(device)))
    people = joints = 0
    with Progress("label", None) as progress:
        names = SequenceNames(out, split)
        for clip in clips:
            run = Run(clip, model=teacher.model)
            name = names.of(run.source.stem)
            with run.source, write_sequence(out, split, name, overwrite) as writer:
                for labels in label_clip(run, teacher, writer, name, every=every, most=max_frames):
                    people += len(labels.people)
                    joints += sum(int(person.labelled.sum()) for person in labels.people)
                    progress.advance(len(labels.people))
    print(
        f"{out}: {counted(len(clips), 'clip', 'clips')}, {counted(people, 'person', 'people')}, "
        f"{counted(joints, 'labelled joint', 'labelled joints')}, {progress.summary}"
    )
