"""Batches: their shapes, their types, and that nothing is mixed up."""

import numpy as np
import pytest
import torch
from clip_scenes import walk
from torch.utils.data import DataLoader

from vidpose.datasets.augment import Augmentation
from vidpose.datasets.chance import Chance
from vidpose.datasets.clips import ClipDataset
from vidpose.datasets.collate import ClipBatch, collate
from vidpose.datasets.degrade import Degradations
from vidpose.datasets.flow import DISFlow
from vidpose.datasets.sampler import ClipSampler
from vidpose.geometry import CropGeometry
from vidpose.skeleton import POSETRACK15

CROP = CropGeometry((64, 48))


@pytest.fixture(scope="module")
def dataset() -> ClipDataset:
    fields = {"flow": DISFlow(stride=16)}
    return ClipDataset([walk()], CROP, (-1, 0, 1), POSETRACK15, fields=fields)


def test_a_batch_of_one(dataset: ClipDataset) -> None:
    batch = collate([dataset[2]])
    assert batch.frames.shape == (1, 3, 3, 64, 48)
    assert batch.targets.labelled.tolist() == [[1, 1, 1]]
    assert batch.names == ("walk/000002.jpg#0",)


def test_a_batch_holds_its_samples_in_order(dataset: ClipDataset) -> None:
    samples = [dataset[5], dataset[0], dataset[3]]
    batch = collate(samples)
    assert batch.names == tuple(f"walk/{number:06d}.jpg#0" for number in (5, 0, 3))
    assert batch.frames.dtype == torch.uint8 and batch.frames.is_contiguous()
    for n, sample in enumerate(samples):
        np.testing.assert_array_equal(batch.frames[n].permute(0, 2, 3, 1), sample.frames)
        np.testing.assert_array_equal(batch.targets.xy_norm[n], sample.xy_norm)
        np.testing.assert_array_equal(batch.targets.weight[n], sample.weight)
        np.testing.assert_array_equal(batch.targets.labelled[n], sample.labelled)
        np.testing.assert_array_equal(batch.targets.extras["flow"][n], sample.extras["flow"])
    types = {batch.targets.xy_norm.dtype, batch.targets.weight.dtype, batch.targets.labelled.dtype}
    assert types == {torch.float32}
    assert batch.targets.extras["flow"].shape == (3, 3, 2, 4, 3)


def epochs(workers: int) -> list[ClipBatch]:
    noise = Degradations(noise=Chance(probability=0.5, range=(1, 5)))
    augmentation = Augmentation(max_distance=2, degradations=noise)
    dataset = ClipDataset([walk()], CROP, (-1, 0, 1), POSETRACK15, augmentation)
    sampler = ClipSampler(len(dataset), 2, seed=0)
    loader: DataLoader[ClipBatch] = DataLoader(
        dataset,  # type: ignore[arg-type] # the batches' type is the collate function's
        batch_sampler=sampler,
        collate_fn=collate,
        num_workers=workers,
        persistent_workers=workers > 0,
    )
    batches = []
    for epoch in (0, 1):
        sampler.set_epoch(epoch)
        batches += list(loader)
    return batches


def test_workers_that_live_on_change_nothing() -> None:
    alone, together = epochs(0), epochs(2)
    assert len(alone) == 6
    for ours, theirs in zip(alone, together, strict=True):
        assert ours.names == theirs.names
        assert (ours.frames == theirs.frames).all()
        assert (ours.targets.xy_norm == theirs.targets.xy_norm).all()
