"""How much the answers of models tremble on unlabelled clips, and whether they come late.

    python benchmarks/jitter.py CLIP ... --models NAME_OR_CHECKPOINT ...

A model followed by "+savgol" or "+gentle" is smoothed as `vidpose run --smooth` does. The
acceleration is the mean over all joints with a score above 0.3 in three successive frames, of all
clips together, in thousandths of the longer side of the person's box per (1/30 s)^2; the lag is
that to the first model, in frames, over the clips from the least to the greatest. All models see
the boxes of the default detector.
"""

import argparse
import functools

import numpy as np

import vidpose
from vidpose.evaluation.jitter import accelerations, lag
from vidpose.refine import REACH, smooth


def main(clips: list[str], models: list[str]) -> None:
    """Print one row a model."""
    print(f"{'model':40}{'joints':>10}{'acceleration':>14}{'ratio':>8}  lag")
    reference: list[vidpose.Poses] = []
    first = 0.0
    for model in models:
        results = [answers(clip, model) for clip in clips]
        every = [each for poses in results for each in accelerations(poses).values()]
        figures = np.concatenate([np.zeros(0), *every])
        mean = figures.mean() if len(figures) else float("nan")
        reference = reference or results
        first = first or mean
        lags = {lag(a, b) for a, b in zip(reference, results, strict=True)} - {None}
        print(
            f"{model:40}{len(figures):10}{1000 * mean:14.3f}{mean / first:8.3f}  {span(lags)}",
            flush=True,
        )


def answers(clip: str, model: str) -> vidpose.Poses:
    """What a model, smoothed or not, says about a clip."""
    name, _, smoothing = model.rpartition("+")
    if smoothing not in REACH:
        return estimated(clip, model)
    return smooth(estimated(clip, name), reach=REACH[smoothing])


@functools.cache
def estimated(clip: str, model: str) -> vidpose.Poses:
    """`vidpose.estimate`, once for a model and its smoothed rows."""
    return vidpose.estimate(clip, model=model)


def span(lags: set[int | None]) -> str:
    """Least and greatest of some lags, in words."""
    known = [each for each in lags if each is not None]
    if not known:
        return "-"
    low, high = min(known), max(known)
    return str(low) if low == high else f"{low} to {high}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", nargs="+")
    parser.add_argument("--models", nargs="+", required=True)
    arguments = parser.parse_args()
    main(arguments.clips, arguments.models)
