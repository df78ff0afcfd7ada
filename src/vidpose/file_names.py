"""Names of files as text."""

import os
from pathlib import Path


def readable(name: str | Path) -> str:
    r"""The name as text that any file can hold.

    Systems allow names that are no UTF-8, which Python keeps as half characters that cannot be
    written: their bytes become ``\xff`` and the like.
    """
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def located(path: Path) -> Path:
    """The whole path without ``..``, whose parts can be names; links keep theirs."""
    return Path(os.path.normpath(path.absolute()))
