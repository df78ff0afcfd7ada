"""Every recipe and every variant that ships: it is read, it builds, its figures are in order."""

from importlib import resources
from typing import Any

import pytest
import torch
import yaml

from vidpose.costs import parameters
from vidpose.datasets.registry import find
from vidpose.models.base import ModelConfig
from vidpose.recipes import shipped
from vidpose.training.config import Recipe
from vidpose.training.recipe import model_config, read_recipe

COLUMNS = {"head", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "mean"}
# Recipes of the papers; those on MoveNet have nothing published.
PAPERS = [
    name
    for name in shipped()
    if name.startswith(("dsta-", "vremd")) and not name.endswith("-movenet")
]


def tree(name: str) -> dict[str, Any]:
    text = (resources.files("vidpose.recipes") / f"{name}.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


ROWS = [(name, row) for name in shipped() for row in (None, *tree(name).get("variants", {}))]
EVERY_ROW = pytest.mark.parametrize(
    ("name", "row"), ROWS, ids=[f"{name} {row or ''}".strip() for name, row in ROWS]
)


@EVERY_ROW
def test_it_is_read(name: str, row: str | None) -> None:
    recipe = read_recipe(name, row)
    assert recipe.description
    for split in (*recipe.data.train, *recipe.data.validation):
        assert split.split in find(split.dataset).splits
    assert recipe.cache is None or recipe.freeze_backbone


def configurations() -> dict[str, tuple[Recipe, ModelConfig]]:
    """Each model that a row builds, once, by the first row that does."""
    found: dict[str, tuple[Recipe, ModelConfig]] = {}
    seen: set[str] = set()
    for name, row in ROWS:
        recipe = read_recipe(name, row)
        config = model_config(recipe)
        if (text := f"{recipe.model.kind} {config.model_dump_json()}") not in seen:
            seen.add(text)
            found[f"{name} {row or ''}".strip()] = (recipe, config)
    return found


# HRNet has many small layers, which take seconds to make.
CONFIGURATIONS = [
    pytest.param(*both, id=name, marks=[pytest.mark.slow] * name.startswith("dsta-hrnet-w48 "))
    for name, both in configurations().items()
]


@pytest.mark.parametrize(("recipe", "config"), CONFIGURATIONS)
def test_it_builds_and_gives_a_pose(recipe: Recipe, config: ModelConfig) -> None:
    with torch.device("meta"):
        model = config.build().eval()
        with torch.inference_mode():
            output = model(torch.zeros(1, len(model.offsets), 3, *model.crop.size))
    assert output.xy_norm.shape == (1, len(model.skeleton), 2)
    model.backbone.requires_grad_(not recipe.freeze_backbone)
    assert parameters(model, trainable=True) > 0


@pytest.mark.parametrize("name", PAPERS)
def test_published_figures_stand_beside_an_empty_field(name: str) -> None:
    recipe = tree(name)
    published = recipe["published"]
    assert published["schedule"]
    assert "default" in published["results"]
    for row, result in published["results"].items():
        assert row == "default" or row in recipe["variants"]
        assert set(result) == {"table", "paper", "measured"}
        assert set(result["paper"]) in ({"mean"}, COLUMNS)
        assert result["measured"] is None or set(result["measured"]) == COLUMNS


@pytest.mark.parametrize("name", PAPERS)
def test_the_published_mean_is_one_of_the_two_in_use(name: str) -> None:
    sizes = {"head": 3, "shoulder": 2, "elbow": 2, "wrist": 2, "hip": 2, "knee": 2, "ankle": 2}
    for result in tree(name)["published"]["results"].values():
        paper = result["paper"]
        if set(paper) == COLUMNS:
            joints = sum(paper[column] * size for column, size in sizes.items()) / 15
            columns = sum(paper[column] for column in sizes) / 7
            # Columns are rounded themselves.
            assert min(abs(paper["mean"] - joints), abs(paper["mean"] - columns)) < 0.1


@pytest.mark.parametrize("name", [name for name in PAPERS if name.startswith("dsta-")])
def test_every_dsta_has_its_one_frame_twin(name: str) -> None:
    for suffix in ("", "posetrack18-", "posetrack21-"):
        twin = model_config(read_recipe(name, f"{suffix}one-frame"))
        model = model_config(read_recipe(name, suffix.removesuffix("-") or None))
        assert twin.model_dump() == model.model_dump() | {"offsets": (0,)}


def test_drops_of_dsta_begin_where_those_of_the_released_code_do() -> None:
    recipe = read_recipe("dsta-resnet50")
    assert recipe.schedule.milestones == (11, 16) and recipe.epochs == 20
    assert (recipe.optimizer.lr, recipe.optimizer.weight_decay) == (5e-5, 0.01)


def test_vremd_is_trained_as_published() -> None:
    recipe = read_recipe("vremd")
    assert recipe.freeze_backbone and recipe.epochs == 20
    assert recipe.optimizer.kind == "adamw" and recipe.optimizer.lr == 2e-3
    assert recipe.schedule.milestones == (16,) and recipe.schedule.gamma == 0.1
