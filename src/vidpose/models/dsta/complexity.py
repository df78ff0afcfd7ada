"""DSTA's complexity formulas (Sec. 3.3.2) beside what the layers really cost."""

from dataclasses import dataclass

import torch

from vidpose.costs import macs
from vidpose.models.dsta.groups import body_groups
from vidpose.models.dsta.model import DSTAConfig
from vidpose.models.dsta.space_time import Coupled, SpatialDependency, TemporalDependency
from vidpose.skeleton import SKELETONS


@dataclass(frozen=True)
class Complexity:
    """Coupled attention (Eq. 4) against decoupled (Eq. 7 and 8).

    Attributes:
        coupled_pairs: Pairs of tokens that a coupled layer compares, ``(n (2T + 1))^2``.
        decoupled_pairs: Those of a layer of TD and one of SD, ``n (2T + 1)^2 + K (n / K)^2``; where
            groups are unequal the second term is the sum of their squared sizes.
        coupled_macs: Multiply-accumulates of all coupled layers, projections included.
        decoupled_macs: Those of all layers of TD and SD.
    """

    coupled_pairs: int
    decoupled_pairs: int
    coupled_macs: int
    decoupled_macs: int


@torch.inference_mode()
def complexity(config: DSTAConfig) -> Complexity:
    """Both ways to attend, for the joints, frames and layers of a configuration."""
    skeleton, frames, key = SKELETONS[config.skeleton], len(config.offsets), 0
    joints, groups = len(skeleton), body_groups(skeleton)
    stack = config.stack(config.width)
    with torch.device("meta"):
        tokens = torch.zeros(1, frames, joints, config.width)
        coupled = Coupled(stack, frames, joints, key).eval()
        decoupled = (
            TemporalDependency(stack, frames, key).eval(),
            SpatialDependency(stack, groups, key).eval(),
        )
    return Complexity(
        coupled_pairs=(joints * frames) ** 2,
        decoupled_pairs=joints * frames**2 + sum(len(group) ** 2 for group in groups),
        coupled_macs=macs(coupled, tokens),
        decoupled_macs=sum(macs(part, tokens) for part in decoupled),
    )
