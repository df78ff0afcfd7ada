"""Predictions over an annotated sequence: which frames, which boxes, which scores."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vidpose.backbones.base import Backbone, FeatureInfo, Features
from vidpose.datasets.boxes import PersonBox, PersonBoxes
from vidpose.datasets.labels import NOT_LABELLED, FrameLabels, SequenceLabels
from vidpose.errors import VidposeError
from vidpose.geometry import CropGeometry
from vidpose.heads.prior import Prior
from vidpose.models.base import PoseModel, PoseOutput
from vidpose.predict import predict
from vidpose.skeleton import COCO17, PENN13, POSETRACK15, Skeleton


class Brightness(Backbone):
    """The mean of each crop, as features."""

    info = (FeatureInfo(1, 64),)

    def forward(self, frames: Tensor) -> Features:
        return Features((frames.float().mean((1, 2, 3))[:, None],))


class Middle(PoseModel):
    """Puts every joint into the middle of the crop; remembers how bright its frames were."""

    def __init__(self, offsets: tuple[int, ...], skeleton: Skeleton = COCO17) -> None:
        super().__init__()
        self.offsets, self.skeleton = offsets, skeleton
        self.crop = CropGeometry((64, 48))
        self.backbone = Brightness()
        self.place = nn.Parameter(torch.tensor(0.5))
        self.seen: list[list[float]] = []

    def aggregate(self, features: Features, prior: Prior | None = None) -> PoseOutput:
        self.seen += features.last[..., 0].tolist()
        joints = len(features.last), len(self.skeleton)
        return PoseOutput(self.place.expand(*joints, 2), torch.full(joints, 0.5))


class Grey:
    """Pictures whose grey is their number."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.read: list[int] = []

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> np.ndarray:
        if not 0 <= index < self.count:
            raise VidposeError(f"there is no picture {index}")
        self.read.append(index)
        return np.full((100, 100, 3), index, dtype=np.uint8)


def sequence(labelled: list[int], count: int = 6) -> SequenceLabels:
    frames = [FrameLabels(i, f"{i:06d}.jpg", labelled=i in labelled) for i in range(count)]
    return SequenceLabels("clip", POSETRACK15, tuple(frames), Grey(count))


def everywhere(*people: PersonBox, frames: int = 6) -> PersonBoxes:
    return PersonBoxes("test", {"clip": dict.fromkeys(range(frames), people)})


SOMEBODY = PersonBox(np.array([20.0, 20, 60, 80]), 0.8)


def test_a_sequence_without_pictures_says_so() -> None:
    labels = SequenceLabels("clip", POSETRACK15, (FrameLabels(0, "a.jpg"),))
    with pytest.raises(VidposeError, match="clip: there are labels but no pictures"):
        predict(Middle((0,)), labels, everywhere(SOMEBODY))


def test_nothing_is_predicted_where_there_are_no_boxes() -> None:
    answered = predict(Middle((0,)), sequence([0, 1]), PersonBoxes("none", {}))
    assert [len(frame.people) for frame in answered.frames] == [0] * 6


def test_only_labelled_frames_are_answered_and_all_are_listed() -> None:
    answered = predict(Middle((-1, 0, 1)), sequence([1, 4]), everywhere(SOMEBODY))
    assert [len(frame.people) for frame in answered.frames] == [0, 1, 0, 0, 1, 0]
    assert [frame.name for frame in answered.frames] == [f"{i:06d}.jpg" for i in range(6)]


def test_clips_repeat_the_nearest_frame_at_the_ends_and_pictures_are_read_once() -> None:
    model, labels = Middle((-2, 0, 1)), sequence([0, 1, 2, 5])
    predict(model, labels, everywhere(SOMEBODY))
    assert np.rint(model.seen).tolist() == [[0, 0, 1], [0, 1, 2], [0, 2, 3], [3, 5, 5]]
    assert isinstance(labels.images, Grey)
    assert sorted(labels.images.read) == [0, 1, 2, 3, 5]


def test_places_and_scores() -> None:
    other = PersonBox(np.array([0.0, 0, 10, 10]), 0.25, track_id=7)
    (person, second) = (
        predict(Middle((0,)), sequence([0]), everywhere(SOMEBODY, other)).frames[0].people
    )
    assert np.abs(person.keypoints - [40, 50]).max() < 1e-3  # the middle of the box
    assert np.abs(second.keypoints - [5, 5]).max() < 1e-3
    assert person.keypoint_scores is not None and second.keypoint_scores is not None
    np.testing.assert_allclose(person.keypoint_scores, 0.5 * 0.8)
    np.testing.assert_allclose(second.keypoint_scores, 0.5 * 0.25)
    assert (person.track_id, second.track_id) == (0, 7)
    assert person.score == 0.8


def test_joints_that_the_model_cannot_give_are_left_out() -> None:
    (person,) = predict(Middle((0,), PENN13), sequence([0]), everywhere(SOMEBODY)).frames[0].people
    missing = {POSETRACK15.joints[i] for i in np.flatnonzero(person.visibility == NOT_LABELLED)}
    assert missing == {"nose", "head_bottom", "head_top"}
    assert person.keypoint_scores is not None
    assert np.isnan(person.keypoint_scores[:3]).all()


def test_a_picture_that_cannot_be_read_is_told() -> None:
    labels = sequence([0, 5], count=6)
    short = SequenceLabels("clip", POSETRACK15, labels.frames, Broken())
    with pytest.raises(VidposeError, match="cannot read picture 5"):
        predict(Middle((0,)), short, everywhere(SOMEBODY))


class Broken(Grey):
    def __init__(self) -> None:
        super().__init__(6)

    def __getitem__(self, index: int) -> np.ndarray:
        if index == 5:
            raise VidposeError("cannot read picture 5")
        return super().__getitem__(index)
