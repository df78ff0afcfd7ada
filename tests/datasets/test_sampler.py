"""Batches are the same however many processes share them, and wherever one starts."""

import numpy as np
import pytest

from vidpose.datasets.sampler import ClipIndex, ClipSampler
from vidpose.errors import VidposeError


def test_too_few_samples_or_uneven_parts_say_so() -> None:
    with pytest.raises(VidposeError, match="0 training samples are less than one batch of 4"):
        ClipSampler(0, 4, seed=0)
    with pytest.raises(VidposeError, match="batch size 5 cannot be split evenly among 2"):
        ClipSampler(20, 5, seed=0, world_size=2)
    with pytest.raises(VidposeError, match="batch size 0"):
        ClipSampler(20, 0, seed=0)


def test_an_epoch_shows_each_sample_at_most_once_in_whole_batches() -> None:
    sampler = ClipSampler(23, 4, seed=0)
    batches = list(sampler)
    assert len(batches) == len(sampler) == sampler.batches == 5
    positions = [item.position for batch in batches for item in batch]
    assert len(set(positions)) == 20 and set(positions) <= set(range(23))
    assert all(isinstance(item, ClipIndex) and item.epoch == 0 for item in batches[0])


def test_epochs_and_seeds_differ_and_come_again() -> None:
    sampler = ClipSampler(20, 4, seed=0)
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    assert second[0][0].epoch == 1
    assert [i.position for b in first for i in b] != [i.position for b in second for i in b]
    assert list(ClipSampler(20, 4, seed=0)) == first != list(ClipSampler(20, 4, seed=1))


def test_an_epoch_can_be_resumed_at_any_batch() -> None:
    sampler = ClipSampler(20, 4, seed=0)
    sampler.set_epoch(3)
    whole = list(sampler)
    for start in range(6):
        sampler.set_epoch(3, start)
        assert len(sampler) == 5 - start
        assert list(sampler) == whole[start:]


@pytest.mark.parametrize("world_size", [2, 4])
def test_processes_share_every_batch(world_size: int) -> None:
    whole = list(ClipSampler(30, 8, seed=2))
    parts = [list(ClipSampler(30, 8, 2, world_size, rank)) for rank in range(world_size)]
    for n, batch in enumerate(whole):
        shared = [part[n] for part in parts]
        assert {len(part) for part in shared} == {8 // world_size}
        assert [item for part in shared for item in part] == batch


def test_every_sample_gets_its_turn() -> None:
    sampler = ClipSampler(10, 4, seed=0)
    counts = np.zeros(10)
    for epoch in range(200):
        sampler.set_epoch(epoch)
        for batch in sampler:
            counts[[item.position for item in batch]] += 1
    assert counts.min() > 130
