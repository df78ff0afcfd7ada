"""PoseTrack labels in whichever of the two layouts a file has."""

from pathlib import Path

from vidpose.datasets.labels import SequenceLabels
from vidpose.datasets.posetrack17 import collector_paused, parse_posetrack17
from vidpose.datasets.posetrack18 import parse_posetrack18
from vidpose.errors import VidposeError
from vidpose.formats.reading import read_json


def read_posetrack(path: Path) -> list[SequenceLabels]:
    """Read a file of PoseTrack2017, PoseTrack2018 or PoseTrack21, truth or predictions.

    Returns:
        Its sequences: one of an annolist, one or several (a merged file) of the other layout.

    Raises:
        VidposeError: The file cannot be read or follows neither layout.
    """
    with collector_paused():
        return parse_posetrack(read_json(path), path)


def parse_posetrack(document: object, path: Path) -> list[SequenceLabels]:
    """The sequences in ``document``, the parsed content of ``path``; see `read_posetrack`."""
    match document:
        case {"annolist": _}:
            return [parse_posetrack17(document, path)]
        case {"images": _, "annotations": _}:
            return parse_posetrack18(document, path)
    raise VidposeError(
        f"{path} is not a PoseTrack file: it has neither an annolist nor images and annotations"
    )
