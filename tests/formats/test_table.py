"""The CSV table says what the JSON says."""

import csv
import json
from pathlib import Path

import pytest
from pose_samples import poses

from vidpose import formats
from vidpose.skeleton import JHMDB15


def table(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("people", [[], [0], [0, 0, 0]])
def test_nobody_is_a_table_without_rows(people: list[int], tmp_path: Path) -> None:
    formats.save(poses(people), tmp_path / "a.csv")
    assert table(tmp_path / "a.csv") == [["frame", "pts", "id", "joint", "x", "y", "score"]]


def test_rows_agree_with_the_json(tmp_path: Path) -> None:
    result = poses([1, 0, 2], JHMDB15)
    result.save(tmp_path / "a.csv")
    result.save(tmp_path / "a.json")
    document = json.loads((tmp_path / "a.json").read_text("utf-8"))
    expected = [
        [frame["index"], frame["pts"], person["id"], joint, *xy, score]
        for frame in document["frames"]
        for person in frame["people"]
        for joint, xy, score in zip(
            JHMDB15.joints, person["keypoints"], person["keypoint_scores"], strict=True
        )
    ]
    assert len(expected) == 3 * 15
    assert table(tmp_path / "a.csv")[1:] == [[str(value) for value in row] for row in expected]
