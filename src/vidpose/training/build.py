"""A trainer from a recipe: its model, its clips or features, its validation."""

import logging
import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import cast

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, InitProcessGroupKwargs

from vidpose import weights
from vidpose.backbones import checkpoints
from vidpose.datasets import registry as datasets
from vidpose.datasets.clips import ClipDataset
from vidpose.datasets.collate import collate
from vidpose.datasets.joined import JoinedClips
from vidpose.datasets.labels import SequenceLabels
from vidpose.device import pick_device
from vidpose.errors import VidposeError
from vidpose.models import registry as models
from vidpose.models.base import PoseModel
from vidpose.synth.dataset import SynthClips
from vidpose.synth.outfits import Split as SynthSplit
from vidpose.training.config import DataConfig, Recipe
from vidpose.training.features import collate_cached, keep_features
from vidpose.training.loader import Clips, Collate
from vidpose.training.log import Listener
from vidpose.training.loop import Trainer
from vidpose.training.recipe import model_config
from vidpose.training.stamp import hash_labels, kept_offsets, make_stamp
from vidpose.training.validation import Validation

_log = logging.getLogger(__name__)


def open_accelerator(recipe: Recipe, device: str = "auto") -> Accelerator:
    """This process's place among those that train, and its device.

    Args:
        recipe: For its precision.
        device: ``auto`` takes a GPU where there is one, ``cpu`` does not.

    Raises:
        VidposeError: The device cannot compute in this precision.
    """
    precision = {"fp32": "no", "bf16": "bf16"}[recipe.precision]
    # Each process tries its own GPU; on the first one all of them would take memory.
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    # Left to itself accelerate starts processes on a machine without a GPU alone, each for itself.
    cpu = pick_device(device).type == "cpu"
    # Processes wait for each other while features are kept and models validated.
    patience = InitProcessGroupKwargs(timeout=timedelta(hours=12))
    # A head may leave the last levels of its backbone unread.
    unread = DistributedDataParallelKwargs(find_unused_parameters=not recipe.freeze_backbone)
    try:
        return Accelerator(mixed_precision=precision, cpu=cpu, kwargs_handlers=[patience, unread])
    except ValueError as error:
        raise VidposeError(f"precision {recipe.precision}: {error}") from error


def build_trainer(
    recipe: Recipe, folder: Path, *, device: str = "auto", listeners: Sequence[Listener] = ()
) -> Trainer:
    """Everything that a run of ``recipe`` needs; a cache of features is filled here.

    Args:
        recipe: With the folders of its datasets.
        folder: For the files of the run.
        device: As `open_accelerator` takes it.
        listeners: Told how far the cache is.

    Raises:
        VidposeError: Data or weights are missing or do not fit the recipe.
    """
    _refuse_frozen_noise(recipe)
    accelerator = open_accelerator(recipe, device)
    sequences = read_sequences(recipe.data)
    data = hash_labels(sequences)
    validation = Validation(recipe.data, accelerator) if recipe.data.validation else None
    model = build_model(recipe)
    clips: Clips = build_clips(recipe, model, sequences)
    batches: Collate = collate
    if recipe.cache is not None:
        clips = keep_features(
            recipe.cache,
            make_stamp(recipe, recipe.cache, model, data),
            clips,
            collate,
            model,
            accelerator,
            seed=recipe.seed,
            batch_size=max(recipe.batch_size // accelerator.num_processes, 1),
            workers=recipe.workers,
            listeners=listeners,
        )
        batches = collate_cached
    return Trainer(
        recipe,
        model_config(recipe),
        model,
        clips,
        batches,
        folder,
        accelerator=accelerator,
        data=data,
        validate=validation,
    )


def _refuse_frozen_noise(recipe: Recipe) -> None:
    start = recipe.model
    if recipe.freeze_backbone and start.backbone_weights is None and start.weights is None:
        raise VidposeError(
            "the backbone would stay at random weights: freeze_backbone is true and it has none; "
            "give them with --set model.backbone_weights=FILE, or train it from the start with "
            "--set freeze_backbone=false"
        )


def build_model(recipe: Recipe) -> PoseModel:
    """The recipe's model with the weights that it starts from.

    Raises:
        VidposeError: The model is not trained here, or its configuration makes no model; or
            weights cannot be read, or do not fit.
    """
    torch.manual_seed(recipe.seed)
    model = models.build(model_config(recipe))
    if type(model).loss is PoseModel.loss:
        raise VidposeError(f"model.kind: {recipe.model.kind} is not trained here, it has no loss")
    if recipe.model.backbone_weights is not None:
        shipped = weights.path(str(recipe.model.backbone_weights))
        path = shipped if shipped.is_file() else recipe.model.backbone_weights
        _log.info("%s", checkpoints.load(model.backbone, path))
    if recipe.model.weights is not None:
        state = models.load(recipe.model.weights).state_dict()
        try:
            model.load_state_dict(state)
        except RuntimeError as error:
            raise VidposeError(
                f"{recipe.model.weights}: not of this recipe's model: {models.first_misfit(error)}"
            ) from None
    return model


def build_clips(
    recipe: Recipe, model: PoseModel, sequences: Sequence[SequenceLabels]
) -> ClipDataset | JoinedClips:
    """The clips that a recipe learns from, those of files first.

    Args:
        recipe: Which scenes are rendered beside.
        model: What it wants of its clips.
        sequences: Of `read_sequences`.

    Raises:
        VidposeError: The labels or the augmentation do not fit, or a folder lacks something.
    """
    shape = (model.crop, model.offsets, model.skeleton, recipe.augmentation, recipe.seed)
    views = None if recipe.cache is None else recipe.cache.views
    if recipe.cache is not None:
        shape = (model.crop, kept_offsets(model, recipe.cache), *shape[2:])
    rendered = [
        (scenes, split.split) for split in recipe.data.train if (scenes := split.scenes) is not None
    ]
    parts: list[ClipDataset] = []
    if sequences or not rendered:
        every = recipe.data.every
        parts = [ClipDataset(sequences, *shape, views=views, fields=model.fields, every=every)]
    for scenes, name in rendered:
        # What the split is called was checked when the recipe was read.
        split = cast("SynthSplit", name)
        parts.append(SynthClips(scenes, split, *shape, fields=model.fields, part=len(parts)))
    return parts[0] if len(parts) == 1 else JoinedClips(parts)


def read_sequences(data: DataConfig) -> list[SequenceLabels]:
    """The labels that a recipe learns from, but for those that are rendered.

    Raises:
        VidposeError: A folder is not given, or lacks something.
    """
    return [
        sequence
        for split in data.train
        if split.scenes is None
        for sequence in datasets.read(split.dataset, data.folder(split), split.split)
    ]
