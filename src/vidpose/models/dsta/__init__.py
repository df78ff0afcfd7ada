"""DSTA: regression from joint tokens, space and time decoupled (He and Yang, CVPR 2024)."""

from vidpose.models.dsta.model import DSTA, DSTAConfig

__all__ = ["DSTA", "DSTAConfig"]
