"""VREMD: human and keypoint masks, bidirectional motion (AAAI 2025)."""

from vidpose.models.vremd.model import VREMD, VREMDConfig

__all__ = ["VREMD", "VREMDConfig"]
