"""What kept features were made of; features made of something else are refused."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from vidpose.datasets.labels import SequenceLabels
from vidpose.errors import VidposeError
from vidpose.formats.reading import read_json
from vidpose.models.base import PoseModel
from vidpose.training.config import CacheConfig, Recipe

# What features and targets depend on, by name; values that JSON can hold.
Stamp = dict[str, Any]

STAMP = "stamp.json"


def make_stamp(recipe: Recipe, cache: CacheConfig, model: PoseModel, data: str) -> Stamp:
    """What the features and targets of a run depend on.

    Args:
        recipe: Of the run.
        cache: Where its features are kept.
        model: With the weights of its backbone.
        data: Of `hash_labels`.
    """
    augmentation = recipe.augmentation
    return {
        "backbone": _hash_weights(model.backbone),
        "channels": [level.channels for level in model.backbone.info],
        "precision": recipe.precision,
        "data": data,
        "skeleton": list(model.skeleton.joints),
        "crop size": list(model.crop.size),
        "crop enlargement": model.crop.enlargement,
        "offsets": list(kept_offsets(model, cache)),
        "every": recipe.data.every,
        "fields": sorted(model.fields),
        "augmentation": None if augmentation is None else augmentation.model_dump(mode="json"),
        "seed": recipe.seed,
        "views": cache.views,
    }


def kept_offsets(model: PoseModel, cache: CacheConfig) -> tuple[int, ...]:
    """Frames that are kept of each clip: its own, or those of a stretch.

    Raises:
        VidposeError: The stretch is too short for the model; or the model needs further fields,
            which are made for one key frame.
    """
    stretch = cache.stretch
    if stretch is None:
        return model.offsets
    if model.fields:
        raise VidposeError(
            f"{min(model.fields)!r} is made for one key frame: leave cache.stretch out"
        )
    farthest = stretch.pace * max(-model.offsets[0], model.offsets[-1])
    if (needed := stretch.keys + farthest) > stretch.frames:
        raise VidposeError(
            f"cache.stretch.frames is {stretch.frames}: offsets {list(model.offsets)} at a pace of "
            f"{stretch.pace} with key frames up to {stretch.keys} away need {needed}"
        )
    return tuple(range(-stretch.frames, stretch.frames + 1))


def is_stamped(folder: Path, stamp: Stamp) -> bool:
    """Whether features of this stamp lie in ``folder``.

    Raises:
        VidposeError: They are of another stamp; the message says what changed.
    """
    path = folder / STAMP
    if not path.exists():
        return False
    found = read_json(path)
    before = found if isinstance(found, dict) else {}
    changed = [
        f"{name} ({before.get(name)} there, {value} now)"
        for name, value in stamp.items()
        if before.get(name) != value
    ]
    if changed:
        raise VidposeError(
            f"the features in {folder} were made of something else: {'; '.join(changed)}; delete "
            f"that folder, or set cache.folder to another"
        )
    return True


def _hash_weights(module: nn.Module) -> str:
    digest = hashlib.sha256(type(module).__name__.encode())
    for name, value in module.state_dict().items():
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def hash_labels(sequences: Iterable[SequenceLabels]) -> str:
    """What tells the labels of sequences, and how many pictures they have, from others.

    Pictures are told apart by their names, sizes and labels; their content is not read.
    """
    digest = hashlib.sha256()
    for sequence in sequences:
        length = 0 if sequence.images is None else len(sequence.images)
        digest.update(f"{sequence.name} {length} {sequence.skeleton.joints}".encode())
        for frame in sequence.frames:
            digest.update(f"{frame.index} {frame.name} {frame.size}".encode())
            for person in frame.people:
                digest.update(f"{person.track_id} {person.crowd}".encode())
                for array in (person.keypoints, person.visibility, person.box):
                    digest.update(b"" if array is None else np.asarray(array).tobytes())
    return digest.hexdigest()[:16]
