"""Which parameters learn at which rate, and which of them decay."""

from typing import Any, Protocol, runtime_checkable

import torch
from torch import nn

from vidpose.errors import VidposeError
from vidpose.models.base import PoseModel
from vidpose.training.config import OptimizerConfig


@runtime_checkable
class Layered(Protocol):
    """A backbone whose parameters can be told apart by depth, for layer-wise learning rates.

    Attributes:
        layers: Number of layers; the patch embedding of a transformer is layer 0.
    """

    layers: int

    def layer_of(self, name: str) -> int:
        """Layer of the parameter called ``name`` within the backbone, from 0 to ``layers - 1``."""
        ...


def build_optimizer(config: OptimizerConfig, model: PoseModel) -> torch.optim.Optimizer:
    """The optimiser of all parameters that require a gradient.

    Every parameter group has, beside torch's keys, ``peak``: its learning rate where the schedule's
    factor is 1.
    """
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[config.kind]
    groups = parameter_groups(config, model)
    return kind(groups, lr=config.lr, betas=config.betas, eps=config.eps)


def parameter_groups(config: OptimizerConfig, model: PoseModel) -> list[dict[str, Any]]:
    """Parameters grouped by learning rate and weight decay, as torch's optimisers take them.

    The layer ``l`` of a backbone of ``L`` layers learns at ``lr * layer_decay ** (L - l)``, all
    behind the backbone at ``lr`` (BEiT, Bao et al. 2022). Biases, norms and position embeddings do
    not decay.

    Raises:
        VidposeError: A layer-wise rate is asked for a backbone without layers, or nothing is left
            to train.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            rate = config.lr * _depth_factor(config.layer_decay, model, name)
            decay = config.weight_decay if _decays(name, parameter) else 0.0
            groups.setdefault((rate, decay), []).append(parameter)
    if not groups:
        raise VidposeError("the recipe freezes the backbone, and the model has no other parameters")
    return [
        {"params": parameters, "lr": rate, "peak": rate, "weight_decay": decay}
        for (rate, decay), parameters in groups.items()
    ]


def _decays(name: str, parameter: nn.Parameter) -> bool:
    return parameter.ndim > 1 and "position" not in name and "pos_embed" not in name


def _depth_factor(layer_decay: float | None, model: PoseModel, name: str) -> float:
    if layer_decay is None or not name.startswith("backbone."):
        return 1.0
    if not isinstance(model.backbone, Layered):
        raise VidposeError(
            f"optimizer.layer_decay: {type(model.backbone).__name__} has no layers to tell apart; "
            "leave it out"
        )
    layer = model.backbone.layer_of(name.removeprefix("backbone."))
    return layer_decay ** (model.backbone.layers - layer)
