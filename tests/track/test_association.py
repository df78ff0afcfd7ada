"""How well detections agree with people: against a literal loop."""

import math

import numpy as np
import pytest

from vidpose.detect.base import Detections
from vidpose.geometry import box_area, box_centre, box_iou
from vidpose.skeleton import COCO17
from vidpose.track.association import (
    _HANDICAP,
    _POSE_WEIGHT,
    IMPOSSIBLE,
    cost,
    in_fixed_order,
    pose_similarity,
)
from vidpose.track.motion import Motion
from vidpose.track.person import Remembered, TimedPose

SIGMAS = np.array(COCO17.sigmas)
RNG = np.random.default_rng(0)
NOW = 2.0
REACH, SPEED, MAX_GAP = 0.5, 1.0, 0.4


def person(
    x: float, height: float, measured: float, *, missed: bool = False, posed: bool = True
) -> Remembered:
    box = np.array([x, 20, x + height / 3, 20 + height])
    known = Remembered(1, Motion.start(box), box, 0.5, measured, missed=1.9 if missed else None)
    if posed:
        joints = box[:2] + RNG.uniform(0, 1, (17, 2)) * (box[2:] - box[:2])
        known.pose = TimedPose(joints, RNG.uniform(0, 1, 17), known.motion.centre, 1.5)
    return known


PEOPLE = [
    person(0, 90, 2.0),
    person(30, 150, 1.8, missed=True),
    person(10, 90, 1.0, posed=False),
    person(60, 60, 1.7, missed=True, posed=False),
]


def detected() -> Detections:
    """One near each person, with joints a few pixels off and as sure as it happens."""
    boxes = np.stack([each.box for each in PEOPLE]) + RNG.normal(0, 5, (len(PEOPLE), 4))
    joints = np.stack(
        [
            PEOPLE[0].pose.keypoints if each.pose is None else each.pose.keypoints  # type: ignore[union-attr]
            for each in PEOPLE
        ]
    )
    return Detections(
        boxes,
        np.full(len(boxes), 0.5),
        joints + RNG.normal(0, 4, joints.shape),
        RNG.uniform(0, 1, joints.shape[:2]),
    )


def similarity(known: Remembered, found: Detections, row: int) -> float | None:
    """OKS, each joint weighed with the product of both scores; None without a known pose."""
    if known.pose is None or found.keypoints is None or found.keypoint_scores is None:
        return None
    total = weight = 0.0
    joints = known.pose.at(known.motion.centre, NOW)
    for joint, sigma in enumerate(SIGMAS):
        squared = math.dist(joints[joint], found.keypoints[row, joint]) ** 2
        both = known.pose.scores[joint] * found.keypoint_scores[row, joint]
        area = float(box_area(known.box))
        total += both * math.exp(-squared / (2 * area * (2 * sigma) ** 2))
        weight += both
    return total / weight


def test_poses_are_compared_by_oks_weighed_with_both_scores() -> None:
    found = detected()
    similar, known = pose_similarity(PEOPLE, found, now=NOW, sigmas=SIGMAS)
    for i, each in enumerate(PEOPLE):
        for row in range(len(found)):
            expected = similarity(each, found, row)
            assert known[i, row] == (expected is not None)
            assert similar[i, row] == pytest.approx(expected or 0.0)
    assert similar.max() > 0.2  # the joints are not so far apart that all are 0


@pytest.mark.parametrize("joints", [True, False])
def test_a_pair_costs_what_its_pose_its_box_and_its_centre_lack(joints: bool) -> None:
    found = detected()
    if not joints:
        found = Detections(found.boxes, found.scores)
    limits = {"reach": REACH, "reach_speed": SPEED, "max_gap": MAX_GAP}
    costs = cost(PEOPLE, found, now=NOW, sigmas=SIGMAS, **limits)
    overlap = box_iou(np.stack([each.box for each in PEOPLE]), found.boxes)
    impossible = 0
    for i, each in enumerate(PEOPLE):
        # Unseen for longer than that, a person is looked for no farther away.
        limit = REACH + SPEED * min(NOW - each.measured, MAX_GAP)
        for row in range(len(found)):
            distance = math.dist(box_centre(each.box), box_centre(found.boxes[row]))
            distance /= each.motion.height
            terms, weights = [overlap[i, row], math.exp(-distance)], [1.0, 1.0]
            if (similar := similarity(each, found, row)) is not None:
                terms, weights = [*terms, similar], [*weights, _POSE_WEIGHT]
            expected = 1 - np.average(terms, weights=weights)
            expected += _HANDICAP * (each.missed is not None)
            impossible += distance > limit
            assert costs[i, row] == pytest.approx(IMPOSSIBLE if distance > limit else expected)
    assert 0 < impossible < costs.size


def test_the_reach_of_somebody_long_unseen_grows_no_farther() -> None:
    known = person(0, 90, NOW - 10)
    limits = {"reach": REACH, "reach_speed": SPEED, "max_gap": MAX_GAP}
    farthest = (REACH + SPEED * MAX_GAP) * known.motion.height
    away = np.array([-0.1, 0.1]) * known.motion.height + farthest
    boxes = known.box + away[:, None] * [1, 0, 1, 0]
    found = Detections(boxes, np.full(2, 0.5))
    [[within, beyond]] = cost([known], found, now=NOW, sigmas=SIGMAS, **limits)
    assert within < beyond == IMPOSSIBLE


def test_the_order_is_of_falling_scores_and_then_of_places() -> None:
    boxes = np.array([[5.0, 0, 9, 9], [7, 0, 9, 9], [1, 0, 9, 9]])
    ordered = in_fixed_order(Detections(boxes, np.array([0.3, 0.6, 0.3])))
    assert ordered.scores.tolist() == [0.6, 0.3, 0.3]
    assert ordered.boxes[:, 0].tolist() == [7, 1, 5]
