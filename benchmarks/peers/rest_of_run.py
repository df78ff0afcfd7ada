"""What `vidpose run` costs beside its networks, with a DSTA on ResNet-50, random weights.

    OMP_NUM_THREADS=1 python benchmarks/peers/rest_of_run.py CLIP FOLDER

FOLDER keeps the exported model. The run is that of ``--mode hold --detect-every 5 --no-video`` in
OpenVINO fp32: cached features and a rare detector leave the rest its largest part.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import torch
from whole_run import BEFORE, DETECT_EVERY, written

from vidpose import export
from vidpose.api import Run
from vidpose.detect.movenet import MoveNetDetector
from vidpose.models.dsta import DSTAConfig


def rest_of_run(clip: str, folder: Path, repeat: int = 5) -> float:
    """The part of a run's CPU time that is not spent in the networks, the median of some runs.

    Decoding the video, fitting, cropping, tracking, reading the detector's maps and writing are the
    rest; the pose model's two steps and the detector's network are not.
    """
    if not folder.exists():
        torch.manual_seed(0)
        export.export(DSTAConfig().build().eval(), "openvino", folder)
    return median(_rest(clip, folder) for _ in range(repeat))


def _rest(clip: str, folder: Path) -> float:
    run = Run(clip, model=folder, runtime="openvino", mode="hold", detect_every=DETECT_EVERY)
    clock = _Clock()
    clock.watch(run.model, "encode")
    clock.watch(run.model, "aggregate")
    assert isinstance(run.pipeline.detector, MoveNetDetector)
    clock.watch(run.pipeline.detector.network, "forward")
    for frame in written(run):
        if frame == BEFORE:
            clock.seconds, started = 0.0, time.process_time()
    return 1 - clock.seconds / (time.process_time() - started)


class _Clock:
    """CPU seconds of this thread in watched methods."""

    seconds = 0.0

    def watch(self, owner: Any, name: str) -> None:
        method: Callable[..., object] = getattr(owner, name)

        def timed(*args: object) -> object:
            before = time.thread_time()
            answer = method(*args)
            self.seconds += time.thread_time() - before
            return answer

        setattr(owner, name, timed)


if __name__ == "__main__":
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    print(f"{rest_of_run(sys.argv[1], Path(sys.argv[2])):.1%} of the time is not the networks'")
