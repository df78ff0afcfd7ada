"""Acceleration and lag where the truth is known."""

from collections.abc import Iterable

import numpy as np
import pytest

from vidpose.evaluation.jitter import accelerations, lag
from vidpose.poses import FramePoses, Header, Person, Poses, SkeletonRecord
from vidpose.skeleton import COCO17, POSETRACK15, Skeleton

SIDE = 200.0


def person(id_: int, place: np.ndarray, score: float = 0.9, filled: bool = False) -> Person:
    centre = place.mean(axis=0)
    return Person(
        id=id_,
        score=0.9,
        box=[*(centre - [50, SIDE / 2]), *(centre + [50, SIDE / 2])],
        keypoints=place,
        keypoint_scores=np.full(len(place), score),
        filled=filled or None,
    )


def result(
    tracks: Iterable[tuple[int, np.ndarray]], fps: float = 30, skeleton: Skeleton = COCO17
) -> Poses:
    """A result from ``(id, [frame, joint, 2])``; not a number where somebody is not there."""
    tracks = list(tracks)
    frames = tuple(
        FramePoses(
            index=i,
            pts=i / fps,
            people=tuple(person(id_, p[i]) for id_, p in tracks if np.isfinite(p[i]).all()),
        )
        for i in range(max((len(places) for _, places in tracks), default=0))
    )
    header = Header(source="a", width=9, height=9, skeleton=SkeletonRecord.of(skeleton))
    return Poses(header=header, frames=frames)


def moving(frames: int = 60, seed: int = 0, joints: int = 17) -> np.ndarray:
    """Limbs that swing, each in its own rhythm: [frame, joint, 2]."""
    rng = np.random.default_rng(seed)
    rate, phase = rng.uniform(0.1, 0.5, (2, joints, 2)) * [[[1]], [[20]]]
    return 400 + 30 * np.sin(np.arange(frames)[:, None, None] * rate + phase)


def mean(poses: Poses) -> float:
    """Of all accelerations of one person."""
    (found,) = accelerations(poses).values()
    return float(found.mean())


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_without_three_frames_there_is_no_acceleration(frames: int) -> None:
    poses = result([(1, moving(frames))])
    assert all(len(each) == 0 for each in accelerations(poses).values())
    assert lag(poses, poses) is None or frames == 2


def test_constant_velocity_has_no_acceleration() -> None:
    places = 100 + np.arange(20)[:, None, None] * np.linspace(-3, 3, 34).reshape(17, 2)
    assert mean(result([(1, places)])) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("fps", [15, 30, 60])
def test_a_fall_is_measured_in_box_sides_whatever_the_frame_rate(fps: float) -> None:
    time = np.arange(20) / fps
    drop = np.zeros((20, 17, 2))
    drop[..., 1] = 0.5 * (900 * time**2)[:, None]
    got = mean(result([(1, drop)], fps))
    assert got == pytest.approx(900 / SIDE / 30**2, rel=1e-3)


def test_a_fall_is_measured_at_uneven_times_too() -> None:
    time = np.cumsum(np.random.default_rng(0).uniform(0.01, 0.1, 20))
    drop = np.zeros((20, 17, 2))
    drop[..., 1] = 0.5 * (900 * time**2)[:, None]
    even = result([(1, drop)])
    frames = tuple(
        frame.model_copy(update={"pts": float(pts)})
        for frame, pts in zip(even.frames, time, strict=True)
    )
    (found,) = accelerations(even.model_copy(update={"frames": frames})).values()
    assert len(found) == 18 * 17
    np.testing.assert_allclose(found, 900 / SIDE / 30**2, rtol=1e-3)


def test_a_literal_loop_gives_the_same() -> None:
    poses = result([(1, moving(12)), (2, moving(12, 1))])
    for id_ in (1, 2):
        seen = [next(p for p in frame.people if p.id == id_) for frame in poses]
        expected = [
            float(np.linalg.norm(a.keypoints[j] - 2 * b.keypoints[j] + c.keypoints[j])) / SIDE
            for a, b, c in zip(seen, seen[1:], seen[2:], strict=False)
            for j in range(17)
        ]
        got = accelerations(poses)[id_]
        np.testing.assert_allclose(np.sort(got), np.sort(expected), rtol=1e-3, atol=1e-6)


def test_gaps_unsure_joints_and_filled_people_do_not_count() -> None:
    places = moving(9)
    holes = places.copy()
    holes[4] = np.nan
    assert len(accelerations(result([(1, holes)]))[1]) == (2 + 2) * 17
    frames = list(result([(1, places)]).frames)
    frames[4] = frames[4].model_copy(update={"people": (person(1, places[4], score=0.3),)})
    unsure = result([(1, places)]).model_copy(update={"frames": tuple(frames)})
    assert len(accelerations(unsure)[1]) == (7 - 3) * 17
    frames[4] = frames[4].model_copy(update={"people": (person(1, places[4], filled=True),)})
    filled = result([(1, places)]).model_copy(update={"frames": tuple(frames)})
    assert len(accelerations(filled)[1]) == (2 + 2) * 17


@pytest.mark.parametrize("delay", [-7, -1, 0, 1, 2, 15])
def test_a_delayed_copy_is_late_by_its_delay(delay: int) -> None:
    places = moving(120)
    copy = places[np.clip(np.arange(120) - delay, 0, 119)]
    assert lag(result([(1, places)]), result([(1, copy)])) == delay


def test_a_delay_shows_through_noise_and_under_other_ids() -> None:
    rng = np.random.default_rng(0)
    places = [moving(100, seed) + 300 * seed for seed in range(2)]
    first = result([(i + 1, p + rng.normal(0, 2, p.shape)) for i, p in enumerate(places)])
    late = [np.concatenate([p[:1].repeat(3, axis=0), p[:-3]]) for p in places]
    second = result([(9 - i, p + rng.normal(0, 2, p.shape)) for i, p in enumerate(late)])
    assert lag(first, second) == 3
    assert lag(second, first) == -3


def test_joints_of_two_skeletons_are_paired_by_name() -> None:
    coco = moving(80)
    posetrack = moving(80, seed=5, joints=15)
    for joint, name in enumerate(POSETRACK15.joints):
        if name in COCO17.joints:
            posetrack[2:, joint] = coco[:-2, COCO17.index(name)]
    other = result([(1, posetrack)], skeleton=POSETRACK15)
    assert lag(result([(1, coco)]), other) == 2


def test_a_jump_to_where_nobody_is_sure_does_not_move_the_lag() -> None:
    places = moving(60)
    late = np.concatenate([places[:1].repeat(3, axis=0), places[:-3]])

    def jumping(places: np.ndarray) -> Poses:
        poses = result([(1, places)])
        unsure = person(1, places[-1] + 5000, score=0.2)
        last = poses.frames[-1].model_copy(update={"people": (unsure,)})
        return poses.model_copy(update={"frames": (*poses.frames[:-1], last)})

    assert lag(jumping(places), jumping(late)) == 3


def test_of_lags_that_are_as_good_the_one_nearest_to_0_is_taken() -> None:
    def twitching(*frames: int) -> Poses:
        places = np.full((40, 17, 2), 400.0)
        places[list(frames)] += 10
        return result([(1, places)])

    assert lag(twitching(20), twitching(10, 20, 30)) == 0
    assert lag(twitching(20), twitching(8, 30)) == 10


def test_nobody_in_common_or_nobody_who_moves_has_no_lag() -> None:
    places = moving(30)
    steady = 100 + np.arange(30)[:, None, None] * np.ones((17, 2))
    assert lag(result([]), result([(1, places)])) is None
    assert lag(result([(1, places)]), result([(1, places + 5000)])) is None
    assert lag(result([(1, steady)]), result([(1, steady)])) is None
