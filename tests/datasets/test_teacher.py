import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from vidpose.backbones.base import Features
from vidpose.datasets.teacher import Teacher, agree, person_size
from vidpose.errors import VidposeError
from vidpose.geometry import CropGeometry
from vidpose.heads.prior import Prior
from vidpose.models.base import PoseModel, PoseOutput
from vidpose.skeleton import PENN13

BOX = np.array([20.0, 30.0, 80.0, 150.0])
RED, GREEN = np.array([70, 60]), np.array([40, 110])
LEFT, RIGHT = PENN13.index("left_wrist"), PENN13.index("right_wrist")
# Of the two dots, wherever they are.
SCORES = (0.9, 0.5)


class TwoDots(PoseModel):
    """The left wrist is the dot farther right, as of somebody who looks at us; others: middle."""

    offsets: tuple[int, ...] = (0,)
    skeleton = PENN13
    crop = CropGeometry((64, 48), 1.25)

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, clip: Tensor, prior: Prior | None = None) -> PoseOutput:
        assert prior is None
        frames = clip[:, 0].float()
        height, width = frames.shape[-2:]
        xy = torch.full((len(frames), len(self.skeleton), 2), 0.5)
        scores = torch.full(xy.shape[:2], 0.9)
        for answer, score, frame in zip(xy, scores, frames, strict=True):
            dots = [(self._middle(frame[channel]), SCORES[channel]) for channel in (0, 1)]
            dots.sort(key=lambda dot: float(dot[0][0]))
            (answer[RIGHT], score[RIGHT]), (answer[LEFT], score[LEFT]) = dots
        return PoseOutput(xy / torch.tensor([width, height]), scores)

    @staticmethod
    def _middle(grey: Tensor) -> Tensor:
        y, x = torch.meshgrid(*map(torch.arange, grey.shape), indexing="ij")
        return torch.stack([(x * grey).sum(), (y * grey).sum()]) / grey.sum()

    def aggregate(self, features: Features, prior: Prior | None = None) -> PoseOutput:
        raise NotImplementedError


def picture() -> np.ndarray:
    image = np.zeros((180, 120, 3), np.uint8)
    for channel, (x, y) in enumerate((RED, GREEN)):
        image[y - 3 : y + 4, x - 3 : x + 4, channel] = 255
    return image


def test_answers_of_all_crops_mirrored_or_not_are_of_the_same_places() -> None:
    keypoints, scores = Teacher(TwoDots()).answers(picture(), BOX)
    assert len(keypoints) == len(scores) == 4
    # A crop's pixel is up to 3 of the picture's.
    assert np.abs(keypoints[:, LEFT] - RED).max() < 0.5
    assert np.abs(keypoints[:, RIGHT] - GREEN).max() < 0.5


def test_scores_of_mirrored_crops_go_with_their_joints() -> None:
    _, scores = Teacher(TwoDots()).answers(picture(), BOX)
    np.testing.assert_allclose(scores[:, [LEFT, RIGHT]], [SCORES] * 4)


def test_a_joint_found_in_the_same_place_is_sure() -> None:
    keypoints, sure = Teacher(TwoDots())(picture(), BOX)
    assert sure[[LEFT, RIGHT]].all()
    assert np.abs(keypoints[[LEFT, RIGHT]] - [RED, GREEN]).max() < 2


def test_a_model_of_several_frames_is_no_teacher() -> None:
    model = TwoDots()
    model.offsets = (-1, 0, 1)
    with pytest.raises(VidposeError, match="one frame"):
        Teacher(model)


@given(st.integers(0, 10_000))
def test_agreement_is_as_its_definition_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    keypoints = 50 + rng.normal(0, 3, (4, 6, 2)) * rng.uniform(0, 2, (1, 6, 1))
    scores = rng.uniform(0.1, 0.6, (4, 6))
    mean, sure = agree(keypoints, scores, 100.0)
    for joint in range(6):
        middle = sum(keypoints[:, joint]) / 4
        squares = [((answer - middle) ** 2).sum() for answer in keypoints[:, joint]]
        expected = np.sqrt(sum(squares) / 4) < 3.0 and sum(scores[:, joint]) / 4 >= 0.3
        assert sure[joint] == expected
        np.testing.assert_allclose(mean[joint], middle)


def test_what_is_not_a_number_is_not_sure() -> None:
    keypoints = np.zeros((4, 2, 2))
    keypoints[1, 0] = np.nan
    assert agree(keypoints, np.ones((4, 2)), 100.0).sure.tolist() == [False, True]
    scores = np.ones((4, 2))
    scores[2, 1] = np.nan
    assert agree(np.zeros((4, 2, 2)), scores, 100.0).sure.tolist() == [True, False]


def test_nobody_is_sure_in_a_box_without_area() -> None:
    assert person_size(np.array([5.0, 5.0, 5.0, 9.0])) == 0
    assert not agree(np.zeros((4, 2, 2)), np.ones((4, 2)), 0.0).sure.any()
