"""A benchmark of one model: measured in one run, as a record that a file can hold."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

import torch
from pydantic import BaseModel, ConfigDict

from vidpose.bench.machine import Machine, kernels, machine
from vidpose.bench.steps import STEPS, Step, macs, steps
from vidpose.bench.timing import Sampler, Timing, interleaved, on_cpu, on_cuda
from vidpose.bench.variants import TORCH, Variant, cost, is_missing, load, variants
from vidpose.models.cost import Cost


class Row(BaseModel):
    """One step of one variant.

    Attributes:
        runtime: ``torch``, ``onnx``, ``openvino``, ...
        precision: ``fp32``, ``bf16`` or ``int8``.
        step: ``clip``, ``stream``, ``encode`` or ``aggregate``; None where all are missing.
        milliseconds: Of each sample, for one person-frame: CPU time, or the accelerator's.
        busy_per_wall: Of all samples; below 1 where other processes took their share.
        macs: Multiply-accumulates, counted in torch's graph.
        peak: Part of the machine's f32 peak that its best sample reached; bf16 and int8 can be
            beyond 1.
        missing: Why nothing was measured.
    """

    model_config = ConfigDict(frozen=True)

    runtime: str
    precision: str
    step: Step | None = None
    milliseconds: tuple[float, ...] = ()
    busy_per_wall: float | None = None
    macs: int | None = None
    peak: float | None = None
    missing: str = ""

    @property
    def median(self) -> float:
        """Milliseconds of a person-frame."""
        return median(self.milliseconds)

    @property
    def is_base(self) -> bool:
        """Whether the others are compared with it: what a model costs with nothing to speed it."""
        return (self.runtime, self.precision, self.step) == (TORCH, "fp32", "clip")


class BenchReport(BaseModel):
    """What `measure` found.

    Attributes:
        model: As it was asked for.
        frames: Of a clip.
        device: Where torch ran.
        machine: Where all ran.
        kernels: GFLOP/s of the best sample of each f32 kernel that was tried, by name; the peak is
            the best of them.
        rows: A variant's steps after another's.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    frames: int
    device: str
    machine: Machine
    kernels: dict[str, float]
    rows: tuple[Row, ...]


@torch.inference_mode()
def measure(name: str, runtimes: Sequence[str], device: torch.device, repeat: int) -> BenchReport:
    """Time the steps of a model in every runtime and precision, in turn, on one thread.

    Args:
        name: As `load` takes it.
        runtimes: ``torch`` and formats of `vidpose.export`.
        device: Where torch runs.
        repeat: Samples of every row.

    Raises:
        VidposeError: There is no such model or runtime.
    """
    torch.set_num_threads(1)
    model = load(name)
    costs = cost(model)
    with tempfile.TemporaryDirectory() as folder:
        every = variants(model, runtimes, device, Path(folder))
        clock = on_cuda if device.type == "cuda" else on_cpu
        samplers: dict[tuple[str, ...], Sampler] = {}
        for variant in every:
            if variant.model is not None:
                for step, call in steps(variant.model).items():
                    samplers[variant.runtime, variant.precision, step] = clock(call)
        peaks = {} if is_missing(device) else kernels(device)
        for kernel, (_, call) in peaks.items():
            samplers["kernel", kernel] = clock(call)
        here = machine(device)
        found = interleaved(samplers, repeat)
    rates = {kernel: count / found["kernel", kernel].best for kernel, (count, _) in peaks.items()}
    return BenchReport(
        model=name,
        frames=len(model.offsets),
        device=str(device),
        machine=here,
        kernels={kernel: round(2 * rate / 1e9, 1) for kernel, rate in rates.items()},
        rows=tuple(row for variant in every for row in _rows(variant, found, costs, rates)),
    )


def _rows(
    variant: Variant,
    found: Mapping[tuple[str, ...], Timing],
    costs: Cost,
    rates: Mapping[str, float],
) -> Iterator[Row]:
    runtime, precision = variant.runtime, variant.precision
    if variant.model is None:
        yield Row(runtime=runtime, precision=precision, missing=variant.missing)
        return
    for step in STEPS:
        timing = found[runtime, precision, step]
        count = macs(costs, step)
        yield Row(
            runtime=runtime,
            precision=precision,
            step=step,
            milliseconds=tuple(round(1e3 * seconds, 4) for seconds in timing.seconds),
            busy_per_wall=round(timing.busy_per_wall, 3),
            macs=count,
            peak=round(count / timing.best / max(rates.values()), 4) if rates else None,
        )
