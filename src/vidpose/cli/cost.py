"""`vidpose cost`: parameters, multiply-accumulates and memory of models, as a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidpose.errors import VidposeError

if TYPE_CHECKING:
    from vidpose.models.base import ModelConfig, PoseModel
    from vidpose.models.dsta import DSTAConfig

_COLUMNS = (
    *("model", "crop", "frames", "parameters", "trained", "training only"),
    *("backbone", "embed", "aggregate", "clip", "stream", "cache"),
)


def cost(*models: str, variant: str | None = None, all_variants: bool = False) -> None:
    """Print what models cost, for one person and batch size 1.

    Parameters: all, those that training changes, those that only training needs. Multiply-
    accumulates: backbone and embed (what the model does to one frame by itself) of one frame,
    aggregate of one output frame; clip is an output frame whose whole clip is encoded for it,
    stream one where every frame is encoded once. Cache: what streaming keeps of a frame (float32).

    Args:
        models: Recipes (names or YAML files), kinds of models (dsta, vremd, ...), shipped models
            or checkpoints; every recipe that ships if none is given.
        variant: A row of the recipe's table of variants.
        all_variants: Also every variant of the recipes that is another model.
    """
    from vidpose.models import dsta
    from vidpose.models.cost import measure
    from vidpose.recipes import shipped

    if variant is not None and (all_variants or len(models) != 1):
        raise VidposeError("--variant belongs to one recipe, without --all-variants")
    rows, formulas = [], {}
    for name in models or shipped():
        for row in _rows(name, variant, every=all_variants):
            costs = measure(row.model)
            trained = costs.parameters - costs.backbone_parameters * row.frozen
            numbers = (costs.backbone, costs.embed, costs.aggregate, costs.clip, costs.stream)
            rows.append(
                (
                    row.name,
                    "x".join(map(str, row.model.crop.size)),
                    str(costs.frames),
                    *map(_short, (costs.parameters, trained, costs.training_only, *numbers)),
                    f"{_short(costs.cache_bytes)}B",
                )
            )
            if isinstance(row.config, dsta.DSTAConfig):
                tokens = f"{len(row.model.skeleton)} joints, {costs.frames} frames"
                formulas[tokens] = _formulas(row.config)
    print(_table(_COLUMNS, rows))
    if formulas:
        print("\nAttention of DSTA, coupled (Eq. 4) against decoupled (Eq. 7, 8):")
        print("\n".join(f"{tokens}: {words}" for tokens, words in formulas.items()))


@dataclass(frozen=True)
class _Row:
    name: str
    model: PoseModel
    config: ModelConfig | None
    frozen: bool


def _rows(name: str, variant: str | None, *, every: bool) -> Iterator[_Row]:
    """The models that ``name`` stands for, each once, on the meta device."""
    from vidpose.models import registry
    from vidpose.training.recipe import is_recipe, model_config, read_recipe, variant_names

    # A recipe is asked before a shipped model of its name, which is the same network: it also knows
    # what training changes, and variants.
    if not is_recipe(name):
        if variant is not None or every:
            raise VidposeError(f"{name} is no recipe and has no variants")
        config: ModelConfig | None = None
        if name in registry.KINDS:
            config = registry.KINDS[name]()
        elif name in registry.SHIPPED:
            config = registry.SHIPPED[name].config
        model = registry.load(name).to("meta") if config is None else _on_meta(config)
        yield _Row(name, model, config, frozen=False)
        return
    seen: list[tuple[ModelConfig, bool]] = []
    for chosen in (None, *variant_names(name)) if every else (variant,):
        recipe = read_recipe(name, chosen)
        config = model_config(recipe)
        if (config, recipe.freeze_backbone) not in seen:
            seen.append((config, recipe.freeze_backbone))
            words = f"{name} {chosen or ''}".strip()
            yield _Row(words, _on_meta(config), config, recipe.freeze_backbone)


def _on_meta(config: ModelConfig) -> PoseModel:
    """The model without its numbers, so that the largest needs no memory."""
    import torch

    from vidpose.models.registry import build

    with torch.device("meta"):
        return build(config).eval()


def _formulas(config: DSTAConfig) -> str:
    from vidpose.models.dsta.complexity import complexity

    both = complexity(config)
    return (
        f"{both.coupled_pairs} and {both.decoupled_pairs} pairs of tokens a layer "
        f"({both.coupled_pairs / both.decoupled_pairs:.2f} times fewer), "
        f"{_short(both.coupled_macs)} and {_short(both.decoupled_macs)} multiply-accumulates"
    )


def _short(number: int) -> str:
    """Four digits and a factor of a thousand: ``59.94 G``."""
    value, unit = float(number), ""
    for unit in ("", "k", "M", "G", "T"):
        if value < 999.95 or unit == "T":
            break
        value /= 1000
    digits = f"{value:.0f}" if not unit else f"{value:#.4g}"
    return f"{digits} {unit}"


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table of Markdown that is easy on the eye in a terminal too."""
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    rule = [f"{'-' * (width - 1)}:" if i else "-" * width for i, width in enumerate(widths)]

    def line(cells: tuple[str, ...] | list[str]) -> str:
        first, *others = zip(cells, widths, strict=True)
        aligned = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
        return f"| {' | '.join(aligned)} |"

    return "\n".join([line(columns), line(rule), *map(line, rows)])
