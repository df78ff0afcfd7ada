"""Label files from one layout to another."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from vidpose.atomic import staged_within
from vidpose.datasets.coco import parse_coco
from vidpose.datasets.labels import SequenceLabels
from vidpose.datasets.posetrack import parse_posetrack
from vidpose.datasets.posetrack18 import of_one_skeleton
from vidpose.datasets.write_coco import coco_document
from vidpose.datasets.write_posetrack17 import posetrack17_document
from vidpose.datasets.write_posetrack18 import posetrack18_document
from vidpose.errors import VidposeError
from vidpose.formats.posetrack18 import SLOTS
from vidpose.formats.reading import json_files, read_json

# The layouts with a file a sequence, by name.
POSETRACK_LAYOUTS: Mapping[str, Callable[[SequenceLabels], dict[str, Any]]] = {
    "posetrack17": posetrack17_document,
    "posetrack18": posetrack18_document,
}
LAYOUTS = (*POSETRACK_LAYOUTS, "coco")
_NOT_IN_FILE_NAMES = re.compile(r"[/\\\0]")

_Document = Callable[[], dict[str, Any]]


@dataclass(frozen=True)
class Converted:
    """What a conversion wrote.

    Attributes:
        files: How many files.
        sequences: Of how many sequences.
        frames: How many frames.
        people: How many people in them.
    """

    files: int
    sequences: int
    frames: int
    people: int


def convert_labels(source: Path, out: Path, layout: str, overwrite: bool = False) -> Converted:
    """Write labels, or predictions with their scores, in another layout.

    Args:
        source: A PoseTrack or COCO keypoints JSON file, or a folder of such files.
        out: For PoseTrack layouts a folder, whose files are named as the source's (as the folders
            of the pictures where one file holds several sequences), or for one sequence also a
            ``.json`` file. For ``coco`` the ``.json`` file.
        layout: One of `LAYOUTS`.
        overwrite: Whether files that exist may be replaced.

    Raises:
        VidposeError: A file cannot be read or written, or exists; nothing is written then.
    """
    if layout not in LAYOUTS:
        raise VidposeError(f"unknown layout {layout!r}: choose from {', '.join(LAYOUTS)}")
    sequences = read_labels(source)
    documents = _documents(sequences, out, layout)
    _write(documents, overwrite)
    frames = [frame for each in sequences for frame in each.frames]
    return Converted(
        files=len(documents),
        sequences=len(sequences),
        frames=len(frames),
        people=sum(len(frame.people) for frame in frames),
    )


def _documents(
    sequences: Sequence[SequenceLabels], out: Path, layout: str
) -> dict[Path, _Document]:
    """What goes into which file; made when it is written, since together they are large."""
    one_file = out.suffix.lower() == ".json"
    if layout == "coco":
        if not one_file:
            raise VidposeError(f"{out}: a COCO file holds all sequences: give a name.json")
        return {out: partial(coco_document, sequences)}
    if one_file and len(sequences) > 1:
        raise VidposeError(
            f"{out}: there are {len(sequences)} sequences and {layout} has a file for each: give "
            f"a folder"
        )
    files = [out] if one_file else sequence_files(sequences, out)
    write = POSETRACK_LAYOUTS[layout]
    return {file: partial(write, each) for file, each in zip(files, sequences, strict=True)}


def sequence_files(sequences: Sequence[SequenceLabels], folder: Path) -> list[Path]:
    """The file of each sequence right inside ``folder``.

    The name of a sequence may hold folders, of a still or as ``<action>/<clip>``, and comes from a
    file: slashes become underscores.

    Raises:
        VidposeError: Two sequences would have one file.
    """
    files = [folder / f"{_NOT_IN_FILE_NAMES.sub('_', each.name)}.json" for each in sequences]
    seen: set[Path] = set()
    for file in files:
        if file in seen:
            raise VidposeError(f"{file}: two sequences have this name: take them apart")
        seen.add(file)
    return files


def read_labels(source: Path) -> list[SequenceLabels]:
    """The sequences of a label file, or of all label files right inside a folder.

    The layout of each is seen from its content. A sequence that has a file to itself is named as
    the file.

    Raises:
        VidposeError: There is no such file, or one cannot be read.
    """
    sequences = []
    for path in json_files(source):
        document = read_json(path)
        parse = parse_coco if _has_other_joints(document) else parse_posetrack
        found = parse(document, path)
        if len(found) == 1:
            found = [replace(found[0], name=path.stem)]
        sequences += found
    if not sequences:
        raise VidposeError(f"{source}: holds not one image")
    return of_one_skeleton(sequences)


def _has_other_joints(document: object) -> bool:
    """Whether the file has a category with joints that are not PoseTrack's."""
    match document:
        case {"categories": [{"keypoints": list(joints)}, *_]}:
            return not set(joints) <= set(SLOTS)
    return False


def _write(documents: Mapping[Path, _Document], overwrite: bool) -> None:
    """Write all files, or none and no folder."""
    folder = next(iter(documents)).parent
    for path in documents:
        if path.is_dir():
            raise VidposeError(f"{path}: is a folder")
        if path.exists() and not overwrite:
            raise VidposeError(f"{path}: exists already; add --overwrite, or give another place")
    try:
        with staged_within(folder) as staging:
            for path, document in documents.items():
                text = json.dumps(document(), allow_nan=False)
                (staging / path.name).write_text(text + "\n")
    except OSError as error:
        raise VidposeError(f"{folder}: cannot be written ({error.strerror})") from error
