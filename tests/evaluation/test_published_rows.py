"""The papers' own tables tell which of the two means they print."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vidpose.evaluation.result import COLUMNS, Scores
from vidpose.skeleton import POSETRACK15

ROWS = json.loads((Path(__file__).parents[1] / "data" / "published_rows.json").read_text())
# Half of the last printed digit of the columns and of the mean.
ROUNDING = 0.1 + 1e-9
# Their columns and mean disagree by more than rounding can explain.
SLIPS = {
    ("PoseTrack2017", "DCPose"),
    ("PoseTrack2017", "DCPose HRNet-W48"),
    ("PoseTrack2017", "KPM"),
    ("PoseTrack2017", "M-HANet"),
    ("PoseTrack2018", "SDTC (Ours)"),
    ("PoseTrack21", "DCPose"),
    ("PoseTrack21", "SLT-Pose"),
}


def scores(row: dict[str, Any]) -> Scores:
    values = np.zeros(len(POSETRACK15))
    for value, joints in zip(row["columns"], COLUMNS.values(), strict=True):
        values[[POSETRACK15.index(joint) for joint in joints]] = value / 100
    return Scores.of(values)


@pytest.mark.parametrize(
    "row", ROWS, ids=[f"{row['paper']}-{row['table']}-{row['method']}" for row in ROWS]
)
def test_a_printed_mean_is_one_of_the_two_means_unless_it_is_a_known_slip(
    row: dict[str, Any],
) -> None:
    found = scores(row)
    errors = [abs(found.mean - row["mean"]), abs(found.column_mean - row["mean"])]
    assert (min(errors) <= ROUNDING) == ((row["dataset"], row["method"]) not in SLIPS)
    np.testing.assert_allclose(list(found.columns.values()), row["columns"])


def test_the_papers_use_both_means() -> None:
    def fit(paper: str, dataset: str) -> list[bool]:
        [row] = [
            row
            for row in ROWS
            if (row["paper"], row["dataset"]) == (paper, dataset) and "(Ours)" in row["method"]
        ]
        found = scores(row)
        means = (found.mean, found.column_mean)
        return [abs(mean - row["mean"]) <= 0.05 for mean in means]

    assert fit("VREMD", "PoseTrack2017") == [True, False]
    assert fit("VREMD", "PoseTrack2018") == [False, True]
    assert fit("SDTC", "PoseTrack2017") == [False, True]
    assert fit("SDTC", "PoseTrack21") == [True, False]
