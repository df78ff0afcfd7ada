"""Layers over clips against loops, and what reaches what."""

import torch
from torch import Tensor, nn

from vidpose.layers.space_time import DividedSpaceTime, JointSpaceTime

FRAMES, TOKENS, WIDTH = 3, 4, 8


def randomised(module: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.4)
    return module.double().eval().requires_grad_(False)


def clip(batch: int = 2) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(batch, FRAMES, TOKENS, WIDTH, dtype=torch.float64)


def test_divided_attention_is_time_then_space_then_the_mlp() -> None:
    layer = randomised(DividedSpaceTime(WIDTH, 2, 2.0))
    assert isinstance(layer, DividedSpaceTime)
    tokens = clip()
    expected = tokens.clone()
    for b in range(2):
        for t in range(TOKENS):
            place = torch.stack([expected[b, f, t] for f in range(FRAMES)])[None]
            updated = place + layer.time(layer.norm_time(place))
            for f in range(FRAMES):
                expected[b, f, t] = updated[0, f]
        for f in range(FRAMES):
            image = expected[b, f][None]
            image = image + layer.space(layer.norm_space(image))
            for t in range(TOKENS):
                token = image[:, t]
                expected[b, f, t] = (token + layer.mlp(layer.norm_mlp(token)))[0]
    torch.testing.assert_close(layer(tokens), expected, atol=1e-5, rtol=0)


def test_joint_attention_is_a_block_over_all_tokens() -> None:
    layer = randomised(JointSpaceTime(WIDTH, 2, 2.0))
    assert isinstance(layer, JointSpaceTime)
    tokens = clip()
    everything = torch.stack([tokens[:, f, t] for f in range(FRAMES) for t in range(TOKENS)], 1)
    updated = layer.block(everything)
    for f in range(FRAMES):
        for t in range(TOKENS):
            expected = updated[:, f * TOKENS + t]
            torch.testing.assert_close(layer(tokens)[:, f, t], expected, atol=1e-5, rtol=0)


def test_time_alone_stays_at_its_place_and_space_in_its_frame() -> None:
    layer = randomised(DividedSpaceTime(WIDTH, 2, 2.0))
    assert isinstance(layer, DividedSpaceTime)
    tokens, moved = clip(1), clip(1)
    moved[0, 0, 1, 0] += 1.0  # of one channel: norms would take a shift of all away

    def reached() -> set[tuple[int, ...]]:
        changed = (layer(tokens) - layer(moved)).abs().amax(-1)[0] > 1e-9
        return {tuple(place) for place in changed.nonzero().tolist()}

    assert reached() == {(f, t) for f in range(FRAMES) for t in range(TOKENS)}
    nn.init.zeros_(layer.space.proj.weight)
    assert reached() == {(f, 1) for f in range(FRAMES)}
    nn.init.normal_(layer.space.proj.weight)
    nn.init.zeros_(layer.time.proj.weight)
    assert reached() == {(0, t) for t in range(TOKENS)}


def test_no_clips_and_clips_of_one_frame_pass() -> None:
    for layer in (JointSpaceTime(WIDTH, 2, 2.0), DividedSpaceTime(WIDTH, 2, 2.0)):
        assert layer(torch.zeros(0, FRAMES, TOKENS, WIDTH)).shape == (0, FRAMES, TOKENS, WIDTH)
        assert layer(torch.zeros(1, 1, TOKENS, WIDTH)).shape == (1, 1, TOKENS, WIDTH)
