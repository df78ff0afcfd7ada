"""Models on one backbone side by side on synth-bench, and what time gives each of them.

    python benchmarks/one_footing.py BENCH FEATURES NAME=CHECKPOINT ...

BENCH is a folder of `vidpose synth-bench`. All models have the same frozen backbone and crop: its
features of every clip are kept in FEATURES and reused. The first model is the one that the others
are compared with, and should be the one-frame twin. For every slice: limb mAP with true boxes, raw
and smoothed in both ways of `vidpose run`; the difference to the first model, and to the first
model smoothed by Savitzky-Golay, with a 95 % interval over sequences, drawn alike for both; and for
temporal models the same weights with the key frame repeated in place of its neighbours, and with
neighbours out of another clip. The first row is the backbone's own answer.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float

from vidpose import refine
from vidpose.backbones.base import Features
from vidpose.convert import convert
from vidpose.datasets import registry as datasets
from vidpose.datasets.clips import ClipDataset
from vidpose.datasets.collate import collate
from vidpose.datasets.labels import VISIBLE, FrameLabels, PersonLabels, SequenceLabels
from vidpose.datasets.subjects import subjects
from vidpose.evaluation.average_precision import PredictedJoints, curves
from vidpose.evaluation.bootstrap import interval, resampled_sequences
from vidpose.evaluation.frames import Protocol, frame_pairs
from vidpose.evaluation.matching import MatchedFrame, match
from vidpose.evaluation.result import limb_mean
from vidpose.evaluation.slices import by_slice
from vidpose.geometry import crop_to_image
from vidpose.heads.heatmap import HeatmapCodec
from vidpose.models import registry
from vidpose.models.base import PoseModel
from vidpose.poses import FramePoses, Person
from vidpose.skeleton import COCO17, POSETRACK15
from vidpose.training.build import open_accelerator
from vidpose.training.config import CacheConfig, Recipe, Stretch
from vidpose.training.features import keep_features
from vidpose.training.recipe import check_recipe
from vidpose.training.stamp import hash_labels, make_stamp

RATE = 25  # frames a second of synth-bench
REACH = 4  # frames on either side for which features are kept
RESAMPLES = 1000
BATCH = 64
# A sequence is a dozen frames of at most a few people: so many clips on there is another one.
_ELSEWHERE = 97
JOINTS = len(POSETRACK15)

Neighbours = Literal["real", "repeated", "others"]
Answers = tuple[Float[np.ndarray, "clip joint 2"], Float[np.ndarray, "clip joint"]]
Matched = list[tuple[str, list[MatchedFrame]]]


def kept(sequences: Sequence[SequenceLabels], model: PoseModel, folder: Path) -> np.ndarray:
    """The backbone's features of all people, key frame and `REACH` frames around.

    Returns:
        ``[clip, 2 REACH + 1, ...]``, the one level of the features.
    """
    cache = CacheConfig(folder=folder, stretch=Stretch(frames=REACH, keys=0))
    recipe = recipe_of(cache)
    offsets = tuple(range(-REACH, REACH + 1))
    clips = ClipDataset(sequences, model.crop, offsets, model.skeleton)
    stamp = make_stamp(recipe, cache, model, hash_labels(sequences))
    features = keep_features(
        cache, stamp, clips, collate, model, open_accelerator(recipe, "cpu"),
        seed=recipe.seed, batch_size=4, workers=0,
        listeners=[lambda record: print(record, file=sys.stderr)],
    )  # fmt: skip
    return features.level(0)


def recipe_of(cache: CacheConfig) -> Recipe:
    """What the keeper of features asks a recipe for."""
    return check_recipe(
        {
            "model": {"kind": "dsta"},
            "data": {"train": [{"dataset": "posetrack18", "split": "val"}]},
            "optimizer": {"lr": 1e-3},
            "epochs": 1,
            "batch_size": 1,
            "freeze_backbone": True,
            "cache": cache.model_dump(mode="json"),
        },
        "one_footing",
    )


@torch.inference_mode()
def answers(model: PoseModel, levels: np.ndarray, neighbours: Neighbours = "real") -> Answers:
    """The poses of all clips.

    Args:
        model: Of the backbone that gave the features.
        levels: Of `kept`.
        neighbours: Whose frames are around the key frame.
    """
    offsets = np.array(model.offsets) if neighbours != "repeated" else 0 * np.array(model.offsets)
    found = []

    def seen(clips: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(levels[clips[:, None], REACH + offsets]).float()

    for start in range(0, len(levels), BATCH):
        clips = np.arange(start, min(start + BATCH, len(levels)))
        frames = seen(clips)
        if neighbours == "others":
            key_frame = frames[:, model.key]
            frames = seen((clips + _ELSEWHERE) % len(levels))
            frames[:, model.key] = key_frame
        of_frames = model.embed(Features((frames.flatten(0, 1),)))
        levels_of_clips = (level.unflatten(0, frames.shape[:2]) for level in of_frames.levels)
        output = model.aggregate(Features(tuple(levels_of_clips)))
        found.append((output.xy_norm.numpy(), output.score.numpy()))
    xy, scores = zip(*found, strict=True)
    return np.concatenate(xy), np.concatenate(scores)


def matched(
    sequences: Sequence[SequenceLabels],
    model: PoseModel,
    poses: Answers,
    *,
    smoothing: refine.Smoothing = "off",
) -> Matched:
    """Answers paired with the truth; their order is that of `subjects`."""
    rows = iter(zip(*poses, strict=True))
    result = []
    for sequence in sequences:
        truth = sequence.in_skeleton(model.skeleton)
        people: dict[int, list[PersonLabels]] = {}
        for subject in subjects(truth):
            xy, scores = next(rows)
            affine = model.crop.affine(model.crop.window(subject.box))
            people.setdefault(subject.index, []).append(
                PersonLabels(
                    subject.person.track_id,
                    crop_to_image(xy * model.crop.size[::-1], affine).astype(np.float64),
                    np.full(len(xy), VISIBLE),
                    subject.box,
                    keypoint_scores=scores.astype(np.float64),
                )
            )
        frames = tuple(
            FrameLabels(f.index, f.name, tuple(people.get(f.index, ())), size=f.size)
            for f in truth.frames
        )
        if smoothing != "off":
            frames = smooth(frames, refine.REACH[smoothing])
        answered = SequenceLabels(truth.name, model.skeleton, frames)
        both = (truth.in_skeleton(POSETRACK15), answered.in_skeleton(POSETRACK15))
        result.append((truth.name, [match(p) for p in frame_pairs(*both, Protocol.POSETRACK18)]))
    return result


def smooth(frames: tuple[FrameLabels, ...], reach: float | None) -> tuple[FrameLabels, ...]:
    """The same people smoothed as `vidpose run --smooth` does."""
    numbers = {id_: n for n, id_ in enumerate({p.track_id for f in frames for p in f.people})}
    poses = [
        FramePoses(
            index=frame.index,
            pts=frame.index / RATE,
            people=tuple(
                Person(
                    id=numbers[person.track_id],
                    score=1.0,
                    box=person.box,
                    keypoints=person.keypoints.astype(np.float32),
                    keypoint_scores=person.keypoint_scores,
                )
                for person in frame.people
            ),
        )
        for frame in frames
    ]
    return tuple(
        replace(
            frame,
            people=tuple(
                replace(person, keypoints=found.keypoints.astype(np.float64))
                for person, found in zip(frame.people, after.people, strict=True)
            ),
        )
        for frame, after in zip(frames, refine.smoothed(poses, reach=reach), strict=True)
    )


def own_answer(model: PoseModel, levels: np.ndarray) -> Answers:
    """What the backbone itself says of the key frame: its joints, or the peaks of its heatmaps."""
    answered = model.backbone.heatmaps
    if answered is None:
        key = levels[:, REACH].astype(np.float32)
        return convert(key[..., :2] + 0.5, key[..., 2], COCO17, model.skeleton)
    codec = HeatmapCodec(levels.shape[-2:], sigma=2.0, decoder="quarter")
    decoded = []
    for clip in levels:
        maps = torch.from_numpy(clip[REACH, -len(answered) :].astype(np.float32))
        decoded.append(codec.decode(maps))
    xy, scores = (torch.stack(each).numpy() for each in zip(*decoded, strict=True))
    return convert(xy, scores, answered, model.skeleton)


def precision(frames: Sequence[Sequence[MatchedFrame]]) -> Float[np.ndarray, " joint"]:
    """The AP of each joint, percent."""
    flat = [each for sequence in frames for each in sequence]
    found = [curve.average_precision for curve in curves(PredictedJoints.collect(flat, JOINTS))]
    return 100 * np.array(found)


def redrawn(frames: Sequence[Sequence[MatchedFrame]]) -> Float[np.ndarray, "resample joint"]:
    """The AP of each joint in sequences drawn again, alike for whatever was answered; percent."""
    return 100 * resampled_sequences(frames, JOINTS, RESAMPLES)


def gain(difference: float, resampled: Float[np.ndarray, " resample"]) -> str:
    """A difference with its 95 % interval."""
    low, high = interval(resampled)
    return f"{difference:+.1f} ({low:+.1f} to {high:+.1f})"


def main(bench: Path, features: Path, checkpoints: list[str]) -> None:
    """Keep features, answer, match, print."""
    torch.set_num_threads(1)
    models = {
        name: registry.load(path) for name, _, path in (c.partition("=") for c in checkpoints)
    }
    first = next(iter(models.values()))
    sequences = datasets.read("posetrack18", bench, "val")
    levels = kept(sequences, first, features)
    rows: dict[str, Matched] = {"backbone": matched(sequences, first, own_answer(first, levels))}
    for name, model in models.items():
        rows[name] = matched(sequences, model, found := answers(model, levels))
        for how in refine.REACH:
            rows[f"{name}, {how}"] = matched(sequences, model, found, smoothing=how)
        if len(model.offsets) > 1:
            for kind in ("repeated", "others"):
                poses = answers(model, levels, kind)
                rows[f"{name}, {kind}"] = matched(sequences, model, poses)
    first_name = next(iter(models))
    report(rows, (first_name, f"{first_name}, savgol"))


def report(rows: dict[str, Matched], bases: Sequence[str]) -> None:
    """A table in Markdown: limb mAP, and the difference to each of ``bases``."""
    parts = {name: {**by_slice(row), "all": [f for _, f in row]} for name, row in rows.items()}
    print("| limb mAP |", " | ".join(next(iter(parts.values()))), "|")
    print("|---" * (len(next(iter(parts.values()))) + 1) + "|")
    limbs = {name: limb_maps(part) for name, part in parts.items()}
    for name, part in limbs.items():
        print(f"| {name} |", " | ".join(f"{value:.1f}" for value, _ in part.values()), "|")
    for base, (name, part) in product(bases, limbs.items()):
        if name == base:
            continue
        cells = [
            gain(value - limbs[base][slice_][0], resampled - limbs[base][slice_][1])
            for slice_, (value, resampled) in part.items()
        ]
        print(f"| {name} - {base} |", " | ".join(cells), "|")


def limb_maps(
    part: dict[str, list[list[MatchedFrame]]],
) -> dict[str, tuple[float, Float[np.ndarray, " resample"]]]:
    """The mean AP of elbows, wrists, knees and ankles by slice, and that of sequences redrawn."""
    return {
        name: (float(limb_mean(precision(frames))), limb_mean(redrawn(frames)))
        for name, frames in part.items()
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bench", type=Path)
    parser.add_argument("features", type=Path)
    parser.add_argument("checkpoints", nargs="+", metavar="NAME=CHECKPOINT")
    arguments = parser.parse_args()
    main(arguments.bench, arguments.features, arguments.checkpoints)
