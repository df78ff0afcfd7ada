"""DSTA on top of a pose network's answers, led by the detector's joints."""

from pathlib import Path

import numpy as np
import pytest
import torch
from known_toys import build, vectors

from vidpose import weights
from vidpose.backbones import checkpoints
from vidpose.backbones import registry as backbones
from vidpose.backbones.base import Features
from vidpose.backbones.movenet_joints import DESCRIBED, PEAKS, JointAnswers
from vidpose.models import registry
from vidpose.models.dsta.chosen_place import ChosenPlace, agreeing
from vidpose.models.dsta.known import KnownJFD, led
from vidpose.skeleton import COCO17, Skeleton


def test_a_prior_speaks_for_the_candidates_near_it() -> None:
    model = build(skeleton="coco17", offsets=(-1, 0, 1))
    clip = vectors(3)[None]
    clip[..., DESCRIBED:] = 0  # no peaks to be led to
    features = Features((clip,))
    assert isinstance(model.jfd, KnownJFD)
    second = model.jfd.candidates(Features((features.last[0, 1:2],)))[0, :, 1]
    sure = torch.cat([second, torch.ones(17, 1)], -1)[None]
    with torch.inference_mode():
        alone = model.aggregate(features).xy_norm[0]
        led = model.aggregate(features, sure).xy_norm[0]
        unseen = model.aggregate(features, sure * torch.tensor([1.0, 1.0, 0.0])).xy_norm[0]
    torch.testing.assert_close(unseen, alone)
    nearer = (led - second).norm(dim=-1) < (alone - second).norm(dim=-1)
    assert nearer.float().mean() > 0.9


def test_a_prior_is_as_far_off_as_in_cells_of_the_backbones_heatmap() -> None:
    nose = Skeleton("nose", ("nose",), (), (0.1,))
    head = ChosenPlace(nose, 6, 8, 1, 0, (48, 36))
    candidates = torch.tensor([[0.5, 0.5], [0.5 + 3 / 36, 0.5], [0.5, 0.5 + 3 / 48]])
    prior = torch.tensor([[[0.5, 0.5, 0.8]]])
    features, places = torch.zeros(1, 1, 6), candidates[None, None, None]
    logits = head.logits(features, places, torch.zeros(1, 1, 1, 8))
    # t / (d + 1.4) + (1 - t) 0.03, d = 0, 3 and 3 cells.
    near, far = 0.8 / 1.4 + 0.2 * 0.03, 0.8 / 4.4 + 0.2 * 0.03
    believed = logits.softmax(-1)[0, 0] * torch.tensor([near, far, far])
    believed = (believed / believed.sum())[None, None]
    expected = agreeing(believed, candidates[None, None], head.sides)[0, 0]
    torch.testing.assert_close(head(features, places, logits, prior)[0, 0], expected @ candidates)


def literal_lead(
    vectors: torch.Tensor, prior: torch.Tensor, grid: tuple[int, int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Places and scores ``[frame, joint, ...]`` of one person with a prior, by loops."""
    answers = JointAnswers.of(vectors)
    peaks, heights = answers.peak_places(), answers.heights
    xy, scores = vectors[..., :2] + 0.5, vectors[..., 2].clone()
    for frame in range(len(vectors)):
        for joint in range(17):
            own = xy[frame, joint].clone()
            expected = own + vectors[frame, joint, 3:5]
            weights = [
                float(height) * literal_weight(peak, prior[joint], expected, grid)
                for peak, height in zip(peaks[frame, joint], heights[frame, joint], strict=True)
            ]
            best = weights.index(max(weights))
            own_weight = literal_weight(own, prior[joint], expected, grid)
            if max(weights) <= float(scores[frame, joint]) * own_weight:
                continue
            if cells_between(peaks[frame, joint, best], own, grid) > 2:
                xy[frame, joint] = peaks[frame, joint, best]
                scores[frame, joint] = heights[frame, joint, best]
    return xy, scores


def literal_weight(
    place: torch.Tensor, prior: torch.Tensor, expected: torch.Tensor, grid: tuple[int, int]
) -> float:
    """As in the decoder of MoveNet."""
    trust = float(prior[2])
    elsewhere = 0.1 + 0.6 / (cells_between(place, expected, grid) + 1.7998)
    return trust / (cells_between(place, prior[:2], grid) + 1.4) + (1 - trust) * elsewhere


def cells_between(one: torch.Tensor, other: torch.Tensor, grid: tuple[int, int]) -> float:
    dx, dy = (one - other).tolist()
    return float(((grid[1] * dx) ** 2 + (grid[0] * dy) ** 2) ** 0.5)


def test_a_prior_leads_all_frames_to_its_peaks() -> None:
    clips, grid = vectors(6).unflatten(0, (2, 3)), (48, 36)
    prior = torch.rand(2, 17, 3)
    prior[1, :, 2] = 0  # of the second person it has not seen anything
    told = torch.ones(17, 1, dtype=torch.bool)
    told[4] = False
    found = led(clips, prior, grid, told)
    xy, scores = literal_lead(clips[0], prior[0], grid)
    xy[:, 4], scores[:, 4] = clips[0, :, 4, :2] + 0.5, clips[0, :, 4, 2]
    torch.testing.assert_close(found[0, ..., :2] + 0.5, xy)
    torch.testing.assert_close(found[0, ..., 2], scores)
    torch.testing.assert_close(found[1], clips[1])
    assert 0.2 < (found[0, ..., 2] != clips[0, ..., 2]).float().mean() < 1
    # Where the other peaks and the expected place are does not change.
    for part in (slice(3, 5), slice(5, 7)):
        torch.testing.assert_close(
            found[0, ..., :2] + found[0, ..., part], clips[0, ..., :2] + clips[0, ..., part]
        )
    torch.testing.assert_close(
        JointAnswers.of(found).peak_places(), JointAnswers.of(clips).peak_places()
    )
    torch.testing.assert_close(found[..., 7:DESCRIBED], clips[..., 7:DESCRIBED])
    torch.testing.assert_close(found[..., -PEAKS:], clips[..., -PEAKS:])


def test_a_place_on_a_slope_stays_where_the_prior_is_on_it() -> None:
    clip = vectors(1)[None]
    clip[..., 2] = 0.5
    clip[..., DESCRIBED:] = 0
    clip[..., DESCRIBED] = 0.2  # a higher peak aside
    clip[..., DESCRIBED + 2 * PEAKS] = 0.9
    told = torch.ones(17, 1, dtype=torch.bool)
    on_it = torch.cat([clip[0, :, :, :2] + 0.5, torch.ones(1, 17, 1)], -1)
    torch.testing.assert_close(led(clip, on_it, (64, 64), told), clip)
    aside = on_it + torch.tensor([0.2, 0.0, 0.0])
    found = led(clip, aside, (64, 64), told)
    torch.testing.assert_close(found[..., :2] + 0.5, aside[:, None, :, :2])
    assert (found[..., 2] == 0.9).all()


def test_a_peak_beside_the_place_is_no_other_peak() -> None:
    """The place has a fraction of a cell that the peak's own cell has not."""
    clip = vectors(1)[None]
    clip[..., 2] = 0.5
    clip[..., DESCRIBED:] = 0
    clip[..., DESCRIBED] = 1 / 64  # a cell to the right
    clip[..., DESCRIBED + 2 * PEAKS] = 0.9
    told = torch.ones(17, 1, dtype=torch.bool)
    beside = clip[0, :, :, :2] + 0.5 + torch.tensor([1 / 64, 0.0])
    on_it = torch.cat([beside, torch.ones(1, 17, 1)], -1)
    assert torch.equal(led(clip, on_it, (64, 64), told), clip)


@pytest.mark.parametrize("kind", ["its own", "other sides", "anything", "unsure"])
def test_a_led_answer_is_what_the_backbone_gives_with_that_prior(kind: str) -> None:
    backbone = backbones.build("movenet-lightning-joints").eval()
    checkpoints.load(backbone, weights.path("movenet-lightning"))
    published = registry.load("movenet-lightning")
    with np.load(Path(__file__).parents[2] / "data" / "movenet_parity.npz") as file:
        frames = torch.from_numpy(file["lightning_image"]).permute(2, 0, 1)[None]
    sure = torch.ones(1, 17, 1)
    with torch.inference_mode():
        own = published(frames[:, None]).xy_norm
        prior = {
            "its own": torch.cat([own, sure], -1),
            "other sides": torch.cat([own[:, list(COCO17.flip_permutation)], sure], -1),
            "anything": torch.rand(1, 17, 3, generator=torch.Generator().manual_seed(0)),
            "unsure": torch.cat([own[:, list(COCO17.flip_permutation)], 0.02 * sure], -1),
        }[kind]
        expected = published(frames[:, None], prior).xy_norm[0]
        vectors = backbone(frames).last
        everywhere = torch.ones(17, 1, dtype=torch.bool)
        found = led(vectors[:, None], prior, (48, 48), everywhere)[0, 0, :, :2] + 0.5
    # The decoder may take a cell beside the peak, whose offset leads to nearly the same place.
    assert ((found - expected) * 48).norm(dim=-1).max() < 0.5
    if kind == "other sides":
        assert ((expected - own[0]) * 48).norm(dim=-1).max() > 4


def test_a_prior_of_other_joints_leads_those_that_coco_has() -> None:
    model = build(skeleton="posetrack15", offsets=(-1, 0, 1))
    assert isinstance(model.jfd, KnownJFD)
    clip, prior = vectors(3)[None], torch.rand(1, 15, 3)
    found = model.jfd.led(Features((clip,)), prior).last
    of_coco = torch.zeros(1, 17, 3)
    told = torch.zeros(17, 1, dtype=torch.bool)
    for i, joint in enumerate(COCO17.joints):
        if joint in model.skeleton.joints:
            of_coco[0, i], told[i] = prior[0, model.skeleton.index(joint)], True
    assert told.sum() == 13
    torch.testing.assert_close(found, led(clip, of_coco, (16, 16), told))
