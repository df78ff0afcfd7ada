"""Several sets of training clips as one."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from torch.utils.data import Dataset

from vidpose.datasets.clips import ClipDataset, ClipSample
from vidpose.datasets.sampler import ClipIndex


class JoinedClips(Dataset[ClipSample]):
    """The clips of several sets, one set after the other.

    Args:
        parts: At least one.
    """

    def __init__(self, parts: Sequence[ClipDataset]) -> None:
        self._parts = tuple(parts)
        self._ends = tuple(accumulate(map(len, parts)))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, item: ClipIndex | int) -> ClipSample:
        """The sample of an epoch; of epoch 0 if only its index is given.

        Raises:
            VidposeError: A picture cannot be read.
        """
        epoch, position = item if isinstance(item, tuple) else (0, range(len(self))[item])
        part = bisect_right(self._ends, position)
        start = self._ends[part] - len(self._parts[part])
        return self._parts[part][ClipIndex(epoch, position - start)]
