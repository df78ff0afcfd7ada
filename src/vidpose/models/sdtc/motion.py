"""SDTC's Multi-Level Semantic Motion Encoder (Sec. 3.1): motion from clips of which much is hidden.

Shapes: ``[batch, frame, token, width]`` of a clip in and out.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from vidpose.layers.masking import MaskToken, frame_mask, tube_mask
from vidpose.layers.space_time import DividedSpaceTime, JointSpaceTime
from vidpose.models.base import Probe

ClipTokens = Float[Tensor, "batch frame token width"]
MaskedAs = Literal["placed", "bare"]


@dataclass(frozen=True)
class EncoderConfig:
    """Shape of a motion encoder.

    Attributes:
        width: Channels of a token.
        heads: Attention heads.
        mlp_ratio: Hidden channels of a layer over ``width``.
        joint_depth: Layers of joint space-time attention.
        divided_depth: Layers of divided space-time attention behind them.
    """

    width: int = 256
    heads: int = 8
    mlp_ratio: float = 4.0
    joint_depth: int = 1
    divided_depth: int = 1


class MotionEncoder(nn.Sequential):
    """The build of both encoders: joint (Eq. 2), then divided space-time attention (Eq. 3)."""

    def __init__(self, config: EncoderConfig) -> None:
        shape = (config.width, config.heads, config.mlp_ratio)
        super().__init__(
            *(JointSpaceTime(*shape) for _ in range(config.joint_depth)),
            *(DividedSpaceTime(*shape) for _ in range(config.divided_depth)),
        )


class Masks(NamedTuple):
    """What was hidden from the encoders.

    Attributes:
        tubes: ``^M_c``: places, in all frames.
        frames: ``^M_f``: frames; None where only places are hidden.
    """

    tubes: Bool[Tensor, "batch 1 token"]
    frames: Bool[Tensor, "batch frame 1"] | None


class Motion(NamedTuple):
    """What the encoder makes of a clip.

    Attributes:
        total: ``M``, the sum of the levels (Eq. 5).
        masked: What enters the frame-level encoder (Eq. 4).
        encoded: What the last encoder gave.
        masks: None outside training, where nothing is hidden.
    """

    total: ClipTokens
    masked: ClipTokens
    encoded: ClipTokens
    masks: Masks | None


class MLSME(nn.Module):
    """Motion at the level of patches and of frames, their sum (Eq. 1-5).

    Args:
        config: Of both encoders.
        frames: Of a clip; of one frame nothing can be hidden as a frame.
        frame_level: Whether there is a frame-level encoder (Table 5).
        ratio: Part of the places, and part of the frames, that are hidden in training; 0 hides
            nothing.
        masked_as: ``placed`` leaves what is hidden its positional encoding, ``bare`` does not.
    """

    def __init__(
        self,
        config: EncoderConfig,
        frames: int,
        *,
        frame_level: bool = True,
        ratio: float = 0.5,
        masked_as: MaskedAs = "placed",
    ) -> None:
        super().__init__()
        self.ratio, self.placed = ratio, masked_as == "placed"
        self.patch_level = MotionEncoder(config)
        self.frame_level = MotionEncoder(config) if frame_level else None
        self.hide_tubes = MaskToken(config.width) if ratio else None
        hides_frames = ratio and frame_level and frames > 1
        self.hide_frames = MaskToken(config.width) if hides_frames else None
        self.tubes, self.frames = Probe(), Probe()
        self.patch_motion, self.frame_motion = Probe(), Probe()

    def forward(self, clip: ClipTokens, encoding: Float[Tensor, "frame token width"]) -> Motion:
        """The motion of a clip.

        Args:
            clip: Tokens with their positional encodings.
            encoding: These encodings.
        """
        if not self.placed:
            encoding = torch.zeros_like(encoding)
        tubes = frames = None
        if self.training and self.hide_tubes is not None:
            tubes = self.tubes(tube_mask(clip, self.ratio))
            clip = self.hide_tubes(clip, tubes, encoding)
        masked = patch_motion = self.patch_motion(self.patch_level(clip))
        if self.training and self.hide_frames is not None:
            frames = self.frames(frame_mask(clip, self.ratio))
            masked = self.hide_frames(patch_motion, frames, encoding)
        masks = None if tubes is None else Masks(tubes, frames)
        if self.frame_level is None:
            return Motion(patch_motion, masked, patch_motion, masks)
        frame_motion = self.frame_motion(self.frame_level(masked))
        return Motion(patch_motion + frame_motion, masked, frame_motion, masks)
