"""Poses in the joints of another skeleton."""

import numpy as np
import pytest
from jaxtyping import Float

from vidpose.convert import convert, mixing_matrix
from vidpose.skeleton import COCO17, JHMDB15, PENN13, POSETRACK15, SKELETONS, Skeleton

RNG = np.random.default_rng(0)
every_target = pytest.mark.parametrize(
    "target", [POSETRACK15, PENN13, JHMDB15], ids=lambda s: s.name
)


def people(*shape: int) -> tuple[np.ndarray, np.ndarray]:
    return RNG.uniform(0, 500, (*shape, 17, 2)), RNG.uniform(0.1, 1, (*shape, 17))


def middle(keypoints: np.ndarray, part: str) -> Float[np.ndarray, "... 2"]:
    pair = [COCO17.index(f"{side}_{part}") for side in ("left", "right")]
    return keypoints[..., pair, :].mean(axis=-2)


@every_target
@pytest.mark.parametrize("shape", [(0,), (), (3,), (2, 3)])
def test_any_number_of_people(target: Skeleton, shape: tuple[int, ...]) -> None:
    keypoints, scores = convert(*people(*shape), COCO17, target)
    assert keypoints.shape == (*shape, len(target), 2)
    assert scores.shape == (*shape, len(target))


@every_target
def test_joints_of_both_are_copied_by_name(target: Skeleton) -> None:
    keypoints, scores = people(4)
    got, got_scores = convert(keypoints, scores, COCO17, target)
    shared = [joint for joint in target.joints if joint in COCO17.joints]
    assert len(shared) >= 12
    for joint in shared:
        there, here = target.index(joint), COCO17.index(joint)
        np.testing.assert_allclose(got[:, there], keypoints[:, here], rtol=1e-6)
        np.testing.assert_allclose(got_scores[:, there], scores[:, here], rtol=1e-6)


@every_target
def test_every_joint_can_be_made_from_coco(target: Skeleton) -> None:
    np.testing.assert_allclose(mixing_matrix(COCO17, target).sum(axis=1), 1, rtol=1e-6)


@every_target
def test_of_a_joint_that_is_nowhere_only_what_is_made_of_it_is_missing(target: Skeleton) -> None:
    keypoints, scores = people(2)
    nowhere = COCO17.index("left_ear")
    keypoints[0, nowhere] = np.nan
    got, got_scores = convert(keypoints, scores, COCO17, target)
    assert np.isfinite(got).all()
    of_it = mixing_matrix(COCO17, target)[:, nowhere] != 0
    np.testing.assert_array_equal(got_scores[0] == 0, of_it)
    assert (got_scores[1] > 0).all()


def test_the_same_skeleton_changes_nothing() -> None:
    keypoints, scores = people(2)
    for skeleton in (COCO17, Skeleton(COCO17.name, COCO17.joints, COCO17.edges, COCO17.sigmas)):
        got, got_scores = convert(keypoints, scores, COCO17, skeleton)
        assert got is keypoints
        assert got_scores is scores


def test_the_head_lies_on_the_line_from_the_shoulders_through_the_ears() -> None:
    keypoints, scores = people(5)
    got, _ = convert(keypoints, scores, COCO17, POSETRACK15)
    shoulders, ears = middle(keypoints, "shoulder"), middle(keypoints, "ear")
    top = got[:, POSETRACK15.index("head_top")] - shoulders
    bottom = got[:, POSETRACK15.index("head_bottom")] - shoulders
    np.testing.assert_allclose(top, 1.74 * (ears - shoulders), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(bottom, 0.22 * top, rtol=1e-4, atol=1e-3)


def test_the_other_made_joints() -> None:
    keypoints, scores = people(5)
    shoulders, hips = middle(keypoints, "shoulder"), middle(keypoints, "hip")
    nose = keypoints[:, COCO17.index("nose")]
    head = convert(keypoints, scores, COCO17, PENN13)[0][:, PENN13.index("head")]
    np.testing.assert_allclose(head, middle(keypoints, "ear"), rtol=1e-5)
    neck, belly, face = np.moveaxis(convert(keypoints, scores, COCO17, JHMDB15)[0][:, :3], 1, 0)
    np.testing.assert_allclose(face, nose, rtol=1e-6)
    np.testing.assert_allclose(neck, shoulders + 0.38 * (nose - shoulders), rtol=1e-4)
    np.testing.assert_allclose(belly, shoulders + 0.77 * (hips - shoulders), rtol=1e-4)


def test_a_made_joint_is_as_sure_as_its_parents_on_average() -> None:
    keypoints, scores = people()
    parents = [f"{side}_{part}" for part in ("ear", "shoulder") for side in ("left", "right")]
    scores[[COCO17.index(joint) for joint in parents]] = [0.1, 0.9, 0.8, 0.6]
    _, got = convert(keypoints, scores, COCO17, POSETRACK15)
    assert got[POSETRACK15.index("head_top")] == pytest.approx(0.6)
    assert got[POSETRACK15.index("head_bottom")] == pytest.approx(0.6)


def test_a_joint_is_not_there_if_a_parent_is_not() -> None:
    keypoints, scores = people()
    scores[COCO17.index("left_ear")] = 0
    _, got = convert(keypoints, scores, COCO17, POSETRACK15)
    gone = {joint for joint, score in zip(POSETRACK15.joints, got, strict=True) if score == 0}
    assert gone == {"head_top", "head_bottom"}


def test_joints_that_cannot_be_made_are_zero() -> None:
    keypoints, scores = np.ones((2, 13, 2)), np.ones((2, 13))
    got, got_scores = convert(keypoints, scores, PENN13, POSETRACK15)
    assert (got[:, :3] == 0).all()
    assert (got_scores[:, :3] == 0).all()
    assert (got_scores[:, 3:] == 1).all()


def test_mirrored_people_give_mirrored_poses() -> None:
    keypoints, scores = people(3)
    mirrored = (keypoints * [-1, 1])[:, COCO17.flip_permutation]
    for target in SKELETONS.values():
        got, got_scores = convert(keypoints, scores, COCO17, target)
        other = convert(mirrored, scores[:, COCO17.flip_permutation], COCO17, target)
        expected = (got * [-1, 1])[:, target.flip_permutation]
        np.testing.assert_allclose(other[0], expected, rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(other[1], got_scores[:, target.flip_permutation], rtol=1e-5)


def test_wrong_numbers_of_joints_are_refused() -> None:
    with pytest.raises(ValueError):
        convert(np.ones((2, 13, 2)), np.ones((2, 13)), COCO17, POSETRACK15)
