"""What a detector's joints say of the places where a person's may be."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vidpose.layers.sizes import x_and_y

# Where somebody else (the detector) saw the key frame's joints: x and y in [0, 1] of the crop, and
# a score. A score of 0 says nothing was seen.
Prior = Float[Tensor, "batch joint 3"]

# Fitted on labelled training stills: the prior is sharper than MoveNet's own regression, and a
# joint the prior is unsure of is searched for everywhere with this flat weight.
PRIOR_SOFTENING = 1.4
_ANYWHERE = 0.03


def has_seen(trust: Float[Tensor, "batch joint"]) -> Bool[Tensor, "batch 1"]:
    """Whether a prior with these scores has seen the person at all; if not, it says nothing."""
    return (trust > 0).any(-1, keepdim=True)


def led_by_prior(near: Tensor, trust: Tensor, elsewhere: Tensor | float = _ANYWHERE) -> Tensor:
    """How much places weigh by a prior.

    Args:
        near: 1 / (distance + softening) of each place to the prior, in cells.
        trust: In the prior, from 0 to 1.
        elsewhere: How much places weigh where there is no trust in it; all alike if not given.
    """
    return trust * near + (1 - trust) * elsewhere


def near_in_cells(
    places: Float[Tensor, "*dims 2"],
    to: Float[Tensor, "*#dims 2"],
    grid: tuple[int, int],
    softening: float,
) -> Float[Tensor, "*dims"]:
    """1 / (distance + softening) of places, the distance in cells."""
    cells = x_and_y(grid[1], grid[0], places)
    return 1 / ((cells * (places - to)).norm(dim=-1) + softening)


def weight_of_cells(
    at: Float[Tensor, "batch joint 2"], trust: Float[Tensor, "batch joint"], size: tuple[int, int]
) -> Float[Tensor, "batch joint h w"]:
    """How much each cell of heatmaps weighs by a prior; of a person it has not seen, all alike.

    Args:
        at: Where a prior has the heatmaps' joints, in cells.
        trust: Its scores.
        size: Height and width of the heatmaps in cells.
    """
    height, width = size
    dx = torch.arange(width, device=at.device) - at[..., 0, None]
    dy = torch.arange(height, device=at.device) - at[..., 1, None]
    distance = torch.sqrt((dx * dx)[..., None, :] + (dy * dy)[..., :, None])
    weight = led_by_prior(1 / (distance + PRIOR_SOFTENING), trust[..., None, None])
    return torch.where(has_seen(trust)[..., None, None], weight, 1.0)
