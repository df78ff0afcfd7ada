"""Copies and sessions of ONNX files, shown on a graph of two crossed lines."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vidpose.export import onnx_graphs

pytest.importorskip("onnx")


def identity(file: Path) -> None:
    """An ONNX file with two inputs and outputs, crossed, and a text in its metadata."""
    import onnx
    from onnx import helper

    values = {
        name: helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [2]) for name in "abcd"
    }
    graph = helper.make_graph(
        [helper.make_node("Identity", ["a"], ["d"]), helper.make_node("Neg", ["b"], ["c"])],
        "crossed",
        [values["a"], values["b"]],
        [values["c"], values["d"]],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    model.metadata_props.add(key="old", value="text")
    onnx.save(model, str(file))


def test_a_copy_has_the_given_metadata_and_no_other(tmp_path: Path) -> None:
    import onnx

    identity(tmp_path / "a.onnx")
    onnx_graphs.write(tmp_path / "a.onnx", tmp_path / "b.onnx", {"new": "one", "other": "two"})
    found = onnx.load(str(tmp_path / "b.onnx"))
    assert {each.key: each.value for each in found.metadata_props} == {"new": "one", "other": "two"}
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["a.onnx", "b.onnx"]


def test_a_session_has_its_threads_and_takes_and_gives_arrays_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    asked = []
    session = onnxruntime.InferenceSession

    def listening(file: str, options: Any, **others: Any) -> Any:
        asked.append((options.intra_op_num_threads, options.inter_op_num_threads))
        return session(file, options, **others)

    monkeypatch.setattr(onnxruntime, "InferenceSession", listening)
    identity(tmp_path / "a.onnx")
    run = onnx_graphs.open_graph(tmp_path / "a.onnx", "fp32", 2)
    assert asked == [(2, 1)]
    first, second = run(np.array([1, 2], np.float32), np.array([3, 4], np.float32))
    assert (first.tolist(), second.tolist()) == ([-3, -4], [1, 2])
