"""Which clips make up which batch, the same whatever the number of processes and workers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from torch.utils.data import Sampler

from vidpose.errors import VidposeError


class ClipIndex(NamedTuple):
    """What a data set is asked for: it carries the epoch, so that workers need no state.

    Attributes:
        epoch: Counted from 0; another epoch, another augmentation.
        position: Of the sample in the data set.
    """

    epoch: int
    position: int


class ClipSampler(Sampler[list[ClipIndex]]):
    """One process's part of every batch: a `batch_sampler` for a `torch.utils.data.DataLoader`.

    Each epoch is a permutation drawn from ``(seed, epoch)``, cut into global batches, of which each
    process takes an equal part. Samples left over at the end wait for another epoch.

    Args:
        samples: Size of the data set.
        batch_size: Samples of a global batch, over all processes.
        seed: Any number from 0.
        world_size: Number of processes.
        rank: Which of them this is, from 0.

    Raises:
        VidposeError: There is not enough for one batch, or it cannot be split evenly.
    """

    def __init__(
        self, samples: int, batch_size: int, seed: int, world_size: int = 1, rank: int = 0
    ) -> None:
        if batch_size < 1 or batch_size % world_size:
            raise VidposeError(
                f"batch size {batch_size} cannot be split evenly among {world_size} processes"
            )
        if samples < batch_size:
            raise VidposeError(
                f"{samples} training samples are less than one batch of {batch_size}: "
                "check the data's path and split, or lower the batch size"
            )
        self.batch_size = batch_size
        self.batches = samples // batch_size
        self._samples = samples
        self._seed = seed
        part = batch_size // world_size
        self._part = slice(rank * part, (rank + 1) * part)
        self._epoch, self._start = 0, 0

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """Choose what the next iteration yields: ``epoch``, from its batch ``start`` on."""
        self._epoch, self._start = epoch, start

    def __len__(self) -> int:
        """Batches that an iteration yields."""
        return max(self.batches - self._start, 0)

    def __iter__(self) -> Iterator[list[ClipIndex]]:
        epoch = self._epoch
        order = np.random.default_rng((self._seed, epoch)).permutation(self._samples)
        for batch in range(self._start, self.batches):
            whole = order[batch * self.batch_size : (batch + 1) * self.batch_size]
            yield [ClipIndex(epoch, int(position)) for position in whole[self._part]]
