import os
from pathlib import Path

import numpy as np
import pytest

from vidpose.errors import VidposeError
from vidpose.synth import joint_angles
from vidpose.synth.captured import read_capture
from vidpose.synth.motion import height_of_hips, to_matrices, to_quaternions

LEG = 0.8


def recording(turn: float = 0.0, height: float = 0.0) -> dict[str, np.ndarray]:
    """Sixty samples of somebody who slides straight ahead, 1 m a second, while turning."""
    count = 60
    yaw = np.linspace(0, turn, count)
    angles = np.tile(joint_angles.pose({"elbow": 30}), (count, 1))
    angles[:, joint_angles.ANGLES.index("yaw")] = np.degrees(yaw)
    rotations = joint_angles.rotations(angles)
    step = np.stack([np.sin(yaw), -np.cos(yaw)], axis=-1) / 30
    midhip = np.zeros((count, 3))
    midhip[1:, :2] = np.cumsum(step, axis=0)[:-1]
    midhip[:, 2] = LEG * height_of_hips(rotations) + height
    return {
        "quat": to_quaternions(rotations).astype(np.float16),
        "midhip": midhip.astype(np.float32),
        "clip_start": np.array([0]),
        "clip_len": np.array([count]),
        "clip_source": np.array(["bvh"]),
        "clip_split": np.array(["train"]),
        "fps": np.array(30.0),
        "ref_leg_length": np.array(LEG),
    }


def test_the_course_is_taken_out_and_kept_as_turns() -> None:
    clip = read_capture(recording(turn=2.0), "train").clips[0]
    inner = slice(15, -15)
    assert clip.turns[inner].mean() * 59 == pytest.approx(2.0, rel=0.05)
    # In the person's own directions it is all forwards.
    np.testing.assert_allclose(clip.steps[inner, 0], 0, atol=0.002)
    np.testing.assert_allclose(clip.steps[inner, 1], -1 / 30 / LEG, atol=0.002)


def test_the_noise_of_the_floor_is_no_flight_and_a_jump_is() -> None:
    assert read_capture(recording(height=0.03), "train").clips[0].lift.max() == 0
    jump = recording()
    jump["midhip"][20:30, 2] += 0.3
    lift = read_capture(jump, "train").clips[0].lift
    assert lift[25] == pytest.approx(0.3 / LEG, abs=0.1)
    assert lift[:15].max() == 0


def test_whoever_stays_up_is_not_used() -> None:
    climb = recording()
    climb["midhip"][25:, 2] += 0.5
    capture = read_capture(climb, "train")
    assert not capture.usable[0][30:].any()
    for seed in range(10):
        assert len(capture.window(np.random.default_rng(seed), 50)) <= 27


def test_lost_markers_and_wrong_knees_are_not_used() -> None:
    broken = recording()
    broken["quat"][40] = to_quaternions(joint_angles.rotations(joint_angles.pose({"lean": 120})))
    assert not read_capture(broken, "train").usable[0][40]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"midhip": None}, "no array midhip"),
        ({"fps": np.array(120.0)}, "120 frames a second, 30 expected"),
        ({"clip_split": np.array(["val"])}, "'train' has no usable clip"),
    ],
)
def test_a_wrong_kit_is_one_clear_line(change: dict[str, np.ndarray | None], message: str) -> None:
    arrays = {name: a for name, a in (recording() | change).items() if a is not None}
    with pytest.raises(VidposeError, match=message):
        read_capture(arrays, "train")


@pytest.mark.skipif("VIDPOSE_SHARED" not in os.environ, reason="VIDPOSE_SHARED is not set")
def test_the_kits_capture_is_sound_and_its_splits_differ() -> None:
    path = Path(os.environ["VIDPOSE_SHARED"]) / "data/synth_kit/motions.npz"
    if not path.exists():
        pytest.skip("the kit is not there")
    arrays = dict(np.load(path))
    train, val = (read_capture(arrays, split) for split in ("train", "val"))
    assert len(train.clips) > 90
    assert len(val.clips) == 20
    for capture in (train, val):
        for seed in range(10):
            window = capture.window(np.random.default_rng(seed), 60)
            assert 20 <= len(window) <= 60
            assert joint_angles.hinges(to_matrices(window.quaternions)).min() > -5
