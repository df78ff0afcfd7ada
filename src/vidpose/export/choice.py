"""Which runtime a run uses, and where the exports that it needs are kept."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar, get_args

import torch
from torch import nn

import vidpose
from vidpose import weights
from vidpose.atomic import staged_folder
from vidpose.errors import VidposeError
from vidpose.export import cuda_graphs, formats, graphs, manifest
from vidpose.export.runtime import RuntimeModel, RuntimeMultiPose, load
from vidpose.export.session import Precision
from vidpose.export.torch_speed import bf16, quick_pointwise
from vidpose.export.write import export
from vidpose.models import registry
from vidpose.models.base import PoseModel

_log = logging.getLogger(__name__)

Runtime = Literal["auto", "torch", "onnx", "openvino", "cuda-graphs"]
RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)
_TORCH, _CUDA_GRAPHS = "torch", "cuda-graphs"
_Network = TypeVar("_Network", bound=nn.Module)
# More than any processor has; far more make the runtimes fail in ways of their own.
_MOST_THREADS = 1024
# Whose code decides what a graph computes.
_SOURCES = (
    *(f"{folder}/**/*.py" for folder in ("backbones", "export", "heads", "layers", "models")),
    *("convert.py", "geometry.py", "skeleton.py"),
)


def pick(
    model: str | Path,
    runtime: Runtime = "auto",
    precision: Precision = "fp32",
    device: torch.device | str = "cpu",
    threads: int = 1,
) -> PoseModel:
    """A model by name in a runtime, exported first where that has not been done.

    Args:
        model: A shipped model's name, a checkpoint, or a folder of `export`.
        runtime: ``auto`` is the fastest of those installed whose export equals torch; on another
            device than the CPU, torch. ``cuda-graphs`` is torch behind a `CudaGraphModel`, which
            has never run on a GPU.
        precision: Of the arithmetic. Other than fp32 it is a wish of the user, whose accuracy
            nobody has checked.
        device: Where torch runs.
        threads: Of the other runtimes; torch has its own number.

    Raises:
        VidposeError: There is no such model, or the runtime or the precision cannot be had.
    """
    _check(runtime, precision, threads)
    device = torch.device(device)
    if (folder := registry.exported_folder(model)) is not None:
        return _folder(folder, runtime, precision, threads)
    for candidate in _candidates(runtime, precision, device):
        with _second_best(candidate, unasked=runtime == "auto"):
            kept = _kept(model, candidate, precision)
            with _said_of_cache(kept):
                if runtime != "auto" or precision != "fp32" or manifest.read(kept).trusted:
                    return load(kept, threads=threads)
    network = _in_torch(registry.load(model), precision, device)
    return cuda_graphs.graphed(network) if runtime == _CUDA_GRAPHS else network


def pick_detector(
    runtime: Runtime = "auto",
    precision: Precision = "fp32",
    device: torch.device | str = "cpu",
    threads: int = 1,
    sizes: Sequence[tuple[int, int]] = (),
) -> nn.Module:
    """The detector's network in a runtime; see `pick`. ``cuda-graphs`` leaves it in torch.

    Args:
        runtime: As of `pick`.
        precision: As of `pick`.
        device: As of `pick`.
        threads: As of `pick`.
        sizes: Heights and widths of frames for which it is prepared at once.

    Raises:
        VidposeError: The runtime or the precision cannot be had.
    """
    _check(runtime, precision, threads)
    device = torch.device(device)
    for candidate in _candidates(runtime, precision, device):
        with _second_best(candidate, unasked=runtime == "auto"):
            file = _kept_detector(candidate)
            with _said_of_cache(file.parent):
                return RuntimeMultiPose(file, candidate, precision, threads, sizes)
    return _in_torch(registry.load_multipose(), precision, device)


def runtime_of(model: PoseModel) -> str:
    """What runs ``model``, for people: ``openvino bf16 (accuracy not checked)``, ``torch fp32``."""
    if isinstance(model, RuntimeModel):
        about = model.manifest
        return f"{about.format} {about.precision} ({about.verdict})"
    name = _TORCH
    if isinstance(model, cuda_graphs.CudaGraphModel):
        name = f"{_CUDA_GRAPHS} (never tried on a GPU)"
    types = {parameter.dtype for parameter in model.parameters()}
    if torch.bfloat16 in types:
        return f"{name} bf16 (accuracy not checked)"
    return f"{name} fp32"


def cache_folder() -> Path:
    """Where exports are kept: ``vidpose`` in ``XDG_CACHE_HOME``, or in ``~/.cache``."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if home else Path.home() / ".cache") / "vidpose"


def _check(runtime: str, precision: str, threads: int) -> None:
    if runtime not in RUNTIMES:
        raise VidposeError(f"runtime is {runtime!r}: choose from {', '.join(RUNTIMES)}")
    if precision not in ("fp32", "bf16"):
        raise VidposeError(
            f"precision is {precision!r}: a run has fp32 and bf16; int8 has to be calibrated: "
            "`vidpose export` first, then --model FOLDER"
        )
    if not 1 <= threads <= _MOST_THREADS:
        raise VidposeError(f"threads is {threads}: it must be from 1 to {_MOST_THREADS}")


def _candidates(runtime: Runtime, precision: Precision, device: torch.device) -> list[str]:
    """The formats to try, the best first; none of them means torch."""
    if runtime in (_TORCH, _CUDA_GRAPHS):
        return []
    if runtime != "auto":
        if device.type != "cpu":
            raise VidposeError(f"{runtime} runs on the CPU: with --device {device} leave --runtime")
        kind = formats.FORMATS[runtime]
        if precision not in kind.precisions:
            raise VidposeError(
                f"{runtime} has no precision {precision!r} in a run: use --precision fp32"
            )
        formats.need(runtime, (*kind.runs, *kind.writes))
        return [runtime]
    if device.type != "cpu":
        return []
    return [f for f in formats.installed() if precision in formats.FORMATS[f].precisions]


class _NoModelError(VidposeError):
    """There is no such model, or its file is broken: no other format helps."""


@contextmanager
def _second_best(format: str, *, unasked: bool) -> Iterator[None]:  # noqa: A002
    """A format that was not asked for and fails, whatever the reason, is done without."""
    try:
        yield
    except _NoModelError:
        raise
    except Exception as error:
        if not unasked:
            raise
        _tell(f"{format} is not used: {error}")


@cache
def _tell(why: str) -> None:
    """Why all is slower than it could be: once, though model and detector fail alike."""
    _log.warning("%s", why)


def _in_torch(network: _Network, precision: Precision, device: torch.device) -> _Network:
    network = network.to(device)
    if precision == "bf16":
        network = bf16(network)
    return quick_pointwise(network) if device.type == "cpu" else network


def _folder(folder: Path, runtime: Runtime, precision: Precision, threads: int) -> RuntimeModel:
    loaded = load(folder, threads=threads)
    about = loaded.manifest
    if runtime not in ("auto", about.format):
        raise VidposeError(f"{folder} was exported for {about.format}: --runtime {runtime} is not")
    if precision not in ("fp32", about.precision):
        raise VidposeError(f"{folder} was exported in {about.precision}, not in {precision}")
    return loaded


def _kept(model: str | Path, format: str, precision: Precision) -> Path:  # noqa: A002
    """The export of a model in the cache, made if need be."""
    name = Path(model).stem
    folder = cache_folder() / f"{name}-{format}-{precision}-{_digest(model, format)}"
    if not folder.is_dir():
        try:
            network = registry.load(model)
        except VidposeError as error:
            raise _NoModelError(str(error)) from error
        _log.info("exporting %s for %s, once", name, format)
        with _made_once(folder):
            export(network, format, folder, precision=precision)
    return folder


def _kept_detector(format: str) -> Path:  # noqa: A002
    """The graph of the detector in the cache, made if need be."""
    kind = formats.FORMATS[format]
    name = "movenet-multipose"
    folder = cache_folder() / f"{name}-{format}-{_digest(name, format)}"
    file = folder / f"find{kind.suffix}"
    if not folder.is_dir():
        with _made_once(folder), staged_folder(folder) as staged:
            traced = staged / "traced.onnx"
            graphs.trace_detector(registry.load_multipose(), traced)
            kind.write(traced, staged / file.name, {})
            if traced != staged / file.name:
                traced.unlink()
    return file


@contextmanager
def _said_of_cache(folder: Path) -> Iterator[None]:
    """Nobody made a kept export by hand: one that is broken is made anew once it is gone."""
    try:
        yield
    except VidposeError as error:
        fault = str(error).partition("; ")[0]
        raise VidposeError(f"{fault}; remove {folder}, and it is made anew") from error


@contextmanager
def _made_once(folder: Path) -> Iterator[None]:
    """What makes ``folder`` may find that another process was faster, which is as good."""
    if folder.is_file():
        raise VidposeError(f"{folder}: is a file, where an export is kept; remove it")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        yield
    except (VidposeError, OSError) as error:
        if folder.is_dir():
            return
        if isinstance(error, VidposeError):
            raise
        raise VidposeError(
            f"cannot write to {folder.parent}: {error.strerror or error}; XDG_CACHE_HOME in the "
            "environment names another place"
        ) from error


def _digest(model: str | Path, format: str) -> str:  # noqa: A002
    """Of configuration, weights, versions and our own code: all that an export depends on."""
    shipped = registry.SHIPPED.get(str(model))
    known: dict[str, object] = {"versions": formats.versions(format), "code": _code()}
    if shipped is not None:
        known |= {
            "config": shipped.config.model_dump_json(),
            "weights": [weights.card(name).sha256 for name in shipped.files],
        }
    elif Path(model).is_file():
        known["weights"] = weights.sha256(Path(model))  # the configuration is inside
    text = json.dumps(known, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _code() -> str:
    root = Path(vidpose.__file__).parent
    sources = sorted(file for part in _SOURCES for file in root.glob(part))
    return hashlib.sha256(b"".join(file.read_bytes() for file in sources)).hexdigest()
