"""Numbered pieces of work in processes that end when they are told to."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Generator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from types import FrameType
from typing import TypeVar

import cv2

from vidpose.errors import VidposeError
from vidpose.exit_codes import INTERRUPTED

# Seconds in which a result is sent at the latest.
_SENT = 1.0

_Result = TypeVar("_Result")


def in_processes(work: Callable[[int], _Result], count: int, workers: int) -> Generator[_Result]:
    """Yields ``work(0)`` to ``work(count - 1)``, in order.

    Closing the iterator, and any exception, ends the work at hand in all processes: it is left by
    SystemExit, so that its ``with`` blocks take away what they began.

    Args:
        work: Can be pickled.
        count: How many.
        workers: Number of processes.

    Raises:
        VidposeError: A process was ended from outside, or what ``work`` raises.
    """
    # Spawned, because what draws does not survive a fork.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, _prepare)
    try:
        # Ctrl-C is for the process that waits; workers inherit the mask, before they run any code.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            results = pool.map(partial(_work, work), range(count))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        yield from results
    except BrokenProcessPool as error:
        raise VidposeError(
            "a worker was ended from outside, as happens without enough memory: lower --workers"
        ) from error
    finally:
        # A pool only waits for work at hand; ending it has a public name from Python 3.14 on.
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(cancel_futures=True)


class _State:
    """Of a worker: whether it is at a piece of work, and whether it was told to end."""

    at_work = False
    told = False


def end_if_told() -> None:
    """To be called now and then by long work.

    A signal is an exception wherever Python is at that moment, and some places, such as what runs
    when an object is freed, only print it: the work would go on.
    """
    if _State.told:
        sys.exit(INTERRUPTED)


def _prepare() -> None:
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGALRM, lambda number, frame: os._exit(INTERRUPTED))
    os.environ["LP_NUM_THREADS"] = "1"  # of Mesa's software
    cv2.setNumThreads(0)


def _leave(number: int, frame: FrameType | None) -> None:
    # A second signal, of the process group's and the parent's, would end the cleaning up.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _State.told = True
    if _State.at_work:
        sys.exit(INTERRUPTED)
    # A result may be on its way: for the other half of it the parent would wait for good.
    signal.setitimer(signal.ITIMER_REAL, _SENT)


def _work(work: Callable[[int], _Result], number: int) -> _Result:
    _State.at_work = True
    try:
        end_if_told()
        return work(number)
    except SystemExit:
        # The pool would report it and take the next piece.
        os._exit(INTERRUPTED)
    finally:
        _State.at_work = False
