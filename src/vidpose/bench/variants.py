"""Models in every runtime and precision that can be had here, with a word on those that cannot."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from vidpose import export
from vidpose.errors import VidposeError
from vidpose.export.cuda_graphs import graphed
from vidpose.export.samples import SAMPLE
from vidpose.export.torch_speed import bf16, quick_pointwise
from vidpose.models import registry
from vidpose.models.base import PoseModel
from vidpose.models.cost import Cost, measure
from vidpose.training.recipe import is_recipe, model_config, read_recipe

TORCH, CUDA_GRAPHS = "torch", "cuda-graphs"


class Variant(NamedTuple):
    """A model as some runtime runs it.

    Attributes:
        runtime: ``torch``, ``cuda-graphs``, or a format of `vidpose.export`.
        precision: ``fp32``, ``bf16`` or ``int8``.
        model: Ready to be timed; None if it cannot be had.
        missing: Why it cannot.
    """

    runtime: str
    precision: str
    model: PoseModel | None
    missing: str = ""


def load(name: str) -> PoseModel:
    """A shipped model, a checkpoint, or a recipe's model with random weights; on the CPU.

    A name of both a model and a recipe means the model, as everywhere.

    Raises:
        VidposeError: There is none of that name.
    """
    if name in registry.SHIPPED or not is_recipe(name):
        return registry.load(name).requires_grad_(False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        built = registry.build(model_config(read_recipe(name)))
    return built.eval().requires_grad_(False)


def cost(model: PoseModel) -> Cost:
    """Its parameters and multiply-accumulates."""
    return measure(copy.deepcopy(model).to("meta"))


def variants(
    model: PoseModel, runtimes: Sequence[str], device: torch.device, folder: Path
) -> list[Variant]:
    """Every precision of every runtime, as `vidpose run` would use it.

    int8 is calibrated on the clip that ships with the package: good enough to be timed.

    Args:
        model: In float32, on the CPU.
        runtimes: ``torch``, ``cuda-graphs`` or formats of `vidpose.export`.
        device: Where those two run; the other runtimes are for the CPU.
        folder: Where graphs are written, or lie already.

    Raises:
        VidposeError: There is no such runtime.
    """
    known = (TORCH, CUDA_GRAPHS, *export.FORMATS)
    for runtime in runtimes:
        if runtime not in known:
            raise VidposeError(f"no runtime {runtime!r}: choose from {', '.join(known)}")
    found: list[Variant] = []
    for runtime in runtimes:
        if runtime == TORCH:
            found += _of_torch(model, device)
        elif runtime == CUDA_GRAPHS:
            found += _of_cuda_graphs(model, device)
        else:
            found += _exported(model, runtime, device, folder)
    return found


def is_missing(device: torch.device) -> bool:
    """Whether it is a GPU and there is none."""
    return device.type == "cuda" and not torch.cuda.is_available()


def _of_torch(model: PoseModel, device: torch.device) -> list[Variant]:
    if is_missing(device):
        missing = "this machine has no CUDA device, or torch is built without it"
        return [Variant(TORCH, precision, None, missing) for precision in ("fp32", "bf16")]
    full, half = copy.deepcopy(model).to(device), bf16(copy.deepcopy(model).to(device))
    if device.type == "cpu":
        full, half = quick_pointwise(full), quick_pointwise(half)
    return [Variant(TORCH, "fp32", full), Variant(TORCH, "bf16", half)]


def _of_cuda_graphs(model: PoseModel, device: torch.device) -> Iterator[Variant]:
    for _, precision, network, missing in _of_torch(model, device):
        if network is None:
            yield Variant(CUDA_GRAPHS, precision, None, missing)
            continue
        try:
            yield Variant(CUDA_GRAPHS, precision, graphed(network))
        except VidposeError as error:
            yield Variant(CUDA_GRAPHS, precision, None, str(error))


def _exported(
    model: PoseModel, runtime: str, device: torch.device, folder: Path
) -> Iterator[Variant]:
    for precision in export.FORMATS[runtime].precisions:
        if device.type != "cpu":
            yield Variant(runtime, precision, None, f"runs on the CPU, not on {device.type}")
            continue
        graphs = folder / f"{runtime}-{precision}"
        try:
            calibrate = SAMPLE if precision == "int8" else None
            if not graphs.exists():
                export.export(model, runtime, graphs, precision=precision, calibrate=calibrate)
            yield Variant(runtime, precision, export.load(graphs, threads=1))
        except VidposeError as error:
            yield Variant(runtime, precision, None, str(error))
