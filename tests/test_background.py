"""Calls in a thread of their own: all of them, in order, or an error."""

from functools import partial
from threading import Event, Thread, Timer, get_ident

import pytest

from vidpose.background import Background


def test_nothing_to_do() -> None:
    with Background():
        pass


def test_calls_run_in_order_in_one_other_thread_and_all_are_over_at_the_end() -> None:
    done: list[tuple[int, int]] = []
    with Background() as background:
        for i in range(50):
            background.run(partial(lambda k: done.append((k, get_ident())), i))
    assert [k for k, _ in done] == list(range(50))
    assert len({thread for _, thread in done}) == 1
    assert done[0][1] != get_ident()


def test_few_calls_wait() -> None:
    go, fourth = Event(), Event()

    def hold() -> None:
        assert go.wait(10)

    with Background() as background:
        for _ in range(3):
            background.run(hold)
        one_more = Thread(target=partial(background.run, fourth.set))
        one_more.start()
        one_more.join(0.1)
        assert one_more.is_alive()
        go.set()
        one_more.join(10)
        assert not one_more.is_alive()
    assert fourth.is_set()


def test_an_error_comes_with_a_later_call_or_at_the_end() -> None:
    def fail() -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"), Background() as background:
        background.run(fail)
    done: list[int] = []
    with pytest.raises(OSError, match="full"), Background() as background:
        background.run(fail)
        for i in range(10):
            background.run(partial(done.append, i))
    assert len(done) < 5


def test_leaving_by_an_error_drops_what_has_not_begun() -> None:
    go, begun = Event(), Event()
    done: list[int] = []

    def slow() -> None:
        begun.set()
        assert go.wait(10)
        done.append(1)

    with pytest.raises(KeyboardInterrupt), Background() as background:
        background.run(slow)
        background.run(partial(done.append, 2))
        assert begun.wait(10)
        Timer(0.1, go.set).start()
        raise KeyboardInterrupt
    assert done == [1]
