"""Features of a frozen backbone, kept on disk so that it runs once over the data and never again.

A folder of arrays, each with axes ``[view, clip, ...]``: the levels of the features in half
precision, the targets beside them, and which of the clips are done. ``stamp.json`` says what they
were made of. Clips do not share features of common frames: each has an affine of its own.
"""

import json
import shutil
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor
from torch.utils.data import DataLoader

from vidpose.atomic import staged
from vidpose.backbones.base import Features
from vidpose.datasets.sampler import ClipIndex
from vidpose.errors import VidposeError
from vidpose.models.base import PoseModel, Targets
from vidpose.training.config import CacheConfig, Stretch
from vidpose.training.learner import Learner
from vidpose.training.loader import Clips, Collate, ending_workers, prepare_worker, readable
from vidpose.training.log import Listener
from vidpose.training.stamp import STAMP, Stamp, is_stamped

_NAME_BYTES = 256
# Apart from the augmentation, which is drawn from seed, epoch and clip alone.
_CUT = 1


class CachedSample(NamedTuple):
    """One view of one clip; as `ClipSample`, but for the levels of the features."""

    levels: tuple[np.ndarray, ...]
    xy_norm: np.ndarray
    weight: np.ndarray
    labelled: np.ndarray
    extras: dict[str, np.ndarray]
    name: str


class CachedBatch(NamedTuple):
    """A batch in which ``frames`` are what the backbone made of them, in half precision."""

    frames: Features
    targets: Targets
    names: tuple[str, ...]


class CachedClips:
    """The clips of a full cache; epoch ``e`` shows view ``e % views``.

    With a stretch, what is kept of a clip is more than the clip: every epoch draws its key frame
    anew from those in which the person is labelled and that repeat no other, as those beyond an
    end of the sequence do.

    Args:
        folder: Of a cache that `keep_features` has filled.
        offsets: Of the model.
        stretch: `CacheConfig.stretch`.
        seed: Of the recipe; with the epoch and the clip it decides what is drawn.
    """

    def __init__(
        self, folder: Path, offsets: Sequence[int], stretch: Stretch | None, seed: int
    ) -> None:
        self._folder = folder
        self._seed = seed
        self._offsets, self._stretch = np.array(offsets), stretch
        self._views, self._clips = np.load(folder / "done.npy", mmap_mode="r").shape

    def __len__(self) -> int:
        return int(self._clips)

    def __getitem__(self, item: ClipIndex) -> CachedSample:
        """The sample of a clip in an epoch."""
        sample = self.kept(item)
        if self._stretch is None:
            return sample
        frames = self._clip_of(self._stretch, sample, ClipIndex(*item))
        return CachedSample(
            tuple(level[frames] for level in sample.levels),
            sample.xy_norm[frames],
            sample.weight[frames],
            sample.labelled[frames],
            sample.extras,
            sample.name,
        )

    def level(self, number: int, view: int = 0) -> np.ndarray:
        """A level of all that is kept in a view, ``[clip, frame, ...]``, read where it is used."""
        array: np.ndarray = self._arrays[f"level-{number:02d}"][view]
        return array

    def kept(self, item: ClipIndex) -> CachedSample:
        """All frames that are kept of a clip."""
        epoch, clip = item
        place = (epoch % self._views, clip)
        fields = {name: np.array(array[place]) for name, array in self._arrays.items()}
        levels = [fields[name] for name in sorted(fields) if name.startswith("level-")]
        extras = {
            name.removeprefix("extra-"): value
            for name, value in fields.items()
            if name.startswith("extra-")
        }
        name = bytes(fields["name"]).decode(errors="ignore")
        xy_norm, weight, labelled = (fields[key] for key in ("xy_norm", "weight", "labelled"))
        return CachedSample(tuple(levels), xy_norm, weight, labelled, extras, name)

    def _clip_of(self, stretch: Stretch, sample: CachedSample, item: ClipIndex) -> np.ndarray:
        """Which of the frames that are kept make the clip of an epoch."""
        keys = stretch.frames + np.arange(-stretch.keys, stretch.keys + 1)
        # A frame beyond an end of the sequence repeats the one before it, and is never a key frame.
        inward = keys - np.sign(keys - stretch.frames)
        repeated = (inward != keys) & (
            (sample.xy_norm[keys] == sample.xy_norm[inward]).all(axis=(1, 2))
            & (sample.weight[keys] == sample.weight[inward]).all(axis=1)
        )
        known = keys[(sample.labelled[keys] > 0) & ~repeated]
        rng = np.random.default_rng((self._seed, *item, _CUT))
        key, pace = rng.choice(known), rng.integers(1, stretch.pace + 1)
        return key + pace * self._offsets

    @cached_property
    def _arrays(self) -> dict[str, np.ndarray]:
        """Opened where they are first read, so that no worker is sent a copy of them."""
        return _open(self._folder, "r")


def collate_cached(samples: Sequence[CachedSample]) -> CachedBatch:
    """A batch of samples with equal shapes and fields."""

    def stack(arrays: Iterable[np.ndarray]) -> Tensor:
        return torch.from_numpy(np.stack(list(arrays)))

    levels = zip(*(sample.levels for sample in samples), strict=True)
    targets = Targets(
        stack(sample.xy_norm for sample in samples),
        stack(sample.weight for sample in samples),
        stack(sample.labelled for sample in samples),
        {name: stack(sample.extras[name] for sample in samples) for name in samples[0].extras},
    )
    names = tuple(sample.name for sample in samples)
    return CachedBatch(Features(tuple(stack(level) for level in levels)), targets, names)


def keep_features(
    cache: CacheConfig,
    stamp: Stamp,
    clips: Clips,
    collate: Collate,
    model: PoseModel,
    accelerator: Accelerator,
    *,
    seed: int,
    batch_size: int,
    workers: int,
    listeners: Sequence[Listener] = (),
) -> CachedClips:
    """Fill the cache, or what an interrupted run left of it to fill; called in every process.

    Args:
        cache: Folder, views and limit.
        stamp: Of these clips and this model, see `make_stamp`.
        clips: ``clips[ClipIndex(view, i)]`` is view ``view`` of clip ``i``.
        collate: Makes a batch of samples of ``clips``.
        model: Its backbone is run; in evaluation mode.
        accelerator: Which of how many processes this is, and where it computes.
        seed: Of the recipe.
        batch_size: Clips at a time, in each process.
        workers: Processes that prepare clips, for each of these.
        listeners: Told how far it is.

    Raises:
        VidposeError: The cache would be larger than its limit or the disk; what is there was made
            of something else; or a feature is too large for half precision.
    """
    learner = Learner(model, freeze_backbone=True).eval().to(accelerator.device)

    def see(frames: Tensor) -> Features:
        with torch.no_grad(), accelerator.autocast():
            return learner.features(frames.to(accelerator.device))

    if accelerator.is_main_process and not is_stamped(cache.folder, stamp):
        sample = collate([clips[ClipIndex(0, 0)]])
        _create(cache, stamp, len(clips), _fields(sample, see(_frames(sample))))
    accelerator.wait_for_everyone()
    arrays = _open(cache.folder, "r+")
    done = np.load(cache.folder / "done.npy", mmap_mode="r+")
    missing = [ClipIndex(int(view), int(clip)) for view, clip in np.argwhere(~done)]
    # Before the first of them is done, all processes have to have seen the same.
    accelerator.wait_for_everyone()
    mine = missing[accelerator.process_index :: accelerator.num_processes]
    loader: DataLoader[Any] = DataLoader(
        clips,  # type: ignore[arg-type] # torch asks for its own class
        batch_size=batch_size,
        sampler=mine,
        collate_fn=collate,
        num_workers=workers,
        persistent_workers=workers > 0,
        worker_init_fn=prepare_worker,
        generator=torch.Generator(),
    )
    with readable(), ending_workers(loader):
        for start, batch in zip(range(0, len(mine), batch_size), loader, strict=True):
            places = tuple(np.array(mine[start : start + batch_size]).T)
            for name, values in _fields(batch, see(_frames(batch))).items():
                if not (values.dtype.kind == "S" or np.isfinite(values).all()):
                    raise VidposeError(
                        f"{name} cannot be kept in half precision: not finite in one of "
                        f"{', '.join(batch.names)}; train without cache"
                    )
                arrays[name][places] = values
                arrays[name].flush()
            done[places] = True
            for listener in listeners:
                listener({"event": "features", "done": start + len(batch.names), "of": len(mine)})
    done.flush()
    accelerator.wait_for_everyone()
    return CachedClips(cache.folder, model.offsets, cache.stretch, seed)


def _fields(batch: Any, features: Features) -> dict[str, np.ndarray]:
    """The arrays of a batch by name, as they are kept."""
    targets: Targets = batch.targets
    fields = {
        f"level-{number:02d}": level.to("cpu", torch.float16).numpy()
        for number, level in enumerate(features.levels)
    }
    for name in ("xy_norm", "weight", "labelled"):
        fields[name] = getattr(targets, name).numpy()
    fields |= {f"extra-{name}": value.numpy() for name, value in targets.extras.items()}
    fields["name"] = np.array([name.encode() for name in batch.names], f"S{_NAME_BYTES}")
    return fields


def _frames(batch: Any) -> Tensor:
    frames: Tensor = batch.frames
    return frames


def _open(folder: Path, mode: Any) -> dict[str, Any]:
    names = [path for path in folder.glob("*.npy") if path.stem != "done"]
    return {path.stem: np.load(path, mmap_mode=mode) for path in names}


def _create(cache: CacheConfig, stamp: Stamp, clips: int, sample: dict[str, np.ndarray]) -> None:
    """Empty arrays with the shapes of ``sample``, a batch of one; the stamp comes last."""
    count = cache.views * clips
    size = count * sum(values.nbytes for values in sample.values())
    what = f"features of {cache.views} view(s) of {clips} clips take {size / 1e9:.3g} GB"
    if size > cache.limit_gb * 1e9:
        raise VidposeError(
            f"{what}, and cache.limit_gb is {cache.limit_gb:g}: raise it, or lower cache.views"
        )
    try:
        cache.folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(cache.folder).free
    except OSError as error:
        raise VidposeError(f"cannot keep features in {cache.folder}: {error.strerror}") from error
    if size > free:
        raise VidposeError(f"{what}, and {cache.folder} has {free / 1e9:.3g} GB left")
    for name, values in [*sample.items(), ("done", np.zeros(1, np.bool_))]:
        shape = (cache.views, clips, *values.shape[1:])
        np.lib.format.open_memmap(cache.folder / f"{name}.npy", "w+", values.dtype, shape)
    with staged(cache.folder / STAMP) as temporary:
        temporary.write_text(json.dumps(stamp, indent=1))
