"""The formats of exported graphs: a row of data each, behind an extra of the package each."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from vidpose import extras
from vidpose.errors import VidposeError
from vidpose.export import onnx_graphs, openvino_graphs
from vidpose.export.session import Precision, Session


@dataclass(frozen=True)
class Format:
    """A way to store and run graphs.

    Attributes:
        extra: The extra of vidpose that brings its packages.
        runs: Packages that running needs.
        writes: Packages that writing needs beside those.
        quantises: Packages that int8 needs beside those.
        precisions: What the arithmetic of a graph can be.
        suffix: Of a graph's file.
        write: From an ONNX file to one of this format, with these texts by name in its metadata.
        quantise: The same to int8, observed on these inputs, where names begin with one of these.
        open: A graph's session in a precision, with so many threads, and the lengths of its
            inputs' first axes if those are fixed.
    """

    extra: str
    runs: tuple[str, ...]
    writes: tuple[str, ...]
    quantises: tuple[str, ...]
    precisions: tuple[Precision, ...]
    suffix: str
    write: Callable[[Path, Path, Mapping[str, str]], None]
    quantise: Callable[[Path, Path, Sequence[np.ndarray], tuple[str, ...]], None]
    open: Callable[[Path, Precision, int, tuple[int, ...] | None], Session]


# The fastest first, as measured on CPUs: see docs/export.md.
FORMATS: Mapping[str, Format] = {
    "openvino": Format(
        extra="openvino",
        runs=("openvino",),
        writes=("onnx",),
        quantises=("nncf",),
        precisions=("fp32", "bf16", "int8"),
        suffix=".xml",
        write=openvino_graphs.write,
        quantise=openvino_graphs.quantise,
        open=openvino_graphs.open_graph,
    ),
    "onnx": Format(
        extra="onnx",
        runs=("onnxruntime",),
        writes=("onnx",),
        quantises=(),
        precisions=("fp32", "int8"),
        suffix=".onnx",
        write=onnx_graphs.write,
        quantise=onnx_graphs.quantise,
        open=onnx_graphs.open_graph,
    ),
}


def installed() -> tuple[str, ...]:
    """The formats whose packages are here, for writing and running; the fastest first."""
    return tuple(
        name
        for name, kind in FORMATS.items()
        if all(extras.has(package) for package in (*kind.runs, *kind.writes))
    )


def need(name: str, packages: Sequence[str]) -> None:
    """Whether some packages of a format are here.

    Raises:
        VidposeError: One is missing.
    """
    for package in packages:
        extras.need(FORMATS[name].extra, name, package)


def find(name: str, precision: str) -> Format:
    """The format of a name.

    Raises:
        VidposeError: There is none, or it lacks the precision.
    """
    if name not in FORMATS:
        raise VidposeError(f"unknown format {name!r}: choose from {', '.join(FORMATS)}")
    if precision not in FORMATS[name].precisions:
        known = ", ".join(p for p in get_args(Precision) if p in FORMATS[name].precisions)
        raise VidposeError(f"{name} has no precision {precision!r}: choose from {known}")
    return FORMATS[name]


def versions(name: str) -> dict[str, str]:
    """The versions of everything that shapes a graph of format ``name``, and the processor."""
    kind = FORMATS[name]
    packages = ("vidpose", "torch", *kind.writes, *kind.runs, *kind.quantises)
    return {"machine": platform.machine(), **extras.versions(packages)}
