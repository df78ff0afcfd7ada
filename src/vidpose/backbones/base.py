"""What every backbone is and returns: feature levels, finest or most abstract last."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from vidpose.skeleton import Skeleton


class Features(NamedTuple):
    """Features of frames, one tensor a level.

    A level is a map ``[batch, channels, h, w]`` or tokens ``[batch, tokens, channels]`` out of
    `PoseModel.encode`, and has a frame axis after the batch, ``[batch, frame, ...]``, on its way
    into `PoseModel.aggregate`. A named tuple of tensors, so that graph exporters see through it.

    Attributes:
        levels: The levels; the last is the one that a head reads unless it asks for another.
    """

    levels: tuple[Tensor, ...]

    @property
    def last(self) -> Tensor:
        """The default level."""
        return self.levels[-1]

    def map(self, change: Callable[[Tensor], Tensor]) -> Features:
        """The features with ``change`` applied to every level."""
        return Features(tuple(change(level) for level in self.levels))

    @staticmethod
    def stack(parts: Sequence[Features], dim: int) -> Features:
        """Stack equal-shaped features level by level along a new axis ``dim``."""
        levels = zip(*(part.levels for part in parts), strict=True)
        return Features(tuple(torch.stack(level, dim) for level in levels))

    @staticmethod
    def join(parts: Sequence[Features]) -> Features:
        """Features of more frames, level by level along the batch."""
        levels = zip(*(part.levels for part in parts), strict=True)
        return Features(tuple(torch.cat(level) for level in levels))


class FeatureInfo(NamedTuple):
    """What one level holds.

    Attributes:
        channels: Of a cell's or a joint's vector.
        stride: How many input pixels a cell spans; of ``joints``, one of the heatmaps that they
            were found in.
        kind: ``map`` is ``[batch, channels, h, w]``, ``tokens`` are the cells of a map in row-major
            order, ``[batch, h * w, channels]``, and ``joints`` are no grid at all,
            ``[batch, joint, channels]``.
    """

    channels: int
    stride: int
    kind: Literal["map", "tokens", "joints"] = "map"

    def grid(self, size: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of cells in a crop of this height and width in pixels.

        The last ones may reach beyond its edge.
        """
        return -(-size[0] // self.stride), -(-size[1] // self.stride)


class Backbone(nn.Module, ABC):
    """Single frames to features.

    Attributes:
        info: The levels of `Features` that `forward` returns, in their order.
        multiple: Of how many pixels the sides of frames are multiples.
        heatmaps: Joints whose heatmaps in [0, 1] are the last channels of the last level, with
            cells that hold a joint anywhere in them (``middle`` of `HeatmapCodec`); None where
            there are none.
        int8_parts: Submodules by name that an export in int8 may compute so; None for all of
            ``encode``, as long as nobody has measured which cannot be.
    """

    info: tuple[FeatureInfo, ...]
    multiple: int = 1
    heatmaps: Skeleton | None = None
    int8_parts: tuple[str, ...] | None = None

    @abstractmethod
    def forward(
        self, frames: UInt8[Tensor, "batch 3 h w"] | Float[Tensor, "batch 3 h w"]
    ) -> Features:
        """Features of every frame for itself.

        Args:
            frames: RGB in [0, 255]; normalised inside. Their sides pass `check_sides`.
        """

    def check_sides(self, height: int, width: int) -> None:
        """Whether frames of these sides in pixels can be read.

        Raises:
            ValueError: A side is no multiple of ``multiple``.
        """
        if height % self.multiple or width % self.multiple:
            raise ValueError(
                f"{type(self).__name__} needs sides that are multiples of {self.multiple}, got "
                f"{height}x{width}"
            )
