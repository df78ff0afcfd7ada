"""What people of a kit wear, and which clothes are kept for testing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Literal

import cv2
import numpy as np
from jaxtyping import UInt8

Split = Literal["train", "val"]
# Where a garment of each kind is worn.
SLOTS = {"suit": "suit", "shoes": "shoes", "hair": "hair", "hat": "hair", "eyebrow": "eyebrows"}
# What nobody wears in training. Shoes of one shape stay on one side: 01 and 04, and 02, 05 and 06.
HELD_OUT = frozenset(
    {
        "female_casualsuit02",
        "male_casualsuit05",
        "male_elegantsuit01",
        "shoes01",
        "shoes04",
        "bob02",
        "fedora_cocked",
        "short03",
        "eyebrow010",
    }
)


@dataclass(frozen=True, order=True)
class Outfit:
    """What somebody wears: names of garments, and how the suit is coloured.

    Attributes:
        suit: Trousers and top, or a dress.
        shoes: A pair.
        hair: Hair or a hat.
        eyebrows: Both.
        hue: Turn of the suit's colours around the circle of hues, in turns.
        saturation: Factor of how colourful the suit is; 0 makes it grey.
        brightness: Factor of the suit's brightness.
    """

    suit: str
    shoes: str
    hair: str
    eyebrows: str
    hue: float = 0.0
    saturation: float = 1.0
    brightness: float = 1.0


def combinations(kinds: Mapping[str, str], split: Split) -> tuple[Outfit, ...]:
    """Every outfit of the garments of a split, undyed; the two splits share no garment.

    Args:
        kinds: The kind of each garment by name; the order is kept.
        split: For training, or for testing.
    """
    worn: dict[str, list[str]] = {slot: [] for slot in SLOTS.values()}
    for name, kind in kinds.items():
        if (name in HELD_OUT) == (split == "val"):
            worn[SLOTS[kind]].append(name)
    return tuple(
        Outfit(suit, shoes, hair, eyebrows)
        for suit, shoes, hair, eyebrows in product(*worn.values())
    )


def dyed(texture: UInt8[np.ndarray, "h w 4"], outfit: Outfit) -> UInt8[np.ndarray, "h w 4"]:
    """The suit's texture in the colours of the outfit."""
    hsv = cv2.cvtColor(texture[..., :3], cv2.COLOR_RGB2HSV_FULL).astype(float)
    hsv[..., 0] = (hsv[..., 0] + 256 * outfit.hue) % 256
    hsv[..., 1] *= outfit.saturation
    hsv[..., 2] *= outfit.brightness
    rgb = cv2.cvtColor(hsv.clip(0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB_FULL)
    return np.dstack([rgb, texture[..., 3]])
