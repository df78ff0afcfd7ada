"""Who plays in a scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from vidpose.errors import VidposeError
from vidpose.synth.figure import Figure
from vidpose.synth.kit import Kit
from vidpose.synth.outfits import Outfit, Split
from vidpose.synth.plain import plain_figure


class Wardrobe(Protocol):
    """Where a scene's people come from; the same numbers give the same people."""

    def choose(self, rng: np.random.Generator, count: int) -> tuple[Figure, ...]:
        """``count`` different people, dressed."""
        ...


class PlainWardrobe:
    """People of rounded limbs, who need no files."""

    def choose(self, rng: np.random.Generator, count: int) -> tuple[Figure, ...]:
        """``count`` different people, dressed."""
        return tuple(plain_figure(int(seed)) for seed in rng.integers(2**31, size=count))


@dataclass(frozen=True)
class KitWardrobe:
    """People and clothes of one split of a kit; suits are dyed.

    Attributes:
        kit: Where they are.
        split: Which of them.
    """

    kit: Kit
    split: Split

    def choose(self, rng: np.random.Generator, count: int) -> tuple[Figure, ...]:
        """``count`` people, dressed; nobody twice unless the split has fewer.

        Raises:
            VidposeError: The split has no people or no clothes.
        """
        identities = self.kit.identities(self.split)
        outfits = self.kit.outfits(self.split)
        if not identities or not outfits:
            raise VidposeError(f"{self.kit.folder}: nobody to dress in the split {self.split!r}")
        rounds = -(-count // len(identities))
        order = np.concatenate([rng.permutation(len(identities)) for _ in range(rounds)])
        return tuple(
            self.kit.figure(identities[person], _dyed(rng, outfits)) for person in order[:count]
        )


def _dyed(rng: np.random.Generator, outfits: Sequence[Outfit]) -> Outfit:
    outfit = outfits[int(rng.integers(len(outfits)))]
    return replace(
        outfit,
        hue=float(rng.random()),
        saturation=float(rng.uniform(0, 1.4)),
        brightness=float(rng.uniform(0.6, 1.25)),
    )
