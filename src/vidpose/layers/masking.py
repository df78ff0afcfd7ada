"""Hiding tokens of a clip at random, so that they have to be recovered from the others."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

ClipTokens = Float[Tensor, "batch frame token width"]
# Where a clip is hidden, for its frames and tokens; an axis of 1 stands for all of them.
Hidden = Bool[Tensor, "batch #frame #token"]


def hidden_count(count: int, ratio: float) -> int:
    """``ratio`` of ``count``, rounded half up; at least one, and never all."""
    return min(max(math.floor(ratio * count + 0.5), 1), count - 1)


def tube_mask(clip: ClipTokens, ratio: float) -> Bool[Tensor, "batch 1 token"]:
    """Places that are hidden in all frames of a clip, drawn for each clip (Tong et al., 2022)."""
    return _draw(len(clip), clip.shape[2], ratio, clip.device)[:, None]


def frame_mask(clip: ClipTokens, ratio: float) -> Bool[Tensor, "batch frame 1"]:
    """Frames that are hidden as a whole, drawn for each clip."""
    return _draw(len(clip), clip.shape[1], ratio, clip.device)[..., None]


def _draw(batch: int, count: int, ratio: float, device: torch.device) -> Bool[Tensor, "batch n"]:
    """True for exactly `hidden_count` of each row, by the random numbers of ``device``."""
    order = torch.rand(batch, count, device=device).argsort(-1)
    return order < hidden_count(count, ratio)


class MaskToken(nn.Module):
    """A learnable token that stands where something is hidden (Xie et al., 2022).

    Args:
        width: Channels of a token.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(width))
        nn.init.trunc_normal_(self.token, std=0.02)

    def forward(
        self, clip: ClipTokens, hidden: Hidden, encoding: Float[Tensor, "frame token width"]
    ) -> ClipTokens:
        """The clip with the token, and where it stands, in place of what is hidden.

        Args:
            clip: Tokens of all frames.
            hidden: What is replaced.
            encoding: Added to the token.
        """
        return torch.where(hidden[..., None], self.token + encoding, clip)
