"""The parts of a test set that are reported apart, told by the names of its sequences."""

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

_NAME = re.compile(r"\d+_synth-(.+)")
_T = TypeVar("_T")


def slice_of(sequence: str) -> str | None:
    """The slice of a sequence of synth-bench: ``motion-blur`` of ``001007_synth-motion-blur``.

    None for a sequence with another name.
    """
    found = _NAME.fullmatch(sequence)
    return found[1] if found else None


def by_slice(sequences: Iterable[tuple[str, _T]]) -> Mapping[str, list[_T]]:
    """What belongs to each slice, in the order in which slices first come; nothing of others.

    Args:
        sequences: Names of sequences, with anything.
    """
    parts: dict[str, list[_T]] = {}
    for name, each in sequences:
        if (part := slice_of(name)) is not None:
            parts.setdefault(part, []).append(each)
    return parts
