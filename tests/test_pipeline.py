"""The stages composed, with a scripted detector and pose model."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vidpose.backbones.base import Features
from vidpose.detect.base import Detections
from vidpose.estimator import ClipEstimator
from vidpose.frame import Frame
from vidpose.geometry import CropGeometry
from vidpose.heads.prior import Prior
from vidpose.models.base import PoseModel, PoseOutput
from vidpose.pipeline import Pipeline
from vidpose.skeleton import COCO17, POSETRACK15
from vidpose.track import Tracker

SHAPE = np.random.default_rng(0).uniform([-20, -50], [20, 50], (17, 2))


class Middle(PoseModel):
    """Answers with the prior where there is one, else with the middle of the crop."""

    skeleton = COCO17
    uses_prior = True

    def __init__(self, offsets: tuple[int, ...] = (0,), score: float = 0.9) -> None:
        super().__init__()
        self.offsets = offsets
        self.crop = CropGeometry((32, 32), 1.0)
        self.score = nn.Parameter(torch.tensor(score))

    def encode(self, frames: Tensor) -> Features:
        return Features((frames.float(),))

    def aggregate(self, features: Features, prior: Prior | None = None) -> PoseOutput:
        assert prior is not None
        known = prior[..., 2:] > 0
        xy = torch.where(known, prior[..., :2], 0.5)
        return PoseOutput(xy, self.score.expand(xy.shape[:2]))


class Script:
    """Detects people at the scripted places of each frame."""

    name = "script"

    def __init__(self, places: dict[int, list[tuple[float, float]]]) -> None:
        self.places = places
        self.asked: list[int] = []

    def __call__(self, frame: Frame) -> Detections:
        self.asked.append(frame.index)
        places = self.places.get(frame.index, [])
        keypoints = np.array([SHAPE + place for place in places]).reshape(-1, 17, 2)
        boxes = np.array([[x - 22, y - 52, x + 22, y + 52] for x, y in places]).reshape(-1, 4)
        count = len(places)
        return Detections(boxes, np.full(count, 0.6), keypoints, np.full((count, 17), 0.8))


def video(count: int) -> list[Frame]:
    return [Frame(i, i / 30, np.zeros((240, 640, 3), np.uint8)) for i in range(count)]


def pipeline(detector: Script, model: Middle | None = None, detect_every: int = 1) -> Pipeline:
    estimator = ClipEstimator((model or Middle()).eval())
    return Pipeline(detector, Tracker(COCO17.sigmas), estimator, detect_every)


def test_no_frames() -> None:
    assert list(pipeline(Script({}))([])) == []


def test_frames_without_people_are_given_all_the_same() -> None:
    poses = [poses for _, poses in pipeline(Script({}))(video(3))]
    assert [frame.index for frame in poses] == [0, 1, 2]
    assert all(frame.people == () for frame in poses)


@pytest.mark.parametrize("offsets", [(0,), (-1, 0, 1), (-2, -1, 0, 1, 2), (-2, 0)])
def test_every_frame_has_its_own_people_whatever_the_offsets(offsets: tuple[int, ...]) -> None:
    places = {i: [(100.0 + 4 * i, 120.0), (500.0 - 4 * i, 130.0)] for i in range(10)}
    run = pipeline(Script(places), Middle(offsets))
    for key, (frame, poses) in enumerate(run(video(10))):
        assert frame.index == poses.index == key
        assert [person.id for person in poses.people] == [1, 2]
        middles = [person.keypoints.mean(axis=0) - SHAPE.mean(axis=0) for person in poses.people]
        np.testing.assert_allclose(middles, places[key], atol=0.5)


def test_between_detections_poses_carry_the_boxes() -> None:
    places = {i: [(100.0 + 3 * i, 120.0)] for i in range(20)}
    script = Script(places)
    poses = [poses for _, poses in pipeline(script, detect_every=5)(video(20))]
    assert script.asked == [0, 5, 10, 15]
    assert all([person.id for person in frame.people] == [1] for frame in poses)


def test_a_person_missed_for_a_moment_is_kept_while_the_network_is_sure() -> None:
    places = {i: [(100.0, 120.0)] for i in range(12) if i not in (6, 7)}
    for score, expected in ((0.9, 1), (0.1, 0)):
        poses = [p for _, p in pipeline(Script(places), Middle(score=score))(video(12))]
        assert len(poses[6].people) == expected
        assert [person.id for person in poses[11].people] == [1]


def test_who_is_no_longer_credible_is_not_estimated_again() -> None:
    places = {i: [(100.0, 120.0)] for i in range(3)}
    model = Middle(score=0.1)
    run = pipeline(Script(places), model)
    answered = [run.estimator.answered for _ in run(video(6))]
    # Missed in the fourth frame, where the network is asked for the last time.
    assert answered == [1, 2, 3, 4, 4, 4]


def test_the_tracker_is_told_every_pose_that_is_given() -> None:
    told: list[tuple[int, np.ndarray]] = []

    class Told(Tracker):
        def correct(
            self, track_id: int, keypoints: np.ndarray, keypoint_scores: np.ndarray
        ) -> None:
            told.append((track_id, keypoints))
            super().correct(track_id, keypoints, keypoint_scores)

    places = {i: [(100.0 + 4 * i, 120.0), (500.0 - 4 * i, 130.0)] for i in range(6)}
    run = Pipeline(Script(places), Told(COCO17.sigmas), ClipEstimator(Middle().eval()), 2)
    given = [person for _, poses in run(video(6)) for person in poses.people]
    assert [id_ for id_, _ in told] == [person.id for person in given] == [1, 2] * 6
    for (_, keypoints), person in zip(told, given, strict=True):
        np.testing.assert_array_equal(keypoints, person.keypoints)


def test_the_tracker_is_told_first_who_is_nobody() -> None:
    told: list[str] = []

    class Told(Tracker):
        def correct(self, *pose: object) -> None:
            told.append("correct")

        def drop(self, track_id: int) -> None:
            told.append("drop")
            super().drop(track_id)

    # The second of two who walk into one another is a duplicate when no longer detected.
    places = {i: [(100.0 + 20 * i, 120.0), (220.0, 120.0)][: 2 if i < 6 else 1] for i in range(7)}
    run = Pipeline(Script(places), Told(COCO17.sigmas), ClipEstimator(Middle().eval()))
    list(run(video(7)))
    assert told[-2:] == ["drop", "correct"]


def test_a_person_has_the_box_and_the_score_of_the_detector() -> None:
    ((_, poses),) = pipeline(Script({0: [(100.0, 120.0)]}))(video(1))
    assert poses.people[0].score == 0.6
    np.testing.assert_array_equal(poses.people[0].box, [78, 68, 122, 172])


def test_a_frame_says_its_name_and_its_size_if_that_is_not_the_first_ones() -> None:
    shapes = [(240, 640, 3), (100, 300, 3), (240, 640, 3)]
    frames = [
        Frame(i, i / 30, np.zeros(shape, np.uint8), name=f"{i}.jpg")
        for i, shape in enumerate(shapes)
    ]
    poses = [poses for _, poses in pipeline(Script({}))(frames)]
    assert [(each.width, each.height) for each in poses] == [(None, None), (300, 100), (None, None)]
    assert [each.name for each in poses] == ["0.jpg", "1.jpg", "2.jpg"]


def test_a_model_of_another_skeleton_is_led_by_the_same_detector() -> None:
    class PoseTrack(Middle):
        skeleton = POSETRACK15

    places = {i: [(100.0 + 4 * i, 120.0), (500.0 - 4 * i, 130.0)] for i in range(6)}
    estimator = ClipEstimator(PoseTrack().eval())
    run = Pipeline(Script(places), Tracker(POSETRACK15.sigmas), estimator)
    for _, poses in run(video(6)):
        assert [len(person.keypoints) for person in poses.people] == [15, 15]
        elbow = POSETRACK15.index("left_elbow")
        expected = SHAPE[COCO17.index("left_elbow")] + places[poses.index][0]
        np.testing.assert_allclose(poses.people[0].keypoints[elbow], expected, atol=0.5)


def test_boxes_alone_lead_nobody_not_even_by_what_was_answered_before() -> None:
    class BoxesOnly(Script):
        def __call__(self, frame: Frame) -> Detections:
            found = super().__call__(frame)
            return Detections(found.boxes, found.scores)

    places = {i: [(100.0 + 4 * i, 120.0)] for i in range(4)}
    for _, poses in pipeline(BoxesOnly(places))(video(4)):
        box = poses.people[0].box
        middle = np.tile((box[:2] + box[2:]) / 2, (17, 1))
        np.testing.assert_allclose(poses.people[0].keypoints, middle, atol=1e-3)


def test_looking_back_only_answers_as_soon_as_a_frame_arrives() -> None:
    arrived = 0

    def camera() -> Iterator[Frame]:
        nonlocal arrived
        for frame in video(6):
            arrived += 1
            yield frame

    places = {i: [(100.0 + 4 * i, 120.0)] for i in range(6)}
    run = pipeline(Script(places), Middle((-2, -1, 0)))
    for count, (frame, poses) in enumerate(run(camera()), start=1):
        assert arrived == count
        assert frame.index == count - 1
        assert len(poses.people) == 1


@pytest.mark.parametrize("detect_every", [1, 2])
def test_people_keep_their_ids_when_a_slow_run_skips_frames(detect_every: int) -> None:
    """Two walk past each other; of 30 frames a second, every third to ninth is taken."""
    taken = np.cumsum([0, 3, 9, 5, 3, 9, 6, 4, 8, 3])
    places = {i: [(100.0 + 4 * at, 120.0), (500.0 - 4 * at, 130.0)] for i, at in enumerate(taken)}
    image = np.zeros((240, 640, 3), np.uint8)
    frames = [Frame(i, at / 30, image) for i, at in enumerate(taken)]
    run = pipeline(Script(places), Middle((-1, 0)), detect_every)
    for poses in (poses for _, poses in run(frames)):
        seen = {p.id: p.keypoints.mean(axis=0)[0] - SHAPE.mean(axis=0)[0] for p in poses.people}
        expected = places[poses.index]
        assert sorted(seen) == [1, 2]
        assert [abs(seen[i + 1] - expected[i][0]) < 25 for i in range(2)] == [True, True]
