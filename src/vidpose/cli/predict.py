"""`vidpose predict`: a model over an annotated set, for the official metric."""

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from vidpose.counting import counted
from vidpose.defaults import DEFAULT_MODEL
from vidpose.errors import VidposeError

GROUND_TRUTH = "gt"


def predict(
    dataset: str,
    root: Path,
    *,
    boxes: str,
    out: Annotated[Path, Parameter(["--out", "-o"])],
    model: str = DEFAULT_MODEL,
    split: str = "val",
    threshold: float = 0.2,
    layout: Literal["posetrack17", "posetrack18"] = "posetrack18",
    device: str = "auto",
    overwrite: bool = False,
) -> None:
    """Run a model over a labelled dataset by the papers' protocol.

    Writes a file a sequence, named as those of the truth (slashes become underscores): give the
    folder to vidpose evaluate. A sequence's file is written when the sequence is done; after an
    interruption those remain.

    Args:
        dataset: Its name: posetrack17, posetrack18, posetrack21, ...
        root: Folder of the download.
        boxes: Where people are looked for: gt for the labelled boxes, or a JSON file of detections.
        out: Folder for the files.
        model: Pose model: a name of `vidpose models`, a checkpoint file, or a folder of
            `vidpose export`.
        split: Which part of the dataset.
        threshold: Detections with a lower score are left out.
        layout: Of the files that are written.
        device: auto, cpu, cuda, mps.
        overwrite: Replace files that exist.
    """
    from vidpose.atomic import staged
    from vidpose.cli.progress import Progress
    from vidpose.datasets import registry
    from vidpose.datasets.boxes import detector_boxes, ground_truth_boxes
    from vidpose.datasets.conversion import POSETRACK_LAYOUTS, sequence_files
    from vidpose.device import pick_device
    from vidpose.export.choice import pick
    from vidpose.models.registry import exported_folder
    from vidpose.predict import predict as predictions

    sequences = registry.read(dataset, root, split)
    if boxes == GROUND_TRUTH:
        found = ground_truth_boxes(sequences)
    else:
        found = detector_boxes(Path(boxes), sequences, threshold)
    exported = exported_folder(model) is not None
    network = pick(model, "auto" if exported else "torch", device=pick_device(device))
    files = sequence_files(sequences, out)
    try:
        taken = [path for path in files if path.exists()]
        if taken and not overwrite:
            raise VidposeError(f"{taken[0]} exists; add --overwrite, or give another folder")
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VidposeError(f"cannot write {out}: {error.strerror}") from error
    people = jointless = 0
    with Progress(dataset, sum(len(sequence.frames) for sequence in sequences)) as progress:
        for sequence, file in zip(sequences, files, strict=True):
            answered = predictions(network, sequence, found)
            with staged(file) as temporary:
                document = POSETRACK_LAYOUTS[layout](answered)
                temporary.write_text(json.dumps(document, allow_nan=False) + "\n")
            for frame in answered.frames:
                people += len(frame.people)
                jointless += sum(not person.labelled.any() for person in frame.people)
                progress.advance(len(frame.people))
    print(f"{model} on {dataset} {split}, boxes: {found.description}")
    print(
        f"{counted(len(sequences), 'sequence', 'sequences')}, "
        f"{counted(people, 'person', 'people')}, {progress.summary}: {out}"
    )
    ids = "those of the labels" if boxes == GROUND_TRUTH else "places in their frame"
    print(f"track ids are {ids}: evaluate AP, not MOTA and HOTA")
    heads = [
        person.head_box for each in sequences for frame in each.frames for person in frame.people
    ]
    if heads and all(head is None for head in heads):
        print(f"{dataset} labels no head boxes, by which vidpose evaluate scales distances")
    if jointless:
        print(
            f"vidpose: warning: {jointless} of {people} people have not one joint: the model gave "
            "no numbers, or scores of 0",
            file=sys.stderr,
        )
