"""MoveNet as a backbone that hands on joints: what it knows of each, in one short vector."""

from functools import partial
from typing import NamedTuple, Self

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from vidpose.backbones.base import FeatureInfo, Features
from vidpose.backbones.movenet import SINGLE_HEADS, Head, MoveNetBackbone, Widths
from vidpose.heads.movenet import PairsAt, decode, pairs_of_map
from vidpose.heads.peaks import highest_around
from vidpose.layers.sizes import x_and_y

JOINTS = SINGLE_HEADS["kpt_heatmap"]
# The heatmap is looked at in 3 x 3 places this many cells apart around a joint.
_SPACING = 2.0
# A second peak lies at least this many cells from the first.
_APART = 4.0
# Place, score, where it was expected, the second peak with its height, the heatmap around.
KNOWN = 2 + 1 + 2 + 3 + 9
# And the features around.
DESCRIBED = KNOWN + 24 + 24
# Peaks of a joint's heatmap, for a prior to lead to one of them: from the place, and their heights.
PEAKS = 6
# The highest cell within this many is a peak.
ALONE = 2


class JointAnswers(NamedTuple):
    """What the published network answers for joints, in parts of the crop.

    Joined they are the vectors that `MoveNetJoints` gives: the first `KNOWN` numbers up to
    ``around``, `DESCRIBED` with ``features``.

    Attributes:
        place: Where the joint is, from the middle of the crop.
        score: Its heatmap there.
        expected: Where the regression expected it, from the place.
        second: The second peak of its heatmap, from the place.
        second_height: The heatmap there.
        around: The heatmap in 3 x 3 places around the place.
        features: Of the pyramid's two finest levels at the place.
        peaks: The highest peaks of the heatmap, from the place, x and y of one after the other.
        heights: The heatmap there.
    """

    place: Float[Tensor, "*frames joint 2"]
    score: Float[Tensor, "*frames joint 1"]
    expected: Float[Tensor, "*frames joint 2"]
    second: Float[Tensor, "*frames joint 2"]
    second_height: Float[Tensor, "*frames joint 1"]
    around: Float[Tensor, "*frames joint 9"]
    features: Float[Tensor, "*frames joint 48"]
    peaks: Float[Tensor, "*frames joint numbers"]
    heights: Float[Tensor, "*frames joint peak"]

    @classmethod
    def of(cls, vectors: Float[Tensor, "*frames joint channels"]) -> Self:
        """The parts of vectors. Graphs exported by an earlier version give no peaks."""
        peaks = (vectors.shape[-1] - DESCRIBED) // 3
        return cls(*vectors.split([2, 1, 2, 2, 1, 9, DESCRIBED - KNOWN, 2 * peaks, peaks], -1))

    def joined(self) -> Float[Tensor, "*frames joint channels"]:
        """The vectors."""
        return torch.cat(self, -1)

    def put_at(self, place: Float[Tensor, "*frames joint 2"]) -> Self:
        """With another place, from which all the rest is told: what it tells of stays."""
        gap = place - self.place
        return self._replace(
            place=place,
            expected=self.expected - gap,
            second=self.second - gap,
            peaks=(self.peaks.unflatten(-1, (-1, 2)) - gap[..., None, :]).flatten(-2),
        )

    def peak_places(self) -> Float[Tensor, "*frames joint peak 2"]:
        """The highest peaks in [0, 1] of the crop."""
        return self.place[..., None, :] + 0.5 + self.peaks.unflatten(-1, (-1, 2))


class MoveNetJoints(MoveNetBackbone):
    """Trunk, pyramid and heads; a vector for each of the 17 joints of COCO, see `JointAnswers`.

    It is small, so that a training run can keep it on disk for many frames.
    """

    info = (FeatureInfo(DESCRIBED + 3 * PEAKS, 4, "joints"),)

    def __init__(self, widths: Widths) -> None:
        super().__init__(widths)
        # Each is a part of its own in the published weights.
        self.center = Head(24, SINGLE_HEADS["center"])
        self.kpt_heatmap = Head(24, SINGLE_HEADS["kpt_heatmap"])
        self.kpt_regress = Head(24, SINGLE_HEADS["kpt_regress"])
        self.kpt_offset = Head(24, SINGLE_HEADS["kpt_offset"])
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(
        self, frames: UInt8[Tensor, "batch 3 h w"] | Float[Tensor, "batch 3 h w"]
    ) -> Features:
        """One level ``[batch, 17, channels]``."""
        *_, p8, p4 = super().forward(frames).levels
        raw = {name: getattr(self, name)(p4) for name in SINGLE_HEADS}
        joints = decode(raw)
        place, maps = joints.xy_norm, joints.heatmaps
        second, height = _second_peak(maps, place)
        # [batch, joint, 2] -> the heatmap of each joint in 9 places
        steps = torch.arange(-1.0, 2.0, device=place.device) * _SPACING
        around = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1).flatten(0, 1)
        cell = 1 / x_and_y(maps.shape[-1], maps.shape[-2], place)
        places = place[:, :, None] + around * cell
        nearby = at_cells(maps.flatten(0, 1)[:, None], places.flatten(0, 1)).flatten(1)
        features = [at_cells(p4.float(), place), at_cells(p8.float(), place)]
        peaks, heights = highest_peaks(maps, place, partial(pairs_of_map, raw["kpt_offset"]))
        answers = JointAnswers(
            place=place - 0.5,
            score=joints.score[..., None],
            expected=joints.expected - place,
            second=second - place,
            second_height=height[..., None],
            around=nearby.unflatten(0, place.shape[:2]),
            features=torch.cat(features, -1),
            peaks=peaks,
            heights=heights,
        )
        return Features((answers.joined(),))


def moved(
    vectors: Float[Tensor, "batch joint channels"],
    scale: Float[Tensor, " batch"],
    shift: Float[Tensor, "batch 2"],
) -> Float[Tensor, "batch joint channels"]:
    """Vectors whose places are those in another window, see `PoseModel.moved`."""
    answers = JointAnswers.of(vectors)
    by = scale[:, None, None]
    elsewhere = answers._replace(
        place=by * (answers.place + 0.5) + shift[:, None] - 0.5,
        expected=by * answers.expected,
        second=by * answers.second,
        peaks=by * answers.peaks,
    )
    return elsewhere.joined()


def highest_peaks(
    maps: Float[Tensor, "batch joint h w"], place: Float[Tensor, "batch joint 2"], offset: PairsAt
) -> tuple[Float[Tensor, "batch joint numbers"], Float[Tensor, "batch joint peak"]]:
    """Where the highest cells among their neighbours are, from ``place``, and their heights.

    Of equal neighbours, which half precision makes, each is a peak.
    """
    height, width = maps.shape[-2:]
    heights, cells = (maps * (maps == highest_around(maps, ALONE))).flatten(2).topk(PEAKS)
    offsets = torch.stack([offset(each).float().flip(-1) for each in cells.unbind(-1)], 2)
    places = torch.stack([cells % width, cells // width], -1) + offsets
    from_place = places / x_and_y(width, height, place) - place[:, :, None]
    # Where there are fewer peaks, cells of no height stand in for them.
    from_place = torch.where(heights[..., None] > 0, from_place, 0.0)
    return from_place.flatten(2), heights


def _second_peak(
    maps: Float[Tensor, "batch joint h w"], place: Float[Tensor, "batch joint 2"]
) -> tuple[Float[Tensor, "batch joint 2"], Float[Tensor, "batch joint"]]:
    """The highest cell away from ``place`` in [0, 1] of the crop, and its height."""
    height, width = maps.shape[-2:]
    size = x_and_y(width, height, place)
    xy = (place * size)[..., None, None, :]
    grid_y = torch.arange(height, device=maps.device, dtype=maps.dtype)[:, None]
    grid_x = torch.arange(width, device=maps.device, dtype=maps.dtype)[None]
    away = (grid_x - xy[..., 0]) ** 2 + (grid_y - xy[..., 1]) ** 2 >= _APART**2
    others = (maps * away).flatten(2)
    best = others.argmax(-1)
    second = torch.stack([best % width, best // width], -1) / size
    return second, others.gather(2, best[..., None])[..., 0]


def at_cells(
    level: Float[Tensor, "batch channel h w"], places: Float[Tensor, "batch n 2"]
) -> Float[Tensor, "batch n channel"]:
    """Vectors of a map at places in [0, 1] of the crop, between cells bilinear, outside zero.

    A place is the index of a cell over their number, as `decode` gives it.
    """
    cells = x_and_y(level.shape[-1], level.shape[-2], places)
    grid = 2 * places + 1 / cells - 1
    found = F.grid_sample(level, grid[:, :, None], mode="bilinear", align_corners=False)
    return found[..., 0].transpose(1, 2)
