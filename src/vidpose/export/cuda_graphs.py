"""A pose model in torch whose two steps are replayed as CUDA graphs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Lock

import torch
from jaxtyping import UInt8
from torch import Tensor

from vidpose.backbones.base import Features
from vidpose.errors import VidposeError
from vidpose.export.graphs import Aggregate, Encode
from vidpose.export.recording import CudaRecorder, GraphedStep, Record, Replay, Step
from vidpose.heads.prior import Prior
from vidpose.models.base import PoseModel, PoseOutput

# How far a coordinate may be from that without graphs, in units of the crop.
_CLOSE = 1e-3


class CudaGraphModel(PoseModel):
    """A pose model whose two steps are graphs; it answers as the model does.

    It cannot be trained, and is moved with its model, after which all is recorded anew. Several
    threads may share it: one replays at a time.

    Args:
        model: In torch, in evaluation mode.
        record: How steps are recorded; if not given, as CUDA graphs on such a device.
    """

    def __init__(self, model: PoseModel, record: Record | None = None) -> None:
        super().__init__()
        self.model = model
        self.skeleton, self.crop, self.offsets = model.skeleton, model.crop, model.offsets
        self.uses_prior, self.portable = model.uses_prior, model.portable
        self._record = record
        self._replaying = Lock()
        self._prepare()

    def encode(self, frames: UInt8[Tensor, "batch 3 h w"]) -> Features:
        """Features of single crops.

        Args:
            frames: Crops of uint8, best as the permuted view of ``[batch, h, w, 3]``.
        """
        if frames.dtype != torch.uint8:
            raise TypeError(f"a model of CUDA graphs takes crops of uint8, not {frames.dtype}")
        # Always in this mode: memory that was made in it may not be written outside of it.
        with self._replaying, torch.inference_mode():
            return Features(self._encode(frames.permute(0, 2, 3, 1)))

    def aggregate(self, features: Features, prior: Prior | None = None) -> PoseOutput:
        """The key frame's pose, without heatmaps; a missing prior is one that saw nothing."""
        inputs = features.levels
        if self.uses_prior:
            if prior is None:
                prior = inputs[-1].new_zeros(len(inputs[-1]), len(self.skeleton), 3)
            inputs = (*inputs, prior)
        with self._replaying, torch.inference_mode():
            return PoseOutput(*self._aggregate(*inputs))

    def look(
        self, clip: UInt8[Tensor, "batch frame 3 h w"], prior: Prior | None = None
    ) -> tuple[PoseOutput, dict[str, Tensor]]:
        """That of the model itself: a replay passes no probe."""
        return self.model.look(clip, prior)

    def _prepare(self) -> None:
        device = self.model.device
        record = self._record or (CudaRecorder(device) if device.type == "cuda" else _not_recorded)
        self._encode = GraphedStep(Encode(self.model), record)
        self._aggregate = GraphedStep(Aggregate(self.model), record)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> CudaGraphModel:
        """What `to` and its like call: the parameters may lie elsewhere then."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._prepare()
        return self


def _not_recorded(step: Step, inputs: tuple[Tensor, ...]) -> Replay:
    return partial(step, *inputs)


def graphed(model: PoseModel) -> CudaGraphModel:
    """``model`` as CUDA graphs, compared with itself on noise.

    Raises:
        VidposeError: It is not on a CUDA device, it cannot be recorded, or it answers otherwise.
    """
    if model.device.type != "cuda":
        raise VidposeError(
            f"cuda-graphs needs a CUDA device, not {model.device.type}: add --device cuda, or "
            "leave --runtime"
        )
    return checked(CudaGraphModel(model))


@torch.inference_mode()
def checked(graphs: CudaGraphModel) -> CudaGraphModel:
    """``graphs``, if it can be recorded and answers as its model does.

    Raises:
        VidposeError: It does not.
    """
    noise = torch.Generator().manual_seed(0)
    shape = (1, len(graphs.offsets), *graphs.crop.size, 3)
    crops = torch.randint(0, 256, shape, generator=noise, dtype=torch.uint8)
    clip = crops.to(graphs.device).permute(0, 1, 4, 2, 3)
    expected = graphs.model(clip).xy_norm
    try:
        found = graphs(clip).xy_norm
    except RuntimeError as error:
        # Where recording fails, to end it fails as well, which says nothing of why.
        cause = error.__context__ or error
        first = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
        raise VidposeError(
            f"{type(graphs.model).__name__} cannot be recorded as CUDA graphs ({first}); use "
            "--runtime torch"
        ) from error
    # The median: the highest of two equal cells may be another one in a batch of another size.
    distance = (found - expected).norm(dim=-1).median().item()
    if not distance <= _CLOSE:
        raise VidposeError(
            f"{type(graphs.model).__name__} as CUDA graphs is {distance:.2g} of the crop from "
            "torch; use --runtime torch"
        )
    return graphs
