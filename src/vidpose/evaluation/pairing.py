"""Which predictions belong to which annotation: by sequence, then by frame."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from vidpose.counting import counted
from vidpose.datasets.labels import FrameLabels, SequenceLabels
from vidpose.errors import VidposeError

_SHOWN = 3


def pair_sequences(
    truth: Sequence[SequenceLabels], predictions: Sequence[SequenceLabels]
) -> list[tuple[SequenceLabels, SequenceLabels]]:
    """Pairs of equal name, ordered by name, their frames in the order of the truth.

    Frames belong together by the file names of their pictures, or by index where those differ (the
    layouts count from 1 and from 0).

    Raises:
        VidposeError: The two sides do not have the same sequences and frames; every annotated frame
            needs predictions, if only an empty list of people.
    """
    names = _unique([each.name for each in truth], "the ground truth")
    answers = dict(
        zip(
            _unique([each.name for each in predictions], "the predictions"),
            predictions,
            strict=True,
        )
    )
    _same("sequence", names, answers, "")
    pairs = [(each, answers[each.name]) for each in truth]
    return [_with_equal_frames(*pair) for pair in sorted(pairs, key=lambda pair: pair[0].name)]


def _unique(names: list[str], side: str) -> list[str]:
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise VidposeError(f"{side} have the sequence {twice} more than once")
    return names


def _with_equal_frames(
    truth: SequenceLabels, predictions: SequenceLabels
) -> tuple[SequenceLabels, SequenceLabels]:
    mine, theirs = _by_file(truth.frames), _by_file(predictions.frames)
    if mine.keys() != theirs.keys():
        mine, theirs = _by_index(truth.frames), _by_index(predictions.frames)
        _same("frame", mine, theirs, f"{truth.name}: ")
    return truth, replace(predictions, frames=tuple(theirs[key] for key in mine))


def _by_file(frames: Sequence[FrameLabels]) -> dict[str, FrameLabels]:
    return {PurePosixPath(frame.name).name: frame for frame in frames}


def _by_index(frames: Sequence[FrameLabels]) -> dict[str, FrameLabels]:
    return {str(frame.index): frame for frame in frames}


def _same(kind: str, truth: Iterable[str], predictions: Iterable[str], where: str) -> None:
    """Raise with the difference unless both sides have the same names."""
    mine, theirs = list(truth), list(predictions)
    here, there = set(mine), set(theirs)
    missing = [name for name in mine if name not in there]
    extra = [name for name in theirs if name not in here]
    if not missing and not extra:
        return
    differences = [
        f"the predictions {verb} {_listed(kind, names)}"
        for verb, names in (("lack", missing), ("have in excess", extra))
        if names
    ]
    raise VidposeError(
        f"{where}{counted(len(mine), kind, kind + 's')} in the ground truth, "
        f"{len(theirs)} in the predictions: "
        f"{'; '.join(differences)}"
    )


def _listed(kind: str, names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{kind}{'s' if len(names) > 1 else ''} {', '.join(names[:_SHOWN])}{more}"
