"""A limit on what building a model may ask of memory."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

# All of them take the size first, as one sequence or as several numbers.
_FACTORIES = (torch.empty, torch.zeros, torch.ones)
# For what a model makes and does not save: buffers, and layers that others take the place of.
_SPARE = 1 << 16


class AtMost(TorchFunctionMode):
    """While it is entered, this thread makes no tensors of many more numbers than a file holds.

    A few words of a configuration can ask for more than memory holds. Numbers are counted before
    they are made, so that to be refused costs nothing. A device without memory (meta) would tell
    exactly, but takes seconds when it is first used.

    Args:
        numbers: That the file holds; twice as many may be made, and a few.

    Raises:
        ValueError: More are asked for.
    """

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self._numbers = numbers
        self._left = 2 * numbers + _SPARE

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        if func in _FACTORIES and args:
            size = args if isinstance(args[0], int) else args[0]
            self._left -= math.prod(size)
            if self._left < 0:
                raise ValueError(f"it asks for more than the {self._numbers} numbers of the file")
        return func(*args, **(kwargs or {}))
