import numpy as np
import pytest

from vidpose.datasets.coco_results import result_record
from vidpose.datasets.labels import NOT_LABELLED, VISIBLE, PersonLabels


def test_joints_that_were_not_found_do_not_lower_a_persons_score() -> None:
    person = PersonLabels(
        0,
        np.array([[3.0, 4.0], [0.0, 0.0]]),
        np.array([VISIBLE, NOT_LABELLED]),
        keypoint_scores=np.array([0.8, 0.0]),
    )
    record = result_record(person, np.array([[3.0, 4.0, 1.0], [0.0, 0.0, 0.0]]), 1)
    assert record["score"] == pytest.approx(0.8)
