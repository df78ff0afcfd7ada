"""Times that only ever increase, from what decoders report."""

DEFAULT_FPS = 25.0

# A step back of more than this many seconds is a clock that started again, not a frame out of turn.
_RESTART = 1.0


class Clock:
    """Turns reported presentation times into strictly increasing seconds.

    A sequence that already increases comes out unchanged but for the shift of the origin. A frame
    without a time follows its predecessor by one step. A frame that is not later than its
    predecessor is put a little after it, so that the next one is right again; after a jump back of
    more than a second the rest of the stream is shifted to go on where it was.

    Args:
        step: Seconds from one frame to the next where nothing better is known.
        origin: The reported time, in seconds, that becomes 0; the first one seen if None.
    """

    def __init__(self, step: float, origin: float | None = None) -> None:
        self._step = step
        self._origin = origin
        self._last: float | None = None

    def __call__(self, reported: float | None) -> float:
        """The time of the next frame in seconds.

        Args:
            reported: What the decoder says, in seconds; None where it says nothing.
        """
        following = 0.0 if self._last is None else self._last + self._step
        if reported is None:
            time = following
        else:
            if self._origin is None or self._restarted(reported - self._origin):
                self._origin = reported - following
            time = reported - self._origin
        if self._last is not None and time <= self._last:
            time = self._last + min(0.001, self._step / 10)
        self._last = time
        return time

    def _restarted(self, time: float) -> bool:
        return self._last is not None and time < self._last - _RESTART
