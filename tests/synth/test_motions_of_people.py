import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation, Slerp

from vidpose.errors import VidposeError
from vidpose.synth import joint_angles, rig
from vidpose.synth.actions import ACTIONS
from vidpose.synth.key_poses import POSES, STAND
from vidpose.synth.motion import (
    Motion,
    chained,
    height_of_hips,
    mirrored,
    rotations_at,
    slerp,
    to_matrices,
    to_quaternions,
    warped,
    with_arms,
)
from vidpose.synth.perform import perform

seeds = st.integers(0, 2**31)
names = st.sampled_from(sorted(ACTIONS))


def in_order(quaternion: np.ndarray) -> np.ndarray:
    return quaternion[..., [1, 2, 3, 0]]


def reflected(rotations: np.ndarray) -> np.ndarray:
    """World rotations of the drivers of the mirror image."""
    sign = np.array([-1.0, 1.0, 1.0])
    return rotations[..., rig.MIRROR, :, :] * sign[:, None] * sign


def soles(motion: Motion) -> np.ndarray:
    """World places of all that can touch the ground, for hips that start above the origin."""
    turned = to_matrices(motion.quaternions)
    way = np.concatenate([np.zeros((1, 2)), np.cumsum(motion.steps[:-1], axis=0)])
    height = height_of_hips(turned) + motion.lift
    return rig.skin(turned) + np.column_stack([way, height])[:, None]


def test_quaternions_and_matrices_are_the_same_rotations() -> None:
    matrices = Rotation.random(12, random_state=1).as_matrix().reshape(3, 4, 3, 3)
    np.testing.assert_allclose(to_matrices(to_quaternions(matrices)), matrices, atol=1e-12)
    np.testing.assert_allclose(to_quaternions(np.eye(3)), [1, 0, 0, 0], atol=1e-12)


@given(seeds, st.floats(0, 1))
def test_slerp_agrees_with_scipy(seed: int, part: float) -> None:
    pair = Rotation.random(2, random_state=seed % 2**31)
    first, second = np.roll(pair.as_quat(), 1, axis=-1)
    ours = slerp(first, second, np.array(part))
    theirs = Slerp([0, 1], pair)(part)
    assert (Rotation.from_quat(in_order(ours)) * theirs.inv()).magnitude() < 1e-6


def test_rotations_are_held_beyond_both_ends() -> None:
    motion = perform("wave", np.random.default_rng(0))
    held = rotations_at(motion.quaternions, np.array([-3.0, 1e9]))
    np.testing.assert_allclose(held, motion.quaternions[[0, -1]], atol=1e-12)


def test_one_sample_can_be_warped_and_chained() -> None:
    one = perform("idle", np.random.default_rng(0))[:1]
    assert len(warped(one, np.array([0.5]))) == 1
    assert len(chained([one, one])) >= 1


def test_a_motion_at_its_own_speed_is_itself() -> None:
    motion = perform("walk", np.random.default_rng(3))
    same = warped(motion, np.ones(3))
    assert len(same) == len(motion)
    np.testing.assert_allclose(same.quaternions, motion.quaternions, atol=1e-9)
    np.testing.assert_allclose(same.steps[:-1], motion.steps[:-1], atol=1e-9)


@pytest.mark.parametrize("speed", [0.5, 1.7])
def test_warping_changes_the_time_and_not_the_way(speed: float) -> None:
    motion = perform("walk", np.random.default_rng(3))
    other = warped(motion, np.array([speed]))
    assert len(other) == pytest.approx(len(motion) / speed, abs=2)
    way = np.linalg.norm(motion.steps[:-1].sum(axis=0))
    assert np.linalg.norm(other.steps[:-1].sum(axis=0)) == pytest.approx(way, rel=0.05)


def test_mirroring_exchanges_the_sides_and_twice_is_nothing() -> None:
    motion = perform("throw", np.random.default_rng(2))
    other = mirrored(motion)
    np.testing.assert_allclose(
        to_matrices(other.quaternions), reflected(to_matrices(motion.quaternions)), atol=1e-9
    )
    np.testing.assert_array_equal(mirrored(other).quaternions, motion.quaternions)
    np.testing.assert_array_equal(other.steps[:, 0], -motion.steps[:, 0])


def test_arms_of_another_motion_leave_the_legs_and_the_way() -> None:
    walk, wave = (perform(name, np.random.default_rng(5)) for name in ("walk", "surrender"))
    both = with_arms(walk, wave)
    count = len(both)
    leg, arm = rig.DRIVER["upperleg_l"], rig.DRIVER["hand_l"]
    np.testing.assert_array_equal(both.quaternions[:, leg], walk.quaternions[:count, leg])
    np.testing.assert_array_equal(both.steps, walk.steps[:count])
    assert not np.allclose(both.quaternions[:, arm], walk.quaternions[:count, arm])


def test_every_action_uses_known_poses_and_angles_within_the_limits() -> None:
    used = {key.pose for action in ACTIONS.values() for key in action.keys}
    assert used == set(POSES)
    for angles in POSES.values():
        for name, value in angles.items():
            for full in (name,) if name in joint_angles.LIMITS else (f"{name}_l", f"{name}_r"):
                low, high = joint_angles.LIMITS[full]
                assert low <= value <= high, (name, value)
    joint_angles.pose(STAND)


def test_an_unknown_action_is_one_clear_line() -> None:
    with pytest.raises(VidposeError, match="no action 'fly'"):
        perform("fly", np.random.default_rng(0))


@given(names, seeds)
@settings(max_examples=60)
def test_no_knee_and_no_elbow_bends_backwards(name: str, seed: int) -> None:
    motion = perform(name, np.random.default_rng(seed))
    flexion = joint_angles.hinges(to_matrices(motion.quaternions))
    assert flexion.min() > -0.01
    assert flexion.max() < 145.01


@given(names, seeds)
@settings(max_examples=60)
def test_nobody_teleports(name: str, seed: int) -> None:
    motion = perform(name, np.random.default_rng(seed))
    cosine = np.abs((motion.quaternions[1:] * motion.quaternions[:-1]).sum(axis=-1))
    assert np.degrees(2 * np.arccos(np.clip(cosine, 0, 1))).max(initial=0) < 55
    height = height_of_hips(to_matrices(motion.quaternions)) + motion.lift
    # Leg lengths a thirtieth of a second: about 7 and 5 m/s.
    assert np.linalg.norm(motion.steps, axis=-1).max() < 0.3
    assert np.abs(np.diff(height)).max(initial=0) < 0.2
    assert (motion.lift >= 0).all()


@given(st.lists(names, min_size=2, max_size=4), seeds)
@settings(max_examples=25)
def test_chains_are_as_sound_as_their_links(chain: list[str], seed: int) -> None:
    rng = np.random.default_rng(seed)
    whole = chained([perform(name, rng) for name in chain])
    assert joint_angles.hinges(to_matrices(whole.quaternions)).min() > -6
    cosine = np.abs((whole.quaternions[1:] * whole.quaternions[:-1]).sum(axis=-1))
    assert np.degrees(2 * np.arccos(np.clip(cosine, 0, 1))).max() < 75
    assert np.linalg.norm(whole.steps, axis=-1).max() < 0.35


def test_a_walker_goes_forward_and_the_standing_foot_does_not_slide() -> None:
    motion = perform("walk", np.random.default_rng(7))
    way = motion.steps[:-1].sum(axis=0)
    assert way[1] < -5 * abs(way[0])
    seconds = len(motion) / 30
    assert 0.7 < -way[1] * 0.8 / seconds < 2.2
    places = soles(motion)
    on_ground = (places[:-1, :, 2] < 0.002) & (places[1:, :, 2] < 0.002)
    slid = np.linalg.norm(np.diff(places[..., :2], axis=0), axis=-1)[on_ground]
    assert len(slid) > 20
    assert np.percentile(slid, 90) < 0.02


def test_a_jumper_leaves_the_ground_and_a_bow_does_not() -> None:
    assert perform("jump_tuck", np.random.default_rng(1)).lift.max() > 0.15
    assert perform("bow", np.random.default_rng(1)).lift.max() == 0
    run = perform("run", np.random.default_rng(1)).lift > 0
    assert 0 < run.mean() < 0.7


def test_performances_differ_and_repeat_with_the_seed() -> None:
    first, again, other = (
        perform("kick", np.random.default_rng(seed)).quaternions for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert first.shape != other.shape or not np.allclose(first, other)
