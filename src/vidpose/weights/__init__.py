"""Weights that ship with the package: safetensors files, each with a card beside it.

A card states where the weights come from, under which licence, and the file's sha256.
"""

import hashlib
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict
from safetensors.torch import load_file
from torch import Tensor

_FOLDER = Path(__file__).parent


class Measurement(BaseModel):
    """How good a model was in one measurement.

    Attributes:
        data: The annotated set, with its size.
        boxes: Where people were looked for: ground truth, or a detector's file.
        metric: What was measured.
        value: The figure.
        interval: Between which figures it lies with 95 % confidence, by bootstrap over people.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str
    boxes: str
    metric: str
    value: float
    interval: tuple[float, float]


class Card(BaseModel):
    """What is known of a weights file.

    Attributes:
        name: File name without its ending.
        description: What the network does.
        author: Who trained it.
        source: The published package and file it was converted from, and that file's sha256.
        changes: What was changed on the way here.
        licence: SPDX identifier and who states it.
        training_data: What it was trained on, as far as is known.
        parameters: Number of parameters.
        sha256: Of the safetensors file.
        measured: How good it was where that was measured here.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    description: str
    author: str
    source: str
    changes: str
    licence: str
    training_data: str
    parameters: int
    sha256: str
    measured: tuple[Measurement, ...] = ()


def card(name: str) -> Card:
    """The card of the shipped weights ``name``."""
    return Card.model_validate_json((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def path(name: str) -> Path:
    """Where the shipped weights ``name`` lie."""
    return _FOLDER / f"{name}.safetensors"


def sha256(file: Path) -> str:
    """The sha256 of ``file`` in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def state(name: str) -> dict[str, Tensor]:
    """The tensors of the shipped weights ``name``, as float32 (stored as float16)."""
    return {key: tensor.to(torch.float32) for key, tensor in load_file(path(name)).items()}
