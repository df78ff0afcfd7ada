"""`vidpose evaluate`: predictions against annotation by the official metrics."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from vidpose.cli.numbers import Whole
from vidpose.counting import counted
from vidpose.errors import VidposeError

if TYPE_CHECKING:
    from vidpose.evaluation.result import Result


def evaluate(
    predictions: Path,
    *,
    gt: Path,
    protocol: Literal["posetrack17", "posetrack18", "posetrack21", "coco"] = "posetrack18",
    tracking: bool = False,
    bootstrap: Whole = 0,
    out: Annotated[Path | None, Parameter(["--out", "-o"])] = None,
    report: Path | None = None,
) -> int:
    """Compare predictions with ground truth by PoseTrack's metrics, or by COCO's.

    Args:
        predictions: A file, or a folder with one file a sequence: PoseTrack layouts or poses.json;
            by COCO's rules a list of results.
        gt: The annotation, a file or a folder of files with the same names; by COCO's rules a file.
        protocol: posetrack17 and posetrack18 are the rules of poseval (the layouts are told from
            the files), posetrack21 those of the PoseTrack21 kit, coco those of COCO's keypoints.
        tracking: Also compute MOTA and HOTA.
        bootstrap: Draw this many sets of people for 95 % intervals of AP.
        out: Write all figures to this JSON file.
        report: Write a page with charts to this HTML file.
    """
    if out is not None and report is not None and out.resolve() == report.resolve():
        raise VidposeError(f"--out and --report are both {out}: give them different names")
    for file in (out, report):
        for place in (predictions, gt):
            if file is not None and file.resolve() == place.resolve():
                raise VidposeError(f"{file}: would replace what is compared; give another name")
            if file is not None and file.suffix == ".json" and _holds(place, file):
                raise VidposeError(
                    f"{file} would be one of the files of {place}, and the next evaluation would "
                    f"read it: write to another folder"
                )
    if protocol == "coco":
        if tracking or bootstrap or report is not None:
            raise VidposeError("--tracking, --bootstrap and --report are of PoseTrack's protocols")
        return _by_coco(gt, predictions, out)
    # numpy and scipy take their time to import: `vidpose --help` does without them.
    from vidpose.atomic import staged
    from vidpose.evaluation.inputs import read_both
    from vidpose.evaluation.posetrack import evaluate as compare
    from vidpose.evaluation.report import html
    from vidpose.file_names import readable

    truth, answers = read_both(gt, predictions)
    found = compare(truth, answers, protocol, tracking=tracking, resamples=bootstrap)
    files = {"ground_truth": readable(gt), "predictions": readable(predictions)}
    result = found.result.model_copy(update=files)
    with ExitStack() as both:
        if out is not None:
            text = result.model_dump_json(indent=1) + "\n"
            both.enter_context(staged(out)).write_text(text, encoding="utf-8")
        if report is not None:
            text = html(replace(found, result=result))
            both.enter_context(staged(report)).write_text(text, encoding="utf-8")
    _show(result)
    return 0


def _by_coco(gt: Path, predictions: Path, out: Path | None) -> int:
    from vidpose.atomic import staged
    from vidpose.evaluation.inputs import read_coco
    from vidpose.evaluation.oks_ap import PROTOCOL, oks_ap
    from vidpose.file_names import readable

    files = {"ground_truth": readable(gt), "predictions": readable(predictions)}
    figures = oks_ap(*read_coco(gt, predictions))
    if out is not None:
        known = {name: None if value != value else value for name, value in figures.items()}
        text = json.dumps({"protocol": PROTOCOL, **files, **known}, indent=1) + "\n"
        with staged(out) as temporary:
            temporary.write_text(text, encoding="utf-8")
    print(f"{files['predictions']} against {files['ground_truth']} ({PROTOCOL})")
    for name, value in figures.items():
        print(f"{name:>10} {_text(value)}")
    return 0


def _holds(place: Path, file: Path) -> bool:
    return place.resolve() == file.resolve().parent


def _show(result: Result) -> None:
    from rich.console import Console
    from rich.table import Table

    from vidpose.evaluation.report import rows, slice_rows

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120  # whoever reads the pipe has no screen that would wrap the table
    console.print(
        f"{result.predictions} against {result.ground_truth} ({result.protocol}): "
        f"{counted(result.sequences, 'sequence', 'sequences')}, "
        f"{counted(result.frames, 'frame', 'frames')}, "
        f"{counted(result.people, 'person', 'people')}",
        markup=False,
        soft_wrap=True,
    )
    table = Table("", box=None, padding=(0, 1))
    for name in (*result.ap.columns, "Mean", "7 columns"):
        table.add_column(name, justify="right")
    for name, values in rows(result).items():
        table.add_row(name, *(_text(value) for value in values))
        if name == "AP" and result.intervals is not None:
            ends = [*result.intervals.columns.values(), result.intervals.mean]
            for label, end in (("  low", 0), ("  high", 1)):
                table.add_row(label, *(_text(each[end]) for each in ends), "")
    console.print(table)
    if result.slices:
        parts = Table("AP", box=None, padding=(0, 1))
        for name in (*result.ap.columns, "Mean", "Limbs", "people"):
            parts.add_column(name, justify="right")
        for name, values in slice_rows(result).items():
            people = str(result.slices[name].people)
            parts.add_row(name, *(_text(value) for value in values), people)
        console.print(parts)
    if result.tracking is not None:
        figures = [f"{name} {_text(each.total)}" for name, each in result.tracking.hota.items()]
        console.print(", ".join(figures), soft_wrap=True)


def _text(value: float) -> str:
    return "-" if value != value else f"{value:.1f}"
