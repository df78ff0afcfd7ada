"""Backbones from the checkpoints that others publish, whatever their tensors are called.

Only tensors are read: nothing of a file is executed.
"""

import difflib
import functools
import math
import pickle
import re
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from vidpose.backbones.base import Backbone
from vidpose.backbones.layouts import State, Translation, grid_of, translate
from vidpose.backbones.registry import BACKBONES, build
from vidpose.backbones.vit import ViT, resize_positions
from vidpose.errors import VidposeError

# Where training scripts put the network among what else they save.
_WRAPPERS = ("state_dict", "model")
# ViTPose's small ViT has 12 heads, that of timm, DeiT and DINO 6, which no shape tells. ViTPose's
# files have no class token.
_SMALL = 384
_CLASS_TOKENS = ("cls_token", "embeddings.cls_token")
# Only counts steps of training, and files from before PyTorch 0.4.1 lack it.
_COUNTER = "num_batches_tracked"

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class LoadReport:
    """What became of a checkpoint's tensors; as a string, a few lines to read.

    Attributes:
        source: The file.
        layout: Whose names its tensors have.
        prefix: What stands before each name of the backbone.
        matched: The backbone's tensors that were loaded, by our names.
        changed: What was done to some of them beside renaming.
        ignored: Parts of the file that were left out, each with the number of tensors and why.
        missing: The backbone's tensors that the file lacks and that keep their values.
    """

    source: str
    layout: str
    prefix: str
    matched: tuple[str, ...]
    changed: tuple[str, ...]
    ignored: tuple[str, ...]
    missing: tuple[str, ...]

    def __str__(self) -> str:
        behind = f" behind {self.prefix!r}" if self.prefix else ""
        lines = [f"{self.source}: {self.layout} names{behind}, {len(self.matched)} tensors loaded"]
        lines += [f"  changed: {change}" for change in self.changed]
        lines += [f"  ignored: {part}" for part in self.ignored]
        if self.missing:
            lines.append(f"  missing: {len(self.missing)} tensors, e.g. {self.missing[0]}")
        return "\n".join(lines)


def load(backbone: Backbone, path: Path) -> LoadReport:
    """Give ``backbone`` the weights of a public checkpoint.

    Known are the names of torchvision's ResNet and MobileNet (and so RLE's and DSTA's), official
    and timm HRNet, ViTPose as released officially, by Hugging Face and by mmpose 1.x, ViTPose+ (its
    COCO expert), timm's ViT (not the small one) and our own, each behind any prefix.

    Args:
        backbone: Changed in place, and only if everything fits.
        path: A safetensors file, or one of PyTorch's.

    Raises:
        VidposeError: The file cannot be read, its layout is not known, or it does not fit.
    """
    return load_state(backbone, read(path), str(path))


def read(path: Path) -> State:
    """The tensors of a checkpoint by the names that the file gives them.

    Args:
        path: A file of safetensors if its name ends so, otherwise of PyTorch: of the tensors, or of
            a dictionary that has them under ``state_dict`` or ``model``.

    Raises:
        VidposeError: There is no such file, it is damaged, or it holds more than plain data.
    """
    if not path.is_file():
        raise VidposeError(f"{path}: no such file; name the file of weights itself")
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise VidposeError(
                f"{path}: not a readable safetensors file ({_first_line(error)})"
            ) from None
    try:
        with warnings.catch_warnings():
            # Of files that it does not know torch warns before it refuses them.
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        refused = re.search(r"GLOBAL (\S+)", str(error))
        if refused is None:
            raise VidposeError(f"{path}: not a file of PyTorch") from None
        raise VidposeError(
            f"{path}: holds {refused[1]} beside tensors, which is not read because it could run "
            "code; save its state_dict alone"
        ) from None
    except Exception as error:  # damage shows in as many ways as there are steps of reading
        raise VidposeError(
            f"{path}: not a readable file of PyTorch: {_first_line(error)}"
        ) from None
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    tensors = {}
    if isinstance(content, Mapping):
        tensors = {
            key: value
            for key, value in content.items()
            if isinstance(key, str) and isinstance(value, Tensor)
        }
    if not tensors:
        raise VidposeError(
            f"{path}: no tensors by name, neither at the top nor under {' or '.join(_WRAPPERS)}"
        )
    return tensors


def load_state(backbone: Backbone, state: State, source: str) -> LoadReport:
    """As `load`, from tensors that `read` gave.

    Args:
        backbone: Changed in place, and only if everything fits.
        state: Tensors by the file's names.
        source: What error messages call the file.

    Raises:
        VidposeError: The layout is not known, or it does not fit.
    """
    found = translate(state, source)
    _check_heads(found, source)
    own = backbone.state_dict()
    if difference := _difference(_shapes(found.tensors), _shapes(own)):
        raise VidposeError(
            f"{source}: weights of {_describe(_shapes(found.tensors))}, by {found.layout.name} "
            f"names, which do not fit {_describe(_shapes(own))}: {difference}"
        )
    tensors = {key: found.tensors[key] for key in own if key in found.tensors}
    changed = found.changed
    if isinstance(backbone, ViT):
        tensors["pos_embed"], change = _fit_positions(tensors["pos_embed"], backbone.grid, source)
        changed += change
    backbone.load_state_dict(tensors, strict=False)
    ignored = Counter(found.ignored)
    ignored.update(
        (key.partition(".")[0], "no part of this backbone")
        for key in found.tensors
        if key not in own
    )
    return LoadReport(
        source=source,
        layout=found.layout.name,
        prefix=found.prefix,
        matched=tuple(tensors),
        changed=changed,
        ignored=tuple(
            f"{part} ({count} {'tensor' if count == 1 else 'tensors'}): {why}"
            for (part, why), count in ignored.items()
        ),
        missing=tuple(key for key in own if key not in tensors),
    )


def identify(state: State, source: str) -> str:
    """The name in `vidpose.backbones.registry` of the backbone whose weights these are.

    Args:
        state: Tensors by the file's names.
        source: What error messages call the file.

    Raises:
        VidposeError: The layout is not known, or no registered backbone fits.
    """
    found = translate(state, source)
    _check_heads(found, source)
    shapes = _shapes(found.tensors)
    nearest = _nearest(shapes)
    if difference := _difference(shapes, _registered(nearest)):
        raise VidposeError(
            f"{source}: {found.layout.name} names, but of no backbone that is known here; the "
            f"nearest is {nearest!r}: {difference}"
        )
    return nearest


def _check_heads(found: Translation, source: str) -> None:
    """Whether a small ViT has the heads of ViTPose's."""
    positions = found.tensors.get("pos_embed")
    small = positions is not None and positions.shape[-1] == _SMALL
    general = found.layout.name == "timm ViT" or not found.tensors.keys().isdisjoint(_CLASS_TOKENS)
    if small and general:
        raise VidposeError(
            f"{source}: a ViT-S by {found.layout.name} names: 6 heads as those of timm, DeiT and "
            "DINO, where 'vit-s' has 12 as ViTPose's; if it is ViTPose's own pre-training, save it "
            "without class token and with last_norm in place of norm"
        )


def _fit_positions(
    positions: Tensor, wanted: tuple[int, int], source: str
) -> tuple[Tensor, tuple[str, ...]]:
    """A position embedding for the grid ``wanted``, and what was done to it."""
    count = positions.shape[1] - 1
    if count == math.prod(wanted):
        return positions, ()
    grid = grid_of(count)
    if grid is None:
        raise VidposeError(
            f"{source}: pos_embed has {count + 1} entries; expected one for the class token and a "
            "grid that is square or as 4 to 3"
        )
    change = "pos_embed: grid of {}x{} resized to {}x{}".format(*grid, *wanted)
    return resize_positions(positions.float(), grid, wanted), (change,)


def _shapes(state: Mapping[str, Tensor]) -> Shapes:
    """What has to be equal: not the counters, nor the grid of a position embedding."""
    return {
        key: (1, -1, *tensor.shape[2:]) if key == "pos_embed" else tuple(tensor.shape)
        for key, tensor in state.items()
        if not key.endswith(_COUNTER)
    }


@functools.cache
def _registered(name: str) -> Shapes:
    with torch.device("meta"):
        return _shapes(build(name).state_dict())


def _agreement(one: Shapes, other: Shapes) -> float:
    """Share of the tensors of both that are equal in name and shape."""
    return len(one.items() & other.items()) / len(one.keys() | other.keys())


def _nearest(shapes: Shapes) -> str:
    return max(BACKBONES, key=lambda name: _agreement(shapes, _registered(name)))


def _describe(shapes: Shapes) -> str:
    name = _nearest(shapes)
    if not _difference(shapes, _registered(name)):
        return repr(name)
    alike = _agreement(shapes, _registered(name)) > 0
    return f"a backbone like {name!r}" if alike else "a backbone of no known size"


def _difference(found: Shapes, expected: Shapes) -> str | None:
    """The first tensor that does not fit; parts that the backbone does not have at all may be."""
    for key, shape in expected.items():
        if key not in found:
            near = difflib.get_close_matches(key, found, n=1)
            return f"there is no {key}" + (f" (nearest: {near[0]})" if near else "")
        if found[key] != shape:
            return f"{key} is {list(found[key])}, expected {list(shape)}"
    parts = {key.partition(".")[0] for key in expected}
    surplus = (k for k in found if k not in expected and k.partition(".")[0] in parts)
    return next((f"{key} has no place in it" for key in surplus), None)


def _first_line(error: Exception) -> str:
    # A KeyError's text is the key alone, which of a damaged file is any number.
    text = "" if isinstance(error, KeyError) else str(error).strip()
    return (text or type(error).__name__).splitlines()[0]
