"""Batches of training clips, the same whatever the number of processes and workers."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import cv2
import torch
from accelerate import Accelerator
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from vidpose.backbones.base import Features
from vidpose.datasets.sampler import ClipSampler
from vidpose.errors import VidposeError
from vidpose.interrupt import ignore_signals
from vidpose.models.base import Targets
from vidpose.training.config import Recipe


class Batch(Protocol):
    """One process's part of a batch; a named tuple, so that it can be moved and pinned.

    Attributes:
        frames: Crops ``[batch, frame, 3, h, w]``, or a frozen backbone's features of them.
        targets: Of the same clips.
        names: Which pictures and people these are.
    """

    @property
    def frames(self) -> Tensor | Features: ...  # noqa: D102

    @property
    def targets(self) -> Targets: ...  # noqa: D102

    @property
    def names(self) -> Sequence[str]: ...  # noqa: D102


class Clips(Protocol):
    """A data set whose samples are functions of epoch and index alone, e.g. `ClipDataset`."""

    def __len__(self) -> int:
        """Number of clips."""
        ...

    def __getitem__(self, item: Any) -> Any:
        """The sample of a `ClipIndex`."""
        ...


Collate = Callable[[list[Any]], Batch]


class Loader:
    """Batches of an epoch from any of them on.

    Args:
        clips: Where samples come from.
        collate: Makes a `Batch` of samples.
        recipe: Batch size, seed and number of workers.
        accelerator: Which of how many processes this is.

    Attributes:
        clips: Size of the data set.
        batches: Number of batches in an epoch.
    """

    def __init__(
        self, clips: Clips, collate: Collate, recipe: Recipe, accelerator: Accelerator
    ) -> None:
        self._sampler = ClipSampler(
            len(clips),
            recipe.batch_size,
            recipe.seed,
            accelerator.num_processes,
            accelerator.process_index,
        )
        self.clips, self.batches = len(clips), self._sampler.batches
        dataset: Dataset[Any] = clips  # type: ignore[assignment] # torch asks for its own class
        self._loader = DataLoader(
            dataset,
            batch_sampler=self._sampler,
            collate_fn=collate,
            num_workers=recipe.workers,
            persistent_workers=recipe.workers > 0,
            worker_init_fn=prepare_worker,
            pin_memory=accelerator.device.type == "cuda",
            # Left to itself the loader would draw its seed from the generator that dropout uses.
            generator=torch.Generator().manual_seed(recipe.seed),
        )

    def epoch(self, number: int, start: int) -> Iterator[Batch]:
        """The batches of an epoch but for the first ``start``.

        Raises:
            VidposeError: A sample cannot be read.
        """
        self._sampler.set_epoch(number, start)
        with readable():
            yield from self._loader

    def workers(self) -> AbstractContextManager[None]:
        """A block with whose end the workers end."""
        return ending_workers(self._loader)


@contextmanager
def ending_workers(loader: DataLoader[Any]) -> Iterator[None]:
    """Ends the persistent workers of a loader with the block, also where that fails.

    They ignore the SIGTERM by which Python would end them when it leaves, and would then wait for
    them for ever. PyTorch has no public name for it.
    """
    try:
        yield
    finally:
        if isinstance(loader._iterator, _MultiProcessingDataLoaderIter):
            loader._iterator._shutdown_workers()
        loader._iterator = None


@contextmanager
def readable() -> Iterator[None]:
    """A worker's exception carries its traceback in the message; this leaves what was wrong."""
    try:
        yield
    except VidposeError as error:
        raise VidposeError(str(error).rpartition("VidposeError: ")[2].strip()) from None


def prepare_worker(_: int) -> None:
    """Workers are the parallelism, and a terminal's Ctrl-C is for the process that trains."""
    cv2.setNumThreads(0)
    ignore_signals()
