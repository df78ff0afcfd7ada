"""Files and folders that appear whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from vidpose.errors import VidposeError


@contextmanager
def staged(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path`` that becomes ``path`` if the block ends well.

    Otherwise the temporary file is removed, and what was at ``path`` before is untouched.

    Raises:
        VidposeError: The place cannot be written.
    """
    try:
        # The root has no name, nor has the current folder, even when it was removed meanwhile.
        if not path.name or path.is_dir():
            raise VidposeError(f"cannot write {path}: it is a folder")
        if not path.parent.is_dir():
            raise VidposeError(f"cannot write {path}: there is no folder {path.parent}")
        temporary = path.with_name(f".{path.name}.{uuid4().hex}.part")
        try:
            temporary.touch()
            mode = temporary.stat().st_mode
            yield temporary
            # Some writers, that of safetensors among them, let nobody but the owner read.
            temporary.chmod(mode)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise VidposeError(f"cannot write {path}: {error.strerror}") from error


@contextmanager
def staged_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder beside ``folder`` that takes its place if the block ends well.

    Otherwise the temporary folder is removed, and what was there before is untouched.

    Raises:
        VidposeError: The place cannot be written.
    """
    temporary = folder.with_name(f".{folder.name}.{uuid4().hex}.part")
    try:
        temporary.mkdir()
        yield temporary
        with set_aside(folder):
            temporary.rename(folder)
    except OSError as error:
        raise VidposeError(f"cannot write {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def set_aside(*paths: Path) -> Iterator[None]:
    """Files and folders, those that are there, are away in the block and afterwards removed.

    If the block fails they are back, and what it has put in their places is removed.

    Raises:
        VidposeError: One of them cannot be moved.
    """
    moved: list[tuple[Path, Path]] = []
    try:
        for path in paths:
            aside = path.with_name(f".{path.name}.{uuid4().hex}.old")
            try:
                path.rename(aside)
            except FileNotFoundError:
                pass
            except OSError as error:
                raise VidposeError(f"cannot replace {path}: {error.strerror}") from error
            moved.append((path, aside))
        yield
    except BaseException:
        for path, aside in moved:
            _remove(path)
            if os.path.lexists(aside):
                aside.rename(path)
        raise
    for _, aside in moved:
        _remove(aside)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
