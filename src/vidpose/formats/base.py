"""What every format offers: a writer that takes one frame at a time."""

from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from vidpose.errors import VidposeError
from vidpose.poses import FramePoses, Header


class Writer(ABC):
    """Writes the frames of one source to one file, in the order in which they come.

    Memory does not grow with the number of frames, and equal frames give equal bytes. The file is
    whole once `close` has returned; a ``with`` block that is left by an exception leaves it
    unfinished, so write to a temporary name (`vidpose.atomic.staged`) where that matters.

    Attributes:
        file_name: What a file of this format is called where nothing else is asked for.
    """

    file_name: ClassVar[str]

    def __init__(self, path: Path, header: Header) -> None:
        """Open ``path``.

        Raises:
            VidposeError: The file cannot be written.
        """
        self.header = header
        self.path = path
        try:
            self._file = path.open("w", encoding="utf-8", newline="\n")
            self._begin()
        except OSError as error:
            # The name may be a temporary one, which would say nothing to the reader.
            raise VidposeError(f"cannot write in {path.parent}: {error.strerror}") from error

    @abstractmethod
    def write(self, frame: FramePoses) -> None:
        """Append a frame."""

    def close(self) -> None:
        """Finish the file; closing twice does nothing."""
        if not self._file.closed:
            self._finish()
            self._release()

    @abstractmethod
    def _begin(self) -> None:
        """Write what stands before the first frame."""

    def _finish(self) -> None:
        """Write what stands after the last frame; here nothing."""
        return

    def _release(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._release()
