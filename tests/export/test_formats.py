"""Which formats there are, and what each needs."""

import pytest

from vidpose import extras
from vidpose.errors import VidposeError
from vidpose.export import formats


def test_unknown_and_missing_formats_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(VidposeError, match="choose from openvino, onnx"):
        formats.find("tflite", "fp32")
    with pytest.raises(VidposeError, match="choose from fp32, int8"):
        formats.find("onnx", "bf16")
    monkeypatch.setattr(extras, "find_spec", lambda package: None)
    assert formats.installed() == ()
    with pytest.raises(
        VidposeError, match=r"the package openvino: pip install 'vidpose\[openvino\]'"
    ):
        formats.need("openvino", ("openvino",))


def test_a_format_is_installed_if_it_can_be_run_and_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for missing, expected in (
        ("nncf", ("openvino", "onnx")),  # for int8 alone
        ("openvino", ("onnx",)),
        ("onnxruntime", ("openvino",)),
        ("onnx", ()),
    ):
        monkeypatch.setattr(
            extras, "find_spec", lambda package, missing=missing: package != missing or None
        )
        assert formats.installed() == expected


def test_versions_are_those_of_all_that_shapes_a_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "version", lambda package: f"1 of {package}")
    versions = formats.versions("openvino")
    packages = {"vidpose", "torch", "openvino", "onnx", "nncf"}
    assert versions.keys() == packages | {"machine"}
    assert all(versions[package] == f"1 of {package}" for package in packages)
