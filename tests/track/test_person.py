"""What is remembered of one person: swing, and the centre that joints tell."""

import numpy as np

from vidpose.track.person import TimedPose

CENTRE = np.array([100.0, 200.0])
JOINTS = np.array([[90.0, 150], [110, 150], [90, 250], [110, 250], [100, 120]])
SURE = np.full(len(JOINTS), 0.8)
# Only the first joint swings, in pixels per second.
SWING = np.zeros_like(JOINTS)
SWING[0] = [60, -30]


def pose(
    time: float,
    joints: np.ndarray = JOINTS,
    scores: np.ndarray = SURE,
    centre: np.ndarray = CENTRE,
    swing: np.ndarray | float = 0.0,
) -> TimedPose:
    return TimedPose(joints, scores, centre, time, swing)


def test_a_limb_goes_on_for_a_moment_and_stops() -> None:
    swinging = pose(1.0, swing=SWING)
    at_once = swinging.at(CENTRE, 1.01) - JOINTS
    np.testing.assert_allclose(at_once, 0.01 * SWING, rtol=0.03)
    # The speed falls to 1/e in 0.3 s, so the whole way is that of 0.3 s.
    np.testing.assert_allclose(swinging.at(CENTRE, 5.0) - JOINTS, 0.3 * SWING, rtol=1e-4)


def test_joints_move_along_with_the_centre() -> None:
    move = np.array([7.0, -9])
    np.testing.assert_allclose(pose(0.0).at(CENTRE + move, 3.0), JOINTS + move)


def test_swing_is_learnt_of_what_moves_otherwise_than_the_centre() -> None:
    move = np.array([40.0, 10])
    later = pose(0.1, JOINTS + move + 0.1 * SWING, centre=CENTRE + move)
    learnt = pose(0.0).then(later).swing
    # Averaged over a moment, it is learnt in part, and the direction is right.
    assert isinstance(learnt, np.ndarray)
    part = learnt[0] / SWING[0]
    assert 0.5 < part[0] < 1 and np.isclose(part[0], part[1])
    np.testing.assert_allclose(learnt[1:], 0, atol=1e-9)


def test_swing_is_forgotten_of_who_stands_still() -> None:
    # After ten times as long as a limb keeps its direction, which it did not for once that long.
    swing = pose(0.0, swing=SWING).then(pose(3.0)).swing
    assert np.abs(swing).max() <= 0.1 * np.abs(SWING).max()


def test_a_joint_that_is_not_sure_in_both_poses_shows_no_swing() -> None:
    unsure = np.where(np.arange(len(JOINTS)) == 0, 0.19, SURE)
    swung = JOINTS + 0.1 * SWING
    for before, after in ((unsure, SURE), (SURE, unsure)):
        later = pose(0.1, swung, after)
        np.testing.assert_array_equal(pose(0.0, scores=before).then(later).swing, 0)


def test_a_pose_of_the_same_moment_keeps_the_swing() -> None:
    again = pose(1.0, JOINTS + 5)
    kept = pose(1.0, swing=SWING).then(again)
    np.testing.assert_array_equal(kept.swing, SWING)
    assert kept.keypoints is again.keypoints


def test_the_centre_moves_as_the_median_sure_joint() -> None:
    move = np.array([6.0, -4])
    later = pose(0.1, JOINTS + move + [[0, 0], [0, 0], [300, 300], [0, 0], [0, 0]])
    centre = pose(0.0).centre_with(later)
    assert centre is not None
    np.testing.assert_allclose(centre, CENTRE + move)


def test_the_centre_takes_three_joints_that_are_sure_in_both_poses() -> None:
    def sure(*joints: int) -> np.ndarray:
        return np.where(np.isin(np.arange(len(JOINTS)), joints), 0.2, 0.19)

    later = pose(0.1, JOINTS + 5, sure(0, 1, 2, 3))
    found = pose(0.0, scores=sure(0, 1, 2, 4)).centre_with(later)
    assert found is not None
    np.testing.assert_allclose(found, CENTRE + 5)
    assert pose(0.0, scores=sure(0, 1, 4)).centre_with(later) is None
