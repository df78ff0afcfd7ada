"""Training clips that are rendered when they are asked for, without a disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from vidpose.datasets.augment import Augmentation
from vidpose.datasets.clips import ClipDataset, ClipSample
from vidpose.datasets.labels import FrameLabels, PersonLabels, SequenceLabels
from vidpose.datasets.sampler import ClipIndex
from vidpose.datasets.subjects import ClipSubject, subjects
from vidpose.errors import VidposeError
from vidpose.geometry import CropGeometry
from vidpose.models.base import ClipField
from vidpose.skeleton import BODY19, Skeleton
from vidpose.synth.cast import Wardrobe
from vidpose.synth.config import SynthConfig
from vidpose.synth.figure import Figure
from vidpose.synth.outfits import Split
from vidpose.synth.presets import find_preset
from vidpose.synth.shoot import Shoot
from vidpose.synth.studio import Studio, open_studio

# What is drawn beside the augmentation: the last word of a seed.
_SCENE, _CAST = 1, 2
# In so many scenes somebody is seen, whatever the preset.
_ATTEMPTS = 50


class SynthClips(ClipDataset):
    """Clips of which each is of a scene of its own; only the frames of the clip are rendered.

    A sample is a pure function of the seed, the epoch and its index, as those of `ClipDataset`.
    Each process that asks for samples draws with its own context, made at the first one.

    Args:
        scenes: Which ones, and how many clips an epoch has.
        split: Whose people, clothes, motions and backgrounds.
        crop: As of `ClipDataset`, like the rest.
        offsets: Frames of a clip relative to the key frame.
        skeleton: The joints of the model; those that `labels.BODY19` lacks are not labelled.
        augmentation: What is drawn for each clip.
        seed: Any number from 0.
        fields: Further fields of a sample by name.
        part: Of sets that are joined.

    Raises:
        VidposeError: A folder of ``scenes`` is missing, or has nothing for this split.
    """

    def __init__(
        self,
        scenes: SynthConfig,
        split: Split,
        crop: CropGeometry,
        offsets: Sequence[int],
        skeleton: Skeleton,
        augmentation: Augmentation | None = None,
        seed: int = 0,
        fields: Mapping[str, ClipField] | None = None,
        part: int = 0,
    ) -> None:
        super().__init__((), crop, offsets, skeleton, augmentation, seed, fields=fields, part=part)
        preset = find_preset(scenes.preset)
        self._studio = open_studio(preset, split, scenes.kit, scenes.backgrounds, scenes.footage)
        self._clips, self._figures = scenes.clips, scenes.figures
        self._pool: tuple[int, Studio] | None = None

    def __len__(self) -> int:
        return self._clips

    def __getitem__(self, item: ClipIndex | int) -> ClipSample:
        """The sample of an epoch; of epoch 0 if only its index is given.

        Raises:
            VidposeError: This machine cannot render, a file of the scene cannot be read, or nobody
                is ever seen in scenes of this preset.
        """
        epoch, position = item if isinstance(item, tuple) else (0, range(len(self))[item])
        studio = self._of_epoch(epoch)
        rng = np.random.default_rng((self.seed, epoch, position, self.part, _SCENE))
        for _ in range(_ATTEMPTS):
            with Shoot(studio.scene(int(rng.integers(2**63)))) as shoot:
                subject = self._somebody(shoot, rng)
                if subject is not None:
                    return self.clip(subject, epoch, position)
        raise VidposeError(f"nobody was seen in {_ATTEMPTS} scenes: change the preset")

    def _of_epoch(self, epoch: int) -> Studio:
        if self._pool is None or self._pool[0] != epoch:
            pool = Pool(self._studio.wardrobe, self._figures, (self.seed, epoch, self.part))
            self._pool = epoch, replace(self._studio, wardrobe=pool)
        return self._pool[1]

    def _somebody(self, shoot: Shoot, rng: np.random.Generator) -> ClipSubject | None:
        """Somebody in some frame of a scene; None if nobody is in that frame."""
        key = int(rng.integers(len(shoot)))
        frame = _in_skeleton(shoot, key, self.skeleton)
        alone = SequenceLabels(shoot.name, self.skeleton, (frame,), shoot)
        people = list(subjects(alone))
        if not people:
            return None
        chosen = people[rng.integers(len(people))]
        return replace(chosen, track=_Track(shoot, chosen.person.track_id, self.skeleton))


class Pool:
    """A `cast.Wardrobe` of a few people, each dressed when first chosen.

    Args:
        wardrobe: Dresses them.
        size: How many.
        seed: Which.
    """

    def __init__(self, wardrobe: Wardrobe, size: int, seed: tuple[int, ...]) -> None:
        self._wardrobe = wardrobe
        self._size = size
        self._seed = seed
        self._dressed: dict[int, Figure] = {}

    def choose(self, rng: np.random.Generator, count: int) -> tuple[Figure, ...]:
        """``count`` people, nobody twice unless there are fewer."""
        rounds = -(-count // self._size)
        order = np.concatenate([rng.permutation(self._size) for _ in range(rounds)])
        return tuple(self._figure(int(number)) for number in order[:count])

    def _figure(self, number: int) -> Figure:
        if number not in self._dressed:
            rng = np.random.default_rng((*self._seed, number, _CAST))
            (self._dressed[number],) = self._wardrobe.choose(rng, 1)
        return self._dressed[number]


class _Track(Mapping[int, PersonLabels]):
    """One person's labels by frame; a frame is drawn when it is asked for."""

    def __init__(self, shoot: Shoot, track_id: int, skeleton: Skeleton) -> None:
        self._shoot = shoot
        self._track_id = track_id
        self._skeleton = skeleton

    def __getitem__(self, index: int) -> PersonLabels:
        for person in _in_skeleton(self._shoot, index, self._skeleton).people:
            if person.track_id == self._track_id and person.labelled.any():
                return person
        raise KeyError(index)

    def __iter__(self) -> Iterator[int]:
        return (index for index in range(len(self._shoot)) if index in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _in_skeleton(shoot: Shoot, index: int, skeleton: Skeleton) -> FrameLabels:
    drawn = SequenceLabels(shoot.name, BODY19, (shoot.labels(index),))
    return drawn.in_skeleton(skeleton).frames[0]
