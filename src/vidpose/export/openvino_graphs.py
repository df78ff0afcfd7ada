"""OpenVINO's files, a graph (.xml) and its weights (.bin), run by OpenVINO on the CPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from vidpose.errors import VidposeError
from vidpose.export.session import Precision, Session, Shape
from vidpose.export.unreported import unreported

# Axes of maps [batch, channels, h, w], and of those of clips [batch, frame, channels, h, w].
_MAPS, _CLIPS = 4, 5
# The latter with channels last, and the former as they were before.
_LAST, _FIRST = (0, 1, 3, 4, 2), (0, 3, 1, 2)


@cache
def _core() -> Any:
    return unreported("openvino").Core()


def write(source: Path, target: Path, metadata: Mapping[str, str]) -> None:
    """From an ONNX file, or one of OpenVINO's, in full precision."""
    graph = _core().read_model(str(source))
    for name, text in metadata.items():
        graph.set_rt_info(text, ["vidpose", name])
    unreported("openvino").save_model(graph, str(target), compress_to_fp16=False)


def quantise(
    source: Path, target: Path, inputs: Sequence[np.ndarray], parts: tuple[str, ...]
) -> None:
    """To int8 by NNCF: weights and activations, per channel, with its bias correction.

    Args:
        source: The .xml file.
        target: Likewise.
        inputs: That show the range of every activation.
        parts: How the names of the operations begin that are to be in int8.
    """
    import logging

    nncf = unreported("nncf")
    logging.getLogger("nncf").setLevel(logging.ERROR)
    full = _core().read_model(str(source))
    names = [each.get_friendly_name() for each in full.get_ordered_ops()]
    graph = nncf.quantize(
        full,
        nncf.Dataset(list(inputs)),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(inputs),
        ignored_scope=nncf.IgnoredScope(
            names=[name for name in names if not name.startswith(parts)], validate=False
        ),
    )
    unreported("openvino").save_model(graph, str(target), compress_to_fp16=False)


def open_graph(
    file: Path, precision: Precision, threads: int, shape: tuple[int, ...] | None = None
) -> Session:
    """The session of a graph.

    Args:
        file: The .xml file, or an ONNX file.
        precision: Of its arithmetic.
        threads: How many.
        shape: The first lengths of all inputs, the batch of 1 first, where they are always the
            same, which is faster. A batch of more is run one by one: it gains nothing on a CPU.

    Raises:
        VidposeError: The processor has no such arithmetic.
    """
    core = _core()
    if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise VidposeError("this processor has no bf16 arithmetic: use --precision fp32")
    graph = core.read_model(str(file))
    if shape is not None:
        fixed = {}
        for place in graph.inputs:
            rest = list(place.get_partial_shape())[len(shape) :]
            fixed[place.get_any_name()] = [*shape, *rest]
        graph.reshape(fixed)
    inputs, outputs = _shapes(graph.inputs), _shapes(graph.outputs)
    compiled = core.compile_model(
        _channels_last(graph),
        "CPU",
        {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": threads,
            # Pinned, all processes would share the first cores.
            "ENABLE_CPU_PINNING": False,
            # Left alone it takes bf16 where the processor has it.
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
        },
    )
    request = compiled.create_infer_request()
    one_at_a_time = Lock()  # of the threads that share the session
    tensor = unreported("openvino").Tensor
    # It writes right into the answers where their lengths are known before.
    static = all(place.partial_shape.is_static for place in compiled.outputs)
    answers = [
        (tuple(place.shape), place.element_type.to_dtype()) for place in compiled.outputs if static
    ]

    def once(*arrays: np.ndarray) -> list[np.ndarray]:
        given = [each.transpose(_LAST) if each.ndim == _CLIPS else each for each in arrays]
        # Named, so that they outlive the call: tensors only point to their memory.
        given = [np.ascontiguousarray(each) for each in given]
        found = [np.empty(shape, kind) for shape, kind in answers]
        with one_at_a_time:
            for i, each in enumerate(given):
                request.set_input_tensor(i, tensor(each, shared_memory=True))
            for i, each in enumerate(found):
                request.set_output_tensor(i, tensor(each, shared_memory=True))
            told = request.infer(share_outputs=True)
            # Of other lengths they are copied out: the next call writes to the same memory.
            found = found or [np.array(told[i]) for i in range(len(compiled.outputs))]
        return [each.transpose(_FIRST) if each.ndim == _MAPS else each for each in found]

    def one_by_one(*arrays: np.ndarray) -> list[np.ndarray]:
        if not len(arrays[0]):
            return [np.zeros((0, *(n or 0 for n in shape[1:])), np.float32) for shape in outputs]
        rows = [once(*(each[i : i + 1] for each in arrays)) for i in range(len(arrays[0]))]
        return rows[0] if len(rows) == 1 else [np.concatenate(each) for each in zip(*rows)]  # noqa: B905

    return Session(once if shape is None else one_by_one, inputs, outputs)


def _shapes(places: Sequence[Any]) -> tuple[Shape, ...]:
    lengths = (place.get_partial_shape() for place in places)
    return tuple(tuple(n.get_length() if n.is_static else None for n in each) for each in lengths)


def _channels_last(graph: Any) -> Any:
    """The graph with the channels of its maps last in memory, as its convolutions have them.

    Otherwise every map is brought into another order, which in f32 takes as long as several layers.
    """
    layout = unreported("openvino").Layout
    steps = unreported("openvino.preprocess").PrePostProcessor(graph)
    for i, place in enumerate(graph.inputs):
        if len(place.partial_shape) == _CLIPS:
            steps.input(i).model().set_layout(layout("NFCHW"))
            steps.input(i).tensor().set_layout(layout("NFHWC"))
    for i, place in enumerate(graph.outputs):
        if len(place.partial_shape) == _MAPS:
            steps.output(i).model().set_layout(layout("NCHW"))
            steps.output(i).tensor().set_layout(layout("NHWC"))
    return steps.build()
