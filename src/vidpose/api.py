"""The Python calls: `stream` while frames arrive, `estimate` for a whole source, `Run` for both."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import tee
from pathlib import Path
from typing import Self, TypedDict, Unpack, get_args

import torch
from torch import nn

import vidpose
from vidpose.defaults import DEFAULT_DETECTOR, DEFAULT_MODEL, HUB
from vidpose.detect import hub
from vidpose.detect.base import Detector
from vidpose.detect.boxes import load_boxes
from vidpose.detect.movenet import MoveNetDetector, input_sizes
from vidpose.device import pick_device
from vidpose.errors import VidposeError
from vidpose.estimator import ClipEstimator
from vidpose.export.choice import Runtime, pick, pick_detector, runtime_of
from vidpose.export.session import Precision
from vidpose.flip_test import FlipTest
from vidpose.frame import Frame
from vidpose.models.base import PoseModel
from vidpose.pipeline import Pipeline
from vidpose.poses import FramePoses, Header, Poses, SkeletonRecord
from vidpose.refine import REACH, Smoothing, smoothed
from vidpose.skeleton import Skeleton
from vidpose.track import Tracker
from vidpose.video import Source, SourceLike, open_source
from vidpose.windows import Mode


class Options(TypedDict, total=False):
    """Keyword arguments of `Run`, `stream` and `estimate`.

    Attributes:
        model: A shipped model's name, a checkpoint file, or a model, which is set to evaluation
            mode; ``movenet-thunder``.
        detector: ``movenet``, a file of boxes (PoseTrack18 layout or ``poses.json``), ``hub:`` and
            an object detector of transformers, a name on the Hugging Face hub or a folder; or any
            `vidpose.detect.base.Detector` of your own.
        mode: How crops follow a person, ``exact`` or ``hold``; see `vidpose.windows`. If not given,
            ``hold`` for models whose features are portable, which lose little by it.
        detect_every: Run the detector on every n-th frame only.
        device: ``auto``, ``cpu``, ``cuda``, ``mps``, ...
        fps: Frame rate of images, in files or in memory, 25 if not given; refused for all else.
        runtime: What runs the networks on the CPU: ``torch``, ``onnx``, ``openvino``, or ``auto``,
            the fastest of those installed; see `vidpose.export`. ``cuda-graphs`` is for CUDA
            devices and untried. Models that are given as such, not by name, run as they are.
        precision: Of their arithmetic, ``fp32`` or ``bf16``.
        threads: Of ``onnx`` and ``openvino``; torch has its own number.
        smooth: ``savgol`` smooths the tracks over 7 frames, so that each frame comes three frames
            late; ``gentle`` moves no joint by more than 1.5 percent of the person's box, but for
            one that jumps for a single frame; see `vidpose.refine`. ``off`` by default.
        flip_test: Have the model look at each crop a second time, mirrored, and join its answers,
            which doubles its cost; see `vidpose.flip_test`.
    """

    model: str | Path | PoseModel
    detector: str | Path | Detector
    mode: Mode | None
    detect_every: int
    device: str
    fps: float | None
    runtime: Runtime
    precision: Precision
    threads: int
    smooth: Smoothing
    flip_test: bool


class Run:
    """A source, opened, with everything that answers for it; what both calls and the CLI use.

    Iterating gives each frame with its people, until the source ends or `finish` is called. The
    source is closed then, or when a ``with`` block is left. Whatever is wrong with the input is
    found out when the run is made, before anything is written.

        >>> with vidpose.Run(0) as run:  # doctest: +SKIP
        ...     for frame, poses in run:
        ...         picture = vidpose.draw(frame.image, poses.people, run.skeleton)

    The arguments are a source as `open_source` takes it, and `Options`.

    Attributes:
        source: Where frames come from.
        model: As it runs, of the runtime that was picked.
        header: What a file of the poses begins with.

    Raises:
        VidposeError: Something about the arguments or the source is wrong.
    """

    def __init__(
        self,
        source: SourceLike,
        *,
        model: str | Path | PoseModel = DEFAULT_MODEL,
        detector: str | Path | Detector = DEFAULT_DETECTOR,
        mode: Mode | None = None,
        detect_every: int = 1,
        device: str = "auto",
        fps: float | None = None,
        runtime: Runtime = "auto",
        precision: Precision = "fp32",
        threads: int = 1,
        smooth: Smoothing = "off",
        flip_test: bool = False,
    ) -> None:
        if detect_every < 1 or detect_every % 1:
            raise VidposeError(
                f"detect_every (--detect-every) is {detect_every}: it must be a whole number, "
                "1 or more"
            )
        if mode not in (None, "exact", "hold"):
            raise VidposeError(f"mode is {mode!r}: it must be 'exact' or 'hold'")
        if smooth not in get_args(Smoothing):
            raise VidposeError(f"smooth is {smooth!r}: it must be 'off', 'gentle' or 'savgol'")
        on = _device_of(model) if device == "auto" else pick_device(device)
        self.pick = partial(pick, runtime=runtime, precision=precision, device=on, threads=threads)
        self.source = open_source(source, fps=fps)
        try:
            if isinstance(model, PoseModel):
                self.model = model.eval().to(on)
            else:
                self.model = self.pick(model)
            sizes = input_sizes(self.source.height, self.source.width)
            network = partial(pick_detector, runtime, precision, self.model.device, threads, sizes)
            finder = _detector(detector, self.source, self.model.device, network)
        except BaseException:
            self.source.close()
            raise
        ran_by = runtime_of(self.model)
        if flip_test:
            self.model = FlipTest(self.model)
        self.smooth = smooth
        self._begun = self._finishing = False
        self.estimator = ClipEstimator(
            self.model, mode or ("hold" if self.model.portable else "exact")
        )
        self.pipeline = Pipeline(
            finder, Tracker(self.model.skeleton.sigmas), self.estimator, detect_every
        )
        self.header = Header(
            source=self.source.name,
            width=self.source.width,
            height=self.source.height,
            fps=self.source.fps,
            skeleton=SkeletonRecord.of(self.model.skeleton),
            model=_model_name(model) + (" + flip test" if flip_test else ""),
            runtime=ran_by,
            detector=_name_of(finder),
            generator=f"vidpose {vidpose.__version__}",
        )

    def __iter__(self) -> Iterator[tuple[Frame, FramePoses]]:
        if self._begun:
            raise ValueError("a run is iterated once: its source is used up")
        self._begun = True
        with self.source:
            yield from with_smoothing(self.pipeline(self._frames()), self.smooth)

    def _frames(self) -> Iterator[Frame]:
        frames = iter(self.source)
        while not self._finishing and (frame := next(frames, None)) is not None:
            yield frame

    @property
    def skeleton(self) -> Skeleton:
        """The joints of its people."""
        return self.model.skeleton

    def finish(self) -> None:
        """Take no further frames; those that were taken are answered before iterating ends."""
        self._finishing = True

    def close(self) -> None:
        """Let go of the source; nothing more is answered."""
        self.source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _model_name(model: str | Path | PoseModel) -> str:
    return type(model).__name__ if isinstance(model, PoseModel) else str(model)


def _name_of(detector: Detector) -> str:
    """A plain function has the name that it was defined by."""
    name = getattr(detector, "name", None) or getattr(detector, "__name__", None)
    return str(name or type(detector).__name__)


def with_smoothing(
    frames: Iterator[tuple[Frame, FramePoses]], smooth: Smoothing
) -> Iterator[tuple[Frame, FramePoses]]:
    """Frames with their people, smoothed if so asked; a few frames are held then."""
    if smooth == "off":
        return frames
    frames, again = tee(frames)
    poses = smoothed((poses for _, poses in again), reach=REACH[smooth])
    return zip((frame for frame, _ in frames), poses, strict=True)


def stream(source: SourceLike, **options: Unpack[Options]) -> Iterator[FramePoses]:
    """Tracked poses, frame by frame, as frames arrive; nothing of the video is kept.

    `Run` gives the frames as well.

    Args:
        source: A video, image, folder or list of images, camera number or URL; or RGB pictures in
            memory, uint8 ``[h, w, 3]`` each, from a list, an array or a generator.
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
        source: A video, image, folder or list of images, or RGB pictures in memory, uint8
            ``[h, w, 3]`` each, from a list, an array or a generator.
        **options: See `Options`.

    Raises:
        VidposeError: Something about the arguments or the source is wrong.
    """
    run = Run(source, **options)
    if run.source.live:
        run.close()
        raise VidposeError(f"{run.source.name}: goes on for ever; use vidpose.stream")
    return Poses(header=run.header, frames=tuple(poses for _, poses in run))


def _device_of(model: str | Path | PoseModel) -> torch.device:
    """Where a model of the caller's lies, else the best device."""
    if isinstance(model, PoseModel):
        return model.device
    return pick_device("auto")


def _detector(
    detector: str | Path | Detector,
    source: Source,
    device: torch.device,
    network: Callable[[], nn.Module],
) -> Detector:
    if not isinstance(detector, str | Path):
        return detector
    name = str(detector)
    if name == DEFAULT_DETECTOR:
        return MoveNetDetector(network())
    if name.startswith(HUB):
        return hub.load(name.removeprefix(HUB), device)
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
