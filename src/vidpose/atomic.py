"""Files and folders that appear whole or not at all."""

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
    before = temporary.with_suffix(".old")
    try:
        temporary.mkdir()
        yield temporary
        if folder.exists():
            folder.rename(before)
        temporary.rename(folder)
    except OSError as error:
        raise VidposeError(f"cannot write {folder}: {error.strerror or error}") from error
    finally:
        if before.exists() and not folder.exists():
            before.rename(folder)
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(before, ignore_errors=True)
