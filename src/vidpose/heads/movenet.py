"""How MoveNet's maps are read: one person's joints, the person's in the middle of the crop."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from vidpose.backbones.movenet import Head
from vidpose.heads.prior import PRIOR_SOFTENING, Prior, has_seen, led_by_prior
from vidpose.layers.sizes import x_and_y

Cells = Int[Tensor, "batch joint"]
# From a flat cell for each joint to the joint's pair of channels (y, x) there.
PairsAt = Callable[[Cells], Float[Tensor, "batch joint 2"]]

# Softening of the published decoder's 1 / (distance + softening), in cells.
SOFTENING = 1.7998046875
# What cells weigh of a joint of which a prior is unsure: a and b of `weight_with_prior`. Fitted on
# labelled training stills and on rendered scenes.
_ANYWHERE, _AS_EXPECTED = 0.1, 0.6


class Joints(NamedTuple):
    """What the maps say of each joint.

    Attributes:
        xy_norm: Its place in [0, 1] of the crop.
        score: Its heatmap there, in [0, 1].
        expected: Where the network's own regression expected it.
        heatmaps: After the sigmoid.
    """

    xy_norm: Float[Tensor, "batch joint 2"]
    score: Float[Tensor, "batch joint"]
    expected: Float[Tensor, "batch joint 2"]
    heatmaps: Float[Tensor, "batch joint h w"]


def decode(maps: dict[str, Float[Tensor, "batch _ h w"]], prior: Prior | None = None) -> Joints:
    """`decode_where_needed` of whole maps.

    Args:
        maps: Raw maps of `vidpose.backbones.movenet.SINGLE_HEADS`.
        prior: As there.
    """
    return decode_where_needed(
        maps["center"],
        maps["kpt_heatmap"],
        partial(pairs_of_map, maps["kpt_regress"]),
        partial(pairs_of_map, maps["kpt_offset"]),
        prior,
    )


def decode_where_needed(
    centre: Float[Tensor, "batch 1 h w"],
    heatmaps: Float[Tensor, "batch joint h w"],
    regress: PairsAt,
    offset: PairsAt,
    prior: Prior | None = None,
) -> Joints:
    """The published single-pose decoder, led by a prior where there is one.

    A joint is the peak of its heatmap weighted by ``1 / (d + c)``, where ``d`` is the distance to
    where the network's regression from the centre cell expects it; with a prior it weighs as
    `weight_with_prior` says.

    Args:
        centre: Raw map of the person's centre.
        heatmaps: Raw maps of the joints.
        regress: From the centre's cell to the joints, in cells.
        offset: From the joints' cells to their places, in cells.
        prior: The detector's joints, x and y as ``xy_norm`` and a score. A person whose scores are
            all 0 has none.
    """
    heights, weight, expected = _weighed(centre, heatmaps, regress, prior)
    best = (heights * weight).argmax(1)
    score = heights.gather(1, best[:, None])[:, 0]
    height, width = heatmaps.shape[-2:]
    position = torch.stack([best % width, best // width], -1) + offset(best).float().flip(-1)
    size = x_and_y(width, height, heights)
    return Joints(position / size, score, expected / size, _as_maps(heights, height, width))


def heatmaps_of_person(
    maps: dict[str, Float[Tensor, "batch _ h w"]],
) -> Float[Tensor, "batch joint h w"]:
    """Heatmaps in [0, 1] in which other people's joints are low.

    They are weighed as the published decoder does to find its answer, whose cell keeps its height:
    only cells that weigh less than it, further from where the regression expects the joint, are
    lowered. So the highest cell is the published answer, and its height the published score.

    Args:
        maps: Raw maps of `vidpose.backbones.movenet.SINGLE_HEADS`, without the offsets.
    """
    regress = partial(pairs_of_map, maps["kpt_regress"])
    heights, weight, _ = _weighed(maps["center"], maps["kpt_heatmap"], regress, None)
    best = (heights * weight).argmax(1)
    of_answer = weight.gather(1, best[:, None])
    lowered = heights * (weight / of_answer).clamp(max=1)
    return _as_maps(lowered, *maps["kpt_heatmap"].shape[-2:])


def _weighed(
    centre: Float[Tensor, "batch 1 h w"],
    heatmaps: Float[Tensor, "batch joint h w"],
    regress: PairsAt,
    prior: Prior | None,
) -> tuple[
    Float[Tensor, "batch cell joint"],
    Float[Tensor, "batch cell joint"],
    Float[Tensor, "batch joint 2"],
]:
    """The heatmaps after the sigmoid, how much each cell weighs, and the cells that it expects."""
    height, width = heatmaps.shape[-2:]
    # Half precision would round places by a pixel.
    heatmaps = _by_cell(heatmaps.float()).sigmoid()
    joints = heatmaps.shape[-1]
    size = x_and_y(width, height, heatmaps)
    grid_y = torch.arange(height, device=heatmaps.device, dtype=heatmaps.dtype)[:, None, None]
    grid_x = torch.arange(width, device=heatmaps.device, dtype=heatmaps.dtype)[:, None]

    def near(xy: Tensor, softening: float) -> Tensor:
        """1 / (distance + softening) of every cell to each of ``xy [batch, n, 2]``, n last."""
        at = xy[:, None, None]
        dx, dy = grid_x - at[..., 0], grid_y - at[..., 1]
        return (1 / (torch.sqrt(dx * dx + dy * dy) + softening)).flatten(1, 2)

    central = _by_cell(centre.float()).sigmoid() * near(size[None, None] / 2, SOFTENING)
    cell = central.argmax(1)
    # (y, x) -> (x, y)
    regressed = regress(cell.expand(-1, joints)).float().flip(-1)
    expected = regressed + torch.stack([cell % width, cell // width], -1)
    weight = near(expected, SOFTENING)
    if prior is None:
        return heatmaps, weight, expected
    trust = prior[..., 2]
    seen = near(prior[..., :2] * size, PRIOR_SOFTENING)
    led = weight_with_prior(seen, trust[:, None], weight)
    return heatmaps, torch.where(has_seen(trust)[:, None], led, weight), expected


def weight_with_prior(near_prior: Tensor, trust: Tensor, near_expected: Tensor) -> Tensor:
    """How much places weigh with a prior: ``t / (d' + c') + (1 - t) (a + b / (d + c))``.

    A joint of which the prior is unsure is looked for where the network expects it, and everywhere.

    Args:
        near_prior: ``1 / (d' + c')`` of their distance to the prior's joint, `PRIOR_SOFTENING`.
        trust: The prior's score ``t``.
        near_expected: ``1 / (d + c)`` of that to where the network expects it, `SOFTENING`.
    """
    return led_by_prior(near_prior, trust, _ANYWHERE + _AS_EXPECTED * near_expected)


def _by_cell(maps: Float[Tensor, "batch joint h w"]) -> Float[Tensor, "batch cell joint"]:
    """With channels last, as convolutions leave them.

    To bring maps in another order costs more than all that is done to them. Runtimes choose one of
    their own for four axes, but not for three.
    """
    return maps.permute(0, 2, 3, 1).flatten(1, 2)


def _as_maps(
    cells: Float[Tensor, "batch cell joint"], height: int, width: int
) -> Float[Tensor, "batch joint h w"]:
    return cells.unflatten(1, (height, width)).permute(0, 3, 1, 2)


def pairs_of_map(
    pairs: Float[Tensor, "batch pairs h w"], cells: Cells
) -> Float[Tensor, "batch joint 2"]:
    """`PairsAt` of a map: channels 2j and 2j + 1 belong to joint j."""
    return _pair_of_each(_by_cell(pairs), cells)


def pairs_of_head(
    head: Head, level: Float[Tensor, "batch channel h w"], cells: Cells
) -> Float[Tensor, "batch joint 2"]:
    """`PairsAt` of a head: what its map would hold, computed in the cells alone."""
    batch, joints = cells.shape
    padded_width = level.shape[-1] + 2
    padded = F.pad(level.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1)).flatten(1, 2)
    tap = torch.arange(3, device=cells.device)
    window = (tap[:, None] * padded_width + tap).flatten()
    # The cell above and left of each, in the padded map.
    corner = cells // level.shape[-1] * padded_width + cells % level.shape[-1]
    index = (corner[..., None] + window).flatten(1)[..., None].expand(-1, -1, level.shape[1])
    patches = padded.gather(1, index).unflatten(1, (joints, 3, 3)).flatten(0, 1)
    depthwise = head.sep.dw
    seen = F.conv2d(patches.permute(0, 3, 1, 2), depthwise.weight, groups=depthwise.groups)
    found = head.out(F.relu(head.sep.pw(seen))).unflatten(0, (batch, joints)).flatten(2)
    own = torch.arange(joints, device=cells.device)
    return _pair_of_each(found, own.expand(batch, -1))


def _pair_of_each(rows: Float[Tensor, "batch row pairs"], of: Cells) -> Tensor:
    """Each joint's own pair of channels, in the row that ``of`` names."""
    index = of[:, None, :, None].expand(-1, -1, -1, 2)
    return rows.unflatten(-1, (-1, 2)).gather(1, index)[:, 0]
