"""Temporal models in streaming use: the backbone sees each frame once, and the poses stay."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from test_contract import SMALL, build

import vidpose
from vidpose.estimator import ClipEstimator, Subject
from vidpose.frame import Frame
from vidpose.models import registry
from vidpose.models.sdtc import SDTC
from vidpose.skeleton import SKELETONS
from vidpose.windows import Mode, clips

FRAMES = 50
TEMPORAL = sorted(kind for kind, config in SMALL.items() if len(config.build().offsets) > 1)
FLOW = SMALL["sdtc"].model_copy(update={"motion": "flow"})


def video() -> list[Frame]:
    rng = np.random.default_rng(0)
    return [
        Frame(i, i / 25, rng.integers(0, 256, (96, 80, 3), dtype=np.uint8)) for i in range(FRAMES)
    ]


@pytest.mark.parametrize("kind", TEMPORAL)
def test_a_fixed_box_gives_the_poses_of_exact_with_one_backbone_pass_a_frame(kind: str) -> None:
    model = build(kind)
    somebody = Subject(0, np.array([20.0, 15.0, 60.0, 85.0]))
    seen: list[int] = []
    model.backbone.register_forward_pre_hook(lambda module, inputs: seen.append(len(inputs[0])))
    streaming = ClipEstimator(model, "hold")
    held = [streaming(clip, [somebody])[0] for _, clip in clips(video(), model.offsets)]
    assert seen == [len(model.offsets) - model.key] + [1] * (
        FRAMES - len(model.offsets) + model.key
    )
    for pose, (_, clip) in zip(held, clips(video(), model.offsets), strict=True):
        (exact,) = ClipEstimator(model, "exact")(clip, [somebody])
        np.testing.assert_allclose(pose.keypoints, exact.keypoints, atol=5e-4)  # of 88 pixels
        np.testing.assert_allclose(pose.scores, exact.scores, atol=1e-5)


@pytest.mark.parametrize("mode", ["exact", "hold"])
def test_frames_that_are_kept_for_their_flow_are_not_written_over(mode: Mode) -> None:
    torch.manual_seed(0)
    model = FLOW.build().eval()
    assert isinstance(model, SDTC)
    for parameter in model.head.parameters():  # which otherwise answer with hardly anything
        torch.nn.init.normal_(parameter, std=0.3)
    somebody = Subject(0, np.array([20.0, 15.0, 60.0, 85.0]))
    estimator = ClipEstimator(model, mode)
    smooth = cv2.GaussianBlur(video()[0].image, (0, 0), 3)
    moving = [Frame(i, i / 25, np.roll(smooth, 3 * i, axis=1)) for i in range(6)]
    for _, clip in clips(moving, model.offsets):
        (kept,) = estimator(clip, [somebody])
        (alone,) = ClipEstimator(model)(clip, [somebody])
        np.testing.assert_allclose(kept.keypoints, alone.keypoints, atol=5e-4)


@pytest.mark.parametrize("kind", TEMPORAL)
def test_one_network_for_a_clip_and_for_its_parts(kind: str) -> None:
    model = build(kind)
    torch.manual_seed(3)
    frames = torch.randint(0, 256, (2, len(model.offsets), 3, *model.crop.size), dtype=torch.uint8)
    with torch.inference_mode():
        one_by_one = [model.encode(frames[:, i]) for i in range(len(model.offsets))]
        stacked = one_by_one[0].stack(one_by_one, 1)
        apart, whole = model.aggregate(stacked), model(frames)
    torch.testing.assert_close(apart.xy_norm, whole.xy_norm, atol=1e-6, rtol=0)
    torch.testing.assert_close(apart.score, whole.score, atol=1e-6, rtol=0)


@pytest.mark.parametrize("kind", TEMPORAL)
def test_a_checkpoint_runs_on_a_clip_from_end_to_end(kind: str, tmp_path: Path) -> None:
    registry.save(build(kind), SMALL[kind], tmp_path / "model.safetensors")
    for frame in video()[:6]:
        cv2.imwrite(str(tmp_path / f"{frame.index}.png"), frame.image)
    boxes = [{"image_id": i, "bbox": [20, 15, 40, 70], "score": 0.9} for i in range(6)]
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    poses = vidpose.estimate(
        sorted(tmp_path.glob("*.png")),
        model=tmp_path / "model.safetensors",
        detector=tmp_path / "boxes.json",
        device="cpu",
    )
    assert [len(frame.people) for frame in poses] == [1] * 6
    assert poses.skeleton == SKELETONS["posetrack15"]
    assert {person.id for frame in poses for person in frame.people} == {1}
