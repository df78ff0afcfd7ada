"""`vidpose synth` in several processes, ended from outside."""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from vidpose.errors import VidposeError
from vidpose.exit_codes import INTERRUPTED
from vidpose.synth import gpu
from vidpose.synth.workers import end_if_told, in_processes

# A busy machine is slow.
PATIENCE = 120.0


@pytest.fixture(autouse=True)
def drawing() -> None:
    try:
        gpu.context()
    except VidposeError as error:
        pytest.skip(str(error))


@contextmanager
def rendering(out: Path, frames: int) -> Iterator[subprocess.Popen[str]]:
    """`vidpose synth` in a process group of its own, of which nothing is left after the block."""
    options = ["--sequences", "8", "--frames", str(frames), "--workers", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "vidpose", "synth", str(out), "--size", "96x128", *options],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Tests in a shell's background are deaf to it, and so would be what they start.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def wait_for(found: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + PATIENCE
    while not found():
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.01)


def terminal(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGINT)


def job(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGTERM)


def supervisor(process: subprocess.Popen[str]) -> None:
    process.terminate()


@pytest.mark.parametrize("end", [terminal, supervisor])
def test_a_signal_ends_rendering_and_takes_away_what_was_begun(
    end: Callable[[subprocess.Popen[str]], None], tmp_path: Path
) -> None:
    # So long that none would be whole soon.
    images = tmp_path / "images" / "train"
    with rendering(tmp_path, frames=2000) as process:
        wait_for(lambda: any(images.glob(".*.part/*")), process)
        end(process)
        _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == INTERRUPTED
    assert error.endswith(f"vidpose: stopped; {tmp_path} has 0 whole sequences\n")
    assert "Traceback" not in error
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert list(images.iterdir()) == []


def large(number: int) -> bytes:
    """More than a pipe holds, so that a worker is nearly always at sending it."""
    return bytes(8_000_000)


def test_ended_while_results_are_sent_nobody_waits_for_the_rest() -> None:
    for _ in range(3):
        results = in_processes(large, 1000, 2)
        next(results)
        results.close()
    assert not multiprocessing.active_children()


class Freed:
    """What is raised while it is freed, Python only prints."""

    def __del__(self) -> None:
        time.sleep(0.2)


def deaf(number: int) -> None:
    for _ in range(10_000 if number else 0):
        Freed()
        end_if_told()


def test_a_signal_that_python_only_prints_ends_the_work_all_the_same() -> None:
    results = in_processes(deaf, 2, 2)
    next(results)
    time.sleep(0.5)  # the other worker has begun
    results.close()
    assert not multiprocessing.active_children()


def test_what_remains_is_counted_on_the_disk(tmp_path: Path) -> None:
    labels, images = tmp_path / "annotations" / "train", tmp_path / "images" / "train"
    with rendering(tmp_path, frames=20) as process:
        wait_for(lambda: any(labels.glob("*.json")), process)
        job(process)
        _, error = process.communicate(timeout=PATIENCE)
    told = re.search(r"has (\d+) whole sequence", error)
    assert told is not None, error
    whole = sorted(path.stem for path in labels.iterdir())
    assert int(told[1]) == len(whole) < 8
    # Pictures come first: those of a sequence may be there without its labels.
    assert set(whole) <= {path.name for path in images.iterdir()}
    assert not list(tmp_path.rglob("*.part"))
