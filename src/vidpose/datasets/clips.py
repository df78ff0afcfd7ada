"""Training samples: clips around labelled people, cropped, with the joints of all their frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8
from torch.utils.data import Dataset

from vidpose import geometry
from vidpose.datasets.augment import Augmentation, draw_view
from vidpose.datasets.degrade import degrade
from vidpose.datasets.labels import SequenceLabels
from vidpose.datasets.sampler import ClipIndex
from vidpose.datasets.subjects import ClipSubject, key_subjects
from vidpose.datasets.warp import View, view_affine
from vidpose.errors import VidposeError
from vidpose.geometry import CropGeometry
from vidpose.models.base import ClipField
from vidpose.skeleton import Skeleton


class ClipSample(NamedTuple):
    """One clip of one person; what the labels mean is said by `Targets`.

    Attributes:
        frames: Crops, RGB.
        xy_norm: Joints in [0, 1] of the crop; 0 where not labelled.
        weight: 1 for labelled joints inside the crop, else 0.
        labelled: 1 for frames in which the person has a labelled joint, else 0.
        extras: Further fields by name.
        name: ``sequence/picture#track`` of the key frame.
    """

    frames: UInt8[np.ndarray, "frame h w 3"]
    xy_norm: Float[np.ndarray, "frame joint 2"]
    weight: Float[np.ndarray, "frame joint"]
    labelled: Float[np.ndarray, " frame"]
    extras: dict[str, np.ndarray]
    name: str


class ClipDataset(Dataset[ClipSample]):
    """A clip for every labelled person in every labelled frame.

    A sample is a pure function of the seed, the part, the epoch and its index: neither the order of
    reading nor the number of workers or processes changes it. People without a labelled joint or
    without a box inside the picture, and crowds, are left out.

    Args:
        sequences: Labels with pictures; all pictures of a sequence have one size.
        crop: What the model wants of its crops.
        offsets: Frames of a clip relative to the key frame, ascending, 0 among them.
        skeleton: The joints of the model; those of the sequences are matched by name.
        augmentation: What is drawn for each clip; None for evaluation.
        seed: Any number from 0.
        views: Number of different augmentations of each clip, for features kept on disk: epoch
            ``e`` shows view ``e % views``. None draws anew in each epoch.
        fields: Further fields of a sample by name, e.g. optical flow.
        every: Which frames are key frames, see `key_subjects`; 1 takes all.
        part: Of sets with one seed that are joined, each has another: they share no chance.

    Raises:
        VidposeError: A sequence has no pictures, or fewer than its labels name; or the
            augmentation's `max_distance` is too short for the neighbours on a side.
    """

    def __init__(
        self,
        sequences: Sequence[SequenceLabels],
        crop: CropGeometry,
        offsets: Sequence[int],
        skeleton: Skeleton,
        augmentation: Augmentation | None = None,
        seed: int = 0,
        views: int | None = None,
        fields: Mapping[str, ClipField] | None = None,
        every: int = 1,
        part: int = 0,
    ) -> None:
        self.crop = crop
        self.offsets = tuple(offsets)
        self.skeleton = skeleton
        self._key = self.offsets.index(0)
        self._augmentation = augmentation
        self.seed, self.part = seed, part
        self._views = views
        self._fields = dict(fields or {})
        self._check_max_distance()
        self._subjects = [
            subject
            for sequence in sequences
            for subject in key_subjects(sequence.in_skeleton(skeleton), every)
        ]

    def __len__(self) -> int:
        return len(self._subjects)

    def __getitem__(self, item: ClipIndex | int) -> ClipSample:
        """The sample of an epoch; of epoch 0 if only its index is given.

        Raises:
            VidposeError: A picture cannot be read.
        """
        epoch, position = item if isinstance(item, tuple) else (0, range(len(self))[item])
        return self.clip(self._subjects[position], epoch, position)

    def clip(self, subject: ClipSubject, epoch: int, position: int) -> ClipSample:
        """The clip around ``subject`` that the sample of an epoch and a position is.

        Raises:
            VidposeError: A picture cannot be read.
        """
        draw = epoch if self._views is None else epoch % self._views
        rng = np.random.default_rng((self.seed, draw, position, self.part))
        offsets = self._draw_offsets(rng)
        view = self._draw_view(subject, rng)

        wanted = np.clip(subject.index + offsets, 0, len(subject.images) - 1)
        # A frame that is repeated is read, warped and degraded once: it stays a repetition.
        indices, order = np.unique(wanted, return_inverse=True)
        affine = view_affine(view, self.crop.size)
        xy_norm, weight, labelled = self._labels(subject, indices, affine)
        if view.flip:
            swap = self.skeleton.flip_permutation
            xy_norm, weight = xy_norm[:, swap], weight[:, swap]
        frames = self._frames(subject, indices, affine)
        if self._augmentation is not None and self._augmentation.degradations is not None:
            times = indices - subject.index
            frames = degrade(frames, times, self._augmentation.degradations, rng)

        frames = frames[order]
        extras = {name: field(frames, self._key) for name, field in self._fields.items()}
        return ClipSample(
            frames, xy_norm[order], weight[order], labelled[order], extras, subject.name
        )

    def _check_max_distance(self) -> None:
        """The neighbours of a side must find different frames."""
        if self._augmentation is None or self._augmentation.max_distance is None:
            return
        needed = max(self._key, len(self.offsets) - 1 - self._key)
        if self._augmentation.max_distance < needed:
            raise VidposeError(
                f"max_distance {self._augmentation.max_distance}: offsets {self.offsets} have "
                f"{needed} neighbours on one side, so it must be {needed} or more"
            )

    def _draw_offsets(self, rng: np.random.Generator) -> Int[np.ndarray, " frame"]:
        offsets = np.array(self.offsets)
        if self._augmentation is None or self._augmentation.max_distance is None:
            return offsets
        distances = np.arange(1, self._augmentation.max_distance + 1)
        for side in (-1, 1):
            neighbours = np.sign(offsets) == side
            drawn = rng.choice(distances, neighbours.sum(), replace=False)
            offsets[neighbours] = np.sort(side * drawn)
        return offsets

    def _draw_view(self, subject: ClipSubject, rng: np.random.Generator) -> View:
        if self._augmentation is None:
            return View(self.crop.window(subject.box))
        person = subject.person
        return draw_view(
            self._augmentation,
            rng,
            self.crop,
            subject.box,
            person.keypoints,
            person.labelled,
            self.skeleton,
        )

    def _frames(
        self, subject: ClipSubject, indices: Int[np.ndarray, " n"], affine: Float[np.ndarray, "2 3"]
    ) -> UInt8[np.ndarray, "n h w 3"]:
        frames = np.empty((len(indices), *self.crop.size, 3), np.uint8)
        for index, out in zip(indices, frames, strict=True):
            geometry.crop(subject.images[int(index)], affine, out)
        return frames

    def _labels(
        self, subject: ClipSubject, indices: Int[np.ndarray, " n"], affine: Float[np.ndarray, "2 3"]
    ) -> tuple[
        Float[np.ndarray, "n joint 2"], Float[np.ndarray, "n joint"], Float[np.ndarray, " n"]
    ]:
        """Joints in the crop, their weights and those of the frames; left and right not swapped."""
        xy_norm = np.zeros((len(indices), len(self.skeleton), 2), np.float32)
        weight = np.zeros(xy_norm.shape[:2], np.float32)
        labelled = np.zeros(len(indices), np.float32)
        for n, index in enumerate(indices):
            if (person := subject.at(int(index))) is None:
                continue
            xy = person.keypoints @ affine[:, :2].T + affine[:, 2]
            xy = xy / self.crop.size[::-1]
            inside = ((xy >= 0) & (xy <= 1)).all(axis=1)
            xy_norm[n] = np.where(person.labelled[:, None], xy, 0.0)
            weight[n] = person.labelled & inside
            labelled[n] = 1
        return xy_norm, weight, labelled
