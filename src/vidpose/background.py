"""Work that need not be waited for, in a thread of its own."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

# Of waiting calls; each may hold a picture.
_MOST = 3


class Background:
    """Runs calls one after another, in the order they came; few may wait.

    Used in a ``with`` block: leaving it normally waits for all calls; leaving it by an error drops
    those that have not begun.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "background")
        self._waiting: deque[Future[None]] = deque()

    def run(self, call: Callable[[], None]) -> None:
        """Have something done; returns at once unless too much is waiting.

        Raises:
            Exception: What an earlier call raised; also when the ``with`` block is left.
        """
        if len(self._waiting) >= _MOST:
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(call))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                while self._waiting:
                    self._waiting.popleft().result()
        finally:
            self._thread.shutdown(cancel_futures=True)
