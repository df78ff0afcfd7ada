"""What every runtime gives: a graph as a call, in some precision of arithmetic."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

Precision = Literal["fp32", "bf16", "int8"]
# Of an array; None for a length that may be any, or that a graph does not tell.
Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Session:
    """A graph as a call, which several threads may share.

    Attributes:
        run: Arrays in the order of its inputs to arrays in the order of its outputs.
        inputs: Shapes of the inputs.
        outputs: Of the outputs.
    """

    run: Callable[..., list[np.ndarray]]
    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]

    def __call__(self, *arrays: np.ndarray) -> list[np.ndarray]:
        """What it answers."""
        return self.run(*arrays)
