"""Frames read in a thread of their own, while whoever takes them works."""

from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from threading import Condition, Thread

from vidpose.frame import Frame

# Evens out frames that take longer than others; more would only hold memory.
_AHEAD = 3


def ahead(frames: Generator[Frame]) -> Generator[Frame]:
    """The same frames, of which the next few are read already.

    Args:
        frames: Closed when this is.

    Raises:
        Exception: What reading a frame raised, after the frames before it.
    """
    with ThreadPoolExecutor(1, "decode") as reader:
        try:
            waiting = deque(reader.submit(next, frames, None) for _ in range(_AHEAD))
            while (frame := waiting.popleft().result()) is not None:
                waiting.append(reader.submit(next, frames, None))
                yield frame
        finally:
            reader.shutdown(cancel_futures=True)
            frames.close()


def newest(frames: Generator[Frame]) -> Generator[Frame]:
    """The latest frame each time; those that came while nobody was ready are dropped.

    The last frame is never dropped.

    Args:
        frames: Arriving in real time; closed when this is.

    Raises:
        Exception: What reading a frame raised, after the latest frame before it.
    """
    mailbox = _Mailbox(frames)
    mailbox.start()
    try:
        while (frame := mailbox.take()) is not None:
            yield frame
    finally:
        mailbox.stop()
        frames.close()


class _Mailbox(Thread):
    """Reads frames and keeps the latest."""

    def __init__(self, frames: Generator[Frame]) -> None:
        # A camera that sends nothing must not keep the program from ending.
        super().__init__(name="camera", daemon=True)
        self._frames = frames
        self._latest: Frame | None = None
        self._error: BaseException | None = None
        self._ended = False
        self._unwanted = False
        self._changed = Condition()

    def run(self) -> None:
        error: BaseException | None = None
        try:
            for frame in self._frames:
                with self._changed:
                    self._latest = frame
                    self._changed.notify()
                if self._unwanted:
                    break
        except BaseException as raised:
            error = raised
        with self._changed:
            self._error, self._ended = error, True
            self._changed.notify()

    def take(self) -> Frame | None:
        """The latest frame, as soon as there is one that was not taken; None after the last."""
        with self._changed:
            self._changed.wait_for(lambda: self._latest is not None or self._ended)
            frame, self._latest = self._latest, None
        if frame is None and self._error is not None:
            raise self._error
        return frame

    def stop(self) -> None:
        """Read no further; returns when the frame at hand has been read."""
        self._unwanted = True
        self.join()
