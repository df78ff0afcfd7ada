"""The state of a run in one file, from which it continues as if it had never stopped.

A safetensors file: the tensors are the weights, their average, the optimiser's moments and each
process's generators; the metadata are JSON, the place in the run and its recipe. Nothing in it
is ever executed. The order of clips and their augmentation need no state, they are functions of
seed, epoch and index.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
from accelerate import Accelerator
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as checked_dataclass
from torch import Tensor, nn

from vidpose.errors import VidposeError
from vidpose.models.registry import first_misfit
from vidpose.tensor_files import load_tensors, save_tensors
from vidpose.training.config import Recipe

# Keys of a recipe that change how fast a run is or how it reads, and no number.
_HARMLESS = {"workers", "description", "published", "variants"}
# What Adam keeps of every parameter.
_MOMENTS = {"step", "exp_avg", "exp_avg_sq"}

_Count = Annotated[int, Field(ge=0)]


@checked_dataclass(frozen=True, config=ConfigDict(strict=True))
class Position:
    """How far a run is.

    Attributes:
        epoch: Epochs done.
        batch: Batches of the present epoch done; all of them where only its validation is missing.
        step: Optimiser steps done since the start.
        best: The best validation so far.
    """

    epoch: _Count = 0
    batch: _Count = 0
    step: _Count = 0
    best: float | None = None

    def __post_init__(self) -> None:
        """Every epoch that is done has a step, and every batch of the present one.

        Raises:
            ValueError: There are fewer steps.
        """
        if self.step < self.epoch + self.batch:
            raise ValueError(f"step {self.step} is before epoch {self.epoch}, batch {self.batch}")


@dataclass(frozen=True)
class State:
    """Everything of a run that changes while it runs, and the file that keeps it.

    Attributes:
        path: The file.
        recipe: What the run follows.
        data: Tells its labels from others, see `vidpose.training.stamp.hash_labels`.
        modules: By name: the model, and its moving average.
        optimizer: Of the model's parameters.
    """

    path: Path
    recipe: Recipe
    data: str
    modules: dict[str, nn.Module]
    optimizer: torch.optim.Optimizer

    def save(self, position: Position, accelerator: Accelerator) -> None:
        """Write the file, whole or not at all; called in every process."""
        random = {name: accelerator.gather(state[None]) for name, state in _random(accelerator)}
        if not accelerator.is_main_process:
            return
        tensors = {f"random.{name}": states for name, states in random.items()}
        for name, module in self.modules.items():
            tensors |= {f"{name}.{key}": value for key, value in module.state_dict().items()}
        for index, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{key}": value for key, value in moments.items()}
        # A copy each: safetensors takes no tensors that share memory.
        copies = {
            name: value.detach().to("cpu", copy=True).contiguous()
            for name, value in tensors.items()
        }
        recipe = self.recipe.model_dump(mode="json")
        run = {"recipe": recipe, "data": self.data, "position": asdict(position)}
        save_tensors(self.path, copies, {"vidpose.run": json.dumps(run)})

    def load(self, accelerator: Accelerator) -> Position:
        """Take over what `save` wrote; how far the run is.

        Raises:
            VidposeError: The file is missing or not such a file, or it is of another recipe, of
                other data or of another number of processes.
        """
        run, tensors = _read(self.path)
        try:
            return self._take(run, tensors, accelerator)
        except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise VidposeError(
                f"{self.path}: the state of the run is not whole ({type(error).__name__}: "
                f"{first_misfit(error)}); start anew in another folder"
            ) from error

    def _take(
        self, run: dict[str, Any], tensors: dict[str, Tensor], accelerator: Accelerator
    ) -> Position:
        _refuse_changes(run["recipe"], self.recipe.model_dump(mode="json"), self.path)
        if run["data"] != self.data:
            raise VidposeError(
                f"{self.path} is of a run with other data: labels or the number of pictures have "
                "changed; bring them back, or start anew in another folder"
            )
        random = _below(tensors, "random")
        if (processes := len(random["cpu"])) != accelerator.num_processes:
            raise VidposeError(
                f"{self.path} is of a run with {processes} process(es), and these are "
                f"{accelerator.num_processes}: resume with as many"
            )
        for name, module in self.modules.items():
            module.load_state_dict(_below(tensors, name))
        self._take_moments(_below(tensors, "optimizer"))
        torch.set_rng_state(random["cpu"][accelerator.process_index])
        if "cuda" in random and accelerator.device.type == "cuda":
            torch.cuda.set_rng_state(random["cuda"][accelerator.process_index])
        position = Position(**run["position"])
        if position.epoch > self.recipe.epochs:
            raise ValueError(f"epoch {position.epoch} of {self.recipe.epochs}")
        return position

    def _take_moments(self, tensors: dict[str, Tensor]) -> None:
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            index, key = name.split(".")
            moments.setdefault(int(index), {})[key] = value
        parameters = [each for group in self.optimizer.param_groups for each in group["params"]]
        for place, each in moments.items():
            if each.keys() != _MOMENTS:
                raise ValueError(f"the optimiser's state is not {', '.join(sorted(_MOMENTS))}")
            # The optimiser would take any shape, and fail at its next step.
            shape = parameters[place].shape
            if each["step"].ndim or any(each[key].shape != shape for key in _MOMENTS - {"step"}):
                raise ValueError(f"optimizer.{place} has not the shape of its parameter")
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})


def _random(accelerator: Accelerator) -> Iterator[tuple[str, Tensor]]:
    """States of this process's generators, on its device."""
    yield "cpu", torch.get_rng_state().to(accelerator.device)
    if accelerator.device.type == "cuda":
        yield "cuda", torch.cuda.get_rng_state().to(accelerator.device)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    tensors, metadata = load_tensors(path)
    run = metadata.get("vidpose.run")
    if run is None:
        raise VidposeError(f"{path}: not the state of a training run")
    try:
        return json.loads(run), tensors
    except (ValueError, RecursionError) as error:
        raise VidposeError(f"{path}: its metadata are not JSON ({error})") from None


def _refuse_changes(before: dict[str, Any], now: dict[str, Any], path: Path) -> None:
    old, new = _flat(before), _flat(now)
    changed = [
        f"{key}: {old.get(key)} then, {new.get(key)} now"
        for key in dict.fromkeys([*old, *new])
        if old.get(key) != new.get(key) and key.split(".")[0] not in _HARMLESS
    ]
    if changed:
        raise VidposeError(
            f"{path} is of a run by another recipe ({'; '.join(changed)}); "
            "resume it with its own, or start anew in another folder"
        )


def _flat(tree: object, place: str = "") -> dict[str, object]:
    match tree:
        case dict():
            items = tree.items()
        case list():
            items = dict(enumerate(tree)).items()
        case _:
            return {place: tree}
    below = [_flat(value, f"{place}.{key}" if place else str(key)) for key, value in items]
    return {key: value for part in below for key, value in part.items()}


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    start = prefix + "."
    return {
        name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)
    }
