"""SDTC: semantic motion from masked clips, space and motion mutually (Feng and Chen, 2025)."""

from vidpose.models.sdtc.model import SDTC, SDTCConfig

__all__ = ["SDTC", "SDTCConfig"]
