import os
import signal
import threading

import pytest

from vidpose.interrupt import SIGNALS, Interrupt


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_asks_and_the_second_stops(number: signal.Signals) -> None:
    told: list[bool] = []
    before = signal.getsignal(number)
    with Interrupt(lambda: told.append(True)) as interrupt:
        assert not interrupt()
        os.kill(os.getpid(), number)
        assert interrupt() and told == [True]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


def test_other_threads_can_train_too() -> None:
    asked: list[bool] = []

    def work() -> None:
        with Interrupt(lambda: None) as interrupt:
            asked.append(interrupt())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert asked == [False]
