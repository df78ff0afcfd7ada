"""Models by name: class, configuration, weights; and their checkpoint files.

A checkpoint is a safetensors file. Its metadata hold the model's kind and configuration, so that it
can be built without being told how; reading one executes nothing from the file.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import ValidationError
from torch import Tensor

from vidpose import weights
from vidpose.backbones import checkpoints
from vidpose.backbones.movenet import MultiPose
from vidpose.errors import VidposeError
from vidpose.misfit import reason
from vidpose.models.at_most import AtMost
from vidpose.models.base import ModelConfig, PoseModel
from vidpose.models.dsta import DSTAConfig
from vidpose.models.heatmap import HeatmapConfig
from vidpose.models.sdtc import SDTCConfig
from vidpose.models.single import MoveNetConfig
from vidpose.models.vremd import VREMDConfig
from vidpose.recipes import shipped
from vidpose.tensor_files import load_tensors, save_tensors


@dataclass(frozen=True)
class Entry:
    """A model that ships trained.

    Attributes:
        config: Builds it.
        weights: The weights file, by the name of its card.
        backbone: That of the backbone, where it is kept apart because models share it.
    """

    config: ModelConfig
    weights: str
    backbone: str | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """All its weights."""
        return (self.weights,) if self.backbone is None else (self.weights, self.backbone)


# The kind that a checkpoint names -> the type of its configuration, which builds the model.
KINDS: dict[str, type[ModelConfig]] = {
    "movenet-single": MoveNetConfig,
    "heatmap-single": HeatmapConfig,
    "dsta": DSTAConfig,
    "vremd": VREMDConfig,
    "sdtc": SDTCConfig,
}
# As in the recipe dsta-movenet.
_DSTA_MOVENET = DSTAConfig(
    backbone="movenet-thunder-joints",
    skeleton="body19",
    size=(256, 256),
    enlargement=1.0,
    jfd="known",
    width=64,
    depth=2,
    tolerance=0.1,
)
SHIPPED = {
    "dsta-movenet": Entry(_DSTA_MOVENET, "dsta-movenet", "movenet-thunder"),
    "dsta-movenet-causal": Entry(
        _DSTA_MOVENET.model_copy(update={"offsets": (-2, -1, 0)}),
        "dsta-movenet-causal",
        "movenet-thunder",
    ),
    "movenet-thunder": Entry(MoveNetConfig(variant="thunder", side=256), "movenet-thunder"),
    "movenet-lightning": Entry(MoveNetConfig(variant="lightning", side=192), "movenet-lightning"),
}


# What stands before the names of a model's backbone.
_BACKBONE = "backbone."


def build(config: ModelConfig) -> PoseModel:
    """The model of a configuration, with random weights.

    Raises:
        VidposeError: The configuration is valid field by field and still makes no model.
    """
    try:
        return _built(config)
    except ValueError as error:
        raise VidposeError(f"model.config makes no {_kind(config)}: {error}") from error


def _built(config: ModelConfig) -> PoseModel:
    """The same; raises a `ValueError`."""
    model = config.build()
    model.backbone.check_sides(*model.crop.size)
    return model


def exported_folder(model: str | Path) -> Path | None:
    """The folder of an exported model that ``model`` stands for.

    None for a checkpoint and for a shipped model's name, which means that model even where a folder
    is called the same: ``./NAME`` is the folder.
    """
    return Path(model) if str(model) not in SHIPPED and Path(model).is_dir() else None


def load(model: str | Path) -> PoseModel:
    """A model ready to use, in evaluation mode, on the CPU.

    Args:
        model: A shipped model's name (``vidpose models`` lists them) or a checkpoint file.

    Raises:
        VidposeError: There is no such model or file, or the file is not one of our checkpoints, or
            holds values that are infinite or no numbers.
    """
    if (folder := exported_folder(model)) is not None:
        raise VidposeError(
            f"{folder}: is a folder, and what is wanted here is a shipped model or a checkpoint; "
            "an exported model is opened by vidpose.export.load"
        )
    entry = SHIPPED.get(str(model))
    if entry is None:
        return _load_checkpoint(Path(model))
    built = entry.config.build()
    if entry.backbone is None:
        built.load_state_dict(_movenet_state(entry.weights))
    else:
        checkpoints.load(built.backbone, weights.path(entry.backbone))
        backbone = {f"{_BACKBONE}{name}": at for name, at in built.backbone.state_dict().items()}
        built.load_state_dict(backbone | weights.state(entry.weights))
    return built.eval()


def load_multipose() -> MultiPose:
    """The shipped MultiPose network, the default detector's, in evaluation mode on the CPU."""
    network = MultiPose()
    network.load_state_dict(_movenet_state("movenet-multipose"))
    return network.eval()


def _movenet_state(name: str) -> dict[str, Tensor]:
    """The tensors of shipped MoveNet weights; their files do not mark what is the backbone's."""
    return {
        key if key.startswith("heads.") else f"{_BACKBONE}{key}": tensor
        for key, tensor in weights.state(name).items()
    }


def _load_checkpoint(path: Path) -> PoseModel:
    if not path.is_file():
        if str(path) in shipped():
            raise VidposeError(
                f"{path}: is a recipe, which has no weights before it is trained: "
                f"vidpose train {path}, then give its best.safetensors"
            )
        raise VidposeError(
            f"no model named {str(path)!r}, and no such file; shipped models: {', '.join(SHIPPED)}"
        )
    tensors, metadata = load_tensors(path)
    kind = metadata.get("vidpose.kind")
    if kind not in KINDS:
        raise VidposeError(
            f"{path}: not a vidpose checkpoint: its metadata name no model kind that is known here "
            f"(found {kind!r}, known: {', '.join(KINDS)})"
        )
    try:
        config = KINDS[kind].model_validate_json(metadata.get("vidpose.config", "{}"))
        state = {name: tensor.float() for name, tensor in tensors.items()}
        with AtMost(sum(tensor.numel() for tensor in state.values())):
            built = _built(config)
        built.load_state_dict(state)
    except (ValueError, RuntimeError) as error:
        raise VidposeError(
            f"{path}: configuration and tensors do not fit: {first_misfit(error)}"
        ) from None
    if broken := [name for name, tensor in state.items() if not tensor.isfinite().all()]:
        raise VidposeError(
            f"{path}: {broken[0]} holds values that are infinite or no numbers, so that no pose "
            "would be found; was its training stable?"
        )
    return built.eval()


def first_misfit(error: Exception) -> str:
    """In one line, what pydantic, a model's constructor or ``load_state_dict`` complains of first.

    The latter lists all tensors, of which there may be hundreds.
    """
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))  # nowhere, if it is no JSON at all
        return f"{place}: {reason(first)}" if place else reason(first)
    lines = str(error).splitlines() or [""]
    return re.sub(r'", ".*', '" and more', lines[min(1, len(lines) - 1)].strip())


def save(model: PoseModel, config: ModelConfig, path: Path) -> None:
    """Write ``model`` as a checkpoint that `load` reads back; whole or not at all.

    Args:
        model: Built by ``config``.
        config: Of a type in `KINDS`.
        path: The safetensors file.
    """
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    metadata = {"vidpose.kind": _kind(config), "vidpose.config": config.model_dump_json()}
    save_tensors(path, tensors, metadata)


def save_head(model: PoseModel, path: Path) -> None:
    """Write all but the backbone, in half precision, as the weights of an `Entry`."""
    tensors = {
        name: tensor.to(torch.float16) if tensor.is_floating_point() else tensor
        for name, tensor in model.state_dict().items()
        if not name.startswith(_BACKBONE)
    }
    save_tensors(path, tensors)


def _kind(config: ModelConfig) -> str:
    return next(kind for kind, known in KINDS.items() if type(config) is known)
