"""The two Python calls: `stream` while frames arrive, `estimate` for a whole source."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypedDict, Unpack

import torch

import vidpose
from vidpose.defaults import DEFAULT_DETECTOR, DEFAULT_MODEL
from vidpose.detect.base import Detector
from vidpose.detect.boxes import load_boxes
from vidpose.detect.movenet import MoveNetDetector
from vidpose.device import pick_device
from vidpose.errors import VidposeError
from vidpose.estimator import ClipEstimator
from vidpose.frame import Frame
from vidpose.models import registry
from vidpose.models.base import PoseModel
from vidpose.pipeline import Pipeline
from vidpose.poses import FramePoses, Header, Poses, SkeletonRecord
from vidpose.track import Tracker
from vidpose.video import Source, open_source
from vidpose.windows import Mode

SourceLike = str | Path | int | Sequence[str | Path]


class Options(TypedDict, total=False):
    """Keyword arguments of `Run`, `stream` and `estimate`.

    Attributes:
        model: A shipped model's name, a checkpoint file, or a model; ``movenet-thunder``.
        detector: ``movenet``, or a file of boxes (PoseTrack18 layout or ``poses.json``).
        mode: How crops follow a person, ``exact`` or ``hold``; see `vidpose.windows`.
        detect_every: Run the detector on every n-th frame only.
        device: ``auto``, ``cpu``, ``cuda``, ``mps``, ...
        fps: Frame rate of a folder or list of images.
    """

    model: str | Path | PoseModel
    detector: str | Path
    mode: Mode
    detect_every: int
    device: str
    fps: float | None


class Run:
    """A source, opened, with everything that answers for it; what both calls and the CLI use.

    Iterating gives each frame with its people. Whatever is wrong with the input is found out when
    the run is made, before anything is written.

    The arguments are a source as `open_source` takes it, and `Options`.

    Raises:
        VidposeError: Something about the arguments or the source is wrong.
    """

    def __init__(
        self,
        source: SourceLike,
        *,
        model: str | Path | PoseModel = DEFAULT_MODEL,
        detector: str | Path = DEFAULT_DETECTOR,
        mode: Mode = "exact",
        detect_every: int = 1,
        device: str = "auto",
        fps: float | None = None,
    ) -> None:
        if detect_every < 1:
            raise VidposeError(
                f"detect_every (--detect-every) is {detect_every}: it must be 1 or more"
            )
        if mode not in ("exact", "hold"):
            raise VidposeError(f"mode is {mode!r}: it must be 'exact' or 'hold'")
        on = _device_of(model) if device == "auto" else pick_device(device)
        self.source = open_source(source, fps=fps)
        try:
            finder = _detector(detector, self.source, on)
            self.model = model.eval() if isinstance(model, PoseModel) else registry.load(model)
        except BaseException:
            self.source.close()
            raise
        self.model.to(on)
        self._begun = False
        self.estimator = ClipEstimator(self.model, mode)
        self.pipeline = Pipeline(
            finder, Tracker(self.model.skeleton.sigmas), self.estimator, detect_every
        )
        self.header = Header(
            source=self.source.name,
            width=self.source.width,
            height=self.source.height,
            fps=self.source.fps,
            skeleton=SkeletonRecord.of(self.model.skeleton),
            model=type(model).__name__ if isinstance(model, PoseModel) else str(model),
            detector=finder.name,
            generator=f"vidpose {vidpose.__version__}",
        )

    def __iter__(self) -> Iterator[tuple[Frame, FramePoses]]:
        if self._begun:
            raise ValueError("a run is iterated once: its source is used up")
        self._begun = True
        with self.source:
            yield from self.pipeline(self.source)


def stream(source: SourceLike, **options: Unpack[Options]) -> Iterator[FramePoses]:
    """Tracked poses, frame by frame, as frames arrive; nothing of the video is kept.

    Args:
        source: A video, image, folder or list of images, camera number or URL.
        **options: See `Options`.

    Raises:
        VidposeError: Something about the arguments or the source is wrong; at once, not when the
            first frame is asked for.
    """
    run = Run(source, **options)
    return (poses for _, poses in run)


def estimate(source: SourceLike, **options: Unpack[Options]) -> Poses:
    """Tracked poses of a whole source, one that ends.

    Args:
        source: A video, image, or folder or list of images.
        **options: See `Options`.

    Raises:
        VidposeError: Something about the arguments or the source is wrong.
    """
    run = Run(source, **options)
    if run.source.live:
        run.source.close()
        raise VidposeError(f"{run.source.name}: goes on for ever; use vidpose.stream")
    return Poses(header=run.header, frames=tuple(poses for _, poses in run))


def _device_of(model: str | Path | PoseModel) -> torch.device:
    """Where a model of the caller's lies, else the best device."""
    if isinstance(model, PoseModel):
        return next(model.parameters()).device
    return pick_device("auto")


def _detector(detector: str | Path, source: Source, device: torch.device) -> Detector:
    if str(detector) != DEFAULT_DETECTOR:
        if not Path(detector).exists():
            raise VidposeError(
                f"{detector}: no such file of boxes, nor a detector ({DEFAULT_DETECTOR} is one)"
            )
        return load_boxes(
            Path(detector),
            width=source.width,
            height=source.height,
            frame_count=source.frame_count,
            file_names=source.file_names,
        )
    network = registry.load_multipose().to(device)
    return MoveNetDetector(network)
