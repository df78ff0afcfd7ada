"""Clips per second of the training loader, and the CPU time of a clip by stage.

    python benchmarks/loader.py [FOLDER]

FOLDER holds the pictures of one sequence; without it, 60 JPEGs of 1280x720 are drawn. Clips have 5
frames of 256x192, augmented; the rate is also given with every degradation on.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from torch.utils.data import DataLoader

from vidpose import geometry
from vidpose.datasets.augment import Augmentation
from vidpose.datasets.chance import Chance
from vidpose.datasets.clips import ClipDataset
from vidpose.datasets.collate import ClipBatch, collate
from vidpose.datasets.degrade import Degradations, degrade
from vidpose.datasets.flow import DISFlow
from vidpose.datasets.images import ImageFolder
from vidpose.datasets.labels import FrameLabels, PersonLabels, SequenceLabels
from vidpose.datasets.occlude import Occluders
from vidpose.datasets.sampler import ClipSampler
from vidpose.geometry import CropGeometry
from vidpose.skeleton import POSETRACK15

CROP = CropGeometry((256, 192))
OFFSETS = (-2, -1, 0, 1, 2)
BATCH, BATCHES, REPEATS = 8, 6, 5


def always(low: float, high: float) -> Chance:
    """A change that every clip gets."""
    return Chance(probability=1, range=(low, high))


DEGRADATIONS = Degradations(
    occluders=Occluders(probability=1),
    gaussian_blur=always(0.5, 2),
    motion_blur=always(1, 7),
    brightness=always(-0.2, 0.2),
    contrast=always(0.7, 1.3),
    saturation=always(0.5, 1.5),
    hue=always(-20, 20),
    gamma=always(0.7, 1.4),
    noise=always(2, 10),
    downscale=always(1, 3),
    jpeg=always(20, 80),
)


def main(folder: Path) -> None:
    """Print rates by number of workers, then times by stage."""
    sequence = labelled(ImageFolder(folder))
    cv2.setNumThreads(1)
    for name, augmentation in (
        ("one affine", Augmentation()),
        ("and all degradations", Augmentation(degradations=DEGRADATIONS)),
    ):
        dataset = ClipDataset([sequence], CROP, OFFSETS, POSETRACK15, augmentation)
        for workers in (0, 1, 2):
            print(f"{name:22} {workers} workers: {rate(dataset, workers):6.1f} clips/s")
    for stage, milliseconds in stages(sequence).items():
        print(f"{stage:22} {milliseconds:6.2f} ms of CPU a clip")


def labelled(images: ImageFolder) -> SequenceLabels:
    """One tall person in each picture, labelled anyhow."""
    height, width = images[0].shape[:2]
    rng = np.random.default_rng(0)
    frames = []
    for index in range(len(images)):
        corner = rng.uniform((0, 0), (width * 0.8, height * 0.2))
        box = np.concatenate([corner, corner + (width * 0.2, height * 0.7)])
        keypoints = rng.uniform(box[:2], box[2:], (15, 2))
        person = PersonLabels(0, keypoints, np.full(15, 2), box)
        frames.append(FrameLabels(index, images.names[index], (person,), size=(width, height)))
    return SequenceLabels("bench", POSETRACK15, tuple(frames), images)


def rate(dataset: ClipDataset, workers: int) -> float:
    """Clips per second that a loop gets which does nothing itself; median of epochs."""
    samples = min(BATCH * BATCHES, len(dataset) // BATCH * BATCH)
    sampler = ClipSampler(samples, BATCH, seed=0)
    loader: DataLoader[ClipBatch] = DataLoader(
        dataset,  # type: ignore[arg-type] # the batches' type is the collate function's
        batch_sampler=sampler,
        collate_fn=collate,
        num_workers=workers,
        persistent_workers=workers > 0,
        worker_init_fn=one_thread,
    )
    rates = []
    for epoch in range(REPEATS + 1):
        sampler.set_epoch(epoch)
        began = time.perf_counter()
        clips = sum(len(batch.names) for batch in loader)
        rates.append(clips / (time.perf_counter() - began))
    # The first epoch starts the workers.
    return statistics.median(rates[1:])


def one_thread(_: int) -> None:
    """Workers are the parallelism."""
    cv2.setNumThreads(0)


def stages(sequence: SequenceLabels) -> dict[str, float]:
    """Milliseconds of CPU by what a clip needs, on one thread."""
    images = sequence.images
    assert images is not None
    picture = images[0]
    affine = CROP.affine(CROP.window(np.array([300.0, 60, 560, 560])))
    frames = np.empty((len(OFFSETS), *CROP.size, 3), np.uint8)
    dataset = ClipDataset([sequence], CROP, OFFSETS, POSETRACK15, Augmentation())
    times = np.array(OFFSETS)
    rng = np.random.default_rng(0)

    def read() -> None:
        for index in range(len(OFFSETS)):
            images[index]

    def warp() -> None:
        for frame in frames:
            geometry.crop(picture, affine, frame)

    return {
        "read": cpu(read),
        "warp": cpu(warp),
        "degrade, everything": cpu(lambda: degrade(frames, times, DEGRADATIONS, rng)),
        "flow, stride 16": cpu(lambda: DISFlow(16)(frames, 2)),
        "a whole sample": cpu(lambda: dataset[10]),
    }


def cpu(work: Callable[[], object]) -> float:
    """Median milliseconds of CPU time that ``work`` takes."""
    work()
    times = []
    for _ in range(15):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return 1000 * statistics.median(times)


def draw_pictures(folder: Path) -> None:
    """60 pictures with about as much detail as a photograph."""
    rng = np.random.default_rng(0)
    for index in range(60):
        coarse = cv2.resize(rng.integers(0, 256, (36, 64, 3), dtype=np.uint8), (1280, 720))
        fine = cv2.resize(rng.integers(0, 40, (360, 640, 3), dtype=np.uint8), (1280, 720))
        cv2.imwrite(str(folder / f"{index:06}.jpg"), cv2.addWeighted(coarse, 0.8, fine, 1.0, 0.0))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path)
    folder = parser.parse_args().folder
    if folder is not None:
        main(folder)
    else:
        with tempfile.TemporaryDirectory() as drawn:
            draw_pictures(Path(drawn))
            main(Path(drawn))
