"""Masks: how much they hide, and where."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vidpose.layers.masking import MaskToken, frame_mask, hidden_count, tube_mask


def clip(batch: int = 6, frames: int = 5, tokens: int = 192) -> torch.Tensor:
    return torch.zeros(batch, frames, tokens, 4)


@pytest.mark.parametrize(
    ("ratio", "tubes", "frames"), [(0.25, 48, 1), (0.5, 96, 3), (0.75, 144, 4)]
)
def test_counts_of_the_paper(ratio: float, tubes: int, frames: int) -> None:
    assert (tube_mask(clip(), ratio).sum((1, 2)) == tubes).all()
    assert (frame_mask(clip(), ratio).sum((1, 2)) == frames).all()


@given(st.integers(2, 400), st.floats(0.001, 0.999))
def test_something_is_hidden_and_something_is_left(count: int, ratio: float) -> None:
    hidden = hidden_count(count, ratio)
    assert 1 <= hidden < count
    assert abs(hidden - ratio * count) <= 1


def test_of_one_nothing_is_hidden() -> None:
    assert hidden_count(1, 0.5) == 0
    assert not frame_mask(clip(frames=1), 0.5).any()


def test_no_clips_have_no_masks() -> None:
    assert tube_mask(clip(batch=0), 0.5).shape == (0, 1, 192)
    assert frame_mask(clip(batch=0), 0.5).shape == (0, 5, 1)


def test_every_clip_has_its_own_mask_and_a_seed_repeats_it() -> None:
    torch.manual_seed(0)
    first, frames = tube_mask(clip(), 0.5), frame_mask(clip(40), 0.5)
    assert len(first.unique(dim=0)) == 6
    assert len(frames.unique(dim=0)) > 1
    assert not torch.equal(tube_mask(clip(), 0.5), first)
    torch.manual_seed(0)
    assert torch.equal(tube_mask(clip(), 0.5), first)


def test_every_place_and_frame_is_hidden_as_often_as_any_other() -> None:
    torch.manual_seed(0)
    for mask in (tube_mask(clip(4000, 2, 8), 0.25), frame_mask(clip(4000, 8, 2), 0.25)):
        often = mask.float().mean(0).flatten()
        torch.testing.assert_close(often, torch.full((8,), 0.25), atol=0.03, rtol=0)


def test_a_tube_is_the_same_in_all_frames() -> None:
    tokens = torch.randn(3, 5, 12, 4)
    token = MaskToken(4)
    masked = token(tokens, tube_mask(tokens, 0.5), torch.zeros(5, 12, 4))
    changed = (masked != tokens).any(-1)
    assert (changed == changed[:, :1]).all() and (changed.sum(-1) == 6).all()


def test_what_is_hidden_becomes_the_token_with_its_encoding() -> None:
    tokens, encoding = torch.randn(2, 3, 4, 8), torch.randn(3, 4, 8)
    token = MaskToken(8)
    frames = frame_mask(tokens, 0.5)
    masked = token(tokens, frames, encoding)
    for b in range(2):
        for f in range(3):
            expected = token.token + encoding[f] if frames[b, f, 0] else tokens[b, f]
            assert torch.equal(masked[b, f], expected)
