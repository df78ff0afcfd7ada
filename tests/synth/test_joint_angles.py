import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from vidpose.synth import joint_angles, rig

LOW, HIGH = np.array(list(joint_angles.LIMITS.values())).T
any_pose = st.lists(st.floats(0, 1), min_size=len(LOW), max_size=len(LOW)).map(
    lambda parts: LOW + (HIGH - LOW) * np.array(parts)
)


def reflected(rotations: np.ndarray) -> np.ndarray:
    """World rotations of the drivers of the mirror image."""
    sign = np.array([-1.0, 1.0, 1.0])
    return rotations[..., rig.MIRROR, :, :] * sign[:, None] * sign


def heads(**angles: float) -> dict[str, np.ndarray]:
    posed = rig.heads(joint_angles.rotations(joint_angles.pose(angles)))
    return dict(zip(rig.DRIVERS, posed, strict=True))


def test_parents_precede_children_and_mirroring_twice_changes_nothing() -> None:
    assert all(parent < row for row, parent in enumerate(rig.DRIVER_PARENT))
    assert (rig.MIRROR[rig.MIRROR] == np.arange(len(rig.DRIVERS))).all()
    assert rig.DRIVERS[rig.MIRROR[rig.DRIVER["hand_l"]]] == "hand_r"


def test_without_rotation_the_heads_are_those_of_the_rest_pose() -> None:
    still = np.tile(np.eye(3), (len(rig.DRIVERS), 1, 1))
    np.testing.assert_allclose(rig.heads(still), rig.REST_HEAD, atol=1e-12)


def test_an_unknown_angle_is_an_error() -> None:
    with pytest.raises(KeyError):
        joint_angles.pose({"tail": 10})


def test_zero_angles_stand_straight_with_the_arms_down() -> None:
    at = heads()
    for side in "lr":
        for upper, lower in (("upperarm", "lowerarm"), ("lowerarm", "hand"), ("upperleg", "foot")):
            bone = at[f"{lower}_{side}"] - at[f"{upper}_{side}"]
            np.testing.assert_allclose(bone[:2], 0, atol=1e-9)
            assert bone[2] < 0
    assert (at["upperarm_l"] - at["upperarm_r"])[0] > 0


def test_angles_move_limbs_where_their_names_say() -> None:
    front = -1  # people face -y
    assert np.sign((heads(shoulder_flex=90)["hand_l"] - heads()["hand_l"])[1]) == front
    assert np.sign((heads(hip_flex=90)["foot_r"] - heads()["foot_r"])[1]) == front
    assert np.sign((heads(knee=90)["foot_r"] - heads()["foot_r"])[1]) == -front
    assert np.sign((heads(elbow=90)["hand_r"] - heads()["hand_r"])[1]) == front
    assert np.sign((heads(lean=40)["head"] - heads()["head"])[1]) == front
    assert heads(shoulder_abd_l=90)["hand_l"][0] > heads()["hand_l"][0]
    assert heads(hip_abd_r=30)["foot_r"][0] < heads()["foot_r"][0]
    # Twisted inwards, both forearms come together before the belly.
    assert heads(elbow=90, shoulder_twist=40)["hand_l"][0] < heads(elbow=90)["hand_l"][0]
    assert heads(elbow=90, shoulder_twist=40)["hand_r"][0] > heads(elbow=90)["hand_r"][0]


def test_a_level_sole_stays_level_while_the_knees_bend() -> None:
    angles = {"hip_flex": 40.0, "knee": 50.0, "lean": 5.0}
    foot = joint_angles.rotations(joint_angles.pose(angles))[rig.DRIVER["foot_l"]]
    np.testing.assert_allclose(foot, np.eye(3), atol=1e-9)


@given(any_pose)
def test_rotations_are_rotations_and_hinges_bend_as_asked(angles: np.ndarray) -> None:
    turned = joint_angles.rotations(angles)
    np.testing.assert_allclose(turned @ np.swapaxes(turned, -1, -2), np.tile(np.eye(3), (22, 1, 1)),
                               atol=1e-9)  # fmt: skip
    asked = [
        angles[joint_angles.ANGLES.index(n)] for n in ("elbow_l", "elbow_r", "knee_l", "knee_r")
    ]
    np.testing.assert_allclose(joint_angles.hinges(turned), asked, atol=1e-6)


@given(any_pose)
def test_swapping_sides_is_mirroring_the_body(angles: np.ndarray) -> None:
    np.testing.assert_allclose(
        joint_angles.rotations(joint_angles.swapped(angles)),
        reflected(joint_angles.rotations(angles)),
        atol=1e-9,
    )


def test_a_knee_bent_backwards_is_measured_as_negative() -> None:
    turned = joint_angles.rotations(joint_angles.pose({}))
    shin = rig.DRIVER["lowerleg_l"]
    turned[shin] = Rotation.from_euler("x", -20, degrees=True).as_matrix() @ turned[shin]
    np.testing.assert_allclose(joint_angles.hinges(turned), [0, 0, -20, 0], atol=1e-9)
