"""The training loop: one process or several, in full or half precision, stopped and resumed."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NoReturn, cast

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast, send_to_device, slice_tensors
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from vidpose.errors import VidposeError
from vidpose.models import registry
from vidpose.models.base import ModelConfig, PoseModel
from vidpose.training.checkpoint import Position, State
from vidpose.training.config import Recipe
from vidpose.training.folder import STATE, claim, held, refuse_taken, release, require_state
from vidpose.training.learner import Learner
from vidpose.training.loader import Batch, Clips, Collate, Loader
from vidpose.training.log import Listener, Record, open_logs
from vidpose.training.parameters import build_optimizer
from vidpose.training.recipe import to_yaml
from vidpose.training.schedule import factor
from vidpose.training.settle import batch_norms, settle

# The figure of a validation by which the best weights are chosen: the mean AP of the 15 joints.
METRIC = "mAP"


class Trainer:
    """A run of a recipe: its model, its data, its optimiser.

    In its folder it keeps ``recipe.yaml``, ``log.jsonl``, ``state.safetensors`` (everything needed
    to continue), and ``last.safetensors`` and ``best.safetensors``: checkpoints of the model, with
    its averaged weights where the recipe asks for an average.

    Args:
        recipe: What to do.
        config: Built ``model``; saved in its checkpoints.
        model: What is trained.
        clips: What it learns from.
        collate: Makes a batch of samples of ``clips``.
        folder: Where the files go.
        data: Tells the data from others, for who resumes the run.
        validate: Figures of a model in evaluation mode, `METRIC` among them; called in every
            process with the same weights.
        accelerator: Devices and precision, see `vidpose.training.build.open_accelerator`.
    """

    def __init__(
        self,
        recipe: Recipe,
        config: ModelConfig,
        model: PoseModel,
        clips: Clips,
        collate: Collate,
        folder: Path,
        *,
        accelerator: Accelerator,
        data: str = "",
        validate: Callable[[PoseModel], dict[str, float]] | None = None,
    ) -> None:
        self.recipe, self.config, self.model, self.folder = recipe, config, model, folder
        self.validate = validate
        self.accelerator = accelerator
        self.loader = Loader(clips, collate, recipe, self.accelerator)
        learner = Learner(model, freeze_backbone=recipe.freeze_backbone).train()
        optimizer = build_optimizer(recipe.optimizer, model)
        self.learner, self.optimizer = self.accelerator.prepare(learner, optimizer)
        modules: dict[str, nn.Module] = {"model": model}
        self.average: AveragedModel | None = None
        if recipe.ema is not None:
            self.average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(recipe.ema))
            modules["ema"] = self.average
        self.state = State(folder / STATE, recipe, data, modules, self.optimizer)

    @property
    def result(self) -> PoseModel:
        """The model to validate and keep: the averaged one if there is an average."""
        return self.model if self.average is None else cast(PoseModel, self.average.module)

    def run(
        self,
        *,
        resume: bool = False,
        listeners: Sequence[Listener] = (),
        stop: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Train to the end of the recipe, or until ``stop`` says so after a step.

        Args:
            resume: Continue the run in the folder.
            listeners: Told of every step and validation, in the main process.
            stop: Asked after every step, in every process.

        Returns:
            Whether the end was reached; if not, the state is saved.

        Raises:
            VidposeError: The folder holds files of another run or, to resume, none by this recipe;
                or the loss is not finite any more.
        """
        at = self._resume() if resume else self._start()
        with ExitStack() as stack:
            if self.accelerator.is_main_process:
                stack.enter_context(held(self.folder))
                stack.callback(release, self.folder)
            stack.enter_context(self.loader.workers())
            if self.accelerator.is_main_process:
                logs = open_logs(self.folder, at.step)
                for log in logs:
                    stack.callback(log.close)
                listeners = [*logs, *listeners]
            else:
                listeners = []
            while at.epoch < self.recipe.epochs:
                for after, record in self._steps(at):
                    at = after
                    _tell(listeners, record)
                    if self._anywhere(stop()):
                        self._save(at)
                        return False
                at = self._end_epoch(at, listeners)
        return True

    def _start(self) -> Position:
        refuse_taken(self.folder)
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            claim(self.folder, to_yaml(self.recipe))
        # Each process has its own dropout.
        torch.manual_seed(self.recipe.seed + self.accelerator.process_index)
        return Position()

    def _resume(self) -> Position:
        require_state(self.folder)
        return self.state.load(self.accelerator)

    def _steps(self, at: Position) -> Iterator[tuple[Position, Record]]:
        """The rest of an epoch: where the run is after each step, and the step's figures."""
        before = time.perf_counter()
        for batch in self.loader.epoch(at.epoch, at.batch):
            waited = time.perf_counter() - before
            figures = self._step(
                send_to_device(batch, self.accelerator.device, non_blocking=True), at
            )
            at = replace(at, batch=at.batch + 1, step=at.step + 1)
            took = time.perf_counter() - before
            speed = {"clips_per_s": self.recipe.batch_size / took, "waiting": waited / took}
            place = {"epoch": at.epoch + 1, "step": at.step}
            yield at, {"event": "step", **place, **figures, **speed}
            before = time.perf_counter()

    def _step(self, batch: Batch, at: Position) -> dict[str, float]:
        """One optimiser step; its figures are means over all processes."""
        recipe, clips = self.recipe, len(batch.names)
        rate = factor(recipe.schedule, at.step, self.loader.batches, recipe.epochs)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * rate
        sums: dict[str, Tensor] = {}
        size = math.ceil(clips / recipe.accumulate)
        for start in range(0, clips, size):
            part = slice(start, min(start + size, clips))
            share = (part.stop - part.start) / clips
            frames, targets = slice_tensors((batch.frames, batch.targets), part)
            last = part.stop == clips
            with nullcontext() if last else self.accelerator.no_sync(self.learner):
                terms = self.learner(frames, targets)
                self.accelerator.backward(share * sum(terms.values()))
            for name, value in terms.items():
                sums[name] = sums.get(name, torch.zeros_like(value)) + share * value.detach()
        norm = self.accelerator.clip_grad_norm_(
            self.learner.parameters(), recipe.clip_norm or math.inf
        )
        losses = torch.stack([*sums.values(), norm]).float()
        means = self.accelerator.reduce(losses, "mean").tolist()
        terms = dict(zip(sums, means, strict=False))
        figures = {
            "loss": sum(terms.values()),
            **terms,
            "gradient_norm": means[-1],
            "lr": recipe.optimizer.lr * rate,
        }
        if not all(map(math.isfinite, means)):
            self._refuse(figures, batch, at)
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.average is not None:
            self.average.update_parameters(self.model)
        return figures

    def _refuse(self, figures: dict[str, float], batch: Batch, at: Position) -> NoReturn:
        values = ", ".join(f"{name} {value:.6g}" for name, value in figures.items())
        path = self.state.path
        kept = f"{path} is from before" if path.exists() else "no state was saved before"
        raise VidposeError(
            f"the loss is not finite at step {at.step + 1}, in epoch {at.epoch + 1} ({values}); "
            f"{kept}; the batch: {', '.join(batch.names)}"
        )

    def _end_epoch(self, at: Position, listeners: Sequence[Listener]) -> Position:
        """Validate where it is time to, keep the best; the start of the next epoch."""
        done = at.epoch + 1
        due = done % self.recipe.validate_every == 0 or done == self.recipe.epochs
        settles, validates = due and self.recipe.settle, due and self.validate
        best = at.best
        if settles or validates:
            # These may fail, for want of a picture: what was learnt is safe by then.
            self._save(at)
        if settles:
            self._settle(settles, at)
        if validates:
            figures = self._validated(validates)
            if best is None or figures[METRIC] > best:
                best = figures[METRIC]
                self._keep("best")
            _tell(listeners, {"event": "validation", "epoch": done, "step": at.step, **figures})
        at = Position(done, 0, at.step, best)
        self._save(at)
        return at

    def _settle(self, clips: int, at: Position) -> None:
        """See `settle`: the first of the epoch's clips, as the model will be used."""
        learner = Learner(self.result, freeze_backbone=self.recipe.freeze_backbone)
        if batch_norms(learner):
            batches = islice(
                self.loader.epoch(at.epoch, 0), math.ceil(clips / self.recipe.batch_size)
            )
            device = self.accelerator.device
            settle(learner, (send_to_device(each, device) for each in batches), self.accelerator)
            self.learner.train()

    def _validated(self, validate: Callable[[PoseModel], dict[str, float]]) -> dict[str, float]:
        model = self.result.eval()
        # Each process has statistics of its own part of the last batch: those that are saved count.
        for statistic in model.buffers():
            broadcast(statistic)
        with torch.no_grad():  # in full precision, as the model will be used
            figures = validate(model)
        self.learner.train()
        return figures

    def _anywhere(self, flag: bool) -> bool:
        """Whether ``flag`` is set in any process: all of them stop after the same step."""
        flags = torch.tensor(float(flag), device=self.accelerator.device)
        return bool(self.accelerator.reduce(flags, "sum") > 0)

    def _keep(self, name: str) -> None:
        if self.accelerator.is_main_process:
            registry.save(self.result, self.config, self.folder / f"{name}.safetensors")

    def _save(self, at: Position) -> None:
        self.state.save(at, self.accelerator)
        self._keep("last")


def _tell(listeners: Sequence[Listener], record: Record) -> None:
    for listener in listeners:
        listener(record)
