"""The flip test: what a model says of mirror images, back in the crop."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from small_models import SMALL, VARIANTS
from vidpose.backbones.base import Features
from vidpose.estimator import ClipEstimator, Subject
from vidpose.flip_test import FlipTest
from vidpose.frame import Frame
from vidpose.geometry import CropGeometry
from vidpose.heads.prior import Prior
from vidpose.models.base import PoseModel, PoseOutput
from vidpose.skeleton import COCO17, Skeleton
from vidpose.windows import Mode, clips

SIDE = 48


class Light(PoseModel):
    """Every joint is in the middle of the light: of a mirror image it says the same, mirrored."""

    skeleton = COCO17
    portable = True
    offsets = (-1, 0, 1)

    def __init__(self) -> None:
        super().__init__()
        self.crop = CropGeometry((SIDE, SIDE), 1.5)
        self.somewhere = nn.Parameter(torch.zeros(()))

    def encode(self, frames: Tensor) -> Features:
        light = frames.float().mean(1)
        at = torch.arange(SIDE) / SIDE
        x, y = (light.sum(1) * at).sum(1), (light.sum(2) * at).sum(1)
        return Features(((torch.stack((x, y), -1) / light.sum((1, 2))[:, None])[:, None],))

    def moved(self, features: Features, scale: Tensor, shift: Tensor) -> Features:
        return features.map(lambda level: scale[:, None, None] * level + shift[:, None])

    def aggregate(self, features: Features, prior: Prior | None = None) -> PoseOutput:
        place = features.last.mean(1)
        return PoseOutput(place.expand(-1, 17, -1), torch.ones(len(place), 17))


class Says(PoseModel):
    """The same of every crop: its first row in front of the middle, its second of mirror images."""

    skeleton = COCO17
    offsets = (0,)
    uses_prior = True

    def __init__(self, first: Tensor, second: Tensor) -> None:
        super().__init__()
        self.crop = CropGeometry((SIDE, SIDE), 1.0)
        self.answers = nn.Parameter(torch.stack((first, second)), requires_grad=False)
        self.told: Prior | None = None

    def encode(self, frames: Tensor) -> Features:
        return Features((frames.float().mean((1, 2, 3))[:, None],))

    def aggregate(self, features: Features, prior: Prior | None = None) -> PoseOutput:
        self.told = prior
        joints = self.answers.repeat_interleave(len(features.last) // 2, 0)
        return PoseOutput(joints[..., :2], joints[..., 2])


def mirrored(joints: Tensor, skeleton: Skeleton = COCO17, width: int = SIDE) -> Tensor:
    """Literally: by the names of the joints, column by column."""
    result = torch.empty_like(joints)
    for row, name in enumerate(skeleton.joints):
        side = {"left": "right", "right": "left"}.get(name.partition("_")[0])
        partner = name if side is None else f"{side}_{name.partition('_')[2]}"
        for joint, out in zip(joints, result, strict=True):
            out[row] = joint[skeleton.index(partner)]
            out[row, 0] = ((width - 1) - out[row, 0] * width) / width
    return result


def said(first: Tensor, second: Tensor, people: int = 1) -> Tensor:
    """What becomes of an answer and one that a mirror image got, both in the crop."""
    model = Says(first, mirrored(second[None])[0])
    output = FlipTest(model)(torch.zeros(people, 1, 3, SIDE, SIDE))
    assert output.heatmaps is None and output.sigma is None
    return torch.cat((output.xy_norm, output.score[..., None]), -1)


@pytest.mark.parametrize("name", [*SMALL, "dsta, sampled", "vremd, known", "sdtc, known"])
def test_a_mirrored_clip_has_the_mirrored_answer(name: str) -> None:
    torch.manual_seed(0)
    model = FlipTest((SMALL | VARIANTS)[name].build().eval())
    height, width = model.crop.size
    clips_of = torch.randint(0, 256, (2, len(model.offsets), 3, height, width), dtype=torch.uint8)
    prior = torch.rand(2, len(model.skeleton), 3)
    back = mirrored(prior, model.skeleton, width)
    with torch.inference_mode():
        one, other = model(clips_of, prior), model(clips_of.flip(-1), back)
    there = one.score > 0  # of no score neither answer is the surer
    answer = mirrored(torch.cat((other.xy_norm, other.score[..., None]), -1), model.skeleton, width)
    torch.testing.assert_close(answer[..., 2], one.score, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(answer[there][:, :2], one.xy_norm[there], atol=1e-4, rtol=1e-4)


def test_near_answers_are_averaged_and_the_surer_of_distant_ones_is_taken() -> None:
    first = torch.full((17, 3), 0.5)
    second = first.clone()
    first[5], second[5] = torch.tensor([0.40, 0.5, 0.9]), torch.tensor([0.43, 0.5, 0.3])
    first[6], second[6] = torch.tensor([0.40, 0.5, 0.9]), torch.tensor([0.60, 0.5, 0.3])
    first[7], second[7] = torch.tensor([0.40, 0.5, 0.2]), torch.tensor([0.40, 0.9, 0.4])
    first[8], second[8] = torch.tensor([0.40, 0.5, 0.0]), torch.tensor([0.42, 0.5, 0.0])
    expected = torch.full((17, 3), 0.5)
    expected[5] = torch.tensor([0.4075, 0.5, 0.6])
    expected[6] = torch.tensor([0.40, 0.5, 0.6])
    expected[7] = torch.tensor([0.40, 0.9, 0.3])
    expected[8] = torch.tensor([0.40, 0.5, 0.0])
    torch.testing.assert_close(said(first, second, people=3), expected.expand(3, -1, -1))


def test_a_mirror_image_has_a_mirrored_prior() -> None:
    model = Says(torch.zeros(17, 3), torch.zeros(17, 3))
    prior = torch.rand(4, 17, 3)
    FlipTest(model)(torch.zeros(4, 1, 3, SIDE, SIDE), prior)
    assert model.told is not None
    torch.testing.assert_close(model.told, torch.cat((prior, mirrored(prior))))
    FlipTest(model)(torch.zeros(4, 1, 3, SIDE, SIDE))
    assert model.told is None


@pytest.mark.parametrize("mode", ["exact", "hold"])
def test_nothing_changes_for_a_model_that_mirrors(mode: Mode) -> None:
    rng = np.random.default_rng(0)
    video = [Frame(i, i / 30, rng.integers(0, 256, (80, 100, 3), dtype=np.uint8)) for i in range(9)]
    one, both = ClipEstimator(Light(), mode), ClipEstimator(FlipTest(Light()), mode)
    for key, clip in clips(video, Light.offsets):
        grown = np.array([20, 15, 60 + 3 * key.index, 50 + 2 * key.index], dtype=float)
        people = [Subject(0, grown + 2 * key.index), Subject(1, np.array([5.0, 5, 40, 70]))]
        for pose, alike in zip(one(clip, people), both(clip, people), strict=True):
            np.testing.assert_allclose(alike.keypoints, pose.keypoints, atol=1e-3)
    assert one.encoded == both.encoded
