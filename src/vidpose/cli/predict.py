"""`vidpose predict`: a model over an annotated set, for the official metric."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from vidpose.counting import counted
from vidpose.defaults import DEFAULT_MODEL
from vidpose.errors import VidposeError

if TYPE_CHECKING:
    from vidpose.datasets.labels import SequenceLabels

GROUND_TRUTH = "gt"
COCO = "coco"


def predict(
    dataset: str,
    root: Path,
    *,
    boxes: str,
    out: Annotated[Path, Parameter(["--out", "-o"])],
    model: str = DEFAULT_MODEL,
    split: str = "val",
    threshold: float = 0.2,
    layout: Literal["posetrack17", "posetrack18", "coco"] = "posetrack18",
    flip_test: bool = False,
    device: str = "auto",
    overwrite: bool = False,
) -> None:
    """Run a model over a labelled dataset by the papers' protocol.

    Writes a file a sequence, named as those of the truth (slashes become underscores): give the
    folder to vidpose evaluate. A sequence's file is written when the sequence is done; after an
    interruption those remain. In COCO's layout it is one file, written at the end.

    Args:
        dataset: Its name: posetrack17, posetrack18, posetrack21, ...
        root: Folder of the download.
        boxes: Where people are looked for: gt for the labelled boxes, or a JSON file of detections.
        out: Folder for the files; with the layout coco the file.
        model: Pose model: a name of `vidpose models`, a checkpoint file, or a folder of
            `vidpose export`.
        split: Which part of the dataset.
        threshold: Detections with a lower score are left out.
        layout: Of the files that are written: PoseTrack's 15 joints, or coco, the list of results
            that COCO's evaluation takes, with the joints of the dataset.
        flip_test: Show the model each crop mirrored as well and join both answers, at twice the
            time; the papers' protocol does not.
        device: auto, cpu, cuda, mps.
        overwrite: Replace files that exist.
    """
    from vidpose.cli.progress import Progress
    from vidpose.datasets import registry
    from vidpose.datasets.boxes import detector_boxes, ground_truth_boxes
    from vidpose.device import pick_device
    from vidpose.export.choice import pick
    from vidpose.flip_test import FlipTest
    from vidpose.models.registry import exported_folder
    from vidpose.predict import predict as predictions
    from vidpose.skeleton import POSETRACK15

    read = [root / "annotations", root / "posetrack_data"]
    if boxes != GROUND_TRUTH:
        read.append(Path(boxes))
    if any(out.resolve().is_relative_to(place.resolve()) for place in read):
        raise VidposeError(f"{out}: would replace what is read; give another place")
    sequences = registry.read(dataset, root, split)
    if boxes == GROUND_TRUTH:
        found = ground_truth_boxes(sequences)
    else:
        found = detector_boxes(Path(boxes), sequences, threshold)
    exported = exported_folder(model) is not None
    network = pick(model, "auto" if exported else "torch", device=pick_device(device))
    if flip_test:
        network = FlipTest(network)
    write = _results if layout == COCO else partial(_files, layout=layout)
    skeleton = sequences[0].skeleton if layout == COCO and sequences else POSETRACK15
    people = jointless = 0
    with (
        write(sequences, out, overwrite=overwrite) as keep,
        Progress(dataset, sum(len(sequence.frames) for sequence in sequences)) as progress,
    ):
        for sequence in sequences:
            answered = predictions(network, sequence, found, skeleton)
            keep(answered)
            for frame in answered.frames:
                people += len(frame.people)
                jointless += sum(not person.labelled.any() for person in frame.people)
                progress.advance(len(frame.people))
    asked = f"{model} + flip test" if flip_test else model
    print(f"{asked} on {dataset} {split}, boxes: {found.description}")
    print(
        f"{counted(len(sequences), 'sequence', 'sequences')}, "
        f"{counted(people, 'person', 'people')}, {progress.summary}: {out}"
    )
    ids = "those of the labels" if boxes == GROUND_TRUTH else "places in their frame"
    heads = [
        person.head_box for each in sequences for frame in each.frames for person in frame.people
    ]
    if layout != COCO:
        print(f"track ids are {ids}: evaluate AP, not MOTA and HOTA")
        if heads and all(head is None for head in heads):
            numbered = all(frame.image_id is not None for frame in sequences[0].frames)
            instead = f"; --layout {COCO} is for COCO's" if numbered else ""
            print(f"{dataset} labels no head boxes, by which PoseTrack's metrics scale{instead}")
    if jointless:
        print(
            f"vidpose: warning: {jointless} of {people} people have not one joint: the model gave "
            "no numbers, or scores of 0",
            file=sys.stderr,
        )


@contextmanager
def _files(
    sequences: Sequence[SequenceLabels], folder: Path, *, layout: str, overwrite: bool
) -> Iterator[Callable[[SequenceLabels], None]]:
    """Takes predictions in the order of ``sequences`` and writes a file of each at once."""
    from vidpose.atomic import staged
    from vidpose.datasets.conversion import POSETRACK_LAYOUTS, sequence_files

    if folder.suffix.lower() == ".json":
        raise VidposeError(
            f"{folder}: {layout} has a file for each sequence: give a folder, or --layout {COCO}"
        )
    files = sequence_files(sequences, folder)
    try:
        taken = [path for path in files if path.exists()]
        if taken and not overwrite:
            raise VidposeError(f"{taken[0]} exists; add --overwrite, or give another folder")
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VidposeError(f"cannot write {folder}: {error.strerror}") from error
    left = iter(files)

    def keep(answered: SequenceLabels) -> None:
        with staged(next(left)) as temporary:
            document = POSETRACK_LAYOUTS[layout](answered)
            temporary.write_text(json.dumps(document, allow_nan=False) + "\n")

    yield keep


@contextmanager
def _results(
    sequences: Sequence[SequenceLabels], file: Path, *, overwrite: bool
) -> Iterator[Callable[[SequenceLabels], None]]:
    """Takes predictions and writes COCO's list of them in the end."""
    from vidpose.atomic import staged
    from vidpose.datasets.coco_results import coco_results, image_numbers

    if file.suffix.lower() != ".json":
        raise VidposeError(f"{file}: COCO's layout of results is one file: give a name.json")
    if file.is_dir():
        raise VidposeError(f"{file} is a folder: COCO's layout of results is one file")
    if file.exists() and not overwrite:
        raise VidposeError(f"{file} exists; add --overwrite, or give another name")
    # Said now, not when the work is done: an image without a number cannot be named.
    image_numbers(sequences)
    records: list[dict[str, object]] = []
    with staged(file) as temporary:
        yield lambda answered: records.extend(coco_results([answered]))
        temporary.write_text(json.dumps(records, allow_nan=False) + "\n")
