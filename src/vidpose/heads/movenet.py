"""How MoveNet's maps are read: one person's joints, the person's in the middle of the crop."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

Prior = Float[Tensor, "batch joint 3"]

# Softening of the published decoder's 1 / (distance + softening), in cells.
_SOFTENING = 1.7998046875
# With a prior, fitted on labelled training stills: the prior is sharper than the network's own
# regression, and a joint the prior is unsure of is searched for everywhere with this flat weight.
_PRIOR_SOFTENING = 1.4
_ANYWHERE = 0.03


class Joints(NamedTuple):
    """What the maps say of each joint.

    Attributes:
        xy_norm: Its place in [0, 1] of the crop.
        score: Its heatmap there, in [0, 1].
        expected: Where the network's own regression, or the prior, expected it.
        heatmaps: After the sigmoid.
    """

    xy_norm: Float[Tensor, "batch joint 2"]
    score: Float[Tensor, "batch joint"]
    expected: Float[Tensor, "batch joint 2"]
    heatmaps: Float[Tensor, "batch joint h w"]


def decode(maps: dict[str, Float[Tensor, "batch _ h w"]], prior: Prior | None = None) -> Joints:
    """The published single-pose decoder, led by a prior where there is one.

    A joint is the peak of its heatmap weighted by ``t / (d + c) + (1 - t) a``, where ``d`` is the
    distance to where the joint is expected. Without a prior that is the network's regression from
    the centre cell and ``t = 1``: the published decoder. With one it is the prior's place and ``t``
    its score: a joint of which the prior is unsure is looked for everywhere (``a``).

    Args:
        maps: Raw maps of `vidpose.backbones.movenet.SINGLE_HEADS`.
        prior: The detector's joints, x and y as ``xy_norm`` and a score. A person whose scores are
            all 0 has none.
    """
    # Half precision would round places by a pixel.
    maps = {name: head.float() for name, head in maps.items()}
    heatmaps = maps["kpt_heatmap"].sigmoid()
    height, width = heatmaps.shape[-2:]
    size = heatmaps.new_tensor([width, height])
    grid_y = torch.arange(height, device=heatmaps.device, dtype=heatmaps.dtype)[:, None]
    grid_x = torch.arange(width, device=heatmaps.device, dtype=heatmaps.dtype)[None]

    def near(xy: Tensor, softening: Tensor | float) -> Tensor:
        """1 / (distance + softening) of every cell to each of ``xy [..., 2]``: ``[..., h, w]``."""
        dx, dy = grid_x - xy[..., 0, None, None], grid_y - xy[..., 1, None, None]
        return 1 / (torch.sqrt(dx * dx + dy * dy) + softening)

    centre = maps["center"].sigmoid()[:, 0]
    cell = (centre * near(size / 2, _SOFTENING)).flatten(1).argmax(-1)
    # [batch, joint, (y, x)] -> (x, y)
    regressed = _at(maps["kpt_regress"], cell[:, None].expand(-1, heatmaps.shape[1])).flip(-1)
    expected = regressed + torch.stack([cell % width, cell // width], -1)[:, None]
    if prior is None:
        weight = near(expected, _SOFTENING)
    else:
        known = (prior[..., 2] > 0).any(-1)[:, None]
        expected = torch.where(known[..., None], prior[..., :2] * size, expected)
        trust = torch.where(known, prior[..., 2], 1.0)[..., None, None]
        softening = torch.where(known, _PRIOR_SOFTENING, _SOFTENING)[..., None, None]
        weight = trust * near(expected, softening) + (1 - trust) * _ANYWHERE

    best = (heatmaps * weight).flatten(2).argmax(-1)
    score = heatmaps.flatten(2).gather(2, best[..., None])[..., 0]
    offset = _at(maps["kpt_offset"], best).flip(-1)
    position = torch.stack([best % width, best // width], -1) + offset
    return Joints(position / size, score, expected / size, heatmaps)


def _at(
    pairs: Float[Tensor, "batch pairs h w"], cells: Float[Tensor, "batch joint"]
) -> Float[Tensor, "batch joint 2"]:
    """The pair of channels of each joint at that joint's flat cell."""
    per_joint = pairs.unflatten(1, (-1, 2)).flatten(3)
    index = cells[:, :, None, None].expand(-1, -1, 2, 1)
    return per_joint.gather(3, index)[..., 0]
