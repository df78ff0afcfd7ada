"""What a detector may say of people and joints."""

import numpy as np
import pytest

from vidpose.detect.base import Detections
from vidpose.skeleton import COCO17, POSETRACK15
from vidpose.track import Tracker

NOWHERE = 9
BOX = np.array([[10.0, 10.0, 60.0, 110.0]])


def somebody(score: float = 0.9) -> Detections:
    """With a wrist that is nowhere."""
    keypoints = np.random.default_rng(0).uniform(20, 100, (1, 17, 2))
    keypoints[0, NOWHERE] = np.nan
    scores = np.full((1, 17), 0.9)
    scores[0, NOWHERE] = score
    return Detections(BOX, np.array([0.9]), keypoints, scores)


@pytest.mark.parametrize("score", [0.0, 0.9, np.nan])
def test_a_joint_that_is_nowhere_was_not_seen_and_leaves_the_others_alone(score: float) -> None:
    converted = somebody(score).in_skeleton(POSETRACK15)
    assert converted.keypoints is not None and converted.keypoint_scores is not None
    assert np.isfinite(converted.keypoints).all()
    wrist = POSETRACK15.index(COCO17.joints[NOWHERE])
    assert (converted.keypoint_scores[0] == 0).nonzero()[0].tolist() == [wrist]


def test_somebody_with_a_joint_that_is_nowhere_is_tracked() -> None:
    tracker = Tracker(COCO17.sigmas)
    for index in range(3):
        (track,) = tracker.update(somebody(0.0), index / 25)
        tracker.correct(track.id, np.full((17, 2), 50.0), np.full(17, 0.9))
        assert track.id == 1


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_boxes_that_are_no_places_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="boxes that are not finite"):
        Detections(BOX * value, np.array([0.9]))


@pytest.mark.parametrize("score", [np.nan, -0.1, 7.0])
def test_scores_that_are_no_confidences_are_refused(score: float) -> None:
    with pytest.raises(ValueError, match=r"scores that are not in \[0, 1\]"):
        Detections(BOX, np.array([score]))


def test_a_box_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="x2 < x1"):
        Detections(BOX[:, [2, 1, 0, 3]], np.array([0.9]))
