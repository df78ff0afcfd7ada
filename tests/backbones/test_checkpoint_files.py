"""Files of checkpoints: what is read, and what is refused without being run."""

import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from vidpose.backbones import checkpoints
from vidpose.backbones.vit import ViT
from vidpose.errors import VidposeError


def vit() -> ViT:
    return ViT(24, depth=2, heads=4, grid=(4, 3))


@pytest.fixture
def state() -> dict[str, Tensor]:
    """Of another network of the same shape."""
    torch.manual_seed(1)
    return {key: torch.randn_like(tensor) for key, tensor in vit().state_dict().items()}


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
def test_files_of_pytorch_are_read(
    tmp_path: Path, state: dict[str, Tensor], wrapper: str | None
) -> None:
    state = {f"module.{key}": tensor for key, tensor in state.items()}
    content = {wrapper: state, "epoch": 3, "optimizer": {}} if wrapper else state
    torch.save(content, tmp_path / "file.pth")
    network = vit()
    report = checkpoints.load(network, tmp_path / "file.pth")
    assert torch.equal(network.pos_embed, state["module.pos_embed"])
    assert str(report).startswith(
        f"{tmp_path / 'file.pth'}: official ViTPose names behind 'module.'"
    )


def test_safetensors_are_read(tmp_path: Path, state: dict[str, Tensor]) -> None:
    save_file(state, tmp_path / "model.safetensors")
    network = vit()
    checkpoints.load(network, tmp_path / "model.safetensors")
    assert torch.equal(network.last_norm.bias, state["last_norm.bias"])


class _Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, ("executed",))


def test_code_in_a_file_is_not_run(
    tmp_path: Path, state: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": state, "meta": _Evil()}, "evil.pth")
    with pytest.raises(VidposeError, match=r"evil.pth: holds \S+mkdir beside.*state_dict alone"):
        checkpoints.read(Path("evil.pth"))
    assert not Path("executed").exists()


def test_a_plain_pickle_is_refused_without_warnings(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    (tmp_path / "evil.pth").write_bytes(pickle.dumps(_Evil(), 3))  # 2 is torch's
    with pytest.raises(VidposeError, match=r"evil.pth: holds"):
        checkpoints.read(tmp_path / "evil.pth")
    assert not recwarn.list


@pytest.mark.parametrize(
    "content", [b"", b"text", b"hello\n", b"\x80\x02", b"PK\x03\x04broken", b"\x00" * 64]
)
@pytest.mark.parametrize("name", ["file.pth", "file.safetensors"])
def test_damaged_files_are_one_clear_line(tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VidposeError, match=name) as raised:
        checkpoints.read(tmp_path / name)
    assert "\n" not in str(raised.value)
    assert not str(raised.value)[-1].isdigit()


def test_a_truncated_file_is_refused(tmp_path: Path, state: dict[str, Tensor]) -> None:
    torch.save(state, tmp_path / "file.pth")
    whole = (tmp_path / "file.pth").read_bytes()
    (tmp_path / "file.pth").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(VidposeError, match="not a readable file of PyTorch"):
        checkpoints.read(tmp_path / "file.pth")


@pytest.mark.parametrize(
    "content",
    [[1, 2], {}, {"epoch": 3}, {"state_dict": {}}, torch.zeros(2), {1: torch.zeros(1)}],
)
def test_files_without_named_tensors_are_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "file.pth")
    with pytest.raises(VidposeError, match="no tensors by name"):
        checkpoints.read(tmp_path / "file.pth")


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(VidposeError, match="no such file"):
        checkpoints.read(tmp_path)
