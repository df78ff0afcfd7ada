"""Safetensors files: tensors by name and metadata, of which nothing is ever executed."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from vidpose.atomic import staged
from vidpose.errors import VidposeError


def save_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write a file, whole or not at all.

    Args:
        path: The file; an existing one is replaced.
        tensors: Contiguous, and no two of them in the same memory.
        metadata: Words beside them.

    Raises:
        VidposeError: The place cannot be written.
    """
    with staged(path) as temporary:
        try:
            save_file(dict(tensors), temporary, None if metadata is None else dict(metadata))
        except SafetensorError as error:
            # What the disk says is inside, as text.
            raise VidposeError(f"cannot write {path}: {error}") from error


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors, on the CPU, and the metadata of a file that exists.

    Raises:
        VidposeError: It is no such file, or may not be read.
    """
    try:
        # safetensors says of every file it may not open that there is none.
        path.open("rb").close()
    except OSError as error:
        raise VidposeError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, file.metadata() or {}
    except SafetensorError as error:
        raise VidposeError(f"{path}: not a safetensors file ({error})") from None
