"""vidpose against what people use, interleaved in one run; CPU time, one thread.

    make -C benchmarks/peers FOLDER=/somewhere
    OMP_NUM_THREADS=1 python benchmarks/peers.py /somewhere --json FILE

Every peer runs as a process in an environment of its own (benchmarks/peers/), and vidpose as one
more in this one; they take turns. MediaPipe's threads cannot be limited: CPU time counts them all.
Prints tables of Markdown, and beside each target whether it was met.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import torch

from peers_report import Found, tables, verdicts
from vidpose import export
from vidpose.atomic import staged
from vidpose.bench.machine import machine
from vidpose.bench.timing import Sample, Sampler, interleaved

HERE = Path(__file__).parent / "peers"
EXAMPLE = Path(__file__).parent.parent / "examples" / "sports2d.mp4"
# Short calls are repeated until they make a sample of so many CPU seconds.
LEAST_SECONDS = 0.25


class Peer(NamedTuple):
    """A worker.

    Attributes:
        script: In benchmarks/peers/.
        environment: In the folder of environments; None is this one.
        needs: Its arguments: ``clip``, ``graph`` (ViTPose-S as ONNX), ``exports`` (where our own
            graphs are kept: to be removed when the models change).
        words: Further arguments.
    """

    script: str
    environment: str | None
    needs: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


# As users can have them without exporting by hand.
RUNS = [("torch", "fp32")] + [
    (runtime, precision)
    for runtime in export.installed()
    for precision in export.FORMATS[runtime].precisions
    if precision != "int8"
]
PEERS = {
    "clipwise": Peer("dsta_clipwise.py", "torch"),
    "mediapipe": Peer("mediapipe_pose.py", "mediapipe", ("clip",)),
    "rtmlib": Peer("rtmlib_vitpose.py", "rtmlib", ("clip", "graph")),
    "transformers": Peer("transformers_vitpose.py", "torch"),
    "vidpose": Peer("vidpose_models.py", None, ("clip", "exports")),
} | {
    f"run {runtime} {precision}": Peer("whole_run.py", None, ("clip",), (runtime, precision))
    for runtime, precision in RUNS
}


class Worker:
    """A peer that runs; see benchmarks/peers/protocol.py."""

    def __init__(self, peer: Peer, environments: Path, clip: Path) -> None:
        python = sys.executable
        if peer.environment is not None:
            python = str(environments / peer.environment / "bin" / "python")
        files = {
            "clip": str(clip),
            "graph": str(environments / "vitpose-small.onnx"),
            "exports": str(environments / "exports"),
        }
        self._script = peer.script
        self._process = subprocess.Popen(
            [python, str(HERE / peer.script), *(files[need] for need in peer.needs), *peer.words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        self.offer = self._answer()

    def sample(self, variant: str, times: int) -> Sample:
        """Run a variant so many times."""
        assert self._process.stdin is not None
        print(
            json.dumps({"variant": variant, "times": times}), file=self._process.stdin, flush=True
        )
        answer = self._answer()
        return Sample(answer["cpu"], answer["wall"], answer["units"])

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"{self._script}: ended with exit code {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()


def main() -> None:
    """Measure, print, and write the figures."""
    asked = _arguments()
    with ExitStack() as stack:
        workers = {}
        for name in asked.workers.split(","):
            print(f"loading {name}", file=sys.stderr, flush=True)
            worker = Worker(PEERS[name], asked.environments, asked.clip)
            workers[name] = stack.enter_context(worker)
        here = machine(torch.device("cpu"))
        samplers: dict[tuple[str, str], Sampler] = {
            (name, variant): partial(worker.sample, variant)
            for name, worker in workers.items()
            for variant in worker.offer["variants"]
            if asked.only in variant or PEERS[name].environment is not None
        }
        print(f"timing {len(samplers)} variants", file=sys.stderr, flush=True)
        timings = interleaved(samplers, asked.repeat, LEAST_SECONDS)
        after = machine(torch.device("cpu")).load
        offers = {name: worker.offer for name, worker in workers.items()}
    versions = {name: offer["versions"] for name, offer in offers.items()}
    found = Found(timings, offers["vidpose"]["facts"] if "vidpose" in offers else {})
    print(f"{here.processor}, {here.cores} cores, {here.system}; load {here.load} to {after}")
    print("\n".join(f"{name}: {packages}" for name, packages in versions.items()))
    print(f"median of {asked.repeat}, CPU time, one thread\n")
    print(tables(found))
    print(verdicts(found))
    if asked.json is not None:
        record = {
            "machine": here.model_dump(),
            "load_after": after,
            "versions": versions,
            "facts": found.facts,
            "seconds": [
                {"worker": worker, "variant": variant, "samples": timing.seconds}
                | {"busy_per_wall": timing.busy_per_wall}
                for (worker, variant), timing in timings.items()
            ],
        }
        with staged(asked.json) as file:
            file.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("environments", type=Path, help="folder made by benchmarks/peers/Makefile")
    parser.add_argument("--workers", default=",".join(PEERS), help="comma-separated")
    parser.add_argument("--only", default="", help="vidpose's variants with this in their names")
    parser.add_argument("--clip", type=Path, default=EXAMPLE)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
