"""Whether an export's graphs are those that its manifest describes."""

from __future__ import annotations

from collections.abc import Sequence

from vidpose.export.manifest import Manifest
from vidpose.export.session import Session, Shape


def check(about: Manifest, encode: Session, aggregate: Session) -> None:
    """Whether two graphs take and give what a manifest says, as far as they tell.

    Args:
        about: The manifest.
        encode: The first graph.
        aggregate: The second one.

    Raises:
        ValueError: They do not.
    """
    joints, frames = len(about.skeleton.joints), len(about.offsets)
    if len(encode.outputs) != about.levels:
        raise ValueError(f"encode gives {len(encode.outputs)} levels, not {about.levels}")
    levels: list[Shape] = [(None, frames, *level[1:]) for level in encode.outputs]
    prior: list[Shape] = [(None, joints, 3)] if about.uses_prior else []
    sigma: list[Shape] = [(None, joints, 2)] if about.sigma else []
    _compare("encode takes", encode.inputs, [(None, *about.crop, 3)])
    _compare("aggregate takes", aggregate.inputs, [*levels, *prior])
    _compare("aggregate gives", aggregate.outputs, [(None, joints, 2), (None, joints), *sigma])


def _compare(what: str, declared: Sequence[Shape], described: Sequence[Shape]) -> None:
    """Raises a `ValueError` unless shapes agree wherever both are known."""
    agree = len(declared) == len(described) and all(
        len(one) == len(other)
        and all(a == b or None in (a, b) for a, b in zip(one, other, strict=True))
        for one, other in zip(declared, described, strict=True)
    )
    if not agree:
        raise ValueError(f"{what} {_words(declared)}, not {_words(described)}")


def _words(shapes: Sequence[Shape]) -> str:
    return " and ".join("x".join("?" if n is None else str(n) for n in shape) for shape in shapes)
