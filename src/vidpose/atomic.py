"""Files and folders that appear whole or not at all."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from vidpose.errors import VidposeError

# What a full or a broken disk says, without the name of a file.
_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


@contextmanager
def staged(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path`` that becomes ``path`` if the block ends well.

    Otherwise the temporary file is removed, and what was at ``path`` before is untouched. Where
    ``path`` is a link, the file that it leads to is written.

    Raises:
        VidposeError: The place cannot be written, or is a device, a pipe or the like.
    """
    with writing(path):
        # The root has no name, nor has the current folder, even when it was removed meanwhile.
        if not path.name or path.is_dir():
            raise VidposeError(f"cannot write {path}: it is a folder")
        if not path.parent.is_dir():
            raise VidposeError(f"cannot write {path}: there is no folder {path.parent}")
        # A file that took its place would be the end of it.
        if path.exists() and not path.is_file():
            raise VidposeError(f"cannot write {path}: it is no ordinary file")
        path = path.resolve() if path.is_symlink() else path
        temporary = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        with writing(path):
            temporary.touch()
            mode = temporary.stat().st_mode
        with writing(path, temporary):
            yield temporary
        with writing(path):
            # Some writers, that of safetensors among them, let nobody but the owner read.
            temporary.chmod(mode)
            temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def staged_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder beside ``folder`` that takes its place if the block ends well.

    Otherwise the temporary folder is removed, and what was there before is untouched.

    Raises:
        VidposeError: The place cannot be written.
    """
    temporary = folder.with_name(f".{folder.name}.{uuid4().hex}.part")
    try:
        with writing(folder):
            temporary.mkdir()
        with writing(folder, temporary):
            yield temporary
        with writing(folder), set_aside(folder):
            temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def staged_within(folder: Path) -> Iterator[Path]:
    """A hidden folder inside ``folder``, out of which its files go there if the block ends well.

    ``folder`` is made if need be. If the block fails, or leaves nothing, what was there before is
    untouched, and no folder stays that was made for it.

    Raises:
        OSError: The folder cannot be made or written.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    staging: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Inside the folder: it may be a disk of its own, and moving has to be a rename.
        staging = Path(tempfile.mkdtemp(dir=folder, prefix=".part-"))
        yield staging
        for file in staging.iterdir():
            file.replace(folder / file.name)
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
        for place in made:  # those that stayed empty
            with suppress(OSError):
                place.rmdir()


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


@contextmanager
def writing(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """An OSError is said as one line about ``path``.

    In the caller's block, where ``temporary`` is given, only what the disk or the temporary place
    refuses: whatever else fails there has nothing to do with ``path``.

    Raises:
        VidposeError: In place of the OSError.
    """
    try:
        yield
    except OSError as error:
        if temporary is not None and error.errno not in _OF_THE_DISK:
            name = error.filename
            if not (isinstance(name, str) and name.startswith(str(temporary))):
                raise
        raise VidposeError(f"cannot write {path}: {error.strerror or error}") from error
