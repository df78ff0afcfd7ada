"""Steps of a model, recorded for a few sizes of batch and replayed: CUDA graphs.

A graph is a recording of the kernels of one call, which start together, where otherwise Python
starts each by itself; for small batches that takes longer than the kernels. The addresses of inputs
and outputs are part of it, and so is the size of the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

# Tensors with the batch first, in and out.
Step = Callable[..., tuple[Tensor, ...]]
# Computes a step anew from the tensors it was recorded with; the next replay of any step may
# overwrite what it gives.
Replay = Callable[[], tuple[Tensor, ...]]
Record = Callable[[Step, tuple[Tensor, ...]], Replay]

# Beyond it kernels take longer than their start, and padding would cost more than it saves.
_LARGEST = 32
# Before they are recorded, libraries have to have made their choices and their workspaces.
_WARM_UPS = 3


def bucket(count: int) -> int:
    """The least power of two that is not below ``count``, which is 1 or more."""
    return 1 << (count - 1).bit_length()


class _Recorded(NamedTuple):
    inputs: tuple[Tensor, ...]
    replay: Replay


class GraphedStep:
    """A step that is recorded once for each power of two that a batch is filled up to.

    The rows that fill it up hold what an earlier batch left there; no row of a model in evaluation
    mode looks at another.

    Args:
        step: What is recorded; it runs as it is for no rows, and for very many.
        record: How.
    """

    def __init__(self, step: Step, record: Record) -> None:
        self._step, self._record = step, record
        self._recorded: dict[int, _Recorded] = {}

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """What the step gives for ``inputs``, in memory of its own."""
        count = len(inputs[0])
        if not 0 < count <= _LARGEST:
            return self._step(*inputs)
        size = bucket(count)
        if size not in self._recorded:
            # Maps keep the order of their memory, in which they are copied and computed fastest.
            places = tuple(torch.zeros_like(torch.cat([each[:1]] * size)) for each in inputs)
            self._recorded[size] = _Recorded(places, self._record(self._step, places))
        recorded = self._recorded[size]
        for place, each in zip(recorded.inputs, inputs, strict=True):
            place[:count].copy_(each)
        return tuple(output[:count].clone() for output in recorded.replay())


class CudaRecorder:
    """Records steps as CUDA graphs that share one pool of memory, as only one runs at a time.

    Args:
        device: A CUDA device.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        with torch.cuda.device(device):
            # The pool is only shared by graphs that were recorded on one stream.
            self._stream = torch.cuda.Stream()
            self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, step: Step, inputs: tuple[Tensor, ...]) -> Replay:
        """The step of these very tensors."""
        with torch.cuda.device(self._device):
            current = torch.cuda.current_stream()
            # A recording that fails leaves its stream the current one.
            with torch.cuda.stream(current):
                return self._recorded(step, inputs, current)

    def _recorded(
        self, step: Step, inputs: tuple[Tensor, ...], current: torch.cuda.Stream
    ) -> Replay:
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            for _ in range(_WARM_UPS):
                step(*inputs)
        current.wait_stream(self._stream)
        graph = torch.cuda.CUDAGraph()
        # Other threads may use the device meanwhile, say to pin memory.
        with torch.cuda.graph(graph, self._pool, self._stream, capture_error_mode="thread_local"):
            outputs = step(*inputs)

        def replay() -> tuple[Tensor, ...]:
            graph.replay()
            return outputs

        return replay
