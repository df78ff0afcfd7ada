"""ONNX files, run by ONNX Runtime."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vidpose.export.session import Precision, Session, Shape

_CPU = ["CPUExecutionProvider"]
# Bytes of weights in one file: protobuf's limit is 2 GB, and the graph itself takes some.
_LARGEST = 1_900_000_000


def write(source: Path, target: Path, metadata: Mapping[str, str]) -> None:
    """A copy with the metadata in it; weights beyond 2 GB go to a file beside it."""
    import onnx

    graph = onnx.load(str(source))
    del graph.metadata_props[:]
    for name, text in metadata.items():
        graph.metadata_props.add(key=name, value=text)
    size = sum(len(tensor.raw_data) for tensor in graph.graph.initializer)
    onnx.save(
        graph,
        str(target),
        save_as_external_data=size > _LARGEST,
        location=f"{target.name}.data",
    )


def quantise(
    source: Path, target: Path, inputs: Sequence[np.ndarray], parts: tuple[str, ...]
) -> None:
    """To int8 by ONNX Runtime: weights per channel, activations by their range, QDQ layout.

    Args:
        source: An ONNX file.
        target: Likewise.
        inputs: That show the range of every activation.
        parts: How the names of the nodes begin that are to be in int8.
    """
    import onnx
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.inputs: Iterator[np.ndarray] = iter(inputs)

        def get_next(self) -> dict[str, np.ndarray] | None:
            found = next(self.inputs, None)
            return None if found is None else {"crops": found}

    with tempfile.TemporaryDirectory() as folder:
        inferred = Path(folder) / "graph.onnx"
        quant_pre_process(str(source), str(inferred), skip_symbolic_shape=True)
        names = [node.name for node in onnx.load(str(inferred)).graph.node]
        quantize_static(
            str(inferred),
            str(target),
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=[name for name in names if not name.startswith(parts)],
        )


def open_graph(
    file: Path, precision: Precision, threads: int, shape: tuple[int, ...] | None = None
) -> Session:
    """The session of a graph. ONNX Runtime gains nothing from a fixed ``shape``."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # it warns of constants that it folds
    session = onnxruntime.InferenceSession(str(file), options, providers=_CPU)
    names = [each.name for each in session.get_inputs()]

    def run(*arrays: np.ndarray) -> list[np.ndarray]:
        given = map(np.ascontiguousarray, arrays)
        found: list[np.ndarray] = session.run(None, dict(zip(names, given, strict=True)))
        return found

    return Session(run, _shapes(session.get_inputs()), _shapes(session.get_outputs()))


def _shapes(places: Sequence[Any]) -> tuple[Shape, ...]:
    """A length that may be any has a name instead."""
    return tuple(tuple(n if isinstance(n, int) else None for n in each.shape) for each in places)
