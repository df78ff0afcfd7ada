"""Exported graphs behind the interfaces of a pose model and of the detector's network."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from vidpose.backbones.base import Features
from vidpose.backbones.movenet import MULTI_HEADS
from vidpose.errors import VidposeError
from vidpose.export import agreement, formats, manifest
from vidpose.export.manifest import Manifest
from vidpose.export.session import Precision, Session
from vidpose.geometry import CropGeometry
from vidpose.heads.prior import Prior
from vidpose.models.base import PoseModel, PoseOutput

# Frame sizes that a detector is prepared for, each apart.
_SIZES = 4
_OWN_PLACE = re.compile("Exception from |Check '")


class RuntimeModel(PoseModel):
    """A pose model whose two steps are sessions of a runtime, on the CPU.

    It has no backbone, no parameters and no probes: it cannot be trained, moved or looked into.

    Args:
        folder: An exported model.
        about: Its manifest.
        threads: Of each session.

    Attributes:
        manifest: What the export says of itself.

    Raises:
        VidposeError: That is of other graphs.
    """

    def __init__(self, folder: Path, about: Manifest, threads: int = 1) -> None:
        super().__init__()
        self.manifest = about
        self.skeleton = about.skeleton.skeleton()
        self.crop = CropGeometry(about.crop, about.enlargement)
        self.offsets = about.offsets
        self.uses_prior, self.portable = about.uses_prior, about.portable
        kind = formats.FORMATS[about.format]
        encode, aggregate = graph_files(folder, about.format)
        self._encode = kind.open(encode, about.precision, threads, (1,))
        self._aggregate = kind.open(aggregate, "fp32", threads, (1,))
        try:
            agreement.check(about, self._encode, self._aggregate)
        except ValueError as error:
            raise VidposeError(
                f"{folder}: {manifest.FILE} is of other graphs: {error}; export the model again"
            ) from None

    @property
    def device(self) -> torch.device:
        """The CPU."""
        return torch.device("cpu")

    def encode(self, frames: UInt8[Tensor, "batch 3 h w"]) -> Features:
        """Features of single crops.

        Args:
            frames: As the graph was made for: uint8. The permuted view of ``[batch, h, w, 3]``
                costs nothing, any other order in memory a copy.
        """
        if frames.dtype != torch.uint8:
            raise TypeError(f"an exported model takes crops of uint8, not {frames.dtype}")
        levels = self._encode(frames.permute(0, 2, 3, 1).contiguous().numpy())
        return Features(tuple(map(torch.from_numpy, levels)))

    def aggregate(self, features: Features, prior: Prior | None = None) -> PoseOutput:
        """The key frame's pose, without heatmaps; a missing prior is one that saw nothing."""
        inputs = features.levels
        if self.uses_prior:
            if prior is None:
                prior = torch.zeros(len(features.last), len(self.skeleton), 3)
            inputs = (*inputs, prior)
        found = self._aggregate(*(each.numpy() for each in inputs))
        return PoseOutput(*map(torch.from_numpy, found))


class RuntimeMultiPose(nn.Module):
    """The detector's network as sessions of a runtime, on the CPU.

    The first few sizes of a frame get sessions of their own, which are faster; a folder of pictures
    of every size shares one.

    Args:
        file: The graph.
        format: Its format.
        precision: Of its arithmetic.
        threads: Of each session.
        sizes: Heights and widths of frames that will come; more may.

    Raises:
        VidposeError: The graph cannot be read, or the processor has no such arithmetic.
    """

    def __init__(
        self,
        file: Path,
        format: str,  # noqa: A002 - what it is called everywhere
        precision: Precision,
        threads: int = 1,
        sizes: Sequence[tuple[int, int]] = (),
    ) -> None:
        super().__init__()
        self._open = partial(formats.FORMATS[format].open, file, precision, threads)
        with _worded(f"{file}: {format} cannot read it", f"remove {file.parent}"):
            self._sessions: dict[tuple[int, ...] | None, Session] = {
                (1, *size): self._open((1, *size)) for size in sizes[:_SIZES]
            }

    def forward(self, frames: UInt8[Tensor, "1 3 h w"]) -> dict[str, Tensor]:
        """The raw maps of `MULTI_HEADS`."""
        image = frames.permute(0, 2, 3, 1).contiguous().numpy()
        shape = image.shape[:3]
        key = shape if shape in self._sessions or len(self._sessions) < _SIZES else None
        if key not in self._sessions:
            self._sessions[key] = self._open(key)
        maps = map(torch.from_numpy, self._sessions[key](image))
        return dict(zip(MULTI_HEADS, maps, strict=True))


def graph_files(folder: Path, format: str) -> tuple[Path, Path]:  # noqa: A002
    """Where a folder's graphs lie, ``encode`` and ``aggregate``."""
    suffix = formats.FORMATS[format].suffix
    return folder / f"encode{suffix}", folder / f"aggregate{suffix}"


def load(folder: Path | str, *, threads: int = 1) -> RuntimeModel:
    """An exported model, ready to use.

    Args:
        folder: What `export` made.
        threads: Of the runtime; several processes or streams want 1.

    Raises:
        VidposeError: The folder is no such thing, lacks a graph or describes others, or its runtime
            is missing.
    """
    folder = Path(folder)
    about = manifest.read(folder)
    kind = formats.find(about.format, about.precision)
    formats.need(about.format, kind.runs)
    for file in graph_files(folder, about.format):
        if not file.is_file():
            raise VidposeError(f"{folder}: {file.name} is missing; export the model again")
    with _worded(f"{folder}: {about.format} cannot read its graphs", "export the model again"):
        return RuntimeModel(folder, about, threads)


@contextmanager
def _worded(fault: str, cure: str) -> Iterator[None]:
    """Each runtime has errors of its own, of many lines: the first of the cause is told."""
    try:
        yield
    except VidposeError:
        raise
    except Exception as error:
        # OpenVINO begins with places in its own source.
        lines = [each for each in str(error).splitlines() if each and not _OWN_PLACE.match(each)]
        cause = (lines or [type(error).__name__])[0].strip()
        raise VidposeError(f"{fault} ({cause}); {cure}") from error
