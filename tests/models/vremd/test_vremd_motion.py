"""Eq. 3 and 4, the blocks and the differences against versions that go point by point."""

import math

import pytest
import torch
from torch import Tensor, nn
from vremd_toys import close, random, randomised

from vidpose.models.vremd.motion import (
    BidirectionalMotion,
    CrossAttention,
    DeformableAttention,
    DeformableConvolution,
    DeformableCrossAttention,
    MotionBlock,
    MotionBlockKind,
    SamplingOffsets,
)

BATCH, GRID, WIDTH, HEADS, POINTS = 2, (3, 4), 8, 2, 3
TOKENS, CHANNELS = GRID[0] * GRID[1], WIDTH // HEADS


def bilinear(tokens: Tensor, x: float, y: float) -> Tensor:
    """What a row-major grid of tokens holds at cells (x, y); cell centres are whole numbers."""
    value = torch.zeros(tokens.shape[1], dtype=tokens.dtype)
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            if 0 <= row < GRID[0] and 0 <= column < GRID[1]:
                near = (1 - abs(x - column)) * (1 - abs(y - row))
                value += near * tokens[row * GRID[1] + column]
    return value


def softmax(scores: list[float]) -> list[float]:
    total = sum(math.exp(score) for score in scores)
    return [math.exp(score) / total for score in scores]


def offsets_of(offsets: SamplingOffsets, tokens: Tensor) -> Tensor:
    """``dp`` in cells, ``[token, head, point, xy]``, of one frame's tokens, cell by cell."""
    (near_weight, near_bias), (weight, bias) = (
        tuple(convolution.parameters()) for convolution in (offsets.psi[0], offsets.psi[1])
    )
    assert offsets.theta.bias is not None
    found = torch.zeros(TOKENS, HEADS, POINTS, 2, dtype=tokens.dtype)
    for n in range(TOKENS):
        row, column = divmod(n, GRID[1])
        near = near_bias.clone()
        for i in range(3):
            for j in range(3):
                r, c = row + i - 1, column + j - 1
                if 0 <= r < GRID[0] and 0 <= c < GRID[1]:
                    near += near_weight[:, 0, i, j] * tokens[r * GRID[1] + c]
        hidden = nn.functional.gelu(weight[:, :, 0, 0] @ near + bias)
        flat = offsets.theta.weight[:, :, 0, 0] @ hidden + offsets.theta.bias
        for head in range(HEADS):
            for p in range(POINTS):
                first = (head * POINTS + p) * 2
                found[n, head, p] = flat[first : first + 2]
    return found


def test_dca_is_eq_3_and_4() -> None:
    dca = randomised(DeformableCrossAttention(WIDTH, HEADS, POINTS, GRID))
    motion, enhanced = random(BATCH, TOKENS, WIDTH), random(BATCH, TOKENS, WIDTH)
    answer = dca(motion, enhanced)
    for b in range(BATCH):
        x, f = motion[b], enhanced[b]
        q = torch.stack([dca.query(token) for token in x])
        z = torch.stack([dca.constraint(token) for token in f])
        dp = offsets_of(dca.offsets, torch.cat([q, z], -1))
        for n in range(TOKENS):
            row, column = divmod(n, GRID[1])
            expected = []
            for head in range(HEADS):
                part = slice(head * CHANNELS, (head + 1) * CHANNELS)
                # x_bar: the motion feature itself, sampled; W_k and W_v come after, as printed.
                x_bar = [bilinear(x, column + float(dx), row + float(dy)) for dx, dy in dp[n, head]]
                scores = [
                    float(q[n][part] @ dca.key(point)[part]) / math.sqrt(CHANNELS)
                    for point in x_bar
                ]
                terms = [
                    weight * dca.value(point)[part]
                    for weight, point in zip(softmax(scores), x_bar, strict=True)
                ]
                expected.append(torch.stack(terms).sum(0))
            close(answer[b, n], torch.cat(expected))


def test_gradients_of_dca_are_right() -> None:
    dca = randomised(DeformableCrossAttention(4, 2, 2, (2, 3))).requires_grad_(True)
    motion = random(1, 6, 4).requires_grad_()
    enhanced = random(1, 6, 4).requires_grad_()
    names, parameters = zip(*dca.named_parameters(), strict=True)

    def run(x: Tensor, f: Tensor, *values: Tensor) -> Tensor:
        state = dict(zip(names, values, strict=True))
        return torch.func.functional_call(dca, state, (x, f))

    assert torch.autograd.gradcheck(run, (motion, enhanced, *parameters))


def test_the_enhanced_feature_decides_where_dca_looks_but_is_not_what_it_sees() -> None:
    dca = randomised(DeformableCrossAttention(WIDTH, HEADS, POINTS, GRID))
    motion = random(1, TOKENS, WIDTH)
    one, other = dca(motion, random(1, TOKENS, WIDTH)), dca(motion, random(1, TOKENS, WIDTH))
    assert (one - other).abs().max() > 0.01
    assert not dca(torch.zeros_like(motion), random(1, TOKENS, WIDTH)).any()


def test_offsets_begin_a_quarter_of_a_cell_around_each_cell() -> None:
    torch.manual_seed(0)
    offsets = SamplingOffsets(WIDTH, 2, 4, GRID)
    places = offsets(torch.zeros(1, TOKENS, WIDTH))
    cells = places * torch.tensor([GRID[1], GRID[0]])
    rows, columns = torch.arange(TOKENS) // GRID[1] + 0.5, torch.arange(TOKENS) % GRID[1] + 0.5
    away = cells - torch.stack([columns, rows], -1)[None, None, :, None]
    torch.testing.assert_close(
        away.norm(dim=-1), torch.full(away.shape[:-1], 0.25), atol=0.02, rtol=0
    )
    assert away.mean(3).abs().max() < 0.02


def test_places_keep_their_digits_under_autocast() -> None:
    torch.manual_seed(0)
    dca = DeformableCrossAttention(16, 2, 4, (16, 12))
    tokens = torch.randn(1, 192, 16)
    with torch.autocast("cpu", torch.bfloat16):
        query = dca.query(tokens)
        places = dca.offsets(torch.cat([query, query], -1))
        answer = dca(tokens, tokens)
    exact = dca.offsets(torch.cat([dca.query(tokens)] * 2, -1))
    assert places.dtype == torch.float32 and answer.isfinite().all()
    # In bfloat16 a place near 1 would be off by up to 1/512 of the crop, a thirtieth of a cell.
    torch.testing.assert_close(places, exact, atol=2e-4, rtol=0)


def test_cross_attention_is_the_literal_sum() -> None:
    attention = randomised(CrossAttention(WIDTH, HEADS))
    motion, enhanced = random(BATCH, TOKENS, WIDTH), random(BATCH, 5, WIDTH)
    answer = attention(motion, enhanced)
    for b in range(BATCH):
        both = [attention.key_value(token) for token in enhanced[b]]
        keys, values = [pair[:WIDTH] for pair in both], [pair[WIDTH:] for pair in both]
        for n in range(TOKENS):
            query = attention.query(motion[b, n])
            for head in range(HEADS):
                part = slice(head * CHANNELS, (head + 1) * CHANNELS)
                scores = [float(query[part] @ key[part]) / math.sqrt(CHANNELS) for key in keys]
                terms = [w * v[part] for w, v in zip(softmax(scores), values, strict=True)]
                close(answer[b, n, part], torch.stack(terms).sum(0))


def test_plain_deformable_attention_is_the_literal_sum() -> None:
    attention = randomised(DeformableAttention(WIDTH, HEADS, POINTS, GRID))
    motion = random(BATCH, TOKENS, WIDTH)
    answer = attention(motion, random(BATCH, TOKENS, WIDTH))
    for b in range(BATCH):
        value = attention.value(motion[b])
        for n in range(TOKENS):
            row, column = divmod(n, GRID[1])
            dp = attention.offsets(motion[b, n]).reshape(HEADS, POINTS, 2)
            raw = attention.weights(motion[b, n])
            for head in range(HEADS):
                part = slice(head * CHANNELS, (head + 1) * CHANNELS)
                weights = softmax(raw[head * POINTS : (head + 1) * POINTS].tolist())
                seen = [
                    bilinear(value[:, part], column + float(dx), row + float(dy))
                    for dx, dy in dp[head]
                ]
                terms = [w * v for w, v in zip(weights, seen, strict=True)]
                close(answer[b, n, part], torch.stack(terms).sum(0))


def test_deformable_convolution_is_the_literal_sum() -> None:
    convolution = randomised(DeformableConvolution(WIDTH, GRID))
    motion = random(BATCH, TOKENS, WIDTH)
    answer = convolution(motion, motion)
    for b in range(BATCH):
        maps = motion[b].T.reshape(1, WIDTH, *GRID)
        offsets = convolution.offsets(maps)[0]
        for n in range(TOKENS):
            row, column = divmod(n, GRID[1])
            seen = []
            for k in range(9):
                dx, dy = (float(offsets[2 * k + axis, row, column]) for axis in (0, 1))
                seen.append(bilinear(motion[b], column + k % 3 - 1 + dx, row + k // 3 - 1 + dy))
            close(answer[b, n], convolution.weight(torch.cat(seen)))


def test_deformable_convolution_begins_as_a_convolution() -> None:
    torch.manual_seed(0)
    convolution = DeformableConvolution(WIDTH, GRID)
    motion = torch.randn(BATCH, TOKENS, WIDTH)
    kernel = convolution.weight.weight.unflatten(1, (3, 3, WIDTH)).permute(0, 3, 1, 2)
    maps = motion.transpose(1, 2).unflatten(2, GRID)
    plain = nn.functional.conv2d(maps, kernel, convolution.weight.bias, padding=1)
    torch.testing.assert_close(convolution(motion, motion), plain.flatten(2).transpose(1, 2))


def test_an_adc_block_has_two_branches_side_by_side_and_an_mlp() -> None:
    block = randomised(MotionBlock("cross", WIDTH, HEADS, POINTS, GRID))
    motion, enhanced = random(BATCH, TOKENS, WIDTH), random(BATCH, TOKENS, WIDTH)
    x, f = block.norm_motion(motion), block.norm_enhanced(enhanced)
    deformable, cross = block.branches
    both = torch.cat([deformable(x, f), cross(x, f)], -1)
    expected = block.mlp.fc2(nn.functional.gelu(block.mlp.fc1(both)))
    close(block(motion, enhanced), motion + expected)


def bmd(
    offsets: tuple[int, ...], kind: MotionBlockKind = "cross", *, separate: bool = True
) -> BidirectionalMotion:
    return randomised(
        BidirectionalMotion(kind, WIDTH, HEADS, POINTS, 2, GRID, offsets, separate=separate), 0.2
    )


def refined(module: BidirectionalMotion, motion: Tensor, enhanced: Tensor) -> Tensor:
    for block in module.blocks:
        motion = block(motion, enhanced)
    return motion


def test_with_two_neighbours_the_motion_is_the_papers() -> None:
    module = bmd((-1, 0, 1))
    before, key, after = (random(BATCH, TOKENS, WIDTH) for _ in range(3))
    enhanced = random(BATCH, TOKENS, WIDTH)
    forward, backward = (refined(module, frame - key, enhanced) for frame in (after, before))
    found = module(torch.stack([before, key, after], 1), enhanced)
    close(found, module.fuse(torch.cat([forward, backward], -1)))
    assert not list(module.reduce.parameters())


def test_with_four_neighbours_each_direction_is_reduced_first() -> None:
    module = bmd((-3, -1, 0, 1, 2))
    clip, enhanced = random(BATCH, 5, TOKENS, WIDTH), random(BATCH, TOKENS, WIDTH)
    later = torch.cat([clip[:, 3] - clip[:, 2], clip[:, 4] - clip[:, 2]], -1)
    earlier = torch.cat([clip[:, 0] - clip[:, 2], clip[:, 1] - clip[:, 2]], -1)
    forward = refined(module, module.reduce[0](later), enhanced)
    backward = refined(module, module.reduce[1](earlier), enhanced)
    close(module(clip, enhanced), module.fuse(torch.cat([forward, backward], -1)))


def test_causal_clips_have_one_direction() -> None:
    module = bmd((-2, -1, 0))
    clip, enhanced = random(BATCH, 3, TOKENS, WIDTH), random(BATCH, TOKENS, WIDTH)
    earlier = torch.cat([clip[:, 0] - clip[:, 2], clip[:, 1] - clip[:, 2]], -1)
    close(module(clip, enhanced), refined(module, module.reduce[0](earlier), enhanced))


@pytest.mark.parametrize("kind", ["cross", "attention", "convolution"])
def test_without_separation_both_directions_are_one_motion(kind: MotionBlockKind) -> None:
    module = bmd((-1, 0, 1), kind, separate=False)
    clip, enhanced = random(BATCH, 3, TOKENS, WIDTH), random(BATCH, TOKENS, WIDTH)
    parts = [clip[:, 2] - clip[:, 1], clip[:, 0] - clip[:, 1]]
    if kind != "cross":
        parts.append(enhanced)
    close(module(clip, enhanced), refined(module, module.reduce[0](torch.cat(parts, -1)), enhanced))


def test_a_clip_of_one_frame_has_no_motion() -> None:
    with pytest.raises(ValueError, match="frames beside the key frame"):
        bmd((0,))


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(ValueError, match="3 heads"):
        MotionBlock("cross", WIDTH, 3, POINTS, GRID)
