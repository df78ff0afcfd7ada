"""DSTA's Space-Time Decoupling (Sec. 3.3): what a joint learns from its neighbours and its past.

Shapes: ``joint_tokens [batch, frame, joint, width]`` of a clip in, one updated token a joint of the
key frame out, ``[batch, joint, width]``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from vidpose.layers.attention import Block

ClipTokens = Float[Tensor, "batch frame joint width"]
KeyTokens = Float[Tensor, "batch joint width"]


@dataclass(frozen=True)
class StackConfig:
    """The self-attention module S-ATT of Eq. 4, 7 and 8.

    Attributes:
        width: Channels of a token.
        depth: Identical layers; 4 in the paper.
        heads: Attention heads.
        mlp_ratio: Hidden channels over ``width``.
        norm: ``pre`` as in the released code, ``post`` as in the Transformer that the paper cites.
        drop_path: Stochastic depth of the last layer in training, rising from 0.
    """

    width: int = 32
    depth: int = 4
    heads: int = 8
    mlp_ratio: float = 2.0
    norm: Literal["pre", "post"] = "pre"
    drop_path: float = 0.1


class SelfAttentionStack(nn.Module):
    """S-ATT: a learnable position embedding on every token, then the layers.

    Args:
        config: Shape of the layers.
        tokens: Number of tokens that attend to each other.
    """

    def __init__(self, config: StackConfig, tokens: int) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.zeros(tokens, config.width))
        rates = [config.drop_path * i / max(config.depth - 1, 1) for i in range(config.depth)]
        self.blocks = nn.ModuleList(
            Block(config.width, config.heads, config.mlp_ratio, norm=config.norm, drop_path=rate)
            for rate in rates
        )
        # Layers of ``post`` end in a norm of their own.
        self.norm = nn.LayerNorm(config.width, eps=1e-6) if config.norm == "pre" else nn.Identity()

    def forward(
        self,
        tokens: Float[Tensor, "batch token width"],
        seen: Bool[Tensor, "batch token"] | None = None,
    ) -> Float[Tensor, "batch token width"]:
        """Updated tokens; only those that are ``seen`` are attended to."""
        tokens = tokens + self.position
        for block in self.blocks:
            tokens = block(tokens, seen)
        updated: Tensor = self.norm(tokens)
        return updated


class TemporalDependency(nn.Module):
    """TD (Eq. 7): a joint attends to itself in the other frames; layers are shared by joints."""

    def __init__(self, config: StackConfig, frames: int, key: int) -> None:
        super().__init__()
        self.key = key
        self.attend = SelfAttentionStack(config, frames)

    def forward(self, joint_tokens: ClipTokens) -> KeyTokens:
        """Tokens of the key frame that know the trajectory of their joint."""
        batch, _, joints, _ = joint_tokens.shape
        trajectories = joint_tokens.transpose(1, 2).flatten(0, 1)
        return self.attend(trajectories)[:, self.key].unflatten(0, (batch, joints))


class SpatialDependency(nn.Module):
    """SD (Eq. 8): a joint attends to its group in the key frame; layers are shared by groups.

    Args:
        config: Shape of the layers.
        groups: Joints of each group, every joint in one; sizes may differ.
        key: Position of the key frame.
    """

    members: Tensor
    seen: Tensor
    place: Tensor

    def __init__(self, config: StackConfig, groups: Sequence[Sequence[int]], key: int) -> None:
        super().__init__()
        self.key = key
        largest = max(len(group) for group in groups)
        self.equal = all(len(group) == largest for group in groups)
        self.attend = SelfAttentionStack(config, largest)
        # A smaller group is filled up with its first joint, which nobody sees there.
        members = [[*group, *[group[0]] * (largest - len(group))] for group in groups]
        seen = [[i < len(group) for i in range(largest)] for group in groups]
        place = {joint: (k, i) for k, group in enumerate(groups) for i, joint in enumerate(group)}
        order = [place[joint][0] * largest + place[joint][1] for joint in sorted(place)]
        self.register_buffer("members", torch.tensor(members), persistent=False)
        self.register_buffer("seen", torch.tensor(seen), persistent=False)
        self.register_buffer("place", torch.tensor(order), persistent=False)

    def forward(self, joint_tokens: ClipTokens) -> KeyTokens:
        """Tokens of the key frame that know the joints next to theirs."""
        key_tokens = joint_tokens[:, self.key]
        batch = key_tokens.shape[0]
        grouped = key_tokens[:, self.members].flatten(0, 1)
        seen = None if self.equal else self.seen.repeat(batch, 1)
        updated = self.attend(grouped, seen).unflatten(0, (batch, len(self.members))).flatten(1, 2)
        return updated[:, self.place]


class KeyFrame(nn.Module):
    """No aggregation: the tokens of the key frame as they are."""

    def __init__(self, key: int) -> None:
        super().__init__()
        self.key = key

    def forward(self, joint_tokens: ClipTokens) -> KeyTokens:
        """Of all frames, the key frame's."""
        return joint_tokens[:, self.key]


class Coupled(nn.Module):
    """Space-time coupling (Eq. 4): every joint attends to all joints of all frames."""

    def __init__(self, config: StackConfig, frames: int, joints: int, key: int) -> None:
        super().__init__()
        self.key = key
        self.attend = SelfAttentionStack(config, frames * joints)

    def forward(self, joint_tokens: ClipTokens) -> KeyTokens:
        """Updated tokens of the key frame."""
        frames = joint_tokens.shape[1]
        updated = self.attend(joint_tokens.flatten(1, 2)).unflatten(1, (frames, -1))
        return updated[:, self.key]


class SpaceTimeDecoupling(nn.Module):
    """STD (Eq. 5): what TD and SD found, side by side (Eq. 9) or summed.

    Args:
        temporal: TD.
        spatial: SD.
        fusion: ``concatenate`` as in the paper; ``sum`` as in the released code, with one learnt
            weight each.
    """

    def __init__(
        self,
        temporal: TemporalDependency,
        spatial: SpatialDependency,
        fusion: Literal["concatenate", "sum"] = "concatenate",
    ) -> None:
        super().__init__()
        self.temporal, self.spatial = temporal, spatial
        self.sum = nn.Linear(2, 1) if fusion == "sum" else None

    def forward(self, joint_tokens: ClipTokens) -> KeyTokens:
        """``[batch, joint, 2 width]``, or ``[batch, joint, width]`` summed."""
        both = (self.temporal(joint_tokens), self.spatial(joint_tokens))
        if self.sum is None:
            return torch.cat(both, -1)
        summed: Tensor = self.sum(torch.stack(both, -1))[..., 0]
        return summed
