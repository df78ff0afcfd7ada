"""Reading a recipe: a YAML file, one of its variants, and what the command line changes."""

import copy
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from vidpose.errors import VidposeError
from vidpose.misfit import reason
from vidpose.models.base import ModelConfig
from vidpose.models.registry import KINDS
from vidpose.recipes import shipped
from vidpose.training.config import Recipe

T = TypeVar("T", bound=BaseModel)
Tree = dict[str, Any]
Place = tuple[str | int, ...]

# PyYAML lets through what goes wrong when it converts a scalar (a date in month 13, an unknown
# !!bool, a character beyond Unicode), and it reads brackets in brackets by recursion.
_NOT_YAML = (
    yaml.YAMLError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
    RecursionError,
)


def is_recipe(name: str) -> bool:
    """Whether `read_recipe` is for it: the name of a shipped recipe, or of a YAML file."""
    return name in shipped() or Path(name).suffix in {".yaml", ".yml"}


def read_recipe(
    source: str | Path, variant: str | None = None, overrides: Sequence[str] = ()
) -> Recipe:
    """The recipe of one run, with every default filled in and no variants left.

    Args:
        source: A shipped recipe's name, or a YAML file.
        variant: A key of the recipe's ``variants``, whose values replace the recipe's own; nested
            sections are merged, lists are replaced.
        overrides: ``key=value`` with dots between nested keys and the places of list items, e.g.
            ``data.train.0.split=val``; the value is YAML. They come after the variant.

    Raises:
        VidposeError: There is no such recipe or variant, or something in it is wrong; the message
            has the place, and for an unknown key the nearest that exists.
    """
    name, tree = _load(source)
    variants = _variants(name, tree)
    if variant is not None:
        if variant not in variants:
            rows = ", ".join(variants) or "none"
            raise VidposeError(f"{name} has no variant {variant!r}; it has: {rows}")
        tree = _merged(tree, variants[variant])
    for override in overrides:
        _override(tree, override)
    return check_recipe({**tree, "variants": {}}, name)


def summary(source: str | Path) -> str:
    """What a recipe trains and which variants it has, in a line or two.

    Raises:
        VidposeError: As `read_recipe`.
    """
    name, tree = _load(source)
    variants = _variants(name, tree)
    rows = f"\n    --variant {' | '.join(variants)}" if variants else ""
    return f"{name}: {check_recipe(tree, name).description}{rows}"


def variant_names(source: str | Path) -> list[str]:
    """The keys of a recipe's ``variants``, in its order.

    Raises:
        VidposeError: As `read_recipe`.
    """
    return list(_variants(*_load(source)))


def model_config(recipe: Recipe) -> ModelConfig:
    """The configuration that builds the recipe's model."""
    return KINDS[recipe.model.kind].model_validate(recipe.model.config)


def to_yaml(recipe: Recipe) -> str:
    """The recipe as a YAML document that `read_recipe` reads back."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def check_recipe(tree: object, name: str) -> Recipe:
    """``tree``, what a YAML file holds, as a recipe.

    Args:
        tree: Nested mappings and lists.
        name: Where it came from, for the message.

    Raises:
        VidposeError: It does not fit.
    """
    recipe = _checked(Recipe, tree, name)
    kind = recipe.model.kind
    if kind not in KINDS:
        raise VidposeError(f"{name}: model.kind: no model {kind!r}; there are: {', '.join(KINDS)}")
    _checked(KINDS[kind], recipe.model.config, name, ("model", "config"))
    return recipe


class _MissingKeyError(VidposeError):
    """A key is missing, and nothing else is wrong."""


def _variants(name: str, tree: Tree) -> dict[str, Tree]:
    """The variants of a recipe; it and all of them are checked as they stand in the file.

    Only a key that is missing there may still come from the command line.
    """
    with suppress(_MissingKeyError):
        check_recipe(tree, name)
    variants: dict[str, Tree] = tree.get("variants", {})
    for row, changes in variants.items():
        with suppress(_MissingKeyError):
            check_recipe(_merged(tree, changes), f"{name}, variant {row}")
    return variants


def _load(source: str | Path) -> tuple[str, Tree]:
    path = Path(source)
    if (name := str(source)) in shipped():
        text = (resources.files("vidpose.recipes") / f"{name}.yaml").read_text(encoding="utf-8")
    elif path.is_file():
        text = path.read_text(encoding="utf-8", errors="replace")
    else:
        raise VidposeError(f"no recipe or YAML file {name!r}; shipped: {', '.join(shipped())}")
    try:
        tree = yaml.load(text, _PlainTree)
    except _NOT_YAML as error:
        raise VidposeError(f"{name} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(tree, dict):
        raise VidposeError(f"{name}: a recipe is a mapping of keys to values")
    return name, tree


class _PlainTree(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error, and a value that holds itself.

    PyYAML would take the last of the keys silently.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        # Values are made whole at once, so that PyYAML notices one that is inside itself.
        self.deep_construct = True

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} stands twice", key.start_mark
                )
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def _merged(tree: Mapping[str, Any], changes: Mapping[str, Any]) -> Tree:
    result = dict(copy.deepcopy(tree))
    for key, value in changes.items():
        old = result.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            result[key] = _merged(old, value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def _override(tree: Tree, override: str) -> None:
    """Set one value in ``tree``, in place."""
    path, equals, text = override.partition("=")
    if not equals or not path:
        raise VidposeError(f"--set {override}: write it as key=value, e.g. --set optimizer.lr=1e-4")
    try:
        value = yaml.load(text, _PlainTree)
    except _NOT_YAML:
        raise VidposeError(f"--set {override}: {text!r} is not a YAML value") from None
    *parents, last = path.split(".")
    here: Any = tree
    for depth, part in enumerate(parents):
        if isinstance(here, dict) and here.get(part) is None:
            here[part] = {}
        here = here[_step(here, part, path.split(".")[:depth], override)]
    here[_step(here, last, parents, override)] = value


def _step(here: object, part: str, above: Sequence[str], override: str) -> str | int:
    """The key or index by which ``part`` is found in ``here``."""
    place = ".".join(above)
    match here:
        case dict():
            return part
        case list() if part.isdecimal() and int(part) < len(here):
            return int(part)
        case list():
            raise VidposeError(
                f"--set {override}: {place} is a list of {len(here)}, it has no item {part!r}"
            )
    raise VidposeError(f"--set {override}: {place} is a value and has no keys")


def _checked(kind: type[T], tree: object, name: str, prefix: Place = ()) -> T:
    try:
        return kind.model_validate(tree)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        # A misspelt key is also a missing one: say what was misspelt.
        unknown = [each for each in errors if each["type"] == "extra_forbidden"]
        wrong = [each for each in errors if each["type"] != "missing"]
        first = (unknown or wrong or errors)[0]
        place = _dotted((*prefix, *first["loc"]))
        if unknown:
            raise VidposeError(
                f"{name}: unknown key {place}; {_nearest(kind, first['loc'], prefix)}"
            ) from None
        fault = VidposeError if wrong else _MissingKeyError
        raise fault(f"{name}: {place + ': ' if place else ''}{reason(first)}") from None


def _nearest(kind: type[BaseModel], location: Place, prefix: Place) -> str:
    """In words: the key that was probably meant, of the same section or else of any."""
    *section, key = location
    depth = tuple(part for part in section if isinstance(part, str))
    every = list(_keys(kind))
    siblings = [path[-1] for path in every if path[:-1] == depth]
    if close := get_close_matches(str(key), siblings, 1):
        return f"did you mean {_dotted((*prefix, *section, close[0]))}?"
    by_name = {path[-1]: path for path in reversed(every)}
    # Of another section only what is spelt nearly so: the right key in the wrong place.
    if close := get_close_matches(str(key), by_name, 1, cutoff=0.85):
        return f"did you mean {_dotted((*prefix, *by_name[close[0]]))}?"
    return f"here may stand: {', '.join(siblings)}"


def _keys(kind: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    """Paths of all keys of ``kind`` and of the sections in it, without places in lists."""
    for name, field in kind.model_fields.items():
        yield (name,)
        for section in _sections(field.annotation):
            for path in _keys(section):
                yield (name, *path)


def _sections(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _sections(argument)


def _dotted(place: Place) -> str:
    return ".".join(str(part) for part in place)
