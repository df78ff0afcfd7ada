"""Reading JSON that may be anything, with one clear line about what is wrong."""

from codecs import BOM_UTF8
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from vidpose.errors import VidposeError
from vidpose.misfit import reason

T = TypeVar("T")
# Finite in every arithmetic and far beyond any picture.
Pixels = Annotated[float, Field(ge=-1e6, le=1e6)]
# A number such as 1e999 is JSON, and read as infinity, which cannot be written again.
Score = Annotated[float, Field(allow_inf_nan=False)]


def read_json(path: Path) -> object:
    """The content of a JSON file; NaN and infinity, which are not JSON, are refused.

    Raises:
        VidposeError: The file is missing, a folder, unreadable or not JSON.
    """
    if path.is_dir():
        raise VidposeError(f"{path} is a folder, not a file")
    try:
        # The mark that some editors begin a file with is not JSON either, but harmless.
        return from_json(path.read_bytes().removeprefix(BOM_UTF8), allow_inf_nan=False)
    except FileNotFoundError as error:
        raise VidposeError(f"no such file: {path}") from error
    except OSError as error:
        raise VidposeError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise VidposeError(f"{path} is not JSON: {error}") from error


def json_files(place: Path) -> list[Path]:
    """``place`` itself, or the JSON files right inside it if it is a folder.

    Raises:
        VidposeError: The folder has none.
    """
    if not place.is_dir():
        return [place]
    files = sorted(place.glob("*.json"))
    if not files:
        raise VidposeError(f"no .json files in the folder {place}")
    return files


def checked(kind: type[T], document: object, path: Path) -> T:
    """``document`` as a value of type ``kind``.

    Args:
        kind: Any type that pydantic can check, e.g. a record or ``list[Record]``.
        document: Parsed JSON.
        path: Where it came from, for the message.

    Raises:
        VidposeError: It does not fit; the message has the first misfit and its place.
    """
    try:
        return TypeAdapter(kind).validate_python(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = _in_words(first["loc"])
        raise VidposeError(f"{path}: {place + ': ' if place else ''}{reason(first)}") from error


def _in_words(location: tuple[int | str, ...]) -> str:
    words = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return words.removeprefix(".")
