"""A model's two steps, and the detector, as ONNX graphs with images in and joints out."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from vidpose.backbones.base import Features
from vidpose.backbones.movenet import MULTI_HEADS, MultiPose
from vidpose.errors import VidposeError
from vidpose.models.base import PoseModel

_OPSET = 17
_BATCH = {0: "batch"}


class Encode(nn.Module):
    """`PoseModel.encode` of crops as they lie in memory, ``[batch, h, w, 3]``."""

    def __init__(self, model: PoseModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, crops: UInt8[Tensor, "batch h w 3"]) -> tuple[Tensor, ...]:
        """The levels."""
        return self.model.encode(crops.permute(0, 3, 1, 2)).levels


class Aggregate(nn.Module):
    """`PoseModel.aggregate` of the levels and, for models that use it, the prior behind them."""

    def __init__(self, model: PoseModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Coordinates, scores and, from models that have it, sigma; no heatmaps."""
        prior = inputs[-1] if self.model.uses_prior else None
        levels = inputs[:-1] if self.model.uses_prior else inputs
        output = self.model.aggregate(Features(levels), prior)
        sigma = () if output.sigma is None else (output.sigma,)
        return output.xy_norm, output.score, *sigma


class Find(nn.Module):
    """The detector's maps of a frame as it lies in memory, ``[1, h, w, 3]``."""

    def __init__(self, network: MultiPose) -> None:
        super().__init__()
        self.network = network

    def forward(self, frame: UInt8[Tensor, "1 h w 3"]) -> tuple[Tensor, ...]:
        """The maps in the order of `MULTI_HEADS`."""
        maps = self.network(frame.permute(0, 3, 1, 2))
        return tuple(maps[name] for name in MULTI_HEADS)


@torch.no_grad()
def trace_model(model: PoseModel, encode: Path, aggregate: Path) -> tuple[int, bool]:
    """Write both graphs, for any batch.

    Args:
        model: In evaluation mode, on the CPU.
        encode: The ONNX file of the first graph: ``crops`` to ``level0``, ``level1``, ...
        aggregate: Of the second: levels and ``prior`` to ``xy_norm``, ``score`` and ``sigma``.

    Returns:
        How many levels there are, and whether there is a sigma.
    """
    # Two clips: a batch of one could be taken for a constant.
    crops = torch.zeros(2 * len(model.offsets), *model.crop.size, 3, dtype=torch.uint8)
    encoder, aggregator = Encode(model).eval(), Aggregate(model).eval()
    levels = encoder(crops)
    names = [f"level{i}" for i in range(len(levels))]
    _trace(encoder, (crops,), ["crops"], names, encode)
    clips: tuple[Float[Tensor, "..."], ...]
    clips = tuple(level.unflatten(0, (2, len(model.offsets))) for level in levels)
    if model.uses_prior:
        clips = (*clips, torch.zeros(2, len(model.skeleton), 3))
    outputs = ["xy_norm", "score", "sigma"][: len(aggregator(*clips))]
    _trace(aggregator, clips, [*names, "prior"][: len(clips)], outputs, aggregate)
    return len(levels), len(outputs) == 3


def int8_names(model: PoseModel) -> tuple[str, ...]:
    """How the names of those nodes of ``encode`` begin that may be in int8."""
    parts = model.backbone.int8_parts
    return ("",) if parts is None else tuple(f"/backbone/{part}/" for part in parts)


@torch.no_grad()
def trace_detector(network: MultiPose, file: Path) -> None:
    """Write the graph of the detector for frames of any size: ``frame`` to maps by name."""
    frame = torch.zeros(1, 64, 96, 3, dtype=torch.uint8)
    axes = {"frame": {1: "h", 2: "w"}, **{name: {2: "h4", 3: "w4"} for name in MULTI_HEADS}}
    _export(Find(network).eval(), (frame,), ["frame"], list(MULTI_HEADS), axes, file)


def _trace(
    step: nn.Module,
    args: tuple[Tensor, ...],
    inputs: Sequence[str],
    outputs: Sequence[str],
    file: Path,
) -> None:
    axes = dict.fromkeys([*inputs, *outputs], _BATCH)
    _export(step, args, inputs, outputs, axes, file)


def _export(
    step: nn.Module,
    args: tuple[Tensor, ...],
    inputs: Sequence[str],
    outputs: Sequence[str],
    axes: dict[str, dict[int, str]],
    file: Path,
) -> None:
    with warnings.catch_warnings():
        # The older exporter is deprecated, and the only one that writes opset 17. It also warns of
        # every size that it takes for a constant, which all but the batch are.
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                step,
                args,
                file,
                dynamo=False,
                opset_version=_OPSET,
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_axes=axes,
            )
        except torch.onnx.errors.OnnxExporterError as error:
            # Of an operation of ours, as is optical flow, the exporter says more than it helps.
            reason = str(error).splitlines()[0].partition(". ")[0]
            raise VidposeError(f"this model cannot be exported: {reason}") from error
