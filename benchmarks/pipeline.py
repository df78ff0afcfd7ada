"""What a frame costs outside the networks, by stage, and what a crop costs.

    python benchmarks/pipeline.py CLIP [FRAMES]

The clip is scaled to 1280x720 first. The people come from `vidpose run`'s own detector, once,
beforehand; then each stage is timed on its own, on one thread, in CPU time. The networks are left
out. Every figure is the median of five passes over the frames.
"""

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import torch

from vidpose.api import Run
from vidpose.detect.base import Detections
from vidpose.drawing import draw
from vidpose.formats import writer_class
from vidpose.frame import Frame
from vidpose.geometry import CropGeometry, crop
from vidpose.poses import FramePoses, Header
from vidpose.skeleton import COCO17
from vidpose.track import Tracker
from vidpose.video import VideoWriter, open_source

PASSES = 5
GEOMETRY = CropGeometry((256, 256), 1.0)


def main(clip: str, frames: int) -> None:
    """Print one row a stage."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "720p.mp4"
        _scale(clip, film, frames)
        run = Run(film, detect_every=3)
        results = list(run)
        images = [frame for frame, _ in results]
        poses = [answer for _, answer in results]
        people = np.mean([len(answer.people) for answer in poses])
        print(
            f"{len(images)} frames of 1280x720, {people:.2f} people a frame, one thread, CPU time"
        )
        stages = {
            "decode to RGB": lambda: _decode(film),
            "crop 256x256": lambda: _crop(images, poses),
            "track": lambda: _track(poses),
            "draw": lambda: _draw(images, poses),
            "write mp4": lambda: _film(images, Path(folder) / "out.mp4"),
            "write json, csv": lambda: _files(poses, run.header, Path(folder)),
        }
        total = 0.0
        for name, stage in stages.items():
            milliseconds = _median(stage) * 1e3 / len(images)
            total += milliseconds
            print(f"  {name:18}{milliseconds:7.2f} ms a frame")
        print(f"  {'together':18}{total:7.2f} ms a frame")
        crops = sum(len(answer.people) for answer in poses)
        pixels = crops * GEOMETRY.size[0] * GEOMETRY.size[1]
        cold = _median(stages["crop 256x256"]) * 1e9 / pixels
        middle = len(images) // 2
        same = [images[middle]] * len(images), [poses[middle]] * len(images)
        again = len(images) * len(poses[middle].people) * GEOMETRY.size[0] * GEOMETRY.size[1]
        warm = _median(lambda: _crop(*same)) * 1e9 / again
        print(
            f"a crop: {warm:.2f} ns an output pixel, {cold:.2f} if the frame left the CPU's cache"
        )


def _median(stage: Callable[[], None]) -> float:
    """CPU seconds of one pass of ``stage``."""
    seconds = []
    for _ in range(PASSES):
        start = time.process_time()
        stage()
        seconds.append(time.process_time() - start)
    return float(np.median(seconds))


def _scale(clip: str, film: Path, frames: int) -> None:
    with av.open(str(film), "w") as output:
        stream = output.add_stream("libx264", rate=Fraction(30))
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        stream.options = {"crf": "20"}
        with open_source(clip) as source:
            for frame in itertools.islice(source, frames):
                image = cv2.resize(frame.image, (1280, 720), interpolation=cv2.INTER_CUBIC)
                pixels = image.astype(np.uint8, copy=False)
                output.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        output.mux(stream.encode(None))


def _decode(film: Path) -> None:
    with open_source(film) as source:
        for _ in source:
            pass


def _crop(frames: Sequence[Frame], poses: Sequence[FramePoses]) -> None:
    out = np.empty((*GEOMETRY.size, 3), np.uint8)
    for frame, answer in zip(frames, poses, strict=True):
        for person in answer.people:
            crop(frame.image, GEOMETRY.affine(GEOMETRY.window(person.box)), out)


def _track(poses: Sequence[FramePoses]) -> None:
    tracker = Tracker(COCO17.sigmas)
    for answer in poses:
        people = answer.people
        found = Detections(
            np.array([person.box for person in people]).reshape(-1, 4),
            np.array([person.score for person in people]),
            np.array([person.keypoints for person in people]).reshape(-1, 17, 2),
            np.array([person.keypoint_scores for person in people]).reshape(-1, 17),
        )
        for track in tracker.update(found, answer.pts):
            if track.keypoints is not None and track.keypoint_scores is not None:
                tracker.correct(track.id, track.keypoints, track.keypoint_scores)


def _draw(frames: Sequence[Frame], poses: Sequence[FramePoses]) -> None:
    for frame, answer in zip(frames, poses, strict=True):
        draw(frame.image, answer.people, COCO17)


def _film(frames: Sequence[Frame], path: Path) -> None:
    with VideoWriter(path, 1280, 720, fps=30) as writer:
        for frame in frames:
            writer.write(frame.image, frame.pts)


def _files(poses: Sequence[FramePoses], header: Header, folder: Path) -> None:
    for kind in ("json", "csv"):
        with writer_class(kind)(folder / kind, header) as writer:
            for answer in poses:
                writer.write(answer)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clip")
    parser.add_argument("frames", nargs="?", type=int, default=120)
    arguments = parser.parse_args()
    main(arguments.clip, arguments.frames)
