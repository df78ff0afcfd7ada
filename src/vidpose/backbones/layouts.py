"""How others name the tensors of a backbone, and how their names become ours.

Ours are those of the official releases (torchvision for ResNet and MobileNet, HRNet, ViTPose), so
most layouts differ by a prefix only.
"""

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from vidpose.errors import VidposeError

State = dict[str, Tensor]


@dataclass(frozen=True)
class Layout:
    """One publisher's names of the tensors of one family of backbones.

    Attributes:
        name: For people.
        marks: Keys that all occur behind one prefix; no earlier layout has them.
        drops: Patterns of keys that are left out, and why.
        renames: Patterns and replacements, applied one after the other.
        class_position: Whether a position embedding begins with an entry for the class token.
    """

    name: str
    marks: tuple[str, ...]
    drops: Mapping[str, str] = field(default_factory=dict)
    renames: Mapping[str, str] = field(default_factory=dict)
    class_position: bool = True

    def prefixes(self, keys: set[str]) -> list[str]:
        """What stands before all `marks` in ``keys``; empty if they are not of this layout."""
        first = self.marks[0]
        found = (key.removesuffix(first) for key in keys if key.endswith(first))
        return sorted(
            prefix
            for prefix in found
            if (not prefix or prefix.endswith("."))
            and all(prefix + mark in keys for mark in self.marks)
        )

    def reason_to_drop(self, key: str) -> str | None:
        """Why ``key``, without its prefix, is left out; None if it is not."""
        return next((why for drop, why in self.drops.items() if re.search(drop, key)), None)

    def rename(self, key: str) -> str:
        """Our name for ``key``, without its prefix."""
        for old, new in self.renames.items():
            key = re.sub(old, new, key)
        return key


_EXPERTS = {r"\.mlp\.experts\.[1-9]": "experts for other data than COCO"}
_FUSE = {r"^stage4\.2\.fuse_layers\.[1-3]\.": "a pose network does not fuse these branches"}

# The first layout whose marks are found is taken.
LAYOUTS = (
    Layout(
        name="Hugging Face ViT",
        marks=("encoder.layer.0.attention.attention.query.weight",),
        drops=_EXPERTS,
        renames={
            r"^embeddings\.position_embeddings$": "pos_embed",
            r"^embeddings\.patch_embeddings\.projection\.": "patch_embed.proj.",
            r"^encoder\.layer\.": "blocks.",
            r"\.attention\.attention\.": ".attn.",
            r"\.attention\.output\.dense\.": ".attn.proj.",
            r"\.layernorm_before\.": ".norm1.",
            r"\.layernorm_after\.": ".norm2.",
            r"^layernorm\.": "last_norm.",
        },
    ),
    Layout(
        name="mmpose 1.x ViT",
        marks=("layers.0.ln1.weight", "patch_embed.projection.weight"),
        renames={
            r"^patch_embed\.projection\.": "patch_embed.proj.",
            r"^ln1\.": "last_norm.",
            r"^layers\.": "blocks.",
            r"\.ln([12])\.": r".norm\1.",
            r"\.ffn\.layers\.0\.0\.": ".mlp.fc1.",
            r"\.ffn\.layers\.1\.": ".mlp.fc2.",
        },
        class_position=False,
    ),
    Layout(
        name="official ViTPose",
        marks=("last_norm.weight", "blocks.0.attn.qkv.weight", "patch_embed.proj.weight"),
        drops=_EXPERTS,
    ),
    Layout(
        name="timm ViT",
        marks=("patch_embed.proj.weight", "blocks.0.attn.qkv.weight", "norm.weight"),
        renames={r"^norm\.": "last_norm."},
    ),
    Layout(
        name="timm HRNet",
        marks=("incre_modules.0.0.conv1.weight", "stage4.2.branches.3.0.conv1.weight"),
        drops=_FUSE,
    ),
    Layout(name="HRNet", marks=("stage4.2.branches.3.0.conv1.weight",), drops=_FUSE),
    Layout(name="ResNet", marks=("layer4.0.conv1.weight", "layer1.0.conv1.weight")),
    Layout(name="MobileNetV2", marks=("features.1.conv.0.0.weight",)),
    Layout(name="MobileNetV3", marks=("features.1.block.0.0.weight",)),
    Layout(
        name="MoveNet",
        marks=("lat32.weight", "blocks.1.expand.weight"),
        # A backbone may have one of the heads: each is a part of its own.
        renames={r"^heads\.": ""},
    ),
)

# Parts that make one tensor of ours along its first axis. ViTPose+ has experts for several data
# sets, whose outputs are the last channels of the MLP; the first is COCO's.
_JOINS = (
    (r"^(.*\.attn)\.query\.", ("query", "key", "value"), "qkv"),
    (r"^(.*\.mlp)\.experts\.0\.", ("fc2", "experts.0"), "fc2"),
)


@dataclass(frozen=True)
class Translation:
    """A file's tensors under our names.

    Attributes:
        layout: What was found.
        prefix: What stands before each name of the backbone in the file.
        tensors: All behind the prefix that the layout does not drop, by our names; perhaps with a
            head.
        changed: What was done to some of them beside renaming.
        ignored: The first part of the name, and why, of every tensor left out.
    """

    layout: Layout
    prefix: str
    tensors: State
    changed: tuple[str, ...]
    ignored: tuple[tuple[str, str], ...]


def translate(state: State, source: str) -> Translation:
    """Find the layout of ``state`` and give its tensors our names.

    Args:
        state: Tensors by the file's names.
        source: What error messages call the file.

    Raises:
        VidposeError: No layout is found, or it is found behind more than one prefix.
    """
    layout, prefix = _find(state, source)
    tensors, ignored = {}, []
    for key, tensor in state.items():
        name = key.removeprefix(prefix)
        if not key.startswith(prefix):
            ignored.append((key.partition(".")[0], "not of the backbone"))
        elif why := layout.reason_to_drop(name):
            ignored.append((name.partition(".")[0], why))
        else:
            tensors[layout.rename(name)] = tensor
    changed = []
    if any(".experts.0." in name for name in tensors):
        changed.append("mlp.fc2: joined with the expert for COCO")
    tensors = _join(tensors)
    if not layout.class_position and "pos_embed" in tensors:
        positions = tensors["pos_embed"]
        if positions.ndim == 3 and grid_of(positions.shape[1]) is None:
            positions = positions[:, 1:]
        tensors["pos_embed"] = F.pad(positions, (0, 0, 1, 0))
        changed.append("pos_embed: no entry for the class token, taken as 0")
    return Translation(layout, prefix, tensors, tuple(changed), tuple(ignored))


def grid_of(tokens: int) -> tuple[int, int] | None:
    """Rows and columns of a grid of so many tokens that is as 4 to 3, or else square."""
    for rows, columns in ((4, 3), (1, 1)):
        unit = math.isqrt(tokens // (rows * columns))
        if unit and rows * columns * unit**2 == tokens:
            return rows * unit, columns * unit
    return None


def _find(state: State, source: str) -> tuple[Layout, str]:
    keys = set(state)
    for layout in LAYOUTS:
        prefixes = layout.prefixes(keys)
        if len(prefixes) > 1:
            listed = ", ".join(map(repr, prefixes))
            raise VidposeError(
                f"{source}: backbones ({layout.name}) behind several prefixes, {listed}; "
                "save one of them alone"
            )
        if prefixes:
            return layout, prefixes[0]
    near = [
        (difflib.SequenceMatcher(None, mark, key).ratio(), mark, key, layout.name)
        for layout in LAYOUTS
        for mark in layout.marks[:1]
        for key in difflib.get_close_matches(mark, state, n=1)
    ]
    if near:
        _, mark, key, name = max(near)
        hint = f"nearest is {name}, which would have {mark!r}: found {key!r}"
    else:
        hint = f"its first name is {next(iter(state), '')!r}"
    known = ", ".join(layout.name for layout in LAYOUTS)
    raise VidposeError(f"{source}: no backbone that is known here; {hint}; known: {known}")


def _join(state: State) -> State:
    joined = dict(state)
    for pattern, parts, whole in _JOINS:
        for key in state:
            if match := re.match(pattern, key):
                module, leaf = match[1], key[match.end() :]
                sources = [f"{module}.{part}.{leaf}" for part in parts]
                if all(source in joined for source in sources):
                    tensors = [joined.pop(source) for source in sources]
                    joined[f"{module}.{whole}.{leaf}"] = torch.cat(tensors)
    return joined
