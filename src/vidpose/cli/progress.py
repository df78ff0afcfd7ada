"""How far a run is: a bar on a terminal, a line now and then elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

from vidpose.counting import counted

_SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Counts frames and shows them on standard error.

    Args:
        title: What is being worked on.
        total: Number of frames; None if unknown.
    """

    def __init__(self, title: str, total: int | None) -> None:
        self._console = Console(stderr=True)
        self._title = title
        self._total = total
        self._done = 0
        self._started = self._reported = time.monotonic()
        self._bar = Bar(
            TextColumn("{task.description}", markup=False),  # brackets in file names are none
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:.1f} frames/s"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[people]}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task(title, total=total, rate=0.0, people=_people(0))

    @property
    def rate(self) -> float:
        """Frames per second so far."""
        return self._done / max(time.monotonic() - self._started, 1e-9)

    @property
    def summary(self) -> str:
        """Frames and time of the run, in words."""
        seconds = time.monotonic() - self._started
        frames = counted(self._done, "frame", "frames")
        return f"{frames} in {seconds:.1f} s ({self.rate:.1f} frames/s)"

    def advance(self, people: int) -> None:
        """One more frame is done, with ``people`` in it."""
        self._done += 1
        self._bar.update(self._task, advance=1, rate=self.rate, people=_people(people))
        now = time.monotonic()
        if self._bar.disable and now - self._reported >= _SECONDS_BETWEEN_LINES:
            self._reported = now
            of = "" if self._total is None else f" of {self._total}"
            self._console.print(
                f"{self._title}: frame {self._done}{of}, {self.rate:.1f} frames/s, "
                f"{_people(people)}",
                markup=False,
                emoji=False,
            )

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()


def _people(number: int) -> str:
    return counted(number, "person", "people")
