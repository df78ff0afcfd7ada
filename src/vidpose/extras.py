"""Packages that only some features need, each brought by an extra of vidpose."""

from collections.abc import Iterable
from importlib import metadata
from importlib.util import find_spec

from vidpose.errors import VidposeError


def has(module: str) -> bool:
    """Whether a package can be imported; it is not."""
    return find_spec(module) is not None


def version(package: str) -> str | None:
    """The installed version of a package by its name for pip; None where it is missing."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def versions(packages: Iterable[str]) -> dict[str, str]:
    """The versions of those packages that are installed."""
    return {name: found for name in packages if (found := version(name)) is not None}


def need(extra: str, what: str, package: str, *, module: str | None = None) -> None:
    """Refuse what a missing package is needed for.

    Args:
        extra: That brings the package.
        what: Who needs it, as the start of the line that says so.
        package: Its name for pip.
        module: Its name in an import, where that is another.

    Raises:
        VidposeError: It is missing.
    """
    if not has(module or package):
        # Quoted, as some shells take brackets for a pattern.
        raise VidposeError(f"{what} needs the package {package}: pip install 'vidpose[{extra}]'")
