"""Resident memory of a long run: after 300 frames and after 3,000.

    python benchmarks/memory.py CLIP [FRAMES]

The clip is looped and scaled to 1280x720. Everything of `vidpose run` takes part (detector every
fifth frame, tracking, poses, all four formats, video); a run that kept anything of each frame would
show here.
"""

import argparse
import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2

from vidpose.api import Run
from vidpose.frame import Frame
from vidpose.outputs import Outputs
from vidpose.video import open_source

EARLY = 300


def main(clip: str, frames: int) -> None:
    """Print the resident memory as the run goes, and the ratio of the last to the early one."""
    run = Run(clip, detect_every=5)
    header = run.header.model_copy(update={"width": 1280, "height": 720})
    early = 0.0
    with tempfile.TemporaryDirectory() as folder:
        kinds = ("json", "csv", "posetrack18", "coco")
        outputs = Outputs(
            Path(folder) / "out", run.source, header, kinds=kinds, video=True, overwrite=False
        )
        with outputs:
            for frame, poses in run.pipeline(itertools.islice(_looped(clip), frames)):
                outputs.write(frame, poses)
                done = frame.index + 1
                if done == EARLY:
                    early = _resident()
                if done % EARLY == 0:
                    print(f"{done:6} frames: {_resident():8.1f} MiB", flush=True)
            if early:
                print(f"last / after {EARLY}: {_resident() / early:.3f}")


def _looped(clip: str) -> Iterator[Frame]:
    count = itertools.count()
    while True:
        with open_source(clip) as source:
            for frame in source:
                index = next(count)
                image = cv2.resize(frame.image, (1280, 720), interpolation=cv2.INTER_LINEAR)
                yield Frame(index, index / 30, image)


def _resident() -> float:
    """MiB, as Linux tells it."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("this system does not tell the resident memory in /proc")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clip")
    parser.add_argument("frames", nargs="?", type=int, default=3000)
    arguments = parser.parse_args()
    main(arguments.clip, arguments.frames)
