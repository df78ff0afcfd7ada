"""Train a system on MoveNet Thunder, from the folders of data to the weights that ship.

    python benchmarks/train_movenet.py OUT KIT BACKGROUNDS STILLS CLIPS [K=V ...]
        [--recipe dsta-movenet | vremd-movenet | sdtc-movenet] [--variant ROW]

Renders scenes of every preset, makes clips of the labelled stills (STILLS has coco, jaialai and
lsp), labels the videos in CLIPS where the one-frame network is sure, keeps the backbone's features
of all of it, trains the recipe, and writes the head in half precision beside the checkpoint. What
is in OUT is not made again, so that variants share data and features. Only splits for training are
read, and nothing of synth-bench.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import yaml

from vidpose.atomic import staged_folder
from vidpose.models import registry
from vidpose.synth.presets import PRESETS
from vidpose.training.recipe import read_recipe

RECIPES = ("dsta-movenet", "vremd-movenet", "sdtc-movenet")
SEEDS = (100, 101, 102, 103)
SEQUENCES, FRAMES = 18, 16
# Of a crowd one sequence shows as many people as several others.
FEWER = {"crowd": 5}
# How many clips of each person.
STILLS = {"coco": 4, "jaialai": 3, "lsp": 1}
# Their licence permits all use.
VIDEOS = ("tfjs_squats", "sam2_bedroom", "sam2_juggle")
STRETCH = {"frames": 8, "keys": 4, "pace": 2}


def vidpose(*arguments: object) -> None:
    """A command, which has to succeed."""
    subprocess.run([sys.executable, "-m", "vidpose", *map(str, arguments)], check=True)


def data(out: Path, kit: Path, backgrounds: Path, stills: Path, clips: Path) -> list[Path]:
    """The folders of all training clips."""
    roots = []
    for preset in PRESETS:
        for seed in SEEDS:
            roots.append(out / f"{preset}-{seed}")
            if not (roots[-1] / "annotations" / "coco17_train.json").exists():
                vidpose(
                    "synth", roots[-1], "--preset", preset, "--seed", seed, "--frames", FRAMES,
                    "--sequences", FEWER.get(preset, SEQUENCES), "--kit", kit,
                    "--backgrounds", backgrounds, "--overwrite",
                )  # fmt: skip
    for name, views in STILLS.items():
        roots.append(out / f"stills-{name}")
        if not roots[-1].exists():
            with staged_folder(roots[-1]) as made:
                vidpose("data", "animate", "coco", stills / name, made, "--views", views)
    roots.append(out / "clips")
    if not roots[-1].exists():
        with staged_folder(roots[-1]) as made:
            vidpose("data", "label", *(clips / f"{name}.mp4" for name in VIDEOS), "--out", made)
    return roots


def train(
    out: Path, roots: list[Path], recipe_name: str, variant: str | None, changes: list[str]
) -> Path:
    """The checkpoint of a run."""
    name = f"{recipe_name}-{variant or 'default'}"
    recipe = read_recipe(recipe_name, variant, changes).model_dump(mode="json")
    recipe["data"]["train"] = [
        {"dataset": "posetrack18", "split": "train", "root": str(root)} for root in roots
    ]
    backbone = recipe["model"]["config"]["backbone"]
    recipe["cache"] = {"folder": str(out / f"features-{backbone}"), "stretch": STRETCH}
    file = out / f"{name}.yaml"
    file.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    vidpose("train", file, "--out", out / f"run-{name}")
    return out / f"run-{name}" / "last.safetensors"


def main() -> None:
    """Data, then training."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("out", "kit", "backgrounds", "stills", "clips"):
        parser.add_argument(name, type=Path)
    parser.add_argument("changes", nargs="*", metavar="K=V")
    parser.add_argument("--recipe", choices=RECIPES, default=RECIPES[0])
    parser.add_argument("--variant")
    given = parser.parse_intermixed_args()
    given.out.mkdir(parents=True, exist_ok=True)
    roots = data(given.out, given.kit, given.backgrounds, given.stills, given.clips)
    checkpoint = train(given.out, roots, given.recipe, given.variant, given.changes)
    head = checkpoint.with_name("head.safetensors")
    registry.save_head(registry.load(checkpoint), head)
    print(checkpoint, head, sep="\n")


if __name__ == "__main__":
    main()
