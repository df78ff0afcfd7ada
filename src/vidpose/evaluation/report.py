"""An evaluation as one HTML page that needs nothing else: tables, and charts as SVG."""

from collections.abc import Sequence
from html import escape
from itertools import pairwise

import numpy as np

from vidpose.evaluation.charts import bars, curve
from vidpose.evaluation.matching import THRESHOLD
from vidpose.evaluation.pckh import Distances
from vidpose.evaluation.posetrack import Evaluation
from vidpose.evaluation.result import Result
from vidpose.skeleton import POSETRACK15

# Heights of people in pixels: from the height of a thumbnail to half a picture.
_HEIGHTS = (0, 64, 128, 256, 512, np.inf)
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 800px; margin: 2em auto; color: #222; }
table { border-collapse: collapse; } th, td { padding: 2px 9px; text-align: right; }
th:first-child, td:first-child { text-align: left; } tr { border-bottom: 1px solid #ddd; }
svg text { font: 10px system-ui, sans-serif; fill: #444; } .mid, .title { text-anchor: middle; }
svg .title { font-weight: 600; } .end { text-anchor: end; } .grid { stroke: #ddd; }
.bar { fill: #3b76af; } .curve { fill: none; stroke: #3b76af; stroke-width: 1.6; }
"""


def rows(result: Result) -> dict[str, list[float]]:
    """The table of a result: seven columns, the 15-joint mean and the mean of the columns."""
    kinds = {
        "AP": result.ap,
        "precision": result.precision,
        "recall": result.recall,
        "PCKh@0.1": result.pckh_tenth,
        "PCKh area": result.pckh_area,
    }
    if result.tracking is not None:
        kinds |= {"MOTA": result.tracking.mota, "MOTP": result.tracking.motp}
    return {
        name: [*scores.columns.values(), scores.mean, scores.column_mean]
        for name, scores in kinds.items()
    }


def slice_rows(result: Result) -> dict[str, list[float]]:
    """AP of each slice: seven columns, the 15-joint mean and the mean of the limbs."""
    return {
        name: [*each.ap.columns.values(), each.ap.mean, each.ap.limbs]
        for name, each in result.slices.items()
    }


def html(evaluation: Evaluation) -> str:
    """The page: figures, per-joint bars, precision-recall curves and recall by person size."""
    result = evaluation.result
    joints = zip(POSETRACK15.joints, evaluation.curves, strict=True)
    pictures = "".join(
        curve(each.recall, each.precision, name.replace("_", " "), _percent(result.ap.joints[name]))
        for name, each in joints
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>vidpose evaluate</title><style>{_STYLE}</style></head><body>"
        f"<h1>{_percent(result.ap.mean)} mAP</h1>"
        f"<p>{escape(result.predictions)} against {escape(result.ground_truth)}, protocol "
        f"{result.protocol}: {result.sequences} sequences, {result.frames} frames, "
        f"{result.people} people. Whose boxes the predictions used is not in the files.</p>"
        f"{_table(rows(result), (*result.ap.columns, 'mean', 'mean of columns'))}"
        f"{_intervals(result)}{_hota(result)}{_slices(result)}"
        f"<h2>Average precision of each joint</h2>{_joint_bars(result)}"
        f"<h2>Precision and recall</h2>{pictures}"
        f"<h2>Found joints by the height of people</h2>"
        f"<p>Part of annotated joints found within half a head. Under a bar: how many people, and "
        f"the median distance of the joints found, in heads.</p>{_size_bars(evaluation.distances)}"
        f"</body></html>\n"
    )


def _percent(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.1f}"


def _table(rows: dict[str, list[float]], columns: Sequence[str]) -> str:
    head = "".join(f"<th>{name}</th>" for name in ("", *columns))
    body = "".join(
        f"<tr><td>{escape(name)}</td>{''.join(f'<td>{_percent(each)}</td>' for each in values)}"
        "</tr>"
        for name, values in rows.items()
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _slices(result: Result) -> str:
    if not result.slices:
        return ""
    columns = (*result.ap.columns, "mean", "limbs")
    return f"<h2>Average precision of each slice</h2>{_table(slice_rows(result), columns)}"


def _intervals(result: Result) -> str:
    if result.intervals is None:
        return ""
    low, high = result.intervals.mean
    return (
        f"<p>{result.intervals.level:.0%} interval of mAP over {result.intervals.resamples} draws "
        f"of people: {_percent(low)} to {_percent(high)}.</p>"
    )


def _hota(result: Result) -> str:
    if result.tracking is None:
        return ""
    figures = (f"{name} {_percent(each.total)}" for name, each in result.tracking.hota.items())
    return f"<p>{', '.join(figures)}.</p>"


def _joint_bars(result: Result) -> str:
    counts = result.counts["annotated"]
    values = result.ap.joints.items()
    return bars({f"{name}\nn = {counts[name]}".replace("_", "\n"): each for name, each in values})


def _size_bars(distances: Distances) -> str:
    values = {}
    for low, high in pairwise(_HEIGHTS):
        name = f"{low} px or more" if np.isinf(high) else f"{low} to {high} px"
        chosen = (distances.height >= low) & (distances.height < high)
        distance = distances.distance[chosen][distances.there[chosen]]
        found = distance[distance <= THRESHOLD]
        middle = f"{np.median(found):.2f}" if len(found) else "-"
        name = f"{name}\n{int(chosen.sum())} people, {middle}"
        values[name] = 100 * len(found) / len(distance) if len(distance) else float("nan")
    return bars(values)
