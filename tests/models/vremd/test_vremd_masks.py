"""Eq. 1 and 2 and the aggregation against versions that go token by token."""

import math
from typing import Literal

import pytest
import torch
from torch import Tensor, nn
from vremd_toys import close, random, randomised

from vidpose.models.vremd.masks import HumanMask, KeypointMask, Scale, SpaceTimeAggregation

BATCH, FRAMES, TOKENS, JOINTS, WIDTH, HEADS = 2, 3, 6, 4, 8, 2


def passed(blocks: nn.ModuleList, tokens: Tensor) -> Tensor:
    """One sequence ``[token, width]`` through Transformer blocks."""
    sequence = tokens[None]
    for block in blocks:
        sequence = block(sequence)
    return sequence[0]


@pytest.mark.parametrize("scale", ["none", "root"])
def test_the_human_mask_is_eq_1(scale: Scale) -> None:
    module = randomised(HumanMask(WIDTH, HEADS, 2, scale))
    frames = random(BATCH, TOKENS, WIDTH)
    for b in range(BATCH):
        together = passed(module.blocks, torch.cat([module.human[0], frames[b]]))
        human, *visual = (module.norm(token) for token in together)
        for n in range(TOKENS):
            mask = sum(float(visual[n][d]) * float(human[d]) for d in range(WIDTH))
            mask /= math.sqrt(WIDTH) if scale == "root" else 1
            close(module(frames)[b, n], mask * visual[n])


@pytest.mark.parametrize("scale", ["none", "root"])
@pytest.mark.parametrize("unit_mean", [False, True])
def test_the_keypoint_mask_is_eq_2(scale: Scale, unit_mean: bool) -> None:
    module = randomised(
        KeypointMask(WIDTH, HEADS, 2, FRAMES, JOINTS, scale=scale, unit_mean=unit_mean)
    )
    clip = random(BATCH, FRAMES, TOKENS, WIDTH)
    filtered, keypoints = module(clip)
    for b in range(BATCH):
        parts = [part for t in range(FRAMES) for part in (module.keypoints[t], clip[b, t])]
        together = [module.norm(token) for token in passed(module.blocks, torch.cat(parts))]
        frame = JOINTS + TOKENS
        queries = [together[t * frame + j] for t in range(FRAMES) for j in range(JOINTS)]
        visual = [together[t * frame + JOINTS + n] for t in range(FRAMES) for n in range(TOKENS)]
        mask = [0.0] * len(visual)
        for query in queries:
            products = [float(query @ token) for token in visual]
            if scale == "root":
                products = [product / math.sqrt(WIDTH) for product in products]
            total = sum(math.exp(product) for product in products)
            mask = [m + math.exp(p) / total for m, p in zip(mask, products, strict=True)]
        if unit_mean:
            mask = [m / (sum(mask) / len(mask)) for m in mask]
        expected = torch.stack([m * token for m, token in zip(mask, visual, strict=True)])
        close(filtered[b].flatten(0, 1), expected)
        close(keypoints[b].flatten(0, 1), torch.stack(queries))


def test_the_keypoint_mask_of_a_clip_adds_up_to_its_keypoint_tokens() -> None:
    module = randomised(KeypointMask(WIDTH, HEADS, 1, FRAMES, JOINTS))
    seen: list[Tensor] = []
    module.mask.register_forward_hook(lambda _, __, mask: seen.append(mask))
    module(random(BATCH, FRAMES, TOKENS, WIDTH))
    close(seen[0].sum((1, 2)), torch.full((BATCH,), float(FRAMES * JOINTS), dtype=torch.float64))


def test_without_the_frames_position_keypoint_tokens_cannot_tell_the_frames_apart() -> None:
    # Attention does not see the order of its tokens: this is why the model adds the position.
    module = randomised(KeypointMask(WIDTH, HEADS, 2, FRAMES, JOINTS))
    clip = random(BATCH, FRAMES, TOKENS, WIDTH)
    close(module(clip)[1], module(clip[:, [1, 2, 0]])[1])


@pytest.mark.parametrize("reduction", ["tokens", "place"])
@pytest.mark.parametrize("frames", [1, 3])
def test_aggregation_is_over_space_then_time_then_tokens(
    reduction: Literal["tokens", "place"], frames: int
) -> None:
    module = randomised(
        SpaceTimeAggregation(WIDTH, HEADS, 1, 1, frames, TOKENS, reduction=reduction)
    )
    clip = random(BATCH, frames, TOKENS, WIDTH)
    for b in range(BATCH):
        space = torch.stack([passed(module.spatial, clip[b, t]) for t in range(frames)])
        time = torch.stack([passed(module.temporal, space[:, n]) for n in range(TOKENS)])
        # [token, frame, width]
        known = module.norm(time)
        expected = torch.zeros(TOKENS, WIDTH, dtype=torch.float64)
        if reduction == "tokens":
            for d in range(WIDTH):
                column = [known[n, t, d] for t in range(frames) for n in range(TOKENS)]
                expected[:, d] = module.reduce(torch.stack(column))
        else:
            for n in range(TOKENS):
                expected[n] = module.reduce(torch.cat([known[n, t] for t in range(frames)]))
        close(module(clip)[b], expected)
