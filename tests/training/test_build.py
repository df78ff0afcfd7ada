"""Models of a recipe: what cannot be built or trained is said in one line."""

from typing import Any

import pytest

from vidpose.errors import VidposeError
from vidpose.training.build import build_model
from vidpose.training.recipe import check_recipe


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
    tree = {
        "model": {"kind": kind, "config": config},
        "data": {"train": [{"dataset": "coco", "split": "train"}]},
        "optimizer": {"lr": 0.1},
        "epochs": 1,
        "batch_size": 1,
    }
    with pytest.raises(VidposeError, match=words) as caught:
        build_model(check_recipe(tree, "recipe"))
    assert "model" in str(caught.value) and "\n" not in str(caught.value)
