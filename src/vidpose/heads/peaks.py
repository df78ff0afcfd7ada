"""Joints out of heatmaps: the highest cell, refined below a cell's size.

Coordinates are cells: (0, 0) is the centre of the first one. All is tensor arithmetic without
branches on the data, on any device and in exported graphs.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

Heatmaps = Float[Tensor, "*n h w"]
Cells = Float[Tensor, "*n 2"]
Scores = Float[Tensor, "*n"]

# DARK's limits on a blurred value before its logarithm.
_LEAST, _MOST = 1e-3, 50.0
# Of how much a peak's logarithm bends that is as wide as the blur.
_FLATTEST = 0.1


def decode_quarter(heatmaps: Heatmaps, weight: Heatmaps | None = None) -> tuple[Cells, Scores]:
    """The highest cell, a quarter of a cell moved towards the higher neighbour on each axis.

    The decoder of Simple Baselines (Xiao et al., 2018) and HRNet. As in their code only cells with
    ``1 < x < w - 1`` and ``1 < y < h - 1`` are moved: column and row 1 stay, ``w - 2`` and
    ``h - 2`` move. Of equal maxima the first in row-major order counts.

    Args:
        heatmaps: The maps.
        weight: Above 0; of what the highest cell is sought, by how much each cell counts.

    Returns:
        Joints (x, y) in cells, and their cells' heights. A joint whose cell is not above 0 is at
        (0, 0).
    """
    heatmaps = heatmaps.float()
    x, y, score = _highest(heatmaps, weight)
    height, width = heatmaps.shape[-2:]
    around = _around(heatmaps, x, y, 1)
    slope = torch.stack(
        [around[..., 1, 2] - around[..., 1, 0], around[..., 2, 1] - around[..., 0, 1]], -1
    )
    inside = (x > 1) & (x < width - 1) & (y > 1) & (y < height - 1)
    return torch.stack([x, y], -1) + 0.25 * slope.sign() * inside[..., None], score


def decode_dark(
    heatmaps: Heatmaps, weight: Heatmaps | None = None, *, kernel: int = 11
) -> tuple[Cells, Scores]:
    """The highest cell, and from there one Newton step on the logarithm of the blurred heatmap.

    DARK (Zhang et al., 2020) with the finite differences of UDP (Huang et al., 2020), as ViTPose's
    checkpoints were published with: the blur mirrors the heatmap at its borders, and a neighbour
    outside counts as the border cell itself. Where the heatmap has no clear peak the step can be
    long.

    Args:
        heatmaps: The maps.
        weight: As in `decode_quarter`.
        kernel: Width of the Gaussian blur in cells, odd.

    Returns:
        Joints (x, y) in cells, and their cells' heights before the blur. A joint whose cell is not
        above 0 is at (0, 0).
    """
    heatmaps = heatmaps.float()
    x, y, score = _highest(heatmaps, weight)
    (first, above, _), (left, peak, right), (_, below, last) = _blurred_log(heatmaps, x, y, kernel)
    dx, dy = (right - left) / 2, (below - above) / 2
    # As in the published code, so that a flat map is not divided by 0.
    epsilon = torch.finfo(torch.float32).eps
    dxx = right - 2 * peak + left + epsilon
    dyy = below - 2 * peak + above + epsilon
    dxy = (last - right - below + 2 * peak - left - above + first) / 2
    determinant = dxx * dyy - dxy * dxy
    step = torch.stack([dyy * dx - dxy * dy, dxx * dy - dxy * dx], -1) / determinant[..., None]
    return torch.stack([x, y], -1) - step, score


def decode_vertex(
    heatmaps: Heatmaps, weight: Heatmaps | None = None, *, kernel: int = 11
) -> tuple[Cells, Scores]:
    """The highest cell, and from there to the vertex of a parabola along each axis, a cell at most.

    The parabola goes through the logarithm of the blurred heatmap, as in `decode_dark`, of which
    this is the step for peaks as wide as high. Where the heatmap has no clear peak it stays short:
    one that bends ten times less than a peak as wide as the blur is taken for one that bends so.

    Args:
        heatmaps: The maps.
        weight: As in `decode_quarter`.
        kernel: As in `decode_dark`.

    Returns:
        As `decode_dark`.
    """
    heatmaps = heatmaps.float()
    x, y, score = _highest(heatmaps, weight)
    (_, above, _), (left, peak, right), (_, below, _) = _blurred_log(heatmaps, x, y, kernel)
    slope = torch.stack([right - left, below - above], -1) / 2
    bend = 2 * peak[..., None] - torch.stack([right + left, below + above], -1)
    # Blurred, such a peak is a Gaussian of twice the variance.
    least = _FLATTEST / (2 * _spread(kernel) ** 2)
    return torch.stack([x, y], -1) + (slope / bend.clamp(min=least)).clamp(-1, 1), score


def highest_around(
    maps: Float[Tensor, "batch channel h w"], reach: int
) -> Float[Tensor, "batch channel h w"]:
    """The greatest value of the square of ``2 reach + 1`` cells around each cell of a map."""
    side = 2 * reach + 1
    # Columns, then rows, take half the time of squares.
    columns = F.max_pool2d(maps, (side, 1), stride=1, padding=(reach, 0))
    return F.max_pool2d(columns, (1, side), stride=1, padding=(0, reach))


def _blurred_log(
    heatmaps: Heatmaps, x: Int[Tensor, "*n"], y: Int[Tensor, "*n"], kernel: int
) -> list[tuple[Tensor, ...]]:
    """The logarithm of the blurred heatmap in (x, y) and the eight cells around it, by rows."""
    reach = kernel // 2
    blur = _blur(kernel, heatmaps)
    # Only the nine cells that a step looks at are blurred, not the whole map; and by sums,
    # because autocast would do matrix products in half precision.
    rows = (blur[:, :, None] * _around(heatmaps, x, y, reach + 1)[..., None, :, :]).sum(-2)
    log = (blur * rows[..., None, :]).sum(-1).clamp(_LEAST, _MOST).log()
    height, width = heatmaps.shape[-2:]
    log = log.gather(-1, _kept_inside(x, width)[..., None, :].expand_as(log))
    log = log.gather(-2, _kept_inside(y, height)[..., :, None].expand_as(log))
    return [row.unbind(-1) for row in log.unbind(-2)]


def _highest(
    heatmaps: Heatmaps, weight: Heatmaps | None
) -> tuple[Int[Tensor, "*n"], Int[Tensor, "*n"], Scores]:
    """Column and row of the first maximum, 0 and 0 if it is not above 0; and the height there."""
    weighed = heatmaps if weight is None else heatmaps * weight
    # The maxima of the rows first: twice as fast as an argmax of all cells.
    score, y = weighed.amax(-1).max(-1)
    row = weighed.gather(-2, y[..., None, None].expand_as(weighed[..., :1, :]))
    x = row[..., 0, :].argmax(-1)
    if weight is not None:
        score = _around(heatmaps, x, y, 0)[..., 0, 0]
    return torch.where(score > 0, x, 0), torch.where(score > 0, y, 0), score


def _around(
    heatmaps: Heatmaps, x: Int[Tensor, "*n"], y: Int[Tensor, "*n"], reach: int
) -> Float[Tensor, "*n side side"]:
    """The square of ``2 reach + 1`` cells around (x, y); the map is mirrored at its borders."""
    height, width = heatmaps.shape[-2:]
    offsets = torch.arange(-reach, reach + 1, device=heatmaps.device)
    rows = _mirrored(y[..., None] + offsets, height)
    columns = _mirrored(x[..., None] + offsets, width)
    index = rows[..., :, None] * width + columns[..., None, :]
    return heatmaps.flatten(-2).gather(-1, index.flatten(-2)).unflatten(-1, index.shape[-2:])


def _mirrored(index: Int[Tensor, "*n"], length: int) -> Int[Tensor, "*n"]:
    """Indices beyond the ends turned back, the end itself not repeated: -1 is 1."""
    last = length - 1
    return last - (index % max(2 * last, 1) - last).abs()


def _kept_inside(index: Int[Tensor, "*n"], length: int) -> Int[Tensor, "*n 3"]:
    """Which of (before, here, after) stand for the neighbours of ``index``: at an end, itself."""
    neighbours = index[..., None] + torch.arange(-1, 2, device=index.device)
    return neighbours.clamp(0, length - 1) - index[..., None] + 1


def _blur(kernel: int, like: Tensor) -> Float[Tensor, "3 side"]:
    """Weights that blur ``kernel + 2`` cells in a row into the middle three."""
    reach = kernel // 2
    cells = torch.arange(-reach - 1, reach + 2, device=like.device, dtype=like.dtype)
    distance = cells - cells[reach : reach + 3, None]
    weights = torch.exp(-(distance**2) / (2 * _spread(kernel) ** 2)) * (distance.abs() <= reach)
    return weights / weights.sum(-1, keepdim=True)


def _spread(kernel: int) -> float:
    """OpenCV's standard deviation for a kernel of this width, in cells."""
    return 0.3 * (kernel // 2 - 1) + 0.8
