"""Models by name and checkpoint files."""

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from vidpose import weights
from vidpose.errors import VidposeError
from vidpose.models import registry
from vidpose.models.single import MoveNetConfig


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(VidposeError, match="movenet-thunder"):
        registry.load("resnet-9000")


def test_a_file_that_is_not_safetensors_is_refused_and_never_executed(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "executed",))

    file = tmp_path / "model.pth"
    file.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(VidposeError, match="not a safetensors file"):
        registry.load(file)
    assert not (tmp_path / "executed").exists()


def test_a_foreign_safetensors_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(2)}, file)
    with pytest.raises(VidposeError, match="not a vidpose checkpoint"):
        registry.load(file)


def test_tensors_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "short.safetensors"
    metadata = {"vidpose.kind": "movenet-single", "vidpose.config": "{}"}
    save_file({"weight": torch.zeros(2)}, file, metadata)
    with pytest.raises(VidposeError, match="do not fit"):
        registry.load(file)


@pytest.mark.parametrize("config", ['{"variant": "huge"}', '{"side": 100}', '{"size": 1}', "no"])
def test_a_configuration_that_does_not_fit_is_refused(tmp_path: Path, config: str) -> None:
    file = tmp_path / "model.safetensors"
    metadata = {"vidpose.kind": "movenet-single", "vidpose.config": config}
    save_file({"weight": torch.zeros(2)}, file, metadata)
    with pytest.raises(VidposeError, match="do not fit"):
        registry.load(file)


def test_a_configuration_whose_parts_do_not_fit_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    save_file(
        {"weight": torch.zeros(2)},
        file,
        {"vidpose.kind": "dsta", "vidpose.config": '{"backbone": "resnet18", "heads": 5}'},
    )
    with pytest.raises(VidposeError, match="do not fit: 5 heads do not divide"):
        registry.load(file)


def test_the_first_tensor_that_does_not_fit_is_named(tmp_path: Path) -> None:
    config = MoveNetConfig(variant="lightning", side=128)
    model = config.build()
    registry.save(model, config, file := tmp_path / "model.safetensors")
    metadata = {"vidpose.kind": "movenet-single", "vidpose.config": config.model_dump_json()}
    tensors = load_file(file)
    first, second, third, *_ = sorted(tensors)
    for wrong, words in (
        (
            {name: value for name, value in tensors.items() if name not in (first, second)},
            f"Missing.*({first}|{second})",
        ),
        (tensors | {"zebra": torch.zeros(1), "yak": torch.zeros(1)}, "zebra|yak"),
        (tensors | {third: torch.zeros(7)}, f"{third}.*7"),
    ):
        save_file(wrong, file, metadata)
        with pytest.raises(VidposeError, match=words) as caught:
            registry.load(file)
        assert len(str(caught.value)) < 400


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    config = MoveNetConfig(variant="lightning", side=128)
    model = config.build()
    registry.save(model, config, tmp_path / "model.safetensors")
    again = registry.load(tmp_path / "model.safetensors")
    assert again.crop.size == (128, 128)
    assert not again.training
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], tensor, atol=0, rtol=0)


def test_a_checkpoint_can_be_read_by_whom_the_umask_lets(tmp_path: Path) -> None:
    config = MoveNetConfig(variant="lightning", side=64)
    registry.save(config.build(), config, tmp_path / "model.safetensors")
    (tmp_path / "plain").touch()
    assert (tmp_path / "model.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("name", ["movenet-multipose", "movenet-thunder", "movenet-lightning"])
def test_every_shipped_file_is_what_its_card_says(name: str) -> None:
    card = weights.card(name)
    assert card.name == name
    assert weights.sha256(weights.path(name)) == card.sha256
    assert sum(tensor.numel() for tensor in weights.state(name).values()) == card.parameters
    assert card.licence and card.source and card.author
