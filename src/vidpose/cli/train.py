"""`vidpose train`: a model from a recipe."""

from __future__ import annotations

import math
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from cyclopts import Parameter

from vidpose import extras
from vidpose.errors import VidposeError
from vidpose.exit_codes import INTERRUPTED

if TYPE_CHECKING:
    from vidpose.training.config import Recipe
    from vidpose.training.log import Record
    from vidpose.training.loop import Trainer

_SECONDS_BETWEEN_LINES = 10.0


def train(
    recipe: str | None = None,
    *,
    variant: str | None = None,
    set: Annotated[list[str] | None, Parameter(negative="")] = None,  # noqa: A002 - the option
    out: Annotated[Path | None, Parameter(["--out", "-o"])] = None,
    resume: bool = False,
    dry_run: bool = False,
    device: Literal["auto", "cpu"] = "auto",
) -> int:
    """Train a model from a recipe; without one, list those that ship.

    Writes to OUT the recipe, the log (log.jsonl, and tensorboard where it is installed), the model
    (best.safetensors and last.safetensors, which --model takes) and state.safetensors, from which
    --resume continues.

    Args:
        recipe: A name from the list, or a YAML file.
        variant: A row of the recipe's table of variants.
        set: key=value changes one value, e.g. data.root=/data/posetrack18 or optimizer.lr=1e-4;
            may be given several times.
        out: Folder of the run (runs/RECIPE-VARIANT if not given).
        resume: Continue the run in that folder, after Ctrl-C or a crash.
        dry_run: Only print the recipe with all its values.
        device: auto takes a GPU where there is one.
    """
    extras.need("train", "training", "accelerate")
    from vidpose.recipes import shipped
    from vidpose.training.recipe import read_recipe, summary, to_yaml

    if recipe is None:
        if variant or set or out or resume or dry_run:
            raise VidposeError("no recipe given; `vidpose train` alone lists those that ship")
        for name in shipped():
            print(summary(name))
        return 0
    chosen = read_recipe(recipe, variant, set or ())
    if dry_run:
        print(to_yaml(chosen), end="")
        return 0
    name = Path(recipe).stem if variant is None else f"{Path(recipe).stem}-{variant}"
    return _run(chosen, out or Path("runs") / name, resume=resume, device=device)


def _run(recipe: Recipe, folder: Path, *, resume: bool, device: str) -> int:
    from vidpose.interrupt import Interrupt
    from vidpose.training.build import build_trainer
    from vidpose.training.folder import refuse_taken, require_state

    # Before data are read and features kept for nothing.
    (require_state if resume else refuse_taken)(folder)

    def notify() -> None:
        print("stopping after this step; Ctrl-C again stops at once", file=sys.stderr)

    with _Progress() as progress:
        try:
            trainer = build_trainer(recipe, folder, device=device, listeners=[progress])
        except KeyboardInterrupt:
            if recipe.cache is None or not recipe.cache.folder.is_dir():
                raise
            kept = recipe.cache.folder
            print(f"stopped; the same command goes on with the features in {kept}", file=sys.stderr)
            return INTERRUPTED
        first = trainer.accelerator.is_main_process
        if first:
            _introduce(trainer, resumed=folder if resume else None)
        progress.steps, progress.epochs = recipe.epochs * trainer.loader.batches, recipe.epochs
        with Interrupt(notify) as interrupt:
            done = trainer.run(resume=resume, listeners=[progress], stop=interrupt)
    trainer.accelerator.wait_for_everyone()
    trainer.accelerator.end_training()
    if first:
        print(
            f"{'done' if done else 'stopped; the same command with --resume continues'}: {folder}"
        )
    return 0 if done else INTERRUPTED


def _introduce(trainer: Trainer, resumed: Path | None) -> None:
    from vidpose.costs import parameters

    recipe, accelerator = trainer.recipe, trainer.accelerator
    model = recipe.model
    origin = resumed or model.weights or model.backbone_weights or "random weights"
    trained = parameters(trainer.model, trainable=True)
    print(f"model: {model.kind}, {trained:,} parameters to train, from {origin}")
    print(
        f"data: {trainer.loader.clips:,} clips, {trainer.loader.batches:,} batches of "
        f"{recipe.batch_size} in each of {recipe.epochs} epochs"
    )
    print(
        f"device: {accelerator.num_processes} x {accelerator.device.type}, {recipe.precision}, "
        f"{recipe.workers} loader workers each"
    )


class _Progress:
    """Shows how a run goes: a bar on a terminal, a line now and then elsewhere.

    Attributes:
        steps: Steps of the whole run.
        epochs: Epochs of the whole run.
    """

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self.steps = self.epochs = 0
        # One of several processes speaks for all; launchers number them so.
        first = os.environ.get("RANK", "0") == "0"
        self._console = Console(stderr=True, quiet=not first)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not (first and self._console.is_terminal),
        )
        self._task = self._bar.add_task("")
        self._reported = -math.inf

    def __call__(self, record: Record) -> None:
        """Show ``record``."""
        match record["event"]:
            case "features":
                self._show("features", record["done"], record["of"])
            case "step":
                words = (
                    f"epoch {record['epoch']} of {self.epochs}: loss {record['loss']:.5g}, "
                    f"{record['clips_per_s']:.0f} clips/s, {record['waiting']:.0%} waiting for data"
                )
                self._show(words, record["step"], self.steps)
            case "validation":
                self._console.print(f"epoch {record['epoch']}: mAP {record['mAP']:.2f}")

    def _show(self, words: str, done: int, of: int) -> None:
        self._bar.update(self._task, description=words, completed=done, total=of)
        now = time.monotonic()
        if self._bar.disable and (now - self._reported > _SECONDS_BETWEEN_LINES or done == of):
            self._reported = now
            self._console.print(f"{words} ({done} of {of})")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()
