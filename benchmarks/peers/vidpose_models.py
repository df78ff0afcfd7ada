"""The other side: vidpose itself, in every runtime and precision that is installed.

Person-frames of DSTA with ResNet-50 on five frames (random weights) by their steps; tracked
person-frames of the default and the light model, from decoded frames to joints in pixels; what a
whole `vidpose run` costs beside its networks; and the f32 peak of the machine.
"""

import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
import torch
from protocol import Offer, Variant, repeat, serve
from rest_of_run import rest_of_run

from vidpose import export
from vidpose.bench.machine import kernels
from vidpose.bench.steps import STEPS, steps
from vidpose.bench.variants import cost, variants
from vidpose.defaults import DEFAULT_MODEL
from vidpose.detect.base import Detections
from vidpose.detect.movenet import MoveNetDetector
from vidpose.estimator import ClipEstimator
from vidpose.frame import Frame
from vidpose.malloc import reuse_freed_memory
from vidpose.models import registry
from vidpose.models.base import PoseModel
from vidpose.models.dsta import DSTAConfig
from vidpose.pipeline import Pipeline
from vidpose.track import Tracker
from vidpose.video import open_source

RUNTIMES = ("torch", "onnx", "openvino")
LIGHT_MODEL = "movenet-lightning"
START = 10  # where MediaPipe starts too
# Backbones of the papers, whose graphs should come near the machine's peak.
BACKBONES = {
    "ResNet-50": DSTAConfig(backbone="resnet50", offsets=(0,)),
    "HRNet-W48": DSTAConfig(backbone="hrnet-w48", offsets=(0,)),
    "ViT-B": DSTAConfig(backbone="vit-b", offsets=(0,)),
}


class FirstPerson:
    """A detector that has already found the person to be followed."""

    name = "first person"

    def __init__(self, frame: Frame) -> None:
        found = MoveNetDetector(registry.load_multipose())(frame)
        self.found = found[np.array([found.scores.argmax()])]

    def __call__(self, frame: Frame) -> Detections:
        """The same person, whatever the frame."""
        return self.found


def load(clip: str, folder: str) -> Offer:
    """Everything; what was not exported to ``folder`` before is exported first."""
    reuse_freed_memory()  # as the command line does
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    calls: dict[str, Variant] = {}
    facts: dict[str, object] = {}
    for kernel, (count, call) in kernels(torch.device("cpu")).items():
        calls[f"peak, {kernel}"] = repeat(call)
        facts[f"macs of peak, {kernel}"] = count
    calls |= _graphs(Path(folder), facts)
    calls |= _dsta(Path(folder), facts)
    with open_source(clip) as source:
        frames = list(itertools.islice(source, START, START + 120))
    frames = [Frame(i, frame.pts, frame.image) for i, frame in enumerate(frames)]
    person = FirstPerson(frames[0])
    for role, name in (("default", DEFAULT_MODEL), ("light", LIGHT_MODEL)):
        facts[role] = name
        for words, model in _variants(registry.load(name), Path(folder) / name, facts):
            calls[f"tracked {role}, {words}"] = _tracked(model, frames, person)
    if "openvino" in export.installed():
        facts["rest of a run"] = rest_of_run(clip, Path(folder) / "dsta" / "openvino-fp32")
    packages = ("vidpose", "torch", "onnxruntime", "openvino", "nncf")
    return Offer({package: version(package) for package in packages}, calls, facts)


def _graphs(folder: Path, facts: dict[str, object]) -> dict[str, Variant]:
    """OpenVINO's graphs of the backbones in fp32, one frame each."""
    folder.mkdir(parents=True, exist_ok=True)
    calls = {}
    for name, config in BACKBONES.items():
        torch.manual_seed(0)
        model = config.build().eval()
        costs = cost(model)
        if not (folder / name).exists():
            export.export(model, "openvino", folder / name)
        calls[f"graph of {name}"] = repeat(steps(export.load(folder / name))["encode"])
        facts[f"macs of graph of {name}"] = costs.backbone + costs.embed
    return calls


def _variants(
    model: PoseModel, folder: Path, facts: dict[str, object]
) -> Iterator[tuple[str, PoseModel]]:
    """By runtime and precision; why one is missing becomes a fact."""
    folder.mkdir(parents=True, exist_ok=True)
    for variant in variants(model, RUNTIMES, torch.device("cpu"), folder):
        words = f"{variant.runtime} {variant.precision}"
        if variant.model is None:
            facts[f"no {words}"] = variant.missing
        else:
            yield words, variant.model


def _dsta(folder: Path, facts: dict[str, object]) -> dict[str, Variant]:
    torch.manual_seed(0)
    model = DSTAConfig().build().eval().requires_grad_(False)
    clip = torch.randint(0, 256, (1, len(model.offsets), 3, *model.crop.size), dtype=torch.uint8)
    exact = model(clip).xy_norm
    calls = {}
    for words, variant in _variants(model, folder / "dsta", facts):
        facts[f"error of dsta, {words}"] = float((variant(clip).xy_norm - exact).abs().max())
        every = steps(variant)
        for step in STEPS if words.endswith("fp32") else ("stream", "aggregate"):
            calls[f"dsta {step}, {words}"] = repeat(every[step])
    return calls


def _tracked(model: PoseModel, frames: Sequence[Frame], detector: FirstPerson) -> Variant:
    """Frames after the first, in which the person is carried from pose to pose."""

    def prepare(times: int) -> Callable[[], int]:
        shown = frames[: times + 1]
        tracker = Tracker(model.skeleton.sigmas)
        pipeline = Pipeline(detector, tracker, ClipEstimator(model), detect_every=len(shown))
        answers = pipeline(shown)
        next(answers)
        return lambda: sum(len(poses.people) for _, poses in answers)

    return prepare


if __name__ == "__main__":
    with torch.inference_mode():
        serve(partial(load, *sys.argv[1:]))
