"""Where the figures of a run go: a file of JSON lines, and TensorBoard where it is installed."""

import json
import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from vidpose.atomic import staged, writing
from vidpose.errors import VidposeError
from vidpose.training.folder import LOG

_logger = logging.getLogger(__name__)
# What happened, e.g. {"event": "step", "step": 12, "loss": 0.7}; see `Trainer`.
Record = dict[str, Any]
Listener = Callable[[Record], None]

_PLACES = {"event", "epoch", "step"}


class Log(Protocol):
    """A listener with a file behind it; a VidposeError where that cannot be written."""

    def __call__(self, record: Record) -> None:
        """Keep ``record``."""
        ...

    def close(self) -> None:
        """Finish the file."""
        ...


def open_logs(folder: Path, step: int) -> list[Log]:
    """All logs of a run that can be kept here, in its folder.

    Args:
        folder: It exists.
        step: Optimiser steps that the run has behind it.

    Raises:
        VidposeError: A log cannot be written.
    """
    logs: list[Log] = [JsonLog(folder / LOG, step)]
    try:
        logs.append(TensorBoardLog(folder / "tensorboard", step))
    except ImportError:
        _logger.info("TensorBoard is not installed: the figures are in log.jsonl alone")
    except OSError as error:
        raise VidposeError(
            f"{folder / 'tensorboard'} cannot be a folder for TensorBoard: {error.strerror}"
        ) from error
    return logs


class JsonLog:
    """One record a line, in the order in which things happened.

    Args:
        path: The file; its lines up to ``step`` are kept, later ones are of a run that was cut off
            and will be written again.
        step: Optimiser steps that the run has behind it.

    Raises:
        VidposeError: The file cannot be written.
    """

    def __init__(self, path: Path, step: int) -> None:
        lines: list[str] = []
        if step and path.is_file():
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
        with staged(path) as temporary:
            temporary.write_text("".join(line for line in lines if _is_before(line, step)))
        self._path = path
        with writing(path):
            self._file = path.open("a", buffering=1)

    def __call__(self, record: Record) -> None:
        """Write ``record``."""
        with writing(self._path):
            self._file.write(json.dumps(_without_nan(record), allow_nan=False) + "\n")

    def close(self) -> None:
        """Finish the file."""
        with writing(self._path):
            self._file.close()


def _without_nan(record: Record) -> Record:
    """With null, as JSON has it, for figures of which there are none."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in record.items()
    }


def _is_before(line: str, step: int) -> bool:
    try:
        return bool(json.loads(line)["step"] <= step)
    except (ValueError, LookupError, TypeError):
        return False  # cut off while it was written


class TensorBoardLog:
    """The same figures as curves.

    Args:
        folder: For TensorBoard's files.
        step: Optimiser steps that the run has behind it.

    Raises:
        ImportError: TensorBoard is not installed.
    """

    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._folder = folder
        self._writer = SummaryWriter(folder, purge_step=step + 1)

    def __call__(self, record: Record) -> None:
        """Add every figure of ``record`` to its curve."""
        with writing(self._folder):
            for name, value in record.items():
                if name not in _PLACES:
                    self._writer.add_scalar(f"{record['event']}/{name}", value, record["step"])

    def close(self) -> None:
        """Finish the files."""
        with writing(self._folder):
            self._writer.close()
