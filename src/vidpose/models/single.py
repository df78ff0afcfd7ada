"""One-frame models: the baselines that every temporal model has to beat."""

from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from vidpose.backbones.base import Features
from vidpose.backbones.movenet import SINGLE_HEADS, WIDTHS, MoveNetBackbone, MoveNetHeads
from vidpose.geometry import CropGeometry
from vidpose.models.base import ModelConfig, PoseModel, PoseOutput, Prior
from vidpose.skeleton import COCO17

# Softening of the published decoder's 1 / (distance + softening), in cells.
_SOFTENING = 1.7998046875
# With a prior, fitted on labelled training stills: the prior is sharper than the network's own
# regression, and a joint the prior is unsure of is searched for everywhere with this flat weight.
_PRIOR_SOFTENING = 1.4
_ANYWHERE = 0.03


class MoveNetConfig(ModelConfig):
    """Configuration of `MoveNetSingle`.

    Attributes:
        variant: ``thunder`` or ``lightning``.
        side: Side of the square crop in pixels, a multiple of 32.
        enlargement: Of the person's box, after it is extended to a square.
    """

    variant: Literal["thunder", "lightning"] = "thunder"
    side: Annotated[int, Field(gt=0, multiple_of=32)] = 256
    enlargement: float = 1.0

    def build(self) -> "MoveNetSingle":
        """The model, with random weights."""
        return MoveNetSingle(self.variant, side=self.side, enlargement=self.enlargement)


class MoveNetSingle(PoseModel):
    """MoveNet Thunder or Lightning on a person's crop, decoded with the detector's prior.

    Args:
        variant: A key of `WIDTHS`.
        side: Side of the square crop in pixels.
        enlargement: Of the person's box.
    """

    offsets = (0,)
    skeleton = COCO17
    uses_prior = True

    def __init__(self, variant: str, *, side: int = 256, enlargement: float = 1.0) -> None:
        super().__init__()
        self.backbone = MoveNetBackbone(WIDTHS[variant])
        self.heads = MoveNetHeads(SINGLE_HEADS)
        self.crop = CropGeometry((side, side), enlargement)

    def embed(self, features: Features) -> Features:
        """The level of stride 4, the one that the heads read."""
        return Features((features.last,))

    def aggregate(self, features: Features, prior: Prior | None = None) -> PoseOutput:
        """Heads and decoding on the key frame, the only frame there is."""
        p4 = features.last[:, self.key].contiguous(memory_format=torch.channels_last)
        return decode(self.heads(p4), prior)


def decode(maps: dict[str, Float[Tensor, "batch _ h w"]], prior: Prior | None = None) -> PoseOutput:
    """The published single-pose decoder, led by a prior where there is one.

    A joint is the peak of its heatmap weighted by ``t / (d + c) + (1 - t) a``, where ``d`` is the
    distance to where the joint is expected. Without a prior that is the network's regression from
    the centre cell and ``t = 1``: the published decoder. With one it is the prior's place and ``t``
    its score: a joint of which the prior is unsure is looked for everywhere (``a``).

    Args:
        maps: Raw maps of `SINGLE_HEADS`.
        prior: The detector's joints. A person whose scores are all 0 has none.

    Returns:
        Joints of the crop, and the heatmaps (after the sigmoid) at stride 4.
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
    return PoseOutput(position / size, score, heatmaps=heatmaps)


def _at(
    pairs: Float[Tensor, "batch pairs h w"], cells: Float[Tensor, "batch joint"]
) -> Float[Tensor, "batch joint 2"]:
    """The pair of channels of each joint at that joint's flat cell."""
    per_joint = pairs.unflatten(1, (-1, 2)).flatten(3)
    index = cells[:, :, None, None].expand(-1, -1, 2, 1)
    return per_joint.gather(3, index)[..., 0]
