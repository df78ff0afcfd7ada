from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_scenes import HEAD, JOINTS, POSE, matched, person, random_scene, sequence, with_ignored

from vidpose.datasets.labels import SequenceLabels
from vidpose.errors import VidposeError
from vidpose.evaluation.frames import NO_SCORE, Protocol
from vidpose.evaluation.pckh import Distances
from vidpose.evaluation.posetrack import evaluate
from vidpose.skeleton import COCO17, POSETRACK15

SEEDS = st.integers(0, 10_000)
# Pixels that are half the head's size: exactly the threshold.
REACH = 15.0


def mean_ap(truth: SequenceLabels, found: SequenceLabels, protocol: str = "posetrack18") -> float:
    return evaluate([truth], [found], protocol).result.ap.mean


def test_without_an_annotated_frame_there_is_nothing_to_say() -> None:
    with pytest.raises(VidposeError, match="nobody is annotated"):
        evaluate([], [])
    with pytest.raises(VidposeError, match="nobody is annotated"):
        evaluate([sequence([], [])], [sequence([person()], [])])


def test_no_predictions_score_zero() -> None:
    result = evaluate([sequence([person()])], [sequence([])], tracking=True, resamples=5).result
    assert result.ap.mean == result.recall.mean == result.precision.mean == 0
    assert result.people == 1


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_perfect_predictions_score_100(seed: int) -> None:
    truth, _ = random_scene(seed, people=2)
    nobody = not any(frame.people for frame in truth.frames)
    missing = not all(any(p.labelled[j] for f in truth.frames for p in f.people) for j in range(15))
    if nobody or missing:
        return
    result = evaluate([truth], [truth], tracking=True).result
    for scores in (result.ap, result.precision, result.recall, result.pckh_tenth):
        assert scores.mean == pytest.approx(100)
        assert scores.column_mean == pytest.approx(100)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_another_false_person_with_the_lowest_score_changes_no_average_precision(
    seed: int,
) -> None:
    truth, found = random_scene(seed)
    worse = person(POSE + 5000, track=99, score=-1.0)
    frames = tuple(replace(frame, people=(*frame.people, worse)) for frame in found.frames)
    before = evaluate([truth], [found]).result
    after = evaluate([truth], [replace(found, frames=frames)]).result
    for joint, value in before.ap.joints.items():
        if before.counts["annotated"][joint]:
            assert after.ap.joints[joint] == pytest.approx(value, abs=1e-9)
            assert after.precision.joints[joint] <= before.precision.joints[joint]


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_the_order_of_people_and_sequences_changes_nothing(seed: int) -> None:
    # Apart, because of two equally good predictions of one person the first is taken.
    pairs = [random_scene(seed + number, apart=1000) for number in range(2)]
    truth = [replace(each[0], name=f"s{number}") for number, each in enumerate(pairs)]
    found = [replace(each[1], name=f"s{number}") for number, each in enumerate(pairs)]
    turned = [
        replace(
            each,
            frames=tuple(replace(f, people=tuple(reversed(f.people))) for f in each.frames),
        )
        for each in found
    ]
    one = evaluate(truth, found, tracking=True).result
    # Turning the sequences alone changes no bit.
    again = evaluate(truth[::-1], found[::-1], tracking=True).result
    assert again.model_dump_json() == one.model_dump_json()
    other = evaluate(truth, turned, tracking=True).result
    assert other.counts == one.counts
    assert other.ap.mean == pytest.approx(one.ap.mean)
    assert other.tracking is not None and one.tracking is not None
    assert other.tracking.counts == one.tracking.counts
    assert other.tracking.hota["HOTA"].total == pytest.approx(one.tracking.hota["HOTA"].total)


def test_the_threshold_counts_its_boundary_in() -> None:
    truth = sequence([person()])
    for shift, value in ((REACH, 100), (REACH + 1 / 64, 0)):
        assert mean_ap(truth, sequence([person(POSE + [shift, 0])])) == value


def test_the_better_pose_is_matched_whatever_its_score() -> None:
    half = np.where(np.arange(JOINTS)[:, None] < 8, POSE, POSE + 900)
    found = sequence([person(half, 1, score=0.9), person(POSE, 2, score=0.1)])
    result = evaluate([sequence([person()])], [found]).result
    # The confident half pose is wrong in all joints, and stands first.
    assert result.ap.joints["nose"] == 50
    assert result.recall.mean == 100


def test_a_person_is_matched_by_the_part_of_the_annotated_joints_that_is_right() -> None:
    number = np.arange(JOINTS)[:, None]
    many = person(POSE, 0, there=number[:, 0] < 10)
    few = person(POSE + 300, 1, there=number[:, 0] < 2)
    # Both joints of the one with few, four of the ten of the one with many.
    answer = person(np.where(number < 2, POSE + 300, np.where(number < 6, POSE, POSE + 900)))
    [frame] = matched(sequence([many, few]), sequence([answer]))
    assert frame.hit.sum(axis=-1).tolist() == [[4, 2]]
    assert frame.person.tolist() == [1]


def test_a_predicted_joint_that_is_not_annotated_is_wrong() -> None:
    there = np.arange(JOINTS) != 0
    truth = sequence([person(there=there), person(POSE + 300, 1)])
    found = sequence([person(), person(POSE + 300, 1)])
    result = evaluate([truth], [found]).result
    assert result.precision.joints["nose"] == 50
    assert result.precision.joints["left_hip"] == 100


def test_the_first_wins_a_tie() -> None:
    found = sequence([person(track=1, score=0.1), person(track=2, score=0.9)])
    [frame] = matched(sequence([person()]), found)
    assert frame.person.tolist() == [0, -1]


def test_a_head_without_a_size_gets_nothing_right() -> None:
    truth = sequence([person(head=np.zeros(4))])
    assert mean_ap(truth, sequence([person()])) == 0


@pytest.mark.parametrize("corners", [[2, 1, 0, 3], [0, 3, 2, 1], [2, 3, 0, 1]])
def test_swapped_corners_of_a_head_do_not_change_its_size(corners: list[int]) -> None:
    truth = sequence([person(head=HEAD[corners])])
    for distance, figure in ((REACH - 0.01, 100), (REACH + 0.01, 0)):
        assert mean_ap(truth, sequence([person(POSE + [distance, 0])])) == figure


def test_a_person_without_a_head_box_is_an_error_only_where_something_is_predicted() -> None:
    truth = sequence([person()], [person(head=None, track=8)])
    assert mean_ap(truth, sequence([person()], [])) == pytest.approx(50)
    with pytest.raises(VidposeError, match=r"000001_mpii_test, .*000001.jpg: .* id 8 has no head"):
        mean_ap(truth, sequence([person()], [person()]))


def test_what_is_strictly_inside_an_ignored_region_goes_on_both_sides() -> None:
    square = np.array([[50.0, 50.0], [950.0, 50.0], [950.0, 950.0], [50.0, 950.0]])
    other = POSE + 2000
    truth = with_ignored(sequence([person(), person(other, 1)]), square)
    found = sequence([person(other, 1)])
    result = evaluate([truth], [found]).result
    assert result.people == 1
    assert result.ap.mean == 100
    corner = with_ignored(sequence([person()]), POSE[:3])  # a flat triangle contains nothing
    assert mean_ap(corner, sequence([person()])) == 100


def test_unannotated_frames_cost_nothing_but_frames_of_people_without_joints_do() -> None:
    empty = person(there=np.zeros(JOINTS, dtype=bool))
    found = sequence([person()], [person(score=0.9)])
    assert mean_ap(sequence([person()], []), found) == 100
    result = evaluate([sequence([person()], [empty])], [found]).result
    assert result.ap.mean == 50
    assert result.frames == 2


def test_the_kit_goes_by_the_labelled_flag_and_positive_coordinates() -> None:
    truth, found = sequence([person()], []), sequence([person()], [person(score=0.9)])
    unlabelled = replace(truth, frames=(truth.frames[0], replace(truth.frames[1], labelled=False)))
    assert mean_ap(unlabelled, found, "posetrack21") == 100
    # The kit itself stops at a labelled frame with predictions and nobody annotated.
    assert mean_ap(truth, found, "posetrack21") == 50
    outside = POSE.copy()
    outside[3, 0] = 0
    answer = sequence([person(outside)], [])
    assert (
        evaluate([truth], [answer], "posetrack21").result.counts["predicted"][POSETRACK15.joints[3]]
        == 0
    )
    assert evaluate([truth], [answer]).result.counts["predicted"][POSETRACK15.joints[3]] == 1


def test_a_missing_score_is_below_all_others() -> None:
    found = sequence([person(POSE + 900, 1, score=None), person(score=-50.0)])
    [frame] = matched(sequence([person()]), found)
    assert (frame.pair.predictions.scores[0] == NO_SCORE).all()
    assert mean_ap(sequence([person()]), found) == 100


def test_a_joint_that_nobody_has_is_left_out_or_counts_zero_in_the_kit() -> None:
    truth = sequence([person(there=np.arange(JOINTS) != 2)])
    found = sequence([person()])
    result = evaluate([truth], [found]).result
    assert np.isnan(result.ap.joints["head_top"])
    assert np.isnan(result.ap.columns["Head"])
    assert result.ap.mean == result.ap.column_mean == 100
    assert '"head_top":null' in result.model_dump_json()
    kit = evaluate([truth], [found], Protocol.POSETRACK21).result
    assert kit.ap.mean == pytest.approx(1400 / 15)


def test_labels_in_another_skeleton_count_by_the_names_of_joints() -> None:
    coco = person(np.zeros((len(COCO17), 2)), there=np.ones(len(COCO17), dtype=bool))
    coco = replace(
        coco, keypoints=np.vstack([POSE[0], np.zeros((4, 2)), POSE[3:]]), keypoint_scores=None
    )
    found = replace(sequence([coco]), skeleton=COCO17)
    joints = evaluate([sequence([person()])], [found]).result.ap.joints
    assert joints["nose"] == joints["right_ankle"] == 100
    assert joints["head_top"] == 0


@pytest.mark.parametrize(("tracks", "message"), [((3, 3), "id 3 twice"), ((-1, 2), "no track id")])
def test_tracking_needs_ids_that_differ(tracks: tuple[int, int], message: str) -> None:
    truth = sequence([person(track=0), person(POSE + 300, 1)])
    found = sequence([person(track=tracks[0]), person(POSE + 300, tracks[1])])
    assert mean_ap(truth, found) == 100
    with pytest.raises(VidposeError, match=f"000000.jpg: predicted people have .*{message}"):
        evaluate([truth], [found], tracking=True)


def test_the_height_of_somebody_is_that_of_the_annotated_joints_wherever_they_are() -> None:
    truth = sequence([person(there=np.arange(JOINTS) >= 3), person(POSE + 1000, 1)])
    distances = Distances.collect(matched(truth, sequence([])), JOINTS)
    assert distances.height.tolist() == [np.ptp(POSE[3:, 1]), np.ptp(POSE[:, 1])]


def test_pckh_at_half_a_head_is_the_recall_and_its_area_an_integral() -> None:
    truth, found = random_scene(11)
    result = evaluate([truth], [found]).result
    distances = Distances.collect(matched(truth, found), JOINTS)
    np.testing.assert_allclose(100 * distances.pckh(), list(result.recall.joints.values()))
    steps = [distances.pckh(threshold) for threshold in np.linspace(0, 0.5, 2001)]
    np.testing.assert_allclose(distances.area(), np.mean(steps, axis=0), atol=1e-3)
