from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from vidpose import tensor_files
from vidpose.errors import VidposeError


def test_tensors_and_words_come_back(tmp_path: Path) -> None:
    path = tmp_path / "some.safetensors"
    tensor_files.save_tensors(path, {"a": torch.arange(3)}, {"kind": "some"})
    tensors, metadata = tensor_files.load_tensors(path)
    assert metadata == {"kind": "some"}
    assert tensors["a"].tolist() == [0, 1, 2]
    path.write_text("something else")
    with pytest.raises(VidposeError, match="not a safetensors file"):
        tensor_files.load_tensors(path)


def test_a_full_disk_is_one_line_and_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "some.safetensors"
    path.write_text("old")

    def full(*_: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device")

    monkeypatch.setattr(tensor_files, "save_file", full)
    with pytest.raises(VidposeError, match=r"cannot write .*some.safetensors: .*No space left"):
        tensor_files.save_tensors(path, {"a": torch.arange(3)})
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "old"


def test_a_file_that_may_not_be_read_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", closed)
    with pytest.raises(VidposeError, match=r"a.safetensors: cannot be read \(Permission denied\)"):
        tensor_files.load_tensors(tmp_path / "a.safetensors")
