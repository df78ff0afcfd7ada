"""What a recipe may say. `vidpose.training.recipe` reads one."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from vidpose.datasets.augment import Augmentation
from vidpose.errors import VidposeError
from vidpose.section import Section
from vidpose.synth.config import SynthConfig

_Decay = Annotated[float, Field(ge=0, lt=1)]


class ModelChoice(Section):
    """Which model.

    Attributes:
        kind: A key of `vidpose.models.registry.KINDS`.
        config: Fields of that kind's configuration.
        weights: Checkpoint of ours with the same tensors to start from; None starts at random.
        backbone_weights: Public checkpoint, e.g. of ImageNet or COCO, for the backbone to start
            from; see `vidpose.backbones.checkpoints`. Or the name of weights that ship.
    """

    kind: str
    config: dict[str, Any] = Field(default_factory=dict)
    weights: Path | None = None
    backbone_weights: Path | None = None


class Split(Section):
    """One part of a dataset.

    Attributes:
        dataset: A name that `vidpose.datasets.registry` knows, or ``synth`` for scenes that are
            rendered while the model trains.
        split: Its part, as the dataset calls it; of ``synth``, ``train`` or ``val``.
        root: Its folder; None takes that of `DataConfig`.
        boxes: File of detected people for validation; None takes the labelled boxes.
        synth: Which scenes, of ``synth``.
    """

    dataset: str
    split: str
    root: Path | None = None
    boxes: Path | None = None
    synth: SynthConfig | None = None

    @model_validator(mode="after")
    def _only_synth_has_scenes(self) -> Self:
        if self.synth is not None and self.dataset != "synth":
            raise ValueError(f"synth belongs to the dataset synth, not to {self.dataset}")
        if self.dataset == "synth" and self.split not in ("train", "val"):
            raise ValueError(f"synth has no split {self.split!r}: choose train or val")
        return self

    @property
    def scenes(self) -> SynthConfig | None:
        """What is rendered; None of a dataset in files."""
        return self.synth or SynthConfig() if self.dataset == "synth" else None


class DataConfig(Section):
    """What is learnt from, and what the model is judged by.

    Attributes:
        root: Folder of the datasets that name none of their own.
        train: Parts that are learnt from, together.
        validation: Parts that the metric is computed on, together; empty computes none.
        every: Only each so-many-th of the frames of a sequence that have people is a key frame that
            is learnt from, beginning in the middle of the first so many; at least one is.
        protocol: By whose rules the metric judges: PoseTrack's AP, or COCO's (`oks_ap`).
    """

    root: Path | None = None
    train: Annotated[tuple[Split, ...], Field(min_length=1)]
    validation: tuple[Split, ...] = ()
    every: Annotated[int, Field(ge=1)] = 1
    protocol: Literal["posetrack17", "posetrack18", "posetrack21", "coco"] = "posetrack18"

    @model_validator(mode="after")
    def _validation_is_in_files(self) -> Self:
        if any(split.scenes for split in self.validation):
            raise ValueError(
                "validation needs files: write them by `vidpose synth`, and name their folder as "
                "the root of a posetrack18 dataset"
            )
        return self

    def folder(self, split: Split) -> Path:
        """Where the files of ``split`` are.

        Raises:
            VidposeError: Neither it nor the recipe says.
        """
        root = split.root or self.root
        if root is None:
            raise VidposeError(
                f"the recipe does not say where {split.dataset} is on this machine: "
                "add --set data.root=FOLDER"
            )
        return root


class OptimizerConfig(Section):
    """Adam or AdamW.

    Attributes:
        kind: ``adam`` adds weight decay to the gradient, ``adamw`` takes it from the weights.
        lr: Learning rate where the schedule's factor is 1; at most 1000.
        weight_decay: At most 1000; not applied to biases, norms and position embeddings.
        betas: Of the running means.
        eps: Added to the root mean square of a gradient that a step is divided by: parameters whose
            gradients are far smaller than it hardly learn.
        layer_decay: The backbone's layers learn slower by this factor a layer, counted from the
            last one; None makes no difference between layers.
    """

    kind: Literal["adam", "adamw"] = "adamw"
    lr: Annotated[float, Field(gt=0, le=1000)]
    weight_decay: Annotated[float, Field(ge=0, le=1000)] = 0.0
    betas: tuple[_Decay, _Decay] = (0.9, 0.999)
    eps: Annotated[float, Field(gt=0, le=1)] = 1e-8
    layer_decay: Annotated[float, Field(gt=0, le=1)] | None = None


class ScheduleConfig(Section):
    """How the learning rate changes during the run.

    Attributes:
        kind: ``constant``; ``step`` multiplies by ``gamma`` at each milestone; ``cosine`` falls
            from 1 to ``final``.
        milestones: Epochs, rising; an epoch may be split.
        gamma: Factor at each milestone, at most 1.
        final: Factor at the end of a cosine.
        warmup_steps: Optimiser steps of the linear rise at the start.
    """

    kind: Literal["constant", "step", "cosine"] = "constant"
    milestones: tuple[float, ...] = ()
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.1
    final: Annotated[float, Field(ge=0, le=1)] = 0.0
    warmup_steps: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _milestones_belong_to_steps(self) -> Self:
        if bool(self.milestones) != (self.kind == "step"):
            raise ValueError("milestones belong to the schedule 'step', which needs some")
        if list(self.milestones) != sorted(self.milestones):
            raise ValueError(f"milestones rise; these are {list(self.milestones)}")
        return self


class Stretch(Section):
    """Clips out of a longer stretch of frames, all seen through one window.

    So the backbone runs once for many clips, and for models with other offsets. Every epoch learns
    from another key frame of what a view shows.

    Attributes:
        frames: Kept on either side of the frame that the window was made for.
        keys: How far from that frame a key frame may be.
        pace: Largest factor on the model's offsets, a whole number drawn for each clip: 2 also
            shows motion that is twice as fast.
    """

    frames: Annotated[int, Field(ge=1)]
    keys: Annotated[int, Field(ge=0)]
    pace: Annotated[int, Field(ge=1)] = 1


class CacheConfig(Section):
    """Features of a frozen backbone kept on disk.

    Attributes:
        folder: Where; reused by every run whose backbone, data and crops are the same.
        views: Augmented views of each clip; epoch ``e`` learns from view ``e % views``.
        stretch: Keep more frames than a clip has; None keeps the clip.
        limit_gb: More than this is never written (1 GB = 10^9 bytes).
    """

    folder: Path
    views: Annotated[int, Field(ge=1)] = 1
    stretch: Stretch | None = None
    limit_gb: Annotated[float, Field(gt=0)] = 50.0


class Recipe(Section):
    """All that decides what a training run computes.

    Attributes:
        description: One line for a reader.
        model: Which model, and what it starts from.
        data: What it learns from.
        augmentation: What is drawn for each clip; None shows every clip as it is.
        optimizer: How weights follow gradients.
        schedule: Of the learning rate.
        epochs: Passes over the training clips.
        batch_size: Clips of one optimiser step, over all processes.
        accumulate: Parts in which a process works through its share of a batch, to fit into memory.
        clip_norm: Largest norm of the gradient; None leaves it.
        precision: ``bf16`` computes under autocast; weights are float32 in both.
        ema: Decay of the moving average of the weights, which is then what is validated and saved.
        settle: Training clips from which batch norms' statistics are gathered anew, in evaluation
            mode, before each validation and at the end; None keeps the running means of training.
        freeze_backbone: The backbone is not trained and stays in evaluation mode.
        cache: Keep the frozen backbone's features on disk.
        seed: Of initialisation, order and augmentation.
        workers: Processes that prepare clips, for each training process; changes no result.
        validate_every: Epochs between validations; the last epoch always has one.
        published: Published figures and ours, for whoever reads the recipe.
        variants: What other rows change, by name.
    """

    description: str = ""
    model: ModelChoice
    data: DataConfig
    augmentation: Augmentation | None = None
    optimizer: OptimizerConfig
    schedule: ScheduleConfig = ScheduleConfig()
    epochs: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=1)]
    accumulate: Annotated[int, Field(ge=1)] = 1
    clip_norm: Annotated[float, Field(gt=0)] | None = None
    precision: Literal["fp32", "bf16"] = "fp32"
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    settle: Annotated[int, Field(ge=1)] | None = None
    freeze_backbone: bool = False
    cache: CacheConfig | None = None
    # What a generator of PyTorch takes, less the numbers of the processes.
    seed: Annotated[int, Field(ge=0, lt=1 << 63)] = 0
    workers: Annotated[int, Field(ge=0)] = 2
    validate_every: Annotated[int, Field(ge=1)] = 1
    published: dict[str, Any] = Field(default_factory=dict)
    variants: dict[str, dict[str, Any]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _only_frozen_features_are_kept(self) -> Self:
        if self.cache is not None and not self.freeze_backbone:
            raise ValueError("cache keeps features of a frozen backbone: set freeze_backbone: true")
        if self.cache is not None and any(split.scenes for split in self.data.train):
            raise ValueError("cache keeps features of files: write the scenes by `vidpose synth`")
        stretched = self.cache is not None and self.cache.stretch is not None
        if stretched and self.augmentation is not None and self.augmentation.max_distance:
            raise ValueError("a stretch is cut by the model's offsets: leave max_distance out")
        return self
