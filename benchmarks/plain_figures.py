"""What benchmarks on generated clips of plain figures share: pictures, recipes and training."""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vidpose.datasets.collate import collate
from vidpose.models.base import PoseModel
from vidpose.models.registry import KINDS
from vidpose.synth.labels import Seen, label
from vidpose.synth.renderer import Drawn, Renderer
from vidpose.synth.scene import Scene
from vidpose.training.build import build_model, open_accelerator
from vidpose.training.config import CacheConfig, Recipe
from vidpose.training.features import CachedClips, collate_cached, keep_features
from vidpose.training.loader import Clips
from vidpose.training.loop import Trainer
from vidpose.training.recipe import check_recipe

SIDE = 96
# Far from the seeds of training.
FIRST_TEST_SEED = 10_000_000


def settings_of(
    changes: Sequence[str], defaults: Mapping[str, Any], usage: str | None
) -> dict[str, Any]:
    """The defaults, and what ``name=value`` changes; an unknown name ends with the usage."""
    settings = dict(defaults)
    for change in changes:
        name, _, value = change.partition("=")
        if name not in settings:
            sys.exit(usage)
        settings[name] = type(defaults[name])(value)
    return settings


def shoot(scene: Scene, frames: Sequence[int]) -> list[tuple[Drawn, np.ndarray, tuple[Seen, ...]]]:
    """What is drawn, the picture that the camera makes of it, and its labels."""
    shots = []
    with Renderer(*scene.size, dict(enumerate(scene.cast))) as renderer:
        for frame in frames:
            (moment,) = scene.moments(frame)
            drawn = renderer.draw(moment, scene.background(frame))
            picture = scene.develop(frame, [drawn.image])
            shots.append((drawn, picture, label(scene.cast, moment, drawn.depth, drawn.owner)))
    return shots


def recipe_of(
    kind: str, config: Mapping[str, Any], settings: Mapping[str, Any], seed: int, clips: int
) -> Recipe:
    """A model on MoveNet Lightning as it ships, frozen.

    Args:
        kind: Of the model.
        config: Of the model, without backbone and size.
        settings: ``lr``, ``batch`` and ``steps``.
        seed: Of the training.
        clips: How many there are, which makes epochs of the steps.
    """
    return check_recipe(
        {
            "model": {
                "kind": kind,
                "config": {
                    "backbone": "movenet-lightning-heatmaps",
                    "size": [SIDE, SIDE],
                    **config,
                },
                "backbone_weights": "movenet-lightning",
            },
            "data": {"train": [{"dataset": "synth", "split": "train"}]},
            "optimizer": {"lr": settings["lr"], "weight_decay": 0.01},
            "schedule": {"kind": "cosine", "warmup_steps": 20},
            "epochs": max(1, round(settings["steps"] * settings["batch"] / clips)),
            "batch_size": settings["batch"],
            "clip_norm": 5.0,
            "freeze_backbone": True,
            "seed": seed,
            "workers": 0,
        },
        "benchmark",
    )


def keep(recipe: Recipe, clips: Clips, views: int, folder: Path) -> CachedClips:
    """The frozen backbone's features of all clips."""
    return keep_features(
        CacheConfig(folder=folder, views=views),
        {},
        clips,
        collate,
        build_model(recipe),
        open_accelerator(recipe, "cpu"),
        seed=recipe.seed,
        batch_size=16,
        workers=0,
    )


def train(recipe: Recipe, features: CachedClips) -> PoseModel:
    """The model of a recipe, trained on kept features."""
    model = build_model(recipe)
    with tempfile.TemporaryDirectory() as folder:
        Trainer(
            recipe,
            KINDS[recipe.model.kind].model_validate(recipe.model.config),
            model,
            features,
            collate_cached,
            Path(folder),
            accelerator=open_accelerator(recipe, "cpu"),
        ).run()
    return model.eval()
