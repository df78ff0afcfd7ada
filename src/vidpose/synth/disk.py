"""Synthetic sequences in files, in the layout of PoseTrack2018."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import count
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import UInt8

from vidpose.atomic import staged, staged_folder
from vidpose.datasets.labels import FrameLabels, SequenceLabels
from vidpose.datasets.sequence_files import (
    refuse_taken,
    rounded,
    staged_sequence,
    write_document,
    write_picture,
)
from vidpose.datasets.write_coco import coco_document
from vidpose.datasets.write_posetrack18 import posetrack18_document
from vidpose.errors import VidposeError
from vidpose.formats.posetrack18 import SLOTS
from vidpose.skeleton import BODY19, COCO17, POSETRACK15
from vidpose.synth import gpu, sheet
from vidpose.synth.outfits import Split
from vidpose.synth.presets import Preset
from vidpose.synth.shoot import Shoot
from vidpose.synth.studio import Studio, open_studio
from vidpose.synth.workers import end_if_told, in_processes

Form = Literal["jpg", "mp4"]

# Of x264: hardly to be told from the picture.
_CRF = 17
_SLOTS = np.array([BODY19.index(joint) for joint in SLOTS])


@dataclass(frozen=True)
class Job:
    """What is written where.

    Attributes:
        out: Folder of the dataset.
        preset: What scenes may look like.
        sequences: How many.
        seed: Any number from 0; sequence n is the same whatever their number.
        split: Whose people, clothes, motions and backgrounds; also the folders' name.
        form: A folder of pictures for each sequence, or a video.
        kit: Folder of people and clothes; None for plain figures.
        backgrounds: Folder of pictures.
        footage: Folder of videos.
        tiles: Whether frames for a `sheet` are drawn.
    """

    out: Path
    preset: Preset
    sequences: int
    seed: int = 0
    split: Split = "train"
    form: Form = "jpg"
    kit: Path | None = None
    backgrounds: Path | None = None
    footage: Path | None = None
    tiles: bool = False

    @property
    def coco(self) -> Path:
        """The file of all labels with COCO's joints."""
        return self.out / "annotations" / f"coco17_{self.split}.json"

    def name(self, number: int) -> str:
        """Of a sequence."""
        return f"{number:06d}_synth"

    def annotation(self, number: int) -> Path:
        """The file of a sequence's labels."""
        return self.out / "annotations" / self.split / f"{self.name(number)}.json"

    def pictures(self, number: int) -> Path:
        """The folder of a sequence's pictures."""
        return self.out / "images" / self.split / self.name(number)

    def video(self, number: int) -> Path:
        """The file that takes the place of the folder."""
        return self.pictures(number).with_suffix(".mp4")

    def places(self, number: int) -> tuple[Path, ...]:
        """All that is replaced by a sequence; labels of all are no longer true then."""
        return self.annotation(number), self.pictures(number), self.video(number), self.coco


class Written(NamedTuple):
    """A sequence that is on the disk.

    Attributes:
        labels: In `BODY19`, without pictures.
        tiles: The frames of it that a sheet shows.
    """

    labels: SequenceLabels
    tiles: list[UInt8[np.ndarray, "h w 3"]]


def write(job: Job, workers: int = 1, overwrite: bool = False) -> Generator[Written]:
    """Renders sequences and yields each, in order, when it is on the disk, whole or not at all.

    Closing the iterator ends the rendering; with several workers, later sequences than those that
    were yielded may be there then.

    Writes ``annotations/SPLIT/*.json`` and the pictures in ``images/SPLIT``. In each annotation
    ``visibility`` has a `visibility.Visibility` for each of the 17 slots. For sequences in pictures
    there is at the end also ``annotations/coco17_SPLIT.json``, all labels with COCO's joints. The
    files do not depend on the number of workers.

    Args:
        job: What to write.
        workers: Processes that render.
        overwrite: Replace sequences of the same names, and the labels with COCO's joints.

    Raises:
        VidposeError: This machine cannot render, a folder lacks something, a sequence or a part of
            it is there already, or appears meanwhile, or the disk cannot be written.
    """
    return write_all([job], workers, overwrite)


def write_all(jobs: Sequence[Job], workers: int = 1, overwrite: bool = False) -> Generator[Written]:
    """As `write`, of several jobs with one folder, split and form, one after another."""
    for job in jobs:
        _check(job, overwrite)
    written = []
    for job in jobs:
        with closing(_render(job, workers, overwrite)) as results:
            for each in results:
                written.append(each.labels)
                yield each
    if jobs[0].form == "jpg":
        document = coco_document([sequence.in_skeleton(COCO17) for sequence in written])
        with staged(jobs[0].coco) as file:
            write_document(file, document)
            if not overwrite:
                refuse_taken([jobs[0].coco])


def whole(job: Job) -> int:
    """How many of a job's sequences are on the disk, each with its labels, which come last."""
    return sum(job.annotation(number).is_file() for number in range(job.sequences))


def scene_seed(job: Job, number: int) -> int:
    """What the scene of a sequence is made from."""
    sequence = np.random.SeedSequence((job.seed, number, job.split == "val"))
    return int(sequence.generate_state(1, np.uint64)[0])


def _check(job: Job, overwrite: bool) -> None:
    height, width = job.preset.size
    if job.form == "mp4" and (height % 2 or width % 2):
        raise VidposeError(f"a video's height and width are even; these are {height}x{width}")
    if job.coco.is_dir():
        raise VidposeError(f"cannot write {job.coco}: it is a folder; give another folder than its")
    if not overwrite:
        for number in range(job.sequences):
            refuse_taken(job.places(number))


def _make_folders(job: Job) -> None:
    for folder in (job.annotation(0).parent, job.pictures(0).parent):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise VidposeError(f"cannot make the folder {folder}: {error.strerror}") from error


def _render(job: Job, workers: int, overwrite: bool) -> Generator[Written]:
    studio = _studio(job)
    gpu.context()
    _make_folders(job)
    if workers > 1:
        work = partial(_work, job, overwrite)
        return in_processes(work, job.sequences, min(workers, job.sequences))
    return (_write_sequence(job, studio, number, overwrite) for number in range(job.sequences))


def _work(job: Job, overwrite: bool, number: int) -> Written:
    return _write_sequence(job, _studio(job), number, overwrite)


@lru_cache(maxsize=1)
def _studio(job: Job) -> Studio:
    return open_studio(job.preset, job.split, job.kit, job.backgrounds, job.footage)


def _write_sequence(job: Job, studio: Studio, number: int, overwrite: bool) -> Written:
    wanted = sheet.chosen(job.sequences, job.preset.frames).get(number, []) if job.tiles else []
    frames: list[FrameLabels] = []
    hidden: list[list[int]] = []
    tiles = []
    scene = studio.scene(scene_seed(job, number))
    annotation, *places = job.places(number)
    recording = _recording(job, number, scene.fps)
    staging = staged_sequence(annotation, recording, *places, overwrite=overwrite)
    with Shoot(scene, job.split, job.name(number)) as shoot, staging as (record, file):
        for index in range(len(shoot)):
            end_if_told()
            picture, labels = shoot[index], shoot.labels(index)
            record(picture)
            frames.append(rounded(labels))
            hidden += [each.visibility[_SLOTS].tolist() for each in shoot.seen(index)]
            if index in wanted:
                drawn = SequenceLabels("", BODY19, (labels,)).in_skeleton(POSETRACK15).frames[0]
                tiles.append(sheet.tile(picture, drawn, POSETRACK15))
        labelled = SequenceLabels(shoot.name, BODY19, tuple(frames))
        document = posetrack18_document(labelled)
        for person, visibility in zip(document["annotations"], hidden, strict=True):
            person["visibility"] = visibility
        write_document(file, document)
    return Written(labelled, tiles)


@contextmanager
def _recording(
    job: Job, number: int, fps: int
) -> Iterator[Callable[[UInt8[np.ndarray, "h w 3"]], object]]:
    """Takes pictures, which are at their place after the block."""
    if job.form == "jpg":
        with staged_folder(job.pictures(number)) as folder:
            numbers = count()
            yield lambda picture: write_picture(folder, next(numbers), picture)
        return
    from vidpose.video.writer import VideoWriter

    height, width = job.preset.size
    path = job.video(number)
    with VideoWriter(path, width, height, fps=fps, preset="veryfast", crf=_CRF) as writer:
        times = (index / fps for index in count())
        yield lambda picture: writer.write(picture, next(times))
