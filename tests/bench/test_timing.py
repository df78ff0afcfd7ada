"""Interleaved timing: who is asked when, how often, and what is made of the answers."""

import math
import time

import pytest
import torch

from vidpose.bench.timing import Sample, Sampler, Timing, interleaved, on_cpu


def sampler(asked: list[tuple[str, int]], name: str, seconds: float, units: int = 1) -> Sampler:
    def sample(times: int) -> Sample:
        asked.append((name, times))
        return Sample(seconds * times, 2 * seconds * times, units * times)

    return sample


def test_samples_without_a_unit_do_not_count() -> None:
    timing = Timing.of([Sample(3.0, 6.0, 3), Sample(1.0, 2.0, 0)])
    assert timing.seconds == (1.0,)
    assert timing.busy_per_wall == 0.5


def test_what_never_did_anything_has_no_time() -> None:
    assert math.isnan(Timing.of([Sample(1.0, 1.0, 0)]).median)


def test_everybody_has_a_turn_in_every_round() -> None:
    asked: list[tuple[str, int]] = []
    interleaved({name: sampler(asked, name, 0.1) for name in "ab"}, repeat=3, least=0.1)
    warm_up, rounds = asked[:4], asked[4:]
    assert warm_up == [("a", 1), ("a", 1), ("b", 1), ("b", 1)]
    assert rounds == [("a", 1), ("b", 1)] * 3


@pytest.mark.parametrize(("seconds", "times"), [(0.003, 34), (0.05, 2), (0.2, 1)])
def test_short_calls_are_repeated_until_they_make_a_sample(seconds: float, times: int) -> None:
    asked: list[tuple[str, int]] = []
    found = interleaved({"a": sampler(asked, "a", seconds)}, repeat=1, least=0.1)
    assert asked[-1] == ("a", times)
    assert found["a"].median == pytest.approx(seconds)


def test_long_calls_warm_up_once() -> None:
    asked: list[tuple[str, int]] = []
    interleaved({"a": sampler(asked, "a", 5.0)}, repeat=2, least=0.1)
    assert asked == [("a", 1)] * 3


def test_a_time_is_that_of_a_unit() -> None:
    found = interleaved({"a": sampler([], "a", 1.0, units=4)}, repeat=2, least=0.1)
    assert found["a"].seconds == (0.25, 0.25)


def test_cpu_time_grows_with_the_calls_and_not_with_sleep() -> None:
    a = torch.rand(128, 128)
    once, often = (min(on_cpu(lambda: a @ a)(times).busy for _ in range(3)) for times in (1, 400))
    assert often > 5 * once
    sample = on_cpu(lambda: time.sleep(0.05))(1)
    assert sample.wall >= 0.05 > 2 * sample.busy
