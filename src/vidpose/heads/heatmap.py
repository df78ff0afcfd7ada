"""Heatmaps of joints: what is learnt (`gaussian_targets`), and both ways (`HeatmapCodec`)."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from vidpose.heads.peaks import (
    Cells,
    Heatmaps,
    Scores,
    decode_dark,
    decode_quarter,
    decode_vertex,
)
from vidpose.heads.prior import Prior, weight_of_cells
from vidpose.layers.sizes import x_and_y

Decoder = Literal["quarter", "dark", "udp", "middle"]


@dataclass(frozen=True)
class HeatmapCodec:
    """Joints of a crop to heatmaps and back, by one of four conventions.

    ========= ================== ======================= ======================
    decoder   centre of target   decoding                ``xy_norm``
    ========= ================== ======================= ======================
    quarter   nearest cell       quarter of a cell       cell / (w, h)
    dark      exact              Newton step on the log  cell / (w, h)
    udp       exact              Newton step on the log  cell / (w - 1, h - 1)
    middle    exact              parabolas on the log    (cell + 1/2) / (w, h)
    ========= ================== ======================= ======================

    ``quarter`` is Simple Baselines, HRNet and the PoseTrack models after them. ``udp`` measures
    from the centre of the first pixel to that of the last one; checkpoints that were trained so
    (ViTPose) want crops made so too, where the window's edges fall on the centres of the border
    pixels. ``middle`` is for heatmaps whose cells are squares that hold a joint anywhere in them,
    as MoveNet's.

    Attributes:
        size: Height and width of the heatmaps in cells, at least 2.
        sigma: Standard deviation of the targets in cells.
        decoder: The convention.
    """

    size: tuple[int, int]
    sigma: float
    decoder: Decoder

    def __post_init__(self) -> None:
        if min(self.size) < 2:
            raise ValueError(f"a heatmap needs at least 2x2 cells, got {self.size}")

    def encode(
        self, xy_norm: Float[Tensor, "*n 2"], weight: Float[Tensor, "*n"]
    ) -> tuple[Heatmaps, Scores]:
        """Targets of joints in [0, 1] of the crop; see `gaussian_targets`."""
        xy = self._cells(xy_norm)
        return gaussian_targets(
            xy, weight, self.size, self.sigma, exact_centre=self.decoder != "quarter"
        )

    def decode(
        self, heatmaps: Heatmaps, prior: Prior | None = None
    ) -> tuple[Float[Tensor, "*n 2"], Scores]:
        """Joints in [0, 1] of the crop, and the heights of their cells, in float32.

        A joint's cell is the highest; with a prior that of the highest product with its weight
        (`weight_of_cells`). Where it is not above 0, the joint is in the first one.

        Args:
            heatmaps: With a prior ``[batch, joint, h, w]``.
            prior: Of the heatmaps' joints.
        """
        weight = None
        if prior is not None:
            weight = weight_of_cells(self._cells(prior[..., :2]), prior[..., 2], self.size)
        if self.decoder == "quarter":
            xy, score = decode_quarter(heatmaps, weight)
        else:
            # As wide as the target: 11 cells for a sigma of 2 and 17 for 3, as DARK has it.
            kernel = 2 * int(3 * self.sigma) - 1
            refined = decode_vertex if self.decoder == "middle" else decode_dark
            xy, score = refined(heatmaps, weight, kernel=kernel)
        return (xy + self._first) / self._extent(xy), score

    def _cells(self, xy_norm: Float[Tensor, "*n 2"]) -> Cells:
        return xy_norm * self._extent(xy_norm) - self._first

    @property
    def _first(self) -> float:
        """Where the first cell is, in cells from the crop's left and upper edge."""
        return 0.5 if self.decoder == "middle" else 0.0

    def _extent(self, like: Tensor) -> Float[Tensor, "2"]:
        """Cells between 0 and 1 of the crop along x and y."""
        height, width = self.size
        border = 1 if self.decoder == "udp" else 0
        return x_and_y(width - border, height - border, like)


def gaussian_targets(
    xy: Cells,
    weight: Scores,
    size: tuple[int, int],
    sigma: float,
    *,
    exact_centre: bool = False,
) -> tuple[Heatmaps, Scores]:
    """A Gaussian of peak 1 for every joint, cut off three sigma from the joint's nearest cell.

    The nearest cell is ``xy + 0.5`` without its fraction (truncated towards zero). A joint is drawn
    if its weight is above 0.5. As in the public code the right and lower edge of its square are
    exclusive, so a joint whose square ends just before cell 0 keeps its weight with an empty map.

    Args:
        xy: Joints in cells.
        weight: Weight of each joint.
        size: Height and width of the heatmaps.
        sigma: Standard deviation in cells.
        exact_centre: Centre the Gaussian on the joint (DARK, UDP) and not on its nearest cell.

    Returns:
        The heatmaps; and the weights, 0 where the square lies wholly outside or the joint is not
        finite.
    """
    reach = int(3 * sigma)
    height, width = size
    nearest = (xy + 0.5).trunc()
    centre = xy if exact_centre else nearest
    touches = (nearest - reach < xy.new_tensor([width, height])) & (nearest + reach + 1 >= 0)
    weight = torch.where(touches.all(-1), weight, 0)

    def profile(axis: int, length: int) -> Tensor:
        """The Gaussian along one axis: ``[*n, length]``."""
        cells = torch.arange(length, device=xy.device)
        values = torch.exp(-((cells - centre[..., axis, None]) ** 2) / (2 * sigma**2))
        return torch.where((cells - nearest[..., axis, None]).abs() <= reach, values, 0)

    # The exponential of a sum is the product of a row and a column.
    rows = profile(1, height) * (weight > 0.5)[..., None]
    return rows[..., :, None] * profile(0, width)[..., None, :], weight
