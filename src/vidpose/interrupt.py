"""Ctrl-C and SIGTERM: finish the frame or the step at hand, so that what was done is kept."""

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupt:
    """While its ``with`` block runs, the first signal asks to stop, the second stops at once.

    Args:
        notify: Called at the first signal.

    Attributes:
        asked: Whether a signal came.
    """

    def __init__(self, notify: Callable[[], None]) -> None:
        self.asked = False
        self._notify = notify
        self._before: list[Any] = []

    def __call__(self) -> bool:
        """Whether to stop."""
        return self.asked

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        self._notify()

    def __enter__(self) -> Self:
        # Python allows handlers in the main thread only.
        if threading.current_thread() is threading.main_thread():
            self._before = [signal.signal(number, self._handle) for number in SIGNALS]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in zip(SIGNALS, self._before, strict=False):
            signal.signal(number, handler)


def ignore_signals() -> None:
    """Leave signals, which go to all processes of a terminal or a job, to another process."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
