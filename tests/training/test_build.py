"""Models of a recipe: what cannot be built or trained is said in one line."""

import logging
from pathlib import Path
from typing import Any

import pytest

from vidpose.errors import VidposeError
from vidpose.tensor_files import save_tensors
from vidpose.training.build import build_model
from vidpose.training.config import Recipe
from vidpose.training.recipe import check_recipe


def recipe(kind: str, config: dict[str, Any], **model: Any) -> Recipe:
    tree = {
        "model": {"kind": kind, "config": config, **model},
        "data": {"train": [{"dataset": "coco", "split": "train"}]},
        "optimizer": {"lr": 0.1},
        "epochs": 1,
        "batch_size": 1,
    }
    return check_recipe(tree, "recipe")


@pytest.mark.parametrize(
    ("kind", "config", "words"),
    [
        ("dsta", {"width": 30}, "8 heads do not divide a width of 30"),
        ("dsta", {"heads": 5}, "5 heads do not divide"),
        ("dsta", {"jfd": "coordinates", "width": 6, "heads": 2}, "multiple of 4"),
        ("dsta", {"jfd": "sampled", "backbone": "vit-s"}, "maps, and vit-s gives tokens"),
        ("dsta", {"size": [-64, 64]}, r"model\.config\.size\.0"),
        ("heatmap-single", {"size": [32, 32], "deconvolutions": []}, "at least 2x2 cells"),
        ("movenet-single", {}, "movenet-single is not trained here"),
    ],
)
def test_a_model_that_cannot_be_trained_is_one_line(
    kind: str, config: dict[str, Any], words: str
) -> None:
    with pytest.raises(VidposeError, match=words) as caught:
        build_model(recipe(kind, config))
    assert "model" in str(caught.value) and "\n" not in str(caught.value)


def test_what_of_a_public_checkpoint_was_loaded_is_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = {"backbone": "resnet18", "size": [64, 64], "deconvolutions": [16]}
    state = build_model(recipe("heatmap-single", config)).backbone.state_dict()
    file = tmp_path / "resnet18.safetensors"
    save_tensors(file, {f"module.{name}": each.contiguous() for name, each in state.items()})
    with caplog.at_level(logging.INFO, "vidpose"):
        build_model(recipe("heatmap-single", config, backbone_weights=file))
    assert f"{file}: " in caplog.text and "tensors loaded" in caplog.text
