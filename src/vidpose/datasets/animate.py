"""Stills with labelled people made into clips, for training.

What a still cannot show, the body moving in itself, is left to rendered people and to videos. The
labels move with the picture, so they are as exact as the still's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from vidpose.datasets.labels import SequenceLabels
from vidpose.datasets.moving_still import Still, draw_scene
from vidpose.datasets.write_sequence import write_sequence
from vidpose.errors import VidposeError
from vidpose.geometry import box_size
from vidpose.skeleton import BODY19

# Fewer joints (a face alone has five) or a smaller box (pixels) are not worth a clip of their own.
_FEWEST_JOINTS = 6
_SMALLEST = 64
# Of a neighbour with fewer joints in view there is too little to say where the others are.
_FEWEST_IN_VIEW = 3


def animate(
    sequences: Sequence[SequenceLabels],
    root: Path,
    split: str = "train",
    *,
    frames: int = 16,
    views: int = 1,
    seed: int = 0,
    overwrite: bool = False,
) -> Iterator[SequenceLabels]:
    """Writes clips of every person that is large and labelled enough; yields the labels of each.

    The folder reads as PoseTrack2018. Pictures are square, at most 384 pixels a side and not larger
    than the still shows the scene. Everybody with three joints in view is labelled; a joint that
    something passes in front of is `HIDDEN`, one out of view is not labelled.

    Args:
        sequences: Stills with pictures; of a video, each labelled frame is one.
        root: Folder of the dataset.
        split: Name of the split that is written.
        frames: Of a clip, from 1.
        views: Clips of each person, from 1.
        seed: Any number from 0; the same gives the same files.
        overwrite: Replace clips of the same names.

    Raises:
        VidposeError: There is nobody to show, a picture cannot be read, or the folder not written.
    """
    stills = [still for sequence in sequences for still in _stills(sequence)]
    if not stills:
        raise VidposeError(
            f"nobody to animate: it takes a person with {_FEWEST_JOINTS} labelled joints and a box "
            f"of {_SMALLEST} pixels"
        )
    for number, still in enumerate(still for still in stills for _ in range(views)):
        rng = np.random.default_rng((seed, number))
        with write_sequence(root, split, f"{number:06d}_animated", overwrite) as writer:
            scene = draw_scene(still, stills, frames, rng)
            labels = []
            for time in range(frames):
                frame = writer.add(scene.picture(time))
                people = [p for p in scene.people(time) if p.labelled.sum() >= _FEWEST_IN_VIEW]
                labels.append(replace(frame, people=tuple(people), labelled=True))
            writer.labels = SequenceLabels(f"{number:06d}_animated", BODY19, tuple(labels))
        yield writer.labels


def _stills(sequence: SequenceLabels) -> Iterator[Still]:
    if sequence.images is None:
        raise VidposeError(f"{sequence.name}: there are labels but no pictures to animate")
    for frame in sequence.in_skeleton(BODY19).frames:
        for person in frame.people:
            if person.crowd or person.box is None or person.labelled.sum() < _FEWEST_JOINTS:
                continue
            if box_size(person.box).max() >= _SMALLEST:
                box = np.asarray(person.box, np.float64)
                yield Still(sequence.images, frame.index, frame.people, box)
