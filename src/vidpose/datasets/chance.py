"""How often something random happens to a clip, and how strongly."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from jaxtyping import Float
from pydantic import AfterValidator, Field

from vidpose.section import Section


def _ordered(interval: tuple[float, float]) -> tuple[float, float]:
    low, high = interval
    if low > high:
        raise ValueError(f"a range goes from its low to its high end, not from {low} to {high}")
    return interval


Probability = Annotated[float, Field(ge=0, le=1)]
# Of any pair of numbers.
ordered = AfterValidator(_ordered)
Interval = Annotated[tuple[float, float], ordered]


class Chance(Section):
    """A change that some clips get.

    Attributes:
        probability: Part of the clips that get it.
        range: From where to where its strength is drawn, uniformly.
    """

    probability: Probability
    range: Interval

    def draw(self, rng: np.random.Generator, count: int = 1) -> Float[np.ndarray, " count"] | None:
        """``count`` strengths for one clip; None where it does not get the change."""
        if rng.random() >= self.probability:
            return None
        return rng.uniform(*self.range, count)


def within(low: float, high: float) -> AfterValidator:
    """A check that a `Chance` stays where its strength means something."""

    def check(chance: Chance) -> Chance:
        if not low <= chance.range[0] <= chance.range[1] <= high:
            raise ValueError(f"a range within [{low:g}, {high:g}] is needed, not {chance.range}")
        return chance

    return AfterValidator(check)
