"""Rate, memory and scaling of `vidpose synth` and of clips that are rendered while training.

    python benchmarks/synth.py [--kit KIT] [--backgrounds DIR] [--preset NAME] [--processes 1 2]

What a frame is made of, in milliseconds of one core; frames a second to the disk and clips of five
frames a second in training, by processes, their start not counted; the peak memory of a process.
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ["LP_NUM_THREADS"] = "1"  # of llvmpipe, before it starts

import cv2
from torch.utils.data import DataLoader

from vidpose.datasets.augment import Augmentation
from vidpose.datasets.sampler import ClipSampler
from vidpose.geometry import CropGeometry
from vidpose.skeleton import POSETRACK15
from vidpose.synth.config import SynthConfig
from vidpose.synth.dataset import SynthClips
from vidpose.synth.disk import Job, write
from vidpose.synth.labels import label
from vidpose.synth.presets import find_preset
from vidpose.synth.renderer import Renderer
from vidpose.synth.studio import open_studio

SCENES, FRAMES, SEQUENCES, CLIPS = 8, 4, 8, 20


def main() -> None:
    """Print one part after the other."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kit", type=Path)
    parser.add_argument("--backgrounds", type=Path)
    parser.add_argument("--preset", default="default")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    cv2.setNumThreads(0)
    # Before anything is drawn here: workers of a loader are forked.
    for processes in options.processes:
        _in_training(options, processes)
    for processes in options.processes:
        _to_disk(options, processes)
    _parts(options)
    for name, who in (("here", resource.RUSAGE_SELF), ("in a worker", resource.RUSAGE_CHILDREN)):
        print(f"peak memory {name}: {resource.getrusage(who).ru_maxrss / 1024:.0f} MiB")


def _in_training(options: argparse.Namespace, processes: int) -> None:
    config = SynthConfig(
        preset=options.preset, kit=options.kit, backgrounds=options.backgrounds, clips=CLIPS
    )
    clips = SynthClips(
        config, "train", CropGeometry((256, 192)), range(-2, 3), POSETRACK15, Augmentation()
    )
    loader = DataLoader(
        clips,
        batch_sampler=ClipSampler(CLIPS, 1, seed=0),
        num_workers=processes,
        collate_fn=list,
    )
    batches = iter(loader)
    for _ in range(processes):
        next(batches)
    start = time.perf_counter()
    done = sum(1 for _ in batches)
    rate = done / (time.perf_counter() - start)
    print(f"training, {processes} workers: {rate:.2f} clips of 5 frames a second", flush=True)


def _to_disk(options: argparse.Namespace, processes: int) -> None:
    preset = find_preset(options.preset).model_copy(update={"frames": FRAMES})
    with tempfile.TemporaryDirectory() as folder:
        job = Job(Path(folder), preset, SEQUENCES, kit=options.kit, backgrounds=options.backgrounds)
        written = write(job, processes)
        for _ in range(processes):
            next(written)
        start, used = time.perf_counter(), time.process_time()
        done = sum(len(each.labels.frames) for each in written)
        rate = done / (time.perf_counter() - start)
        # A single process is this one.
        alone = f", {done / (time.process_time() - used):.1f} a core-second" * (processes == 1)
    print(f"disk, {processes} processes: {rate:.1f} frames a second{alone}", flush=True)


def _parts(options: argparse.Namespace) -> None:
    preset = find_preset(options.preset)
    studio = open_studio(preset, "train", options.kit, options.backgrounds)
    spent: dict[str, float] = {}
    people = 0

    @contextmanager
    def timed(name: str) -> Iterator[None]:
        start = time.process_time()
        yield
        spent[name] = spent.get(name, 0) + time.process_time() - start

    count = preset.film.subframes
    for seed in range(SCENES):
        with timed("scene"):
            scene = studio.scene(seed)
        with timed("upload"):
            renderer = Renderer(*scene.size, dict(enumerate(scene.cast)))
        people += len(scene.cast)
        with renderer:
            for frame in range(FRAMES):
                with timed("moments"):
                    moments = scene.moments(frame, count)
                with timed("background"):
                    behind = scene.backgrounds(frame, count)
                with timed("pictures"):
                    drawn = [renderer.image(*each) for each in zip(moments, behind, strict=True)]
                with timed("film"):
                    scene.develop(frame, drawn)
                with timed("depth"):
                    moment = scene.moments(frame)[0]
                    surfaces = renderer.surfaces(moment)
                with timed("labels"):
                    label(scene.cast, moment, *surfaces)
            device = renderer.device
    print(f"{options.preset}: {people / SCENES:.1f} people, {count} sub-frames a frame; {device}")
    for name, seconds in spent.items():
        per, each = ("scene", SCENES) if name in ("scene", "upload") else ("frame", SCENES * FRAMES)
        print(f"  {name}: {1000 * seconds / each:.1f} ms a {per}")


if __name__ == "__main__":
    main()
