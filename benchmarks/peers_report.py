"""What `benchmarks/peers.py` says of its figures: tables, and the targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from vidpose.bench.timing import Timing

Key = tuple[str, str]
BASE = ("clipwise", "whole clip")
MEDIAPIPE = ("mediapipe", "full, a tracked frame")
RUN_BASE = ("run torch fp32", "run, torch fp32")
GRAPHS = ("onnx", "openvino")


@dataclass(frozen=True)
class Found:
    """All that was measured.

    Attributes:
        timings: By worker and variant.
        facts: What vidpose's worker says beside its variants.
    """

    timings: Mapping[Key, Timing]
    facts: Mapping[str, Any]

    def seconds(self, key: Key) -> float | None:
        """The median of a variant; None if it was not measured."""
        timing = self.timings.get(key)
        return None if timing is None else timing.median

    def ours(self, step: str, precision: str, runtimes: tuple[str, ...] = GRAPHS) -> float | None:
        """Seconds of a step of vidpose in the fastest of some runtimes."""
        wanted = {f"{step}, {name} {precision}" for name in runtimes}
        return min(
            (each.median for (_, variant), each in self.timings.items() if variant in wanted),
            default=None,
        )

    @property
    def peak(self) -> float | None:
        """Multiply-accumulates a second of the best sample of the best f32 kernel."""
        rates = [
            self.facts[f"macs of {variant}"] / timing.best
            for (_, variant), timing in self.timings.items()
            if variant.startswith("peak")
        ]
        return max(rates, default=None)


def tables(found: Found) -> str:
    """Groups of variants that can be compared with each other, each with its base."""
    groups = {
        "DSTA with ResNet-50, five frames: a person-frame": (("dsta",), BASE),
        "A tracked person-frame, from frames in memory": (("tracked",), MEDIAPIPE),
        "Whole run, --detect-every 5 --no-video: a frame": (("run",), RUN_BASE),
        "Single frames of other libraries, random weights": (("ViTPose",), BASE),
        "Kernels and graphs for the f32 peak": (("peak", "graph"), None),
    }
    return "\n\n".join(
        "\n".join((f"**{title}**", "", *_table(found, starts, base)))
        for title, (starts, base) in groups.items()
    )


def _table(found: Found, starts: tuple[str, ...], base: Key | None) -> Iterator[str]:
    yield "| variant | ms | min to max | per core-second | base / this | of f32 peak | cpu/wall |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    against = None if base is None else found.seconds(base)
    for key, timing in found.timings.items():
        if key != base and not key[1].startswith(starts):
            continue
        count, peak = found.facts.get(f"macs of {key[1]}"), found.peak
        low, high = 1e3 * min(timing.seconds), 1e3 * max(timing.seconds)
        cells = (
            f"{key[0]}: {key[1]}",
            f"{1e3 * timing.median:.2f}",
            f"{low:.2f} to {high:.2f}",
            f"{1 / timing.median:.1f}",
            _or_blank(_ratio(against, timing.median), ".2f"),
            _or_blank(_ratio(count, timing.best * (peak or 1)), ".0%"),
            f"{timing.busy_per_wall:.2f}",
        )
        yield f"| {' | '.join(cells)} |"


class Target(NamedTuple):
    """Something that was to be reached.

    Attributes:
        words: What.
        value: How much it is; None if it was not measured.
        limit: How much it has to be at most, or at least if ``least``.
        least: Which of the two.
        accurate: Whether what is fast enough is known to be as accurate.
    """

    words: str
    value: float | None
    limit: float
    least: bool = False
    accurate: bool = True


def targets(found: Found) -> Iterator[Target]:
    """All that these figures can say something of."""
    base, mediapipe, torch = found.seconds(BASE), found.seconds(MEDIAPIPE), ("torch",)
    stream = found.ours("dsta stream", "fp32", torch)
    yield Target("stream in torch, times the clip-wise base", _ratio(base, stream), 4.5, True)
    for precision, least in (("fp32", 10.0), ("bf16", 18.0), ("int8", 30.0)):
        stream = found.ours("dsta stream", precision)
        words = f"stream in a runtime, {precision}, times the base"
        yield Target(words, _ratio(base, stream), least, True)
    for runtime in GRAPHS:
        error = found.facts.get(f"error of dsta, {runtime} fp32")
        yield Target(f"{runtime} fp32: largest difference to torch", error, 1e-4)
    for words, runtimes, most in (("a runtime", GRAPHS, 0.7), ("torch", torch, 1.5)):
        head = found.ours("dsta aggregate", "fp32", runtimes)
        step = found.ours("dsta stream", "fp32", runtimes)
        yield Target(f"head in {words}, ms", None if head is None else 1e3 * head, most)
        yield Target(f"head in {words}, part of an fp32 step", _ratio(head, step), 0.03)
    for role, limits in (("default", (2.0, 1.1, 1.0)), ("light", (0.6, 0.35))):
        for precision, most in zip(("fp32", "bf16", "int8"), limits, strict=False):
            tracked = found.ours(f"tracked {role}", precision)
            words = f"{role} model ({found.facts.get(role)}), {precision}, over MediaPipe full"
            # The third is for the fastest precision of known accuracy, and int8's is not.
            known = precision != "int8"
            yield Target(words, _ratio(tracked, mediapipe), most, accurate=known)
    whole = found.seconds(RUN_BASE)
    for precision, least in (("fp32", 2.0), ("bf16", 3.5)):
        words = f"whole run in a runtime, {precision}, times torch"
        yield Target(words, _ratio(whole, found.ours("run", precision)), least, True)
    for (_, variant), timing in found.timings.items():
        if variant.startswith("graph"):
            reached = found.facts[f"macs of {variant}"] / timing.best
            yield Target(
                f"{variant}, part of the f32 peak", _ratio(reached, found.peak), 0.85, True
            )
    rest = found.facts.get("rest of a run")
    yield Target("the rest of a run with a ResNet-50, part of its time", rest, 0.15)


def verdicts(found: Found) -> str:
    """Each target with what was measured."""
    lines = ["", "| target | measured | to be | |", "|---|---:|---:|---|"]
    for words, value, limit, least, accurate in targets(found):
        met = value is not None and (value >= limit if least else value <= limit)
        verdict = "not measured" if value is None else "met" if met else "NOT met"
        if met and not accurate:
            verdict = "met in speed, accuracy not checked"
        sign = ">=" if least else "<="
        lines.append(f"| {words} | {_or_blank(value, '.3g')} | {sign} {limit:g} | {verdict} |")
    return "\n".join(lines)


def _ratio(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a / b


def _or_blank(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
