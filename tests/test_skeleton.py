"""Skeletons are consistent with themselves."""

import pytest

from vidpose.skeleton import COCO17, JHMDB15, PENN13, POSETRACK15, SKELETONS, Skeleton


def test_unequal_sigmas_and_unknown_joints_are_refused() -> None:
    with pytest.raises(ValueError, match="1 joints but 2 sigmas"):
        Skeleton("bad", ("nose",), (), (0.1, 0.1))
    with pytest.raises(ValueError, match="unknown joints"):
        Skeleton("bad", ("nose",), (("nose", "tail"),), (0.1,))


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda s: s.name)
def test_flipping_twice_changes_nothing_and_swaps_sides(skeleton: Skeleton) -> None:
    flip = skeleton.flip_permutation
    assert flip[flip].tolist() == list(range(len(skeleton)))
    for joint, partner in zip(skeleton.joints, flip, strict=True):
        sides = {joint.split("_")[0], skeleton.joints[partner].split("_")[0]}
        assert sides == {"left", "right"} or joint == skeleton.joints[partner]


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda s: s.name)
def test_every_joint_but_lone_ones_has_a_bone(skeleton: Skeleton) -> None:
    drawn = {joint for edge in skeleton.edges for joint in edge}
    assert set(skeleton.joints) - drawn <= {"head", "left_hip", "right_hip"}


def test_orders_are_those_of_the_datasets() -> None:
    assert COCO17.joints[:7] == (
        *("nose", "left_eye", "right_eye", "left_ear", "right_ear"),
        *("left_shoulder", "right_shoulder"),
    )
    assert COCO17.joints[-2:] == ("left_ankle", "right_ankle")
    assert POSETRACK15.joints[:5] == (
        *("nose", "head_bottom", "head_top"),
        *("left_shoulder", "right_shoulder"),
    )
    assert PENN13.joints[:3] == ("head", "left_shoulder", "right_shoulder")
    assert JHMDB15.joints[:9] == (
        *("neck", "belly", "face", "right_shoulder", "left_shoulder", "right_hip", "left_hip"),
        *("right_elbow", "left_elbow"),
    )


def test_cocos_sigmas() -> None:
    assert COCO17.sigmas == (
        *(0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072),
        *(0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089),
    )
