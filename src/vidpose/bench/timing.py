"""Measuring several things in turn, so that what else the machine does meets all of them alike."""

import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from math import ceil
from statistics import median
from typing import NamedTuple, TypeVar

import torch

Key = TypeVar("Key", bound=Hashable)
# A sample of shorter calls repeats them until it lasts this long.
_LEAST_SECONDS = 0.2


class Sample(NamedTuple):
    """One measurement.

    Attributes:
        busy: Seconds of CPU time of all threads of the process, or of the accelerator.
        wall: Seconds that passed.
        units: How many calls, frames or people they were for.
    """

    busy: float
    wall: float
    units: int


# Does something so many times, and says how long that took.
Sampler = Callable[[int], Sample]


@dataclass(frozen=True)
class Timing:
    """Repeated measurements of one thing.

    Attributes:
        seconds: Busy seconds of a unit, one figure a sample.
        busy_per_wall: Of all samples: near 1 on one free core, below 1 where others took their
            share.
    """

    seconds: tuple[float, ...]
    busy_per_wall: float

    @classmethod
    def of(cls, samples: list[Sample]) -> "Timing":
        """What the samples say; samples without a unit are left out, none at all is not a number.

        Args:
            samples: At least one.
        """
        counted = tuple(each.busy / each.units for each in samples if each.units)
        busy, wall = (sum(each) for each in list(zip(*samples, strict=True))[:2])
        return cls(counted or (float("nan"),), busy / wall)

    @property
    def median(self) -> float:
        """Seconds of a unit."""
        return median(self.seconds)

    @property
    def best(self) -> float:
        """Seconds of a unit where the machine was disturbed the least.

        For shares of a peak, which is what a machine can do at best: medians of a busy machine came
        out above 100 %.
        """
        return min(self.seconds)


def interleaved(
    samplers: Mapping[Key, Sampler], repeat: int, least: float = _LEAST_SECONDS
) -> dict[Key, Timing]:
    """Time each in turn, ``repeat`` times over; the first calls warm up and do not count.

    Args:
        samplers: By name; their order is that of every round.
        repeat: Samples of each.
        least: Busy seconds that a sample should last at least.
    """
    times = {name: _times(sampler, least) for name, sampler in samplers.items()}
    samples: dict[Key, list[Sample]] = {name: [] for name in samplers}
    for _ in range(repeat):
        for name, sampler in samplers.items():
            samples[name].append(sampler(times[name]))
    return {name: Timing.of(found) for name, found in samples.items()}


def _times(sampler: Sampler, least: float) -> int:
    """How many calls make a sample."""
    if sampler(1).busy > 10 * least:
        return 1  # warming up cannot have been most of that
    return max(1, ceil(least / max(sampler(1).busy, 1e-6)))


def on_cpu(function: Callable[[], object]) -> Sampler:
    """CPU time of calls."""

    def sample(times: int) -> Sample:
        wall, busy = time.perf_counter(), time.process_time()
        for _ in range(times):
            function()
        busy, wall = time.process_time() - busy, time.perf_counter() - wall
        return Sample(busy, wall, times)

    return sample


def on_cuda(function: Callable[[], object]) -> Sampler:
    """Time on the current CUDA stream, from before the first call to after the last has ended."""

    def sample(times: int) -> Sample:
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize()
        wall = time.perf_counter()
        start.record()
        for _ in range(times):
            function()
        end.record()
        torch.cuda.synchronize()
        wall = time.perf_counter() - wall
        return Sample(start.elapsed_time(end) / 1e3, wall, times)

    return sample
