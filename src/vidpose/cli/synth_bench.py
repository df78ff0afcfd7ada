"""`vidpose synth-bench`: the fixed test set of rendered people."""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from contextlib import closing
from pathlib import Path

from vidpose.cli.numbers import Count
from vidpose.exit_codes import INTERRUPTED


def synth_bench(
    out: Path,
    *,
    kit: Path,
    backgrounds: Path,
    workers: Count | None = None,
    overwrite: bool = False,
) -> int:
    """Render synth-bench: a fixed test set in slices, each hard in one way.

    Writes the layout of PoseTrack2018 and says whether the labels are those that were frozen; the
    exit code is 1 if some are not. Then: vidpose predict posetrack18 OUT --boxes gt -o answers;
    vidpose evaluate answers --gt OUT/annotations/val, which reports each slice.

    Args:
        out: Folder of the dataset.
        kit: Folder of people and clothes (docs/synth.md).
        backgrounds: Folder with the test set's pictures (docs/synth-bench.md).
        workers: Processes that render; one a core if not given.
        overwrite: Replace sequences of the same names.
    """
    from vidpose.cli.progress import Progress
    from vidpose.synth.bench import FRAMES, FROZEN, SLICES, VERSION, fingerprint, write_bench

    parts = defaultdict(list)
    total = FRAMES * sum(part.sequences for part in SLICES.values())
    with Progress("synth-bench", total) as progress:
        try:
            workers = workers or os.cpu_count() or 1
            with closing(write_bench(out, kit, backgrounds, workers, overwrite)) as results:
                for name, written in results:
                    parts[name].append(written.labels)
                    for frame in written.labels.frames:
                        progress.advance(len(frame.people))
        except KeyboardInterrupt:
            print(f"vidpose: stopped; {out} is incomplete", file=sys.stderr)
            return INTERRUPTED
    frozen = True
    for name, sequences in parts.items():
        people = sum(len(frame.people) for each in sequences for frame in each.frames)
        found = fingerprint(sequences)
        same = found == FROZEN[name]
        frozen = frozen and same
        verdict = "as frozen" if same else f"NOT the frozen labels, {FROZEN[name]}"
        print(f"{name:20} {len(sequences):3} sequences {people:4} people  {found} {verdict}")
    print(f"synth-bench {VERSION}, {progress.summary}: {out}")
    return 0 if frozen else 1
