"""Smoothing and filled gaps: against scipy's filter, exact polynomials, and tracks with holes."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import savgol_filter

from vidpose.errors import VidposeError
from vidpose.poses import FramePoses, Header, Person, Poses, SkeletonRecord
from vidpose.refine import REACH, fill_gaps, smooth, smoothed
from vidpose.skeleton import COCO17

GENTLE = 0.015
HEADER = Header(source="a", width=640, height=480, skeleton=SkeletonRecord.of(COCO17))


def person(
    id_: int,
    place: np.ndarray | float,
    scores: np.ndarray | float = 0.8,
    score: float = 0.9,
    box: Sequence[float] = (0, 0, 50, 100),
) -> Person:
    return Person(
        id=id_,
        score=score,
        box=box,
        keypoints=np.broadcast_to(place, (17, 2)),
        keypoint_scores=np.broadcast_to(scores, 17),
    )


def frames_of(people: Sequence[Sequence[Person]], step: float = 1 / 30) -> tuple[FramePoses, ...]:
    return tuple(FramePoses(index=i, pts=i * step, people=who) for i, who in enumerate(people))


def result(people: Sequence[Sequence[Person]], step: float = 1 / 30) -> Poses:
    return Poses(header=HEADER, frames=frames_of(people, step))


def walk(count: int, seed: int = 0) -> np.ndarray:
    """Places of 17 joints that wander: [frame, 17, 2]."""
    return 300 + np.random.default_rng(seed).normal(size=(count, 17, 2)).cumsum(axis=0)


def track(poses: Poses, id_: int = 1) -> np.ndarray:
    found = [p.keypoints for frame in poses for p in frame.people if p.id == id_]
    return np.stack(found).astype(np.float64)


@pytest.mark.parametrize("people", [[], [[]], [[], [], []]])
def test_nobody_is_smoothed_and_filled(people: list[list[Person]]) -> None:
    poses = result(people)
    assert smooth(poses) == fill_gaps(poses) == poses


def test_a_short_track_stays_and_says_what_was_raw() -> None:
    places = walk(3)
    got = smooth(result([[person(1, place)] for place in places]), order=2)
    np.testing.assert_array_equal(track(got), places.astype(np.float32))
    for frame, place in zip(got, places, strict=True):
        np.testing.assert_array_equal(frame.people[0].keypoints_raw, place.astype(np.float32))


@pytest.mark.parametrize(("window", "order"), [(3, 1), (7, 2), (9, 2), (11, 3), (9, 5), (5, 0)])
def test_inside_a_track_it_is_the_filter_of_savitzky_and_golay(window: int, order: int) -> None:
    places, half = walk(40), window // 2
    got = smooth(result([[person(1, place)] for place in places]), window, order)
    inside = slice(half, -half)
    np.testing.assert_allclose(
        track(got)[inside], savgol_filter(places, window, order, axis=0)[inside], atol=2e-4
    )


@settings(max_examples=30)
@given(
    steps=st.lists(st.floats(0.02, 0.04), min_size=12, max_size=12),
    scores=st.lists(st.floats(0, 1), min_size=12, max_size=12),
    order=st.integers(0, 4),
)
def test_a_polynomial_in_time_stays_whatever_frame_rate_and_scores(
    steps: list[float], scores: list[float], order: int
) -> None:
    times = np.cumsum(steps)
    curve = 200 + sum(40.0 * (times / times[-1] - 0.3 * k) ** k for k in range(1, order + 1))
    curve = np.broadcast_to(curve, times.shape)
    frames = tuple(
        FramePoses(index=i, pts=time, people=(person(1, place, score),))
        for i, (time, place, score) in enumerate(zip(times, curve, scores, strict=True))
    )
    got = smooth(Poses(header=HEADER, frames=frames), 7, order)
    np.testing.assert_allclose(track(got)[:, 0, 0], curve, atol=2e-2)


def test_a_joint_that_is_not_sure_follows_its_neighbours_and_keeps_its_score() -> None:
    def strayed(score: float) -> float:
        people = [[person(1, 100.0)] for _ in range(9)]
        scores = np.full(17, 0.8)
        scores[3] = score
        place = np.full((17, 2), 100.0)
        place[3] = 180.0
        people[4] = [person(1, place, scores)]
        middle = smooth(result(people)).frames[4].people[0]
        assert middle.keypoint_scores[3] == np.float32(score)
        assert middle.keypoints_raw is not None and middle.keypoints_raw[3, 0] == 180
        np.testing.assert_allclose(np.delete(middle.keypoints, 3, axis=0), 100, atol=1e-3)
        return float(middle.keypoints[3, 0]) - 100

    assert strayed(0.8) > 20
    assert strayed(0.1) < 1
    assert strayed(0.0) < 0.1


def test_a_gap_ends_a_piece() -> None:
    left, right = walk(10, 1), walk(10, 2) + 200
    together = [*([person(1, p)] for p in left), [], *([person(1, p)] for p in right)]
    got = track(smooth(result(together)))
    for part, places in ((got[:10], left), (got[10:], right)):
        alone = track(smooth(result([[person(1, p)] for p in places])))
        np.testing.assert_allclose(part, alone, atol=1e-3)


@pytest.mark.parametrize("missing", ["frame", "time"])
def test_a_missing_frame_and_a_pause_end_a_piece(missing: str) -> None:
    places = np.concatenate([np.full(10, 100.0), np.full(10, 200.0)])
    frames = tuple(
        FramePoses(
            index=i + (missing == "frame" and i >= 10),
            pts=i / 30 + 5 * (missing == "time" and i >= 10),
            people=(person(1, place),),
        )
        for i, place in enumerate(places)
    )
    got = track(smooth(Poses(header=HEADER, frames=frames)))
    np.testing.assert_allclose(got[:, 0, 0], places, atol=1e-3)


@pytest.mark.parametrize(("steps", "broken"), [(1, False), (2, False), (3, True)])
def test_a_step_of_more_than_two_and_a_half_usual_ones_is_a_pause(
    steps: float, broken: bool
) -> None:
    places = np.concatenate([np.full(10, 100.0), np.full(10, 200.0)])
    frames = tuple(
        FramePoses(index=i, pts=(i + (steps - 1) * (i >= 10)) / 30, people=(person(1, place),))
        for i, place in enumerate(places)
    )
    got = track(smooth(Poses(header=HEADER, frames=frames)))[:, 0, 0]
    # Across a pause nothing mixes; without one the jump is smoothed.
    assert np.allclose(got, places, atol=1e-3) == broken


def test_times_that_stand_still_are_no_reason_to_fail() -> None:
    places = walk(8)
    still = result([[person(1, place)] for place in places], step=0.0)
    np.testing.assert_array_equal(track(smooth(still)), places.astype(np.float32))
    gap = result([[person(1, 1.0)], [], [person(1, 2.0)]], step=0.0)
    assert fill_gaps(gap) == gap


@pytest.mark.parametrize(("window", "order"), [(7, 2), (7, 5), (11, 4)])
@pytest.mark.parametrize("reach", [None, GENTLE])
@pytest.mark.parametrize("short", [1e-3, 1e-6])
def test_frames_at_nearly_one_time_throw_nobody_far_off(
    window: int, order: int, reach: float | None, short: float
) -> None:
    rng = np.random.default_rng(0)
    furthest = 0.0
    for _ in range(20):
        times = rng.choice([0.04, short], 24).cumsum()
        noise = rng.normal(size=(24, 17, 2))
        scores = rng.choice([0, 0.05, 0.9], (24, 17))
        frames = [
            FramePoses(index=n, pts=pts, people=(person(1, 300 + place, score),))
            for n, (pts, place, score) in enumerate(zip(times, noise, scores, strict=True))
        ]
        got = track(smooth(Poses(header=HEADER, frames=tuple(frames)), window, order, reach))
        furthest = max(furthest, np.abs(got - 300).max())
    assert furthest < 12 * noise.std()


def test_people_are_smoothed_apart_whatever_their_order() -> None:
    a, b = walk(12, 1), walk(12, 2)
    both = smooth(
        result(
            [
                [person(1, p), person(2, q)][:: 1 if i % 2 else -1]
                for i, (p, q) in enumerate(zip(a, b, strict=True))
            ]
        )
    )
    for id_, places in ((1, a), (2, b)):
        alone = smooth(result([[person(id_, place)] for place in places]))
        np.testing.assert_array_equal(track(both, id_), track(alone, id_))


def test_smoothing_again_starts_from_what_was_raw() -> None:
    poses = result([[person(1, place)] for place in walk(15)])
    assert smooth(smooth(poses)) == smooth(poses)
    assert smooth(smooth(poses, 11), 5) == smooth(poses, 5)


def test_white_noise_trembles_as_much_less_as_the_module_says() -> None:
    noise = 300 + np.random.default_rng(0).normal(size=(2000, 17, 2))
    got = track(smooth(result([[person(1, place)] for place in noise])))
    ratio = np.std(np.diff(got, 2, axis=0)) / np.std(np.diff(noise, 2, axis=0))
    assert ratio == pytest.approx(0.22, abs=0.01)


def test_a_frame_comes_half_a_window_late_and_not_later() -> None:
    taken = 0

    def arriving() -> object:
        nonlocal taken
        for frame in frames_of([[person(1, place)] for place in walk(20)]):
            taken += 1
            yield frame

    out = smoothed(arriving(), window=9)  # type: ignore[arg-type]
    for index in range(20):
        assert next(out).index == index
        assert taken == min(index + 5, 20)


@pytest.mark.parametrize(
    ("window", "order", "words"),
    [(0, 0, "odd"), (4, 2, "odd"), (-3, 0, "odd"), (3, 3, "0 to 2"), (9, -1, "0 to"), (9, 6, "5")],
)
def test_a_window_that_makes_no_sense_is_refused_at_once(
    window: int, order: int, words: str
) -> None:
    with pytest.raises(VidposeError, match=words):
        smoothed([], window, order)


@pytest.mark.parametrize("reach", [-0.1, float("nan")])
def test_a_reach_that_makes_no_sense_is_refused_at_once(reach: float) -> None:
    with pytest.raises(VidposeError, match="reach"):
        smoothed([], reach=reach)


def expected_by_others(places: np.ndarray, key: int) -> tuple[float, float]:
    """Of a coordinate of a joint: the prediction of a quadratic through others, its variance."""
    others = [i for i in range(max(key - 3, 0), min(key + 4, len(places))) if i != key]
    times = np.array(others) - key
    terms, covariance = np.polyfit(times, places[others], 2, cov=True)
    spread = np.square(places[others] - np.polyval(terms, times)).sum() / (len(others) - 3)
    return terms[-1], covariance[-1, -1] + spread


@given(st.integers(0, 1000), st.floats(0, 0.1))
@settings(max_examples=25, deadline=None)
def test_joints_keep_to_the_reach_but_for_strays_which_go_where_others_expect_them(
    seed: int, reach: float
) -> None:
    places = walk(12, seed)
    poses = result([[person(1, place)] for place in places])
    free = track(smooth(poses)) - places
    length = np.linalg.norm(free, axis=-1)
    expected = free * np.minimum(1, 100 * reach / np.maximum(length, 1e-12))[..., None]
    for key in range(2, 10):  # from here on five others are there
        for joint in range(17):
            by_others = [expected_by_others(places[:, joint, axis], key) for axis in (0, 1)]
            there, variance = np.array(by_others).T
            off = np.linalg.norm(there - places[key, joint])
            if off > max(3 * np.sqrt(variance.sum()), 100 * reach):
                expected[key, joint] = there - places[key, joint]
    moved = track(smooth(poses, reach=reach)) - places
    np.testing.assert_allclose(moved, expected, atol=1e-3)


def strayed(places: np.ndarray, scores: np.ndarray | None = None) -> np.ndarray:
    """Where gentle smoothing puts the joint at each of ``places``, along x: [frame]."""
    scores = np.full(len(places), 0.8) if scores is None else scores
    people = [[person(1, x, score)] for x, score in zip(places, scores, strict=True)]
    return track(smooth(result(people), reach=GENTLE))[:, 0, 0]


@pytest.mark.parametrize("score", [0.1, 0.8, 1.0])
def test_a_joint_that_jumps_for_one_frame_is_put_where_the_others_expect_it(score: float) -> None:
    times = np.arange(15.0)
    swing = 200 + 3 * times + 0.2 * times**2 + np.resize([0.3, -0.2, -0.1, 0.2], 15)
    places, scores = swing.copy(), np.full(15, 0.8)
    places[7] += 40
    scores[7] = score
    np.testing.assert_allclose(strayed(places, scores), swing, atol=2)


def test_a_joint_that_stays_where_it_jumped_to_is_no_stray() -> None:
    places = np.repeat([200.0, 240.0], 8)
    assert np.abs(strayed(places) - places).max() <= 100 * GENTLE + 1e-3


def test_four_other_frames_are_too_few_to_tell_a_stray() -> None:
    places = np.array([200, 200, 240, 200, 200])
    assert np.abs(strayed(places) - places).max() <= 100 * GENTLE + 1e-3


def test_a_window_of_one_frame_changes_nothing() -> None:
    places = walk(5)
    got = smooth(result([[person(1, place)] for place in places]), 1, 0)
    np.testing.assert_array_equal(track(got), places.astype(np.float32))


def test_a_short_gap_is_filled_on_a_line_in_time_and_says_so() -> None:
    start, end = person(1, 100.0, 0.8), person(1, 130.0, 0.6)
    times = [0.0, 0.1, 0.4]
    frames = tuple(
        FramePoses(index=i, pts=pts, people=who)
        for i, (pts, who) in enumerate(zip(times, [(start,), (), (end,)], strict=True))
    )
    filled = fill_gaps(Poses(header=HEADER, frames=frames))
    (between,) = filled.frames[1].people
    np.testing.assert_allclose(between.keypoints, 107.5, rtol=1e-6)
    np.testing.assert_allclose(between.keypoint_scores, 0.3, rtol=1e-6)
    assert (between.id, between.score, between.filled) == (1, 0.45, True)
    assert (filled.frames[0], filled.frames[2]) == (frames[0], frames[2])


@pytest.mark.parametrize("order", [1, -1])
def test_between_two_sightings_boxes_are_on_the_line_and_scores_half_of_the_lower(
    order: int,
) -> None:
    sightings = [
        person(1, 100.0, np.linspace(0.2, 0.8, 17), 0.9, (0, 0, 50, 100)),
        person(1, 100.0, np.linspace(0.8, 0.2, 17), 0.6, (40, 80, 70, 220)),
    ][::order]
    filled = fill_gaps(result([[sightings[0]], [], [], [], [sightings[1]]]))
    for position in (1, 2, 3):
        (between,) = filled.frames[position].people
        for got, corner in zip(
            between.box, np.transpose([each.box for each in sightings]), strict=True
        ):
            assert got == pytest.approx(np.interp(position, [0, 4], corner))
        assert between.score == pytest.approx(0.5 * 0.6)
        lower = np.minimum(*[each.keypoint_scores for each in sightings])
        np.testing.assert_allclose(between.keypoint_scores, 0.5 * lower, rtol=1e-6)


def test_frames_that_are_not_there_are_part_of_a_gap() -> None:
    frames = tuple(
        FramePoses(index=index, pts=index / 30, people=who)
        for index, who in ((0, (person(1, 1.0),)), (1, ()), (9, (person(1, 2.0),)))
    )
    poses = Poses(header=HEADER, frames=frames)
    assert fill_gaps(poses, longest=2) == poses
    # Eight frames are not seen, one of which is there to be filled.
    assert fill_gaps(poses, longest=7) == poses
    assert [len(frame.people) for frame in fill_gaps(poses, longest=8)] == [1] * 3


def test_only_gaps_of_a_track_that_are_short_enough_are_filled() -> None:
    here, other = [person(1, 1.0)], person(2, 5.0)
    people = [[], here, [], [], [*here, other], [], [], [], here, []]
    count = [len(frame.people) for frame in fill_gaps(result(people), longest=2)]
    assert count == [0, 1, 1, 1, 2, 0, 0, 0, 1, 0]
    assert fill_gaps(result(people), longest=0) == result(people)
    with pytest.raises(VidposeError, match="0 or more"):
        fill_gaps(result(people), longest=-1)


def test_what_is_filled_is_smoothed_through() -> None:
    places = walk(14)
    people = [[] if i in (5, 6) else [person(1, place)] for i, place in enumerate(places)]
    got = smooth(fill_gaps(result(people)))
    assert [len(frame.people) for frame in got] == [1] * 14
    assert [bool(frame.people[0].filled) for frame in got] == [i in (5, 6) for i in range(14)]
    alone = smooth(result(people))
    assert not np.allclose(got.frames[4].people[0].keypoints, alone.frames[4].people[0].keypoints)


@pytest.mark.filterwarnings("error")
def test_somebody_large_who_does_not_move_is_no_reason_to_warn() -> None:
    still = [person(1, 300.0, box=(0, 0, 300, 900)) for _ in range(9)]
    poses = result([[each] for each in still])
    smoothed = smooth(poses, reach=REACH["gentle"])
    np.testing.assert_allclose(track(smoothed), track(poses), atol=1e-3)
