"""The estimator and its feature cache, with a temporal model that is a toy but uses time."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vidpose.backbones.base import Features
from vidpose.estimator import ClipEstimator, Pose, Subject
from vidpose.frame import Frame
from vidpose.geometry import CropGeometry
from vidpose.heads.prior import Prior
from vidpose.models import registry
from vidpose.models.base import PoseModel, PoseOutput
from vidpose.models.single import MoveNetSingle
from vidpose.skeleton import COCO17
from vidpose.windows import Mode, clips

OFFSETS = [(0,), (-1, 0), (0, 1), (-1, 0, 1), (-2, -1, 0, 1, 2), (-4, -1, 0, 3), (-3, 0)]


class ToyTemporal(PoseModel):
    """One convolution a frame; a different weight for each place in the clip."""

    skeleton = COCO17
    uses_prior = True

    def __init__(self, offsets: tuple[int, ...]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.offsets = offsets
        self.crop = CropGeometry((32, 24), 1.25)
        self.conv = nn.Conv2d(3, 34, 5, stride=4)
        self.place = nn.Parameter(torch.randn(len(offsets)))

    def encode(self, frames: Tensor) -> Features:
        return Features((self.conv(frames.float() / 255),))

    def aggregate(self, features: Features, prior: Prior | None = None) -> PoseOutput:
        pooled = features.last.mean(dim=(-2, -1))
        mixed = (pooled * self.place[:, None]).sum(dim=1)
        xy = mixed.unflatten(1, (17, 2)).sigmoid()
        assert prior is not None
        return PoseOutput(xy, prior[..., 2])


class Blob(PoseModel):
    """Where the light is, averaged over the clip; features that can be moved."""

    skeleton = COCO17
    portable = True

    def __init__(self, offsets: tuple[int, ...]) -> None:
        super().__init__()
        self.offsets = offsets
        self.crop = CropGeometry((48, 48), 1.5)
        self.somewhere = nn.Parameter(torch.zeros(()))

    def encode(self, frames: Tensor) -> Features:
        light = frames.float().mean(1).flatten(1)
        y, x = torch.meshgrid(torch.arange(48.0), torch.arange(48.0), indexing="ij")
        grid = torch.stack([x, y], -1).flatten(0, 1) / 48
        return Features((light @ grid / light.sum(1, keepdim=True),))

    def moved(self, features: Features, scale: Tensor, shift: Tensor) -> Features:
        return Features((scale[:, None] * features.last + shift,))

    def aggregate(self, features: Features, prior: Prior | None = None) -> PoseOutput:
        place = features.last.mean(1)
        return PoseOutput(place[:, None].expand(-1, 17, -1), torch.ones(len(place), 17))


def video(count: int) -> list[Frame]:
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (count, 60, 80, 3), dtype=np.uint8)
    return [Frame(index, index / 30, image) for index, image in enumerate(images)]


def run(
    offsets: tuple[int, ...], mode: Mode, boxes: dict[int, np.ndarray], count: int = 9
) -> tuple[list[list[Pose]], ClipEstimator]:
    """Poses of people whose boxes move a pixel to the right each frame unless they stand."""
    estimator = ClipEstimator(ToyTemporal(offsets).eval(), mode)
    scores = np.linspace(0, 1, 17, dtype=np.float32)
    joints = np.zeros((17, 2), dtype=np.float32)
    poses = []
    for _, clip in clips(video(count), offsets):
        poses.append(estimator(clip, [Subject(i, box, joints, scores) for i, box in boxes.items()]))
    return poses, estimator


SQUARE = np.array([-1.0, -1, 1, 1])
STANDING = {1: np.array([10.0, 5, 30, 50]), 7: np.array([40.0, 10, 70, 55])}


def test_nobody_is_answered_with_nothing() -> None:
    poses, estimator = run((-1, 0, 1), "exact", {})
    assert poses == [[]] * 9
    assert estimator.encoded == 0


@pytest.mark.parametrize("offsets", OFFSETS)
def test_hold_equals_exact_for_the_same_boxes(offsets: tuple[int, ...]) -> None:
    exact, _ = run(offsets, "exact", STANDING)
    held, estimator = run(offsets, "hold", STANDING)
    for a, b in zip(exact, held, strict=True):
        for pose_a, pose_b in zip(a, b, strict=True):
            np.testing.assert_allclose(pose_a.keypoints, pose_b.keypoints, atol=1e-5)
    assert estimator.encoded == 9 * len(STANDING)  # one backbone pass a person and frame


def test_the_cache_gives_what_the_whole_clip_gives() -> None:
    offsets = (-2, -1, 0, 1, 2)
    held, estimator = run(offsets, "hold", {1: STANDING[1]})
    model = estimator.model
    window = model.crop.window(STANDING[1])
    for (_, clip), poses in zip(clips(video(9), offsets), held, strict=True):
        alone = ClipEstimator(model, "exact")
        again = alone(clip, [Subject(1, STANDING[1])])
        np.testing.assert_allclose(again[0].keypoints, poses[0].keypoints, atol=1e-5)
    assert window.shape == (4,)


def test_a_crowd_is_encoded_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = {number: STANDING[1] + number for number in range(20)}
    sizes = []
    encode = ToyTemporal.encode

    def counted(self: ToyTemporal, frames: Tensor) -> Features:
        sizes.append(len(frames))
        return encode(self, frames)

    monkeypatch.setattr(ToyTemporal, "encode", counted)
    together, _ = run((-1, 0, 1), "exact", crowd)
    assert max(sizes) == 32
    for number, box in crowd.items():
        alone, _ = run((-1, 0, 1), "exact", {number: box})
        for everybody, (pose,) in zip(together, alone, strict=True):
            np.testing.assert_allclose(everybody[number].keypoints, pose.keypoints, atol=1e-4)


def test_exact_encodes_every_neighbour_anew_when_the_box_moves() -> None:
    estimator = ClipEstimator(ToyTemporal((-1, 0, 1)).eval(), "exact")
    for key, clip in clips(video(6), (-1, 0, 1)):
        estimator(clip, [Subject(1, np.array([10.0, 5, 30, 50]) + key.index)])
    # Three frames a clip, two at each end where one is repeated.
    assert estimator.encoded == 4 * 3 + 2 * 2


def test_passes_a_pose_are_counted_where_there_are_neighbours() -> None:
    estimator = ClipEstimator(ToyTemporal((-1, 0, 1)).eval())
    assert estimator.passes is None
    for key, clip in clips(video(6), (-1, 0, 1)):
        estimator(clip, [Subject(1, np.array([10.0, 5, 30, 50]) + key.index)])
    assert estimator.passes == pytest.approx((4 * 3 + 2 * 2) / 6)
    _, standing = run((-1, 0, 1), "hold", STANDING)
    assert standing.passes == 1.0
    assert run((0,), "exact", STANDING)[1].passes is None


def test_everybody_is_encoded_at_once_and_one_more_person_finds_room() -> None:
    model = ToyTemporal((-1, 0, 1)).eval()
    batches: list[int] = []
    model.conv.register_forward_pre_hook(lambda module, inputs: batches.append(len(inputs[0])))
    estimator = ClipEstimator(model, "hold")
    scores = np.ones(17, dtype=np.float32)
    joints = np.zeros((17, 2), dtype=np.float32)
    everybody = [Subject(i, box, joints, scores) for i, box in STANDING.items()]
    first, second = list(clips(video(4), (-1, 0, 1)))[1:3]
    (alone,) = estimator(first[1], everybody[:1])
    _, newcomer = estimator(second[1], everybody)
    assert batches == [3, 1 + 3]
    (expected,) = ClipEstimator(model)(second[1], everybody[1:])
    np.testing.assert_allclose(newcomer.keypoints, expected.keypoints, atol=1e-4)
    (again,) = ClipEstimator(model)(first[1], everybody[:1])
    np.testing.assert_allclose(alone.keypoints, again.keypoints, atol=1e-4)


def test_a_window_is_told_of_those_in_the_last_clip() -> None:
    _, estimator = run((-1, 0, 1), "exact", STANDING)
    window = estimator.model.crop.window(STANDING[7])
    np.testing.assert_array_equal(estimator.window_of(7), window)
    with pytest.raises(KeyError):
        estimator.window_of(2)


def test_crops_of_the_last_clip_are_those_that_the_model_was_shown() -> None:
    model = ToyTemporal((-1, 0, 1)).eval()
    shown: list[Tensor] = []
    model.conv.register_forward_pre_hook(lambda module, inputs: shown.append(inputs[0] * 255))
    estimator = ClipEstimator(model)
    scores, joints = np.ones(17, dtype=np.float32), np.zeros((17, 2), dtype=np.float32)
    estimator(tuple(video(3)), [Subject(i, box, joints, scores) for i, box in STANDING.items()])
    # Of the first person first, in the order of frames.
    expected = shown[0].permute(0, 2, 3, 1).unflatten(0, (2, 3)).round()
    for person, crops in zip(STANDING, expected, strict=True):
        np.testing.assert_array_equal(estimator.crops_of(person), crops)


def test_poses_do_not_depend_on_the_order_of_people() -> None:
    one, _ = run((-1, 0, 1), "hold", STANDING)
    other, _ = run((-1, 0, 1), "hold", dict(reversed(STANDING.items())))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a[0].keypoints, b[1].keypoints, atol=1e-5)


@pytest.mark.parametrize(("speed", "passes"), [(0.0, 1.0), (1.0, 1.5), (6.0, 2.0)])
def test_portable_features_are_carried_from_window_to_window(speed: float, passes: float) -> None:
    offsets, count = (-2, -1, 0, 1, 2), 12
    places = np.stack([20 + speed * np.arange(count), np.full(count, 40.0)], -1)
    frames = []
    for index, (x, y) in enumerate(places):
        image = np.zeros((80, 140, 3), dtype=np.uint8)
        image[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2] = 255
        frames.append(Frame(index, index / 30, image))
    estimator = ClipEstimator(Blob(offsets), "hold")
    for key, clip in clips(frames, offsets):
        growing = 16 + 0.3 * key.index
        x, y = places[key.index]
        (pose,) = estimator(clip, [Subject(1, np.array([x, y, x, y]) + growing * SQUARE)])
        expected = np.mean([places[frame.index] for frame in clip], axis=0)
        np.testing.assert_allclose(pose.keypoints, np.tile(expected, (17, 1)), atol=0.15)
    assert estimator.passes is not None
    assert 1 <= estimator.passes <= passes


@pytest.mark.parametrize(("part", "again"), [(0.05, False), (0.07, True)])
def test_of_portable_features_only_a_key_frame_seen_from_afar_is_encoded_again(
    part: float, again: bool
) -> None:
    offsets, count = (-1, 0, 1), 8
    estimator = ClipEstimator(Blob(offsets), "hold")
    width = 32 * estimator.model.crop.enlargement
    for key, clip in clips(video(count), offsets):
        box = 40 + 16 * SQUARE + np.tile([part * width * key.index, 0], 2)
        estimator(clip, [Subject(1, box)])
        # The window is laid anew for each key frame, as that of exact.
        window = estimator.model.crop.window(box)
        np.testing.assert_array_equal(estimator.window_of(1), window)
    # Once each; all but the first were seen through the window of the frame before.
    assert estimator.encoded == count + again * (count - 1)


@pytest.mark.parametrize("mode", ["exact", "hold"])
def test_memory_is_bounded(mode: Mode) -> None:
    _, estimator = run((-2, -1, 0, 1, 2), mode, STANDING, count=40)
    assert all(len(kept.seen) <= 5 for kept in estimator._people.values())
    estimator(tuple(video(5)), [])
    assert not estimator._people


def test_the_order_of_frames_matters_to_the_toy() -> None:
    """Otherwise the tests above would prove nothing about time."""
    model = ToyTemporal((-1, 0, 1)).eval()
    clip = torch.rand(1, 3, 3, 32, 24) * 255
    prior = torch.zeros(1, 17, 3)
    assert not torch.allclose(model(clip, prior).xy_norm, model(clip.flip(1), prior).xy_norm)


def test_without_neighbours_hold_is_exact() -> None:
    estimator = ClipEstimator(ToyTemporal((0,)).eval(), "hold")
    exact = ClipEstimator(estimator.model, "exact")
    for frame in video(4):
        subject = [Subject(1, np.array([10.0, 5, 30, 50]) + frame.index)]
        np.testing.assert_array_equal(
            estimator((frame,), subject)[0].keypoints, exact((frame,), subject)[0].keypoints
        )


def test_a_frame_of_the_same_number_from_elsewhere_is_not_taken_from_the_cache() -> None:
    estimator = ClipEstimator(ToyTemporal((0,)).eval())
    first, second = video(2)
    subject = [Subject(1, STANDING[1])]
    before = estimator((first,), subject)[0].keypoints
    after = estimator((Frame(0, 0.0, second.image),), subject)[0].keypoints
    assert not np.allclose(before, after)


@pytest.mark.parametrize("mode", ["exact", "hold"])
def test_the_neighbours_of_another_video_are_not_taken_from_the_cache(mode: Mode) -> None:
    offsets = (-1, 0, 1)
    estimator = ClipEstimator(ToyTemporal(offsets).eval(), mode)
    first = tuple(video(3))
    second = tuple(Frame(frame.index, frame.pts, 255 - frame.image) for frame in first)
    subject = [Subject(1, STANDING[1])]
    estimator(first, subject)
    (after,) = estimator(second, subject)
    (expected,) = ClipEstimator(estimator.model, mode)(second, subject)
    np.testing.assert_array_equal(after.keypoints, expected.keypoints)


def test_answers_are_parts_of_the_windows_width_and_height() -> None:
    class Fixed(ToyTemporal):
        def aggregate(self, features: Features, prior: Prior | None = None) -> PoseOutput:
            return PoseOutput(torch.tensor([0.25, 0.75]).expand(1, 17, 2), torch.ones(1, 17))

    estimator = ClipEstimator(Fixed((0,)).eval())
    (pose,) = estimator(tuple(video(1)), [Subject(1, STANDING[1])])
    window = estimator.window_of(1)
    expected = window[:2] + [0.25, 0.75] * (window[2:] - window[:2])
    np.testing.assert_allclose(pose.keypoints, np.tile(expected, (17, 1)), rtol=1e-5)


def test_answers_that_are_no_numbers_are_joints_not_found() -> None:
    class Broken(ToyTemporal):
        def aggregate(self, features: Features, prior: Prior | None = None) -> PoseOutput:
            output = super().aggregate(features, prior)
            output.xy_norm[0, 0, 0] = float("nan")
            output.score[0, 1:4] = torch.tensor([float("inf"), 1.5, -0.5])
            return output

    (pose,) = ClipEstimator(Broken((0,)).eval())(tuple(video(1)), [Subject(1, STANDING[1])])
    middle = (STANDING[1][:2] + STANDING[1][2:]) / 2
    np.testing.assert_allclose(pose.keypoints[0], middle, rtol=1e-5)
    assert np.isfinite(pose.keypoints).all()
    np.testing.assert_array_equal(pose.scores[:4], [0, 0, 1, 0])


def test_a_prior_is_in_units_of_the_crop() -> None:
    seen: list[Tensor] = []

    class Listening(ToyTemporal):
        def aggregate(self, features: Features, prior: Prior | None = None) -> PoseOutput:
            assert prior is not None
            seen.append(prior)
            return super().aggregate(features, prior)

    model = Listening((0,)).eval()
    box = np.array([10.0, 20, 34, 52])
    window = model.crop.window(box)
    corners = np.tile((window[:2] + window[2:]) / 2, (17, 1))
    corners[0], corners[1] = window[:2], window[2:]
    subject = Subject(1, box, corners, np.full(17, 0.5))
    ClipEstimator(model)(tuple(video(1)), [subject, Subject(2, box)])
    np.testing.assert_allclose(seen[0][0, 0], [0, 0, 0.5], atol=1e-6)
    np.testing.assert_allclose(seen[0][0, 1], [1, 1, 0.5], atol=1e-6)
    np.testing.assert_allclose(seen[0][0, 2], [0.5, 0.5, 0.5], atol=1e-6)
    assert not seen[0][1].any()


def test_the_heads_of_the_one_frame_model_get_channels_last_features() -> None:
    model = registry.load("movenet-lightning")
    layouts: list[bool] = []

    def look(module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        layouts.append(arguments[0].is_contiguous(memory_format=torch.channels_last))

    assert isinstance(model, MoveNetSingle)
    model.heads["center"].register_forward_pre_hook(look)
    people = [Subject(i, box) for i, box in STANDING.items()]
    ClipEstimator(model)(tuple(video(1)), people)
    assert layouts == [True]
