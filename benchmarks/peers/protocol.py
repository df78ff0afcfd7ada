"""How a worker and `benchmarks/peers.py` talk: JSON, a line a message, over stdin and stdout.

A worker is a script that calls `serve` with what loads its variants. It first says what it has,
then runs what it is told to, one variant at a time, so that all workers can take turns:

    worker  {"versions": {"torch": "2.13.0"}, "variants": ["clip"], "facts": {}}
    asked   {"variant": "clip", "times": 3}
    worker  {"cpu": 1.13, "wall": 1.15, "units": 3}

Only the standard library, because every peer lives in an environment of its own.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

# Prepares that many repetitions and returns what is timed, which returns how many units
# (person-frames, frames) it has done.
Variant = Callable[[int], Callable[[], int]]


class Offer(NamedTuple):
    """What a worker has.

    Attributes:
        versions: Of the packages that are measured.
        variants: By name.
        facts: What else belongs to the figures; JSON.
    """

    versions: Mapping[str, str]
    variants: Mapping[str, Variant]
    facts: Mapping[str, object] = {}


def serve(load: Callable[[], Offer]) -> None:
    """Load, then answer until nobody asks any more."""
    # Libraries print to stdout as they please: from here on that is stderr, and only we answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(message: object) -> None:
        print(json.dumps(message), file=answers, flush=True)

    offer = load()
    answer(offer._asdict() | {"variants": list(offer.variants)})
    for line in sys.stdin:
        asked = json.loads(line)
        timed = offer.variants[asked["variant"]](asked["times"])
        wall, cpu = time.perf_counter(), time.process_time()
        units = timed()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        answer({"cpu": cpu, "wall": wall, "units": units})


def repeat(function: Callable[[], object]) -> Variant:
    """A variant whose unit is one call of ``function``."""

    def prepare(times: int) -> Callable[[], int]:
        def timed() -> int:
            for _ in range(times):
                function()
            return times

        return timed

    return prepare
