"""`vidpose bench`: how long a model takes for a person in a frame, in every runtime there is."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vidpose.atomic import staged
from vidpose.cli.numbers import Count
from vidpose.errors import VidposeError

if TYPE_CHECKING:
    from vidpose.bench.report import BenchReport, Row

_COLUMNS = ("runtime", "precision", "step", "ms", "min", "max", "faster", "of peak", "cpu/wall")


def bench(
    model: str = "dsta-resnet50",
    *,
    runtimes: str = "torch,onnx,openvino",
    device: Literal["cpu", "cuda"] = "cpu",
    repeat: Count = 5,
    json: Path | None = None,
) -> None:
    """Measure the time of one person in one frame.

    One thread, CPU time, every row in turn. clip encodes the whole clip anew, as --mode exact does;
    stream encodes one frame and takes its neighbours from the cache, as --mode hold does; encode
    and aggregate are its two parts. faster: than torch's fp32 clip. of peak: part of the machine's
    f32 peak, which is measured in the same run by large f32 kernels of torch.

    Args:
        model: A recipe, with random weights; a shipped model, or a checkpoint.
        runtimes: Comma-separated: torch, onnx, openvino, and with --device cuda cuda-graphs. What
            cannot be had is named in its row.
        device: Where torch runs: cpu, or cuda, in the GPU's time.
        repeat: Measurements of every row, of which the median is shown.
        json: File for all figures.
    """
    chosen = dict.fromkeys(name.strip() for name in runtimes.split(",") if name.strip())
    if not chosen:
        raise VidposeError(f"--runtimes {runtimes!r} names no runtime, such as torch,openvino")
    with nullcontext() if json is None else staged(json) as file:
        import torch

        from vidpose.bench.report import measure

        found = measure(model, tuple(chosen), torch.device(device), repeat)
        if file is not None:
            file.write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")
    _show(found)


def _show(found: BenchReport) -> None:
    from rich.console import Console
    from rich.table import Table

    here = found.machine
    load = "" if here.load is None else f"; load average {here.load}"
    print(f"{here.accelerator or here.processor}, {here.cores} cores, {here.system}{load}")
    print(", ".join(f"{name} {version}" for name, version in here.versions.items()))
    tried = ", ".join(f"{name} {rate:.0f}" for name, rate in found.kernels.items())
    if tried:
        print(f"f32 peak, the best of these kernels of torch, GFLOP/s: {tried}")
    samples = max(len(row.milliseconds) for row in found.rows)
    print(
        f"{found.model}, clips of {found.frames}: one person in one frame, "
        f"{'GPU time' if found.device == 'cuda' else 'CPU time, one thread'}, "
        f"median of {samples}"
    )
    base = next((row.median for row in found.rows if row.is_base), None)
    # Without markup: it would eat the [openvino] of a hint.
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = 120  # whoever reads the pipe has no screen that would wrap the table
    table = Table(box=None, padding=(0, 1))
    for i, name in enumerate(_COLUMNS):
        table.add_column(name, justify="left" if i < 3 else "right")
    for row in found.rows:
        table.add_row(*_cells(row, base))
    console.print(table)


def _cells(row: Row, base: float | None) -> tuple[str, ...]:
    if row.step is None:
        return row.runtime, row.precision, row.missing
    return (
        row.runtime,
        row.precision,
        row.step,
        f"{row.median:.2f}",
        f"{min(row.milliseconds):.2f}",
        f"{max(row.milliseconds):.2f}",
        "" if base is None else f"{base / row.median:.1f}x",
        "" if row.peak is None else f"{row.peak:.0%}",
        "" if row.busy_per_wall is None else f"{row.busy_per_wall:.2f}",
    )
