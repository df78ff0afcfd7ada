"""Every figure of the official tools on the six oracle cases."""

from typing import Any

import numpy as np
import pytest
from oracle_cases import CASES, labels, load

from vidpose.datasets.posetrack17 import OFFICIAL_ORDER
from vidpose.evaluation.posetrack import evaluate
from vidpose.evaluation.result import HotaScores, Result, Scores

TOLERANCE = 1e-6
TOOLS = [
    (case, tool)
    for case in CASES
    for tool, content in load(case)["expected"].items()
    if tool in ("poseval", "posetrack21") and "ap" in content
]


def run(case: str, tool: str) -> tuple[Result, dict[str, Any]]:
    document = load(case)
    protocol = "posetrack21" if tool == "posetrack21" else "posetrack18"
    truth, predictions = labels(document["gt"]), labels(document["pred"])
    expected: dict[str, Any] = document["expected"][tool]
    return evaluate(truth, predictions, protocol, tracking=True).result, expected


def numbers(values: list[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values])


def check_joints(found: Scores | HotaScores, expected: list[float | None]) -> None:
    values = [found.joints[joint] for joint in OFFICIAL_ORDER]
    np.testing.assert_allclose(values, numbers(expected), rtol=0, atol=TOLERANCE)


def check(found: Scores, expected: dict[str, Any]) -> None:
    check_joints(found, expected["per_joint"])
    np.testing.assert_allclose(found.mean, expected["total"], rtol=0, atol=TOLERANCE)
    if "columns" in expected:
        columns = numbers([expected["columns"][name] for name in found.columns])
        values = list(found.columns.values())
        np.testing.assert_allclose(values, columns, rtol=0, atol=TOLERANCE)


def test_all_six_cases_and_both_tools_are_here() -> None:
    assert len(CASES) == 6
    assert {tool for _, tool in TOOLS} == {"poseval", "posetrack21"}
    assert len(TOOLS) == 9


@pytest.mark.parametrize(("case", "tool"), TOOLS)
def test_average_precision_and_counts_equal_the_tool(case: str, tool: str) -> None:
    result, expected = run(case, tool)
    counts = expected["counts"]
    assert result.frames == counts["frames_kept"]
    for kind in ("annotated", "predicted", "correct"):
        assert [result.counts[kind][joint] for joint in OFFICIAL_ORDER] == counts[kind]
    check(result.ap, expected["ap"])
    check(result.precision, expected["precision"])
    check(result.recall, expected["recall"])


@pytest.mark.parametrize("case", [case for case, tool in TOOLS if tool == "poseval"])
def test_clear_mot_equals_poseval(case: str) -> None:
    result, expected = run(case, "poseval")
    assert result.tracking is not None
    mot = expected["mot"]
    for name in ("objects", "matches", "switches", "misses", "false_positives"):
        found = [result.tracking.counts[name][joint] for joint in OFFICIAL_ORDER]
        assert found == mot["counts"][f"num_{name}"]
    check(result.tracking.mota, mot["mota"])
    check(result.tracking.precision, mot["precision"])
    check(result.tracking.recall, mot["recall"])
    check(result.tracking.motp, mot["motp_matched_rows_only"])


@pytest.mark.parametrize("case", [case for case, tool in TOOLS if tool == "posetrack21"])
def test_hota_equals_the_posetrack21_kit(case: str) -> None:
    result, expected = run(case, "posetrack21")
    assert result.tracking is not None
    scored = [name for name, each in expected["hota"].items() if "total" in each]
    assert set(scored) == set(result.tracking.hota)
    for name in scored:
        found, wanted = result.tracking.hota[name], expected["hota"][name]
        check_joints(found, wanted["per_joint"])
        np.testing.assert_allclose(found.total, wanted["total"], rtol=0, atol=TOLERANCE)
        np.testing.assert_allclose(
            found.total_per_alpha, wanted["total_per_alpha"], rtol=0, atol=TOLERANCE
        )


@pytest.mark.parametrize("case", ["case_02_ignore18", "case_06_edges18"])
def test_where_the_posetrack21_kit_stops_there_are_figures(case: str) -> None:
    result, expected = run(case, "posetrack21")
    assert "pose_error" in expected
    assert 0 < result.ap.mean < 100
    assert result.tracking is not None
    assert 0 < result.tracking.hota["HOTA"].total < 100


def test_the_two_layouts_of_the_same_content_agree() -> None:
    new, _ = run("case_02_ignore18", "poseval")
    old, _ = run("case_03_ignore17", "poseval")
    assert new.counts == old.counts
    np.testing.assert_allclose(list(new.ap.joints.values()), list(old.ap.joints.values()))
    assert new.tracking is not None and old.tracking is not None
    assert new.tracking.counts == old.tracking.counts
