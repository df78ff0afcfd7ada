"""The papers' ablations, small: every row trained alike on a frozen MoveNet, judged on synth-bench.

    python benchmarks/ablations.py OUT BENCH DATA... [--recipes vremd sdtc] [--rows NAME ...]
        [--seeds 0 1 2] [--slices | --costs]

DATA are folders of training clips in PoseTrack's layout, as `train_movenet.py` makes them, and
BENCH is one of `vidpose synth-bench`. The rows are those for which a recipe has a published figure
and another model than the recipe's own, its one-frame twin, and a few of no paper. With one seed
all see the same features of Thunder at 128 x 128, heatmaps included, which OUT keeps (two rows at
64 x 64 theirs), with the same augmentation and batches, and all rows of a system have one budget;
the models are as the papers have them but for their width. OUT also keeps the checkpoint and the
answers of every row by name, so that a run can be continued or printed again: delete what was
trained by another recipe.

For each row: the mean AP of PoseTrack's 15 joints and of the limbs on synth-bench with true boxes,
means over the seeds with each seed's in brackets, and the difference of the first to the paper's
full model with a 95 % interval over sequences (not over seeds), beside the paper's own difference.
`--slices` prints instead the limb mAP of each system with one, three and five frames in every
slice, with real, repeated and others' neighbours; `--costs` what these models take: parameters
behind the backbone, multiply-accumulates and CPU time of one thread in torch, a whole clip for
every answer and a stream's newest frame.
"""

import argparse
import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float

from ablation_rows import COMPARED, FULL, Row, name_of, recipe_of, rows_of
from one_footing import (
    Answers,
    Matched,
    Neighbours,
    answers,
    gain,
    kept,
    matched,
    precision,
    redrawn,
)
from one_footing import report as by_slice_report
from vidpose.bench.steps import steps
from vidpose.bench.timing import interleaved, on_cpu
from vidpose.bench.variants import cost as cost_of
from vidpose.convert import convert
from vidpose.datasets import registry as datasets
from vidpose.datasets.clips import ClipDataset
from vidpose.evaluation.result import limb_mean, mean_of_numbers
from vidpose.geometry import CropGeometry
from vidpose.models import registry as models
from vidpose.models.base import PoseModel
from vidpose.models.cost import Cost, measure
from vidpose.models.registry import KINDS
from vidpose.skeleton import POSETRACK15
from vidpose.training.build import build_model, build_trainer
from vidpose.training.config import Recipe

REPEAT = 7


def trained(recipe: Recipe, folder: Path) -> PoseModel:
    """The model of a recipe."""
    trainer = build_trainer(
        recipe, folder, device="cpu", listeners=[lambda record: print(record, flush=True)]
    )
    trainer.run(resume=trainer.state.path.exists())
    return trainer.result.eval()


class Bench:
    """synth-bench, and the backbone's features of it.

    Args:
        folder: Of the bench.
        out: Where the features are kept.
        model: Any of those that are judged, with the same crops.
    """

    def __init__(self, folder: Path, out: Path, model: PoseModel) -> None:
        self.sequences = datasets.read("posetrack18", folder, "val")
        self.model = model
        self._features = out / f"bench-features-{name_of(model.crop)}"

    @cached_property
    def _levels(self) -> np.ndarray:
        return kept(self.sequences, self.model, self._features)

    def answers(self, model: PoseModel, neighbours: Neighbours = "real") -> Answers:
        """A model's poses: from the features, or from the pictures where it needs them."""
        if model.fields:
            return self.from_pictures(model)
        return answers(model, self._levels, neighbours)

    def matched(self, poses: Answers) -> Matched:
        """Poses paired with the truth."""
        return matched(self.sequences, self.model, poses)

    @torch.inference_mode()
    def from_pictures(self, model: PoseModel) -> Answers:
        """A model's poses of the same crops."""
        clips = ClipDataset(self.sequences, model.crop, model.offsets, model.skeleton)
        outputs = [
            model(torch.from_numpy(clips[i].frames).permute(0, 3, 1, 2)[None])
            for i in range(len(clips))
        ]
        xy, scores = ([getattr(o, name) for o in outputs] for name in ("xy_norm", "score"))
        return torch.cat(xy).numpy(), torch.cat(scores).numpy()

    @cached_property
    def thunder(self) -> Matched:
        """The published network's own poses of crops of this size."""
        model = published_network(self.model.crop)
        return self.matched(convert(*self.from_pictures(model), model.skeleton, POSETRACK15))


def folder_of(row: Row, options: argparse.Namespace, seed: int) -> Path:
    """Where a row's checkpoint and answers are."""
    folder: Path = options.out / "rows" / f"{row.recipe}-{row.name}-{seed}"
    return folder


def benches_of(rows: Sequence[Row], options: argparse.Namespace) -> dict[CropGeometry, Bench]:
    """A bench for every size of crops."""
    return {
        row.crop: Bench(
            options.bench,
            options.out,
            build_model(recipe_of(row, options.out, options.data, 0)),
        )
        for row in {row.crop: row for row in rows}.values()
    }


def answers_of(row: Row, bench: Bench, options: argparse.Namespace, seed: int) -> Answers:
    """A row's poses on the bench, as they are kept or after training."""
    folder = folder_of(row, options, seed)
    if not (folder / "answers.npz").exists():
        start = time.process_time()
        recipe = recipe_of(row, options.out, options.data, seed)
        xy, scores = bench.answers(trained(recipe, folder))
        np.savez(folder / "answers.npz", xy=xy, scores=scores)
        print(f"{folder.name}: {(time.process_time() - start) / 60:.1f} minutes", flush=True)
    with np.load(folder / "answers.npz") as found:
        return found["xy"], found["scores"]


Judged = tuple[Float[np.ndarray, " joint"], Float[np.ndarray, "resample joint"]]


def judged(found: Matched) -> Judged:
    """The AP of each joint, and that of sequences drawn again."""
    frames = [each for _, each in found]
    return precision(frames), redrawn(frames)


def report(name: str, options: argparse.Namespace) -> None:
    """A table in Markdown: the backbone's own answer, the full model, and the rows of a recipe."""
    first, *others = rows_of(name)
    rows = [first, *(row for row in others if not options.rows or row.name in options.rows)]
    benches = benches_of(rows, options)
    full: Judged | None = None
    print("| row | table | paper | - full | mean AP | limbs | - full (95 %) | parameters | MACs |")
    print("|---" * 9 + "|")
    for row in rows:
        bench = benches[row.crop]
        poses = [answers_of(row, bench, options, seed) for seed in options.seeds]
        found = [judged(bench.matched(each)) for each in poses]
        full = full or mean(found)
        if row is first or bench is not benches[first.crop]:
            own = figures([judged(bench.thunder)], full)
            print(f"| Thunder, {name_of(row.crop)} | | | | {own} | | |")
        with torch.device("meta"):
            cost = measure(KINDS[row.kind].model_validate(row.config).build().eval())
        paper, less = "", ""
        if row.paper is not None and first.paper is not None:
            paper, less = f"{row.paper:.1f}", f"{row.paper - first.paper:+.1f}"
        print(
            f"| {row.name} | {row.table} | {paper} | {less} | {figures(found, full)} "
            f"| {parameters(cost)} | {(cost.clip - cost.frames * cost.backbone) / 1e6:.1f} M |",
            flush=True,
        )


def mean(found: Sequence[Judged]) -> Judged:
    """Over the seeds."""
    precision, resampled = zip(*found, strict=True)
    return np.mean(precision, 0), np.mean(resampled, 0)


def figures(found: Sequence[Judged], full: Judged) -> str:
    """Cells of the table, of one row's seeds."""
    less, resampled = (
        mean_of_numbers(mine) - mean_of_numbers(base)
        for mine, base in zip(mean(found), full, strict=True)
    )
    here = [
        with_seeds([float(average(precision)) for precision, _ in found])
        for average in (mean_of_numbers, limb_mean)
    ]
    return " | ".join([*here, gain(float(less), resampled)])


def with_seeds(found: Sequence[float]) -> str:
    """Their mean; each in brackets where there are several."""
    each = f" ({', '.join(f'{one:.1f}' for one in found)})" if len(found) > 1 else ""
    return f"{np.mean(found):.1f}{each}"


def compared(name: str, options: argparse.Namespace) -> dict[str, PoseModel]:
    """A system with one, three and five frames, as trained."""
    rows = {row.name: row for row in rows_of(name)}
    folders = {row: folder_of(rows[row], options, options.seeds[0]) for row in COMPARED[name]}
    return {row: models.load(folder / "last.safetensors") for row, folder in folders.items()}


def costs(options: argparse.Namespace) -> None:
    """A table in Markdown of what the compared models and the published network take."""
    systems = [model for name in options.recipes for model in compared(name, options).values()]
    found = {"Thunder": published_network(systems[0].crop)}
    found |= {f"{type(model).__name__}, {len(model.offsets)}": model for model in systems}
    samplers = {
        (name, step): on_cpu(call)
        for name, model in found.items()
        for step, call in steps(model.eval()).items()
        if step in ("clip", "stream")
    }
    with torch.inference_mode():
        timings = interleaved(samplers, REPEAT)
    print("| model, frames | parameters | MACs, clip | stream | ms, clip | stream |")
    print("|---" * 6 + "|")
    for name, model in found.items():
        cost = cost_of(model)
        ms = [f"{1e3 * timings[name, step].median:.1f}" for step in ("clip", "stream")]
        work = [f"{each / 1e6:.0f} M" for each in (cost.clip, cost.stream)]
        print("|", " | ".join([name, parameters(cost), *work, *ms]), "|")


def parameters(cost: Cost) -> str:
    """Those in use behind the backbone."""
    return f"{(cost.parameters - cost.backbone_parameters - cost.training_only) / 1e3:.0f} k"


def published_network(crop: CropGeometry) -> PoseModel:
    """Thunder on crops of another size."""
    model = models.load("movenet-thunder")
    model.crop = crop
    return model


def compare(name: str, options: argparse.Namespace) -> None:
    """Tables of `one_footing` of a system with more and fewer frames, beside its one-frame twin."""
    (bench,) = benches_of(rows_of(name)[:1], options).values()
    found = {"Thunder": bench.thunder}
    for frames, model in compared(name, options).items():
        kinds: tuple[Neighbours, ...] = ("real", "repeated", "others")
        for kind in kinds if len(model.offsets) > 1 else kinds[:1]:
            found[f"{frames}, {kind}"] = bench.matched(bench.answers(model, kind))
    by_slice_report(found, [f"{COMPARED[name][0]}, real"])


def main() -> None:
    """Train what is not there yet, then print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("bench", type=Path)
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--recipes", nargs="+", choices=FULL, default=list(FULL))
    parser.add_argument("--rows", nargs="+")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--slices", action="store_true")
    parser.add_argument("--costs", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if options.costs:
        costs(options)
        return
    for name in options.recipes:
        (compare if options.slices else report)(name, options)


if __name__ == "__main__":
    main()
