"""Frames read in a thread: all in order of a file, the newest of a camera."""

import time
from collections.abc import Callable, Generator, Iterator
from itertools import count
from threading import Condition, Event, active_count
from typing import cast

import numpy as np
import pytest

from vidpose.errors import VidposeError
from vidpose.frame import Frame
from vidpose.video import Source
from vidpose.video.ahead import ahead, newest
from vidpose.video.recording import Recording

IMAGE = np.zeros((2, 3, 3), np.uint8)
Read = Callable[[Generator[Frame]], Generator[Frame]]


def frames(number: int, error: Exception | None = None) -> Generator[Frame]:
    for index in range(number):
        yield Frame(index, index / 30, IMAGE)
    if error is not None:
        raise error


def drain(taking: Iterator[Frame]) -> tuple[list[Frame], Exception | None]:
    """All frames up to the end or an error, and the error."""
    seen: list[Frame] = []
    try:
        for frame in taking:
            seen.append(frame)  # noqa: PERF402 - what came before the error counts
    except Exception as error:
        return seen, error
    return seen, None


class Camera:
    """Thirty frames a second by their times; each comes when the test says so."""

    name, stem, path, files = "camera:0", "camera-0", None, ()
    fps, frame_count, file_names = 30.0, None, None
    live = real_time = True

    def __init__(self, limit: int | None = None, error: Exception | None = None) -> None:
        self.limit, self.error = limit, error
        self.allowed, self.asked = 1, 0
        self.changed = Condition()
        self.closed = False

    def shoot(self, number: int = 1) -> None:
        """Let frames come."""
        with self.changed:
            self.allowed += number
            self.changed.notify_all()

    def settle(self) -> None:
        """Wait until whoever reads has what has come, and asks for more."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.asked > self.allowed, 10)

    def frames(self) -> Generator[Frame]:
        for index in count() if self.limit is None else range(self.limit):
            with self.changed:
                self.asked = index + 1
                self.changed.notify_all()
                assert self.changed.wait_for(lambda: self.asked <= self.allowed, 10)
            yield Frame(index, index / 30, IMAGE)
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        self.closed = True


def opened(camera: Camera) -> Source:
    return Source(cast(Recording, camera))


@pytest.mark.parametrize("read", [ahead, newest])
def test_no_frames(read: Read) -> None:
    assert list(read(frames(0))) == []


def test_all_frames_come_in_order() -> None:
    assert [frame.index for frame in ahead(frames(100))] == list(range(100))


def test_some_frames_are_read_before_they_are_asked_for_but_not_many() -> None:
    read = 0

    def counted() -> Generator[Frame]:
        nonlocal read
        for frame in frames(100):
            read += 1
            yield frame

    taking = ahead(counted())
    assert read == 0
    next(taking)
    deadline = time.monotonic() + 10
    while read < 4 and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.02)
    assert read == 4
    taking.close()
    assert read <= 5


@pytest.mark.parametrize("read", [ahead, newest])
def test_an_error_comes_after_the_last_good_frame(read: Read) -> None:
    seen, error = drain(read(frames(5, VidposeError("damaged"))))
    assert str(error) == "damaged"
    assert seen[-1].index == 4
    assert read is newest or [frame.index for frame in seen] == list(range(5))


@pytest.mark.parametrize("read", [ahead, newest])
def test_closing_closes_what_is_read_and_leaves_no_thread(read: Read) -> None:
    closed = Event()

    def endless() -> Generator[Frame]:
        try:
            for index in count():
                yield Frame(index, index / 30, IMAGE)
        finally:
            closed.set()

    before = active_count()
    taking = read(endless())
    next(taking)
    taking.close()
    assert closed.is_set()
    assert active_count() == before


def test_a_slow_taker_gets_the_newest_frame_of_a_camera_with_its_true_time() -> None:
    camera = Camera()
    with opened(camera) as source:
        taking = iter(source)
        first = next(taking)
        assert (first.index, first.pts) == (0, 0.0)
        camera.shoot()
        second = next(taking)
        assert (second.index, second.pts) == (1, 1 / 30)
        assert source.dropped == 0
        camera.shoot(7)
        camera.settle()
        third = next(taking)
        assert (third.index, third.pts) == (2, 8 / 30)
        assert source.dropped == 6
        camera.shoot()
        camera.settle()
        fourth = next(taking)
        assert (fourth.index, fourth.pts) == (3, 9 / 30)
        assert source.dropped == 6
        camera.shoot()
    assert camera.closed


def test_a_taker_that_keeps_up_gets_every_frame_of_a_camera() -> None:
    camera = Camera(limit=20)
    with opened(camera) as source:
        for index, frame in enumerate(source):
            assert (frame.index, frame.pts) == (index, index / 30)
            camera.shoot()
        assert source.dropped == 0
    assert index == 19


def test_a_camera_that_breaks_off_gives_its_last_frame_and_then_the_error() -> None:
    camera = Camera(limit=4, error=OSError("unplugged"))
    with opened(camera) as source:
        taking = iter(source)
        next(taking)
        for _ in range(3):
            camera.shoot()
        seen, error = drain(taking)
    assert str(error) == "unplugged"
    assert seen[-1].pts == 3 / 30


def test_a_source_that_is_not_read_starts_no_thread() -> None:
    before = active_count()
    with opened(Camera()):
        assert active_count() == before
