"""`vidpose run CLIP --detect-every 5 --no-video` in one runtime, in a process as a user's.

A unit is a frame. What a run does once is over before the time starts: loading, and compiling for
the size of the frames, which the first frames see to.
"""

import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import cast

import cv2
import torch
from protocol import Offer, serve

from vidpose.api import Run
from vidpose.export import Precision, Runtime
from vidpose.malloc import reuse_freed_memory
from vidpose.outputs import Outputs

DETECT_EVERY = 5
# Frames in which networks and files are warmed up.
BEFORE = 5


def written(run: Run) -> Iterator[int]:
    """The frames of a run by their numbers, each after its poses were written."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Outputs(
            Path(folder), run.source, run.header, kinds=("json", "csv"), video=False, overwrite=True
        ) as outputs,
    ):
        for frame, poses in run:
            outputs.write(frame, poses)
            yield frame.index


def load(clip: str, runtime: str, precision: str) -> Offer:
    """The one variant, which runs once however often is asked for."""
    reuse_freed_memory()  # as the command line does
    torch.set_num_threads(1)
    cv2.setNumThreads(1)

    def prepare(times: int) -> partial[int]:
        frames = written(
            Run(
                clip,
                runtime=cast(Runtime, runtime),
                precision=cast(Precision, precision),
                detect_every=DETECT_EVERY,
            )
        )
        for _ in range(BEFORE):
            next(frames)
        return partial(sum, (1 for _ in frames))

    return Offer({"vidpose": version("vidpose")}, {f"run, {runtime} {precision}": prepare})


if __name__ == "__main__":
    with torch.inference_mode():
        serve(partial(load, *sys.argv[1:]))
