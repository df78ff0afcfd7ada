"""What every runtime gives: a graph as a call, in some precision of arithmetic."""

from collections.abc import Callable
from typing import Literal

import numpy as np

Precision = Literal["fp32", "bf16", "int8"]
# Arrays in the order of a graph's inputs to arrays in the order of its outputs.
Session = Callable[..., list[np.ndarray]]
