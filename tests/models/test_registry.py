"""Models by name and checkpoint files."""

import pickle
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from vidpose import weights
from vidpose.errors import VidposeError
from vidpose.models import registry
from vidpose.models.base import ModelConfig
from vidpose.models.dsta import DSTAConfig
from vidpose.models.dsta.model import JFDKind
from vidpose.models.heatmap import HeatmapConfig
from vidpose.models.sdtc import SDTCConfig
from vidpose.models.single import MoveNetConfig
from vidpose.models.vremd import VREMDConfig
from vidpose.training.recipe import read_recipe


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(VidposeError, match="movenet-thunder"):
        registry.load("resnet-9000")


def test_a_folder_is_told_from_a_name_that_nobody_knows(tmp_path: Path) -> None:
    with pytest.raises(VidposeError, match=r"is a folder.* vidpose\.export\.load"):
        registry.load(tmp_path)


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


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, value: float) -> None:
    config = MoveNetConfig(variant="lightning", side=192)
    model = config.build()
    broken, weight = next(iter(model.named_parameters()))
    with torch.no_grad():
        weight.fill_(value)
    registry.save(model, config, tmp_path / "model.safetensors")
    with pytest.raises(VidposeError, match=f"{re.escape(broken)} holds values"):
        registry.load(tmp_path / "model.safetensors")


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2, torch.bfloat16])
def test_weights_of_few_bits_are_read(tmp_path: Path, dtype: torch.dtype) -> None:
    config = HeatmapConfig(backbone="resnet18", size=(32, 32), deconvolutions=(8,))
    tensors = {
        name: tensor.to(dtype).contiguous() for name, tensor in config.build().state_dict().items()
    }
    metadata = {"vidpose.kind": "heatmap-single", "vidpose.config": config.model_dump_json()}
    save_file(tensors, tmp_path / "model.safetensors", metadata)
    again = registry.load(tmp_path / "model.safetensors")
    for name, tensor in again.state_dict().items():
        assert torch.equal(tensor.float(), tensors[name].float())


class Largest(TorchDispatchMode):
    """Notes how many numbers the largest tensor in memory held."""

    numbers = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        found = func(*args, **(kwargs or {}))
        for each in tree_leaves(found):
            if isinstance(each, torch.Tensor) and each.device.type != "meta":
                self.numbers = max(self.numbers, each.numel())
        return found


def test_a_configuration_gets_no_more_memory_than_the_file_has_tensors_for(tmp_path: Path) -> None:
    file = tmp_path / "small.safetensors"
    config = VREMDConfig(backbone="resnet18", size=(64, 64), width=512)
    metadata = {"vidpose.kind": "vremd", "vidpose.config": config.model_dump_json()}
    save_file({"weight": torch.zeros(2)}, file, metadata)
    refused = pytest.raises(VidposeError, match="more than the 2 numbers of the file")
    with Largest() as largest, refused:  # type: ignore[no-untyped-call]
        registry.load(file)
    assert largest.numbers < 100_000


@pytest.mark.parametrize("config", ['{"variant": "huge"}', '{"side": 100}', '{"size": 1}', "no"])
def test_a_configuration_that_does_not_fit_is_refused(tmp_path: Path, config: str) -> None:
    file = tmp_path / "model.safetensors"
    metadata = {"vidpose.kind": "movenet-single", "vidpose.config": config}
    save_file({"weight": torch.zeros(2)}, file, metadata)
    with pytest.raises(VidposeError, match="do not fit"):
        registry.load(file)


def test_a_configuration_that_is_no_json_is_called_so(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    save_file({"weight": torch.zeros(2)}, file, {"vidpose.kind": "dsta", "vidpose.config": "{"})
    with pytest.raises(VidposeError, match="do not fit: Invalid JSON"):
        registry.load(file)


def test_a_configuration_whose_parts_do_not_fit_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    save_file(
        {"weight": torch.zeros(2_000_000)},
        file,
        {"vidpose.kind": "dsta", "vidpose.config": '{"backbone": "movenet-lightning", "heads": 5}'},
    )
    with pytest.raises(VidposeError, match="do not fit: 5 heads do not divide"):
        registry.load(file)


JOINTS = "movenet-lightning-joints"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (DSTAConfig(backbone="hrnet-w32", size=(250, 190)), "multiples of 32, got 250x190"),
        (DSTAConfig(backbone=JOINTS, jfd="known", size=(250, 250)), "multiples of 32, got 250x250"),
        (VREMDConfig(backbone="hrnet-w32", size=(80, 80)), "multiples of 32, got 80x80"),
        (DSTAConfig(backbone="vit-s", size=(250, 190)), "multiples of 16, got 250x190"),
        (MoveNetConfig(side=100), "multiples of 32, got 100x100"),
        (HeatmapConfig(backbone=JOINTS), "deconvolutions need a grid, .* gives joints"),
        (SDTCConfig(backbone=JOINTS), "no grid of at most 16 pixels"),
        (VREMDConfig(backbone=JOINTS), "no grid of at most 16 pixels"),
        (DSTAConfig(backbone=JOINTS), "map needs a grid, .* gives joints: set jfd to known"),
        (DSTAConfig(backbone=JOINTS, jfd="sampled"), "sampled needs maps, .* gives joints"),
        (DSTAConfig(backbone="vit-s", jfd="sampled"), "sampled needs maps, .* gives tokens"),
    ],
)
def test_a_backbone_that_does_not_fit_its_model_is_refused(config: ModelConfig, words: str) -> None:
    with torch.device("meta"), pytest.raises(VidposeError, match=f"makes no .*{words}"):
        registry.build(config)


@pytest.mark.parametrize("jfd", ["pooled", "map", "sampled"])
def test_a_residual_network_takes_crops_of_any_size(jfd: JFDKind) -> None:
    with torch.device("meta"):
        model = registry.build(DSTAConfig(backbone="resnet18", size=(250, 191), jfd=jfd)).eval()
        assert model(torch.zeros(1, 5, 3, 250, 191)).xy_norm.shape == (1, 15, 2)


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


SHIPPED_FILES = {"movenet-multipose", *(f for e in registry.SHIPPED.values() for f in e.files)}


@pytest.mark.parametrize("name", sorted(SHIPPED_FILES))
def test_every_shipped_file_is_what_its_card_says(name: str) -> None:
    card = weights.card(name)
    assert card.name == name
    assert weights.sha256(weights.path(name)) == card.sha256
    assert sum(tensor.numel() for tensor in weights.state(name).values()) == card.parameters
    assert card.licence and card.source and card.author


def test_all_shipped_weights_together_stay_small() -> None:
    sizes = {name: weights.path(name).stat().st_size for name in SHIPPED_FILES}
    assert sum(sizes.values()) <= 45e6
    heads = {entry.weights for entry in registry.SHIPPED.values() if entry.backbone}
    assert heads and all(sizes[name] <= 4e6 for name in heads)


@pytest.mark.parametrize("name", registry.SHIPPED)
def test_every_shipped_model_answers(name: str) -> None:
    model = registry.load(name)
    height, width = model.crop.size
    frames = torch.zeros(1, len(model.offsets), 3, height, width, dtype=torch.uint8)
    with torch.inference_mode():
        output = model(frames)
    assert output.xy_norm.shape == (1, len(model.skeleton), 2)
    assert output.xy_norm.isfinite().all() and output.score.isfinite().all()


@pytest.mark.parametrize(
    ("name", "variant"), [("dsta-movenet", None), ("dsta-movenet-causal", "causal")]
)
def test_shipped_heads_are_of_their_recipe(name: str, variant: str | None) -> None:
    entry, recipe = registry.SHIPPED[name], read_recipe("dsta-movenet", variant).model
    assert DSTAConfig.model_validate(recipe.config) == entry.config
    assert str(recipe.backbone_weights) == entry.backbone


def test_a_head_comes_back_on_its_backbone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = registry.SHIPPED["dsta-movenet-causal"]
    torch.manual_seed(0)
    trained = registry.load("dsta-movenet-causal")
    with torch.no_grad():
        for name, parameter in trained.named_parameters():
            if not name.startswith("backbone."):
                parameter.add_(torch.randn_like(parameter)).copy_(parameter.half().float())
    registry.save_head(trained, tmp_path / "head.safetensors")
    shipped = weights.path
    monkeypatch.setattr(
        weights,
        "path",
        lambda name: tmp_path / "head.safetensors" if name == entry.weights else shipped(name),
    )
    again = registry.load("dsta-movenet-causal").state_dict()
    for name, tensor in trained.state_dict().items():
        torch.testing.assert_close(again[name], tensor, atol=0, rtol=0)


def test_a_recipe_without_weights_says_so() -> None:
    with pytest.raises(VidposeError, match="dsta-resnet50: is a recipe, which has no weights"):
        registry.load("dsta-resnet50")
