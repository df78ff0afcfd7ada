"""The folder of a run, in which nothing that was there before is written over."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vidpose.atomic import writing
from vidpose.errors import VidposeError

STATE = "state.safetensors"
LOG = "log.jsonl"
_RECIPE = "recipe.yaml"
_FILES = (_RECIPE, LOG, "best.safetensors", "last.safetensors", STATE)


def refuse_taken(folder: Path) -> None:
    """Nothing happens where a new run finds the place for its files.

    Raises:
        VidposeError: ``folder`` holds one of them already.
    """
    if (folder / STATE).exists():
        raise VidposeError(
            f"{folder} holds a run already: continue it with --resume, or choose another folder "
            "with -o"
        )
    if found := [name for name in _FILES if (folder / name).exists()]:
        raise VidposeError(
            f"{folder} holds {', '.join(found)} already, where a run would write its own: choose "
            "another folder with -o, or move them away"
        )


def require_state(folder: Path) -> None:
    """Nothing happens where a run can be continued.

    Raises:
        VidposeError: ``folder`` holds no state of one.
    """
    if not (folder / STATE).is_file():
        raise VidposeError(f"nothing to resume: there is no {folder / STATE}")


def claim(folder: Path, recipe: str) -> None:
    """Make ``folder`` that of a run, and of no other that starts at the same time.

    Args:
        folder: It need not exist.
        recipe: What the run follows, as YAML.

    Raises:
        VidposeError: It is taken, or cannot be written.
    """
    refuse_taken(folder)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    path = folder / _RECIPE
    with writing(path):
        try:
            file = path.open("x", encoding="utf-8")
        except FileExistsError:
            raise VidposeError(
                f"another run has just begun in {folder}: choose another folder with -o"
            ) from None
        try:
            with file:
                file.write(recipe)
        except OSError:
            path.unlink()
            raise


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """``folder`` is this process's in the block, and however the process ends no longer than it.

    Windows and some file systems have no such locks: nothing is held there.

    Raises:
        VidposeError: Another process holds it.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    place = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise VidposeError(
                f"{folder}: another process is training there: wait for its end, or choose another "
                "folder with -o"
            ) from None
        except OSError:
            pass  # not of this file system
        yield
    finally:
        os.close(place)


def release(folder: Path) -> None:
    """Take away what `claim` and the log left of a run that ended before it saved anything.

    So that the same command can be given again once what was wrong is mended.
    """
    if not (folder / STATE).exists():
        for name in (_RECIPE, LOG):
            (folder / name).unlink(missing_ok=True)
