"""The default detector: decoding, the union of two scales, and frames nobody is in."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from vidpose.backbones.movenet import MultiPose
from vidpose.detect.base import Detections
from vidpose.detect.movenet import MoveNetDetector, copies, decode, input_sizes, unique
from vidpose.frame import Frame
from vidpose.geometry import box_area, box_iou, box_scaled, oks
from vidpose.models import registry
from vidpose.skeleton import COCO17

PARITY = Path(__file__).parents[1] / "data" / "movenet_parity.npz"


@pytest.fixture(scope="module")
def network() -> MultiPose:
    return registry.load_multipose()


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    with np.load(PARITY) as arrays:
        return arrays["multipose_image"]


@pytest.mark.parametrize("shape", [(480, 640), (1, 1), (3, 700), (701, 2), (333, 517)])
def test_black_frames_of_any_shape_hold_nobody(network: MultiPose, shape: tuple[int, int]) -> None:
    found = MoveNetDetector(network)(Frame(0, 0.0, np.zeros((*shape, 3), np.uint8)))
    assert len(found) == 0
    assert found.boxes.shape == (0, 4)
    assert found.keypoints is not None and found.keypoints.shape == (0, 17, 2)


@pytest.mark.parametrize("shape", [(480, 640), (1, 1), (3, 700), (701, 2), (333, 517)])
def test_the_sizes_that_the_network_sees_are_known_beforehand(shape: tuple[int, int]) -> None:
    seen: list[tuple[int, ...]] = []

    class Sees(MultiPose):
        def forward(self, frames: torch.Tensor) -> dict[str, torch.Tensor]:
            seen.append(tuple(frames.shape[-2:]))
            return super().forward(frames)

    MoveNetDetector(Sees())(Frame(0, 0.0, np.zeros((*shape, 3), np.uint8)))
    assert seen == input_sizes(*shape)


def test_agrees_with_the_published_runtime(network: MultiPose, image: np.ndarray) -> None:
    with np.load(PARITY) as arrays:
        reference = arrays["multipose_reference"]
    height, width = image.shape[:2]
    with torch.inference_mode():
        batch = torch.from_numpy(image).permute(2, 0, 1)[None]
        maps = network(batch)
        rows = decode({name: head[0] for name, head in maps.items()}, 6).numpy()
    sure = reference[:, 55] > 0.1
    assert sure.any()
    joints = rows[:, :51].reshape(6, 17, 3)
    expected = reference[:, :51].reshape(6, 17, 3) * [height, width, 1]
    assert np.abs(joints[sure, :, :2] - expected[sure, :, 1::-1]).max() < 0.05
    assert np.abs(joints[sure, :, 2] - expected[sure, :, 2]).max() < 1e-3
    box = reference[:, [52, 51, 54, 53]] * [width, height, width, height]
    assert np.abs(rows[sure, 51:55] - box[sure]).max() < 0.05
    assert np.abs(rows[sure, 55] - reference[sure, 55]).max() < 1e-3


def test_people_are_where_they_were_whatever_the_scale(
    network: MultiPose, image: np.ndarray
) -> None:
    detector = MoveNetDetector(network)
    small, large = (detector.detect(*copy) for copy in copies(image, (256, 512)))
    box = large.boxes[large.scores.argmax()]
    gaps = np.abs(small.boxes - box).max(axis=1)
    assert gaps.min() < 0.1 * (box[3] - box[1])


@pytest.mark.parametrize("shape", [(540, 960), (427, 640), (720, 405), (300, 400)])
def test_a_copy_of_a_copy_is_one_of_the_frame(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    (small, scale), (large, _) = copies(image, (256, 512))
    (alone, _), (large_alone, _) = copies(image, (256,)) + copies(image, (512,))
    assert scale == 256 / max(shape)
    assert np.array_equal(large, large_alone)
    rows, columns = (round(side * scale) for side in shape)
    assert not small[rows:].any() and not small[:, columns:].any()
    # Sides that are no multiples of each other move a border by part of a pixel.
    apart = np.abs(small.astype(int) - alone)
    assert np.median(apart) <= 1 and (shape[0] % 4 or apart.max() <= 1)


def test_each_joint_is_its_highest_weighted_cell_in_the_box() -> None:
    draw = torch.Generator().manual_seed(0)
    height, width, joints = 14, 22, 17
    cells = [(4, 5), (9, 15), (0, 21)]
    centre = torch.full((1, height, width), -9.0)
    for height_of_peak, (y, x) in zip((3.0, 2.0, 1.0), cells, strict=True):
        centre[0, y, x] = height_of_peak
    maps = {
        "center": centre,
        "kpt_heatmap": torch.randn(joints, height, width, generator=draw),
        "kpt_regress": 4 * torch.randn(2 * joints, height, width, generator=draw),
        "kpt_offset": torch.zeros(2 * joints, height, width),
        "box_offset": torch.zeros(2, height, width),
        "box_scale": 5 + 4 * torch.rand(2, height, width, generator=draw),
    }
    heat = maps["kpt_heatmap"].sigmoid()
    for row, at in zip(decode(maps, people=3), cells, strict=True):
        x1, y1, x2, y2 = row[51:55] / 4
        for joint in range(joints):
            dy, dx = maps["kpt_regress"][2 * joint : 2 * joint + 2, *at].tolist()
            best, place = 0.0, (0, 0)
            for y in range(height):
                for x in range(width):
                    if y1 <= y < y2 and x1 <= x < x2:
                        away = (y - at[0] - dy) ** 2 + (x - at[1] - dx) ** 2
                        weight = math.exp(-away / (0.300048828125 * min(height, width)))
                        if float(heat[joint, y, x]) * weight > best:
                            best, place = float(heat[joint, y, x]) * weight, (y, x)
            x, y, score = row[3 * joint : 3 * joint + 3].tolist()
            assert (y, x) == (4 * place[0], 4 * place[1])
            assert score == pytest.approx(best, rel=1e-4)


def people(*centres: tuple[float, float], scores: tuple[float, ...]) -> Detections:
    """Upright people 100 pixels tall, each pose drawn from the place of its centre."""
    shape = np.random.default_rng(0).uniform([-20, -50], [20, 50], (17, 2))
    keypoints = np.stack([shape + centre for centre in centres]).astype(np.float32)
    boxes = np.concatenate([keypoints.min(axis=1), keypoints.max(axis=1)], axis=1)
    return Detections(boxes, np.array(scores), keypoints, np.ones(keypoints.shape[:2]))


def test_one_person_found_twice_is_kept_once_and_best_first() -> None:
    found = unique(people((100, 100), (102, 99), (300, 100), scores=(0.3, 0.5, 0.4)))
    assert found.scores.tolist() == [0.5, 0.4]


@pytest.mark.parametrize("scores", [(0.5, 0.4), (0.4, 0.5)])
def test_poses_that_agree_for_the_larger_box_are_one_persons(scores: tuple[float, float]) -> None:
    found = people((100, 100), (110, 100), scores=scores)
    found.boxes[1] = box_scaled(found.boxes[1], 1.5)
    assert found.keypoints is not None
    same = oks(found.keypoints, found.keypoints, box_area(found.boxes), np.array(COCO17.sigmas))
    assert same[1, 0] < 0.5 < same[0, 1] and box_iou(found.boxes, found.boxes)[0, 1] < 0.6
    assert unique(found).scores.tolist() == [0.5]


def test_people_who_overlap_are_both_kept() -> None:
    found = people((100, 100), (110, 100), scores=(0.5, 0.4))
    assert found.keypoints is not None
    found.keypoints[1] = found.keypoints[1, ::-1]  # the same place, another pose
    assert len(unique(found)) == 2
