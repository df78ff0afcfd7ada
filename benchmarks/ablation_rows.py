"""Which models `ablations.py` trains, and how: the papers' recipes, made small."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidpose.geometry import CropGeometry
from vidpose.training.config import Recipe
from vidpose.training.recipe import check_recipe, read_recipe

# The full model of each paper's ablations.
FULL = {"dsta-resnet50": "two-neighbours", "vremd": "default", "sdtc": "default"}
FOOTING = {"backbone": "movenet-thunder-heatmaps", "size": [128, 128], "enlargement": 1.0}
SMALL: dict[str, dict[str, Any]] = {
    "dsta": {},
    "vremd": {"width": 64, "heads": 4},
    "sdtc": {"width": 64, "heads": 4},
}
# Passes over the clips, so that a row takes about five minutes of a core, and the learning rate:
# that of 1e-3 and 3e-3 with the lower loss on the training clips after one pass.
BUDGET = {"dsta": (12, 3e-3), "vremd": (2, 3e-3), "sdtc": (2, 1e-3)}
# What no paper has a row for.
FURTHER: dict[str, dict[str, dict[str, Any]]] = {
    "dsta-resnet50": {"heatmaps": {"jfd": "heatmaps"}, "size-64x64": {"size": [64, 64]}},
    "vremd": {
        "four-neighbours": {"offsets": [-2, -1, 0, 1, 2]},
        "scaled-masks": {"mask_scale": "root", "unit_mask": True},
    },
    # DSTA's Table 7 asks how a regression and heatmaps get along with small crops.
    "sdtc": {"delta-1-size-64x64": {"offsets": [-1, 0, 1], "size": [64, 64]}},
}
# Each system with one, three and five frames.
COMPARED = {
    "dsta-resnet50": ("one-frame", "two-neighbours", "default"),
    "vremd": ("one-frame", "default", "four-neighbours"),
    "sdtc": ("one-frame", "delta-1", "default"),
}


@dataclass(frozen=True)
class Row:
    """A model to be trained.

    Attributes:
        recipe: Of the paper.
        name: Of the recipe's variant.
        kind: Of the model.
        config: Of the small model.
        table: Where the paper has it.
        paper: Its mean AP there; None where it has none.
    """

    recipe: str
    name: str
    kind: str
    config: dict[str, Any]
    table: str = ""
    paper: float | None = None

    @property
    def crop(self) -> CropGeometry:
        """Of its clips."""
        return CropGeometry(tuple(self.config["size"]), self.config["enlargement"])


def rows_of(name: str) -> list[Row]:
    """The ablations of a recipe, its full model first."""
    recipe = read_recipe(name)
    published = recipe.published["results"]
    rows = [_row(name, FULL[name], published)]
    seen = [rows[0].config]
    for variant in [*published, "one-frame"]:
        row = _row(name, variant, published)
        # Other data are no ablation.
        if row.config not in seen:
            rows.append(row)
            seen.append(row.config)
    for further, change in FURTHER[name].items():
        rows.append(Row(name, further, rows[0].kind, {**rows[0].config, **change}))
    return rows


def _row(name: str, variant: str, published: dict[str, Any]) -> Row:
    chosen = read_recipe(name, None if variant == "default" else variant).model
    config = {**chosen.config, **FOOTING, **SMALL[chosen.kind]}
    figures = published.get(variant, {"table": "", "paper": {"mean": None}})
    return Row(name, variant, chosen.kind, config, figures["table"], figures["paper"]["mean"])


def name_of(crop: CropGeometry) -> str:
    """Of a size, for folders."""
    return "{}x{}".format(*crop.size)


def recipe_of(row: Row, out: Path, data: Sequence[Path], seed: int) -> Recipe:
    """How a row is trained."""
    epochs, rate = BUDGET[row.kind]
    shipped = read_recipe("dsta-movenet").model_dump(mode="json")
    flow = row.config.get("motion") == "flow"
    kind = "flow" if flow else f"features-{name_of(row.crop)}"
    return check_recipe(
        {
            "model": {
                "kind": row.kind,
                "config": row.config,
                "backbone_weights": "movenet-thunder",
            },
            "data": {
                "train": [
                    {"dataset": "posetrack18", "split": "train", "root": str(root)} for root in data
                ],
                "every": 8,
            },
            "augmentation": shipped["augmentation"],
            "optimizer": {"kind": "adamw", "lr": rate, "weight_decay": 0.01},
            "schedule": {"kind": "cosine", "warmup_steps": 100},
            "epochs": epochs,
            "batch_size": 32,
            "clip_norm": 1000.0,
            # SDTC alone has batch norms behind the backbone, and training hides half of its clips.
            "settle": 1024,
            "freeze_backbone": True,
            "cache": {
                # A flow belongs to one key frame and cannot be cut out of a stretch.
                "folder": str(out / f"{kind}-{seed}"),
                "stretch": None if flow else {"frames": 3, "keys": 0},
            },
            "seed": seed,
            "workers": 0,
        },
        "ablations",
    )
