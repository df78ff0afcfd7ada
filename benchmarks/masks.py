"""Do VREMD's masks help against a person who walks through the border of the crop?

    python benchmarks/masks.py [key=value ...]

The rows of the paper's Table 5, both masks, one of them and none, learn from the same generated
clips with the same budget and seeds: plain figures, one or two a scene, who may pass each other.
Each is tested on clips that it never saw and that are rendered twice: somebody alone, and the same
with a second person who walks behind him through the border of the crop, so that nothing of the
first is hidden and the truth is the same. What is measured is how far the predicted joints move.

The backbone is MoveNet Lightning with its heatmaps, frozen, as it ships. Values that can be set:
scenes (for training), test, views (augmented ones of every clip), steps, batch, lr, seeds, threads,
and picture, a file for a picture of the masks.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8

from plain_figures import FIRST_TEST_SEED, SIDE, keep, recipe_of, settings_of, shoot, train
from vidpose.datasets.augment import Augmentation
from vidpose.datasets.clips import ClipDataset
from vidpose.datasets.labels import FrameLabels, SequenceLabels
from vidpose.features_view import overlay
from vidpose.geometry import Box, CropGeometry, crop
from vidpose.layers.tokens import TOKEN_STRIDE
from vidpose.models.base import PoseModel
from vidpose.skeleton import BODY19, POSETRACK15
from vidpose.synth.cast import PlainWardrobe
from vidpose.synth.motion import RATE
from vidpose.synth.paths import lay
from vidpose.synth.presets import CameraMix, FilmMix, MotionMix, Obstacles, Preset, Staging
from vidpose.synth.repertoire import Repertoire
from vidpose.synth.scene import Scene, sample_scene
from vidpose.training.config import Recipe

# Pixels of a crop in the picture of the masks.
CELL = 112
OFFSETS = (-1, 0, 1)
CROP = CropGeometry((SIDE, SIDE))
PRESET = Preset(
    size=(160, 160),
    frames=10,
    staging=Staging(people=(1, 2), crossing=0.5),
    camera=CameraMix(person_px=(80, 110), close_up=0),
    obstacles=Obstacles(count=(0, 0)),
    film=FilmMix(subframes=1),
)
KEY = PRESET.frames // 2
# Where the middle of the second person is, in parts of half the crop's width, and how many metres
# he is behind the first.
BORDER, BEHIND = (0.7, 0.95), (0.6, 1.2)
ROWS: dict[str, dict[str, bool]] = {
    "none": {"human_mask": False, "keypoint_mask": False},
    "human mask": {"keypoint_mask": False},
    "keypoint mask": {"human_mask": False},
    "both masks": {},
}
SETTINGS: dict[str, Any] = {
    "scenes": 150,
    "test": 200,
    "views": 2,
    "steps": 600,
    "batch": 32,
    "lr": 1e-3,
    "seeds": 2,
    "threads": 1,
    "picture": "",
}


class Pair(NamedTuple):
    """A clip without and with a second person; ``second`` is 1 where the key frame shows him."""

    alone: UInt8[np.ndarray, "frame h w 3"]
    joined: UInt8[np.ndarray, "frame h w 3"]
    xy_norm: Float[np.ndarray, "joint 2"]
    weight: Bool[np.ndarray, " joint"]
    second: UInt8[np.ndarray, "h w"]


def training_scene(seed: int) -> SequenceLabels:
    """A scene whose inner frames are labelled: all their neighbours exist."""
    scene = sample_scene(seed, PRESET, PlainWardrobe(), Repertoire())
    shots = shoot(scene, range(scene.frames))
    reach = OFFSETS[-1]
    labels = tuple(
        FrameLabels(i, f"{seed}/{i}.png", tuple(each.labels for each in seen), size=PRESET.size)
        for i, (_, _, seen) in enumerate(shots)
        if reach <= i < scene.frames - reach
    )
    return SequenceLabels(str(seed), BODY19, labels, [shot[1] for shot in shots])


def pair(seed: int) -> Pair | None:
    """A test clip; None if the scene does not show the person well enough to be labelled."""
    preset = PRESET.model_copy(update={"staging": Staging(people=(1, 1), crossing=0)})
    scene = sample_scene(seed, preset, PlainWardrobe(), Repertoire())
    frames = [KEY + offset for offset in OFFSETS]
    alone = shoot(scene, frames)
    if not (seen := alone[OFFSETS.index(0)][2]):
        return None
    labels = seen[0].labels
    assert labels.box is not None
    window = CROP.window(labels.box)
    joined = shoot(with_walker(scene, window), frames)
    affine = CROP.affine(window)
    names = [BODY19.index(joint) for joint in POSETRACK15.joints]
    xy = labels.keypoints[names] @ affine[:, :2].T + affine[:, 2]
    second = joined[OFFSETS.index(0)][0].owner == 2
    return Pair(
        cropped([shot[1] for shot in alone], affine),
        cropped([shot[1] for shot in joined], affine),
        xy / SIDE,
        labels.labelled[names] & ((xy >= 0) & (xy <= SIDE)).all(axis=1),
        cropped([np.repeat(second[..., None], 3, -1).astype(np.uint8)], affine)[0, ..., 0],
    )


def cropped(
    pictures: Sequence[np.ndarray], affine: Float[np.ndarray, "2 3"]
) -> UInt8[np.ndarray, "frame h w 3"]:
    """The crop of every picture."""
    out = np.empty((len(pictures), SIDE, SIDE, 3), np.uint8)
    for each, row in zip(pictures, out, strict=True):
        crop(each, affine, row)
    return out


def with_walker(scene: Scene, window: Box) -> Scene:
    """The scene with a second person who passes the border of the window in the key frame."""
    rng = np.random.default_rng((scene.seed, 1))
    (figure,) = PlainWardrobe().choose(rng, 1)
    seconds = (scene.frames + 1) / scene.fps
    motion = Repertoire().draw(rng, MotionMix(actions=("walk",)), seconds)
    now = (KEY + 1) / scene.fps
    (camera,) = scene.camera.at(np.array([now]))
    hips = scene.ways[0].at(np.array([now]), 0)[0].midhip
    away = hips[:2] - camera.position[:2]
    place = hips.copy()
    place[:2] += away / np.linalg.norm(away) * rng.uniform(*BEHIND)
    side = rng.choice([-1, 1]) * rng.uniform(*BORDER)
    middle, half = (window[0] + window[2]) / 2, (window[2] - window[0]) / 2
    xy, depth = camera.project(place)
    # The camera's x axis is level but for a little roll: along it depth stays the same.
    place += camera.rotation[0] * (middle + side * half - xy[0]) * float(depth) / camera.focal
    heading = float(rng.choice([-1, 1]) * np.pi / 2 + rng.normal(0, 0.2))
    way = lay(motion, figure, 0.0).placed(round(now * RATE), place[:2], heading)
    return replace(scene, cast=(*scene.cast, figure), ways=(*scene.ways, way))


def clips_of(scenes: Sequence[SequenceLabels], settings: dict[str, Any]) -> ClipDataset:
    """The training clips."""
    augmentation = Augmentation(half_body=0, scale=(0.85, 1.2), rotation=20)
    return ClipDataset(scenes, CROP, OFFSETS, POSETRACK15, augmentation, views=settings["views"])


def recipe_of_row(row: str, settings: dict[str, Any], seed: int, clips: int) -> Recipe:
    """The recipe of a row of Table 5, small."""
    config = {"offsets": list(OFFSETS), "width": 64, "heads": 4, **ROWS[row]}
    return recipe_of("vremd", config, settings, seed, clips)


class Measured(NamedTuple):
    """Of one model, the mean of every clip: distances in percent of the box, PCK@0.1 in percent."""

    moved: Float[np.ndarray, " clip"]
    jumped: Float[np.ndarray, " clip"]
    pck_alone: Float[np.ndarray, " clip"]
    pck_joined: Float[np.ndarray, " clip"]


@torch.inference_mode()
def measure(model: PoseModel, pairs: Sequence[Pair]) -> Measured:
    """How far the joints move when the second person comes, and how good they are."""
    rows = []
    for each in pairs:
        clips = torch.from_numpy(np.stack([each.alone, each.joined])).permute(0, 1, 4, 2, 3)
        # In parts of the longer side of the box, which the crop is an enlargement of.
        alone, joined = model(clips).xy_norm.numpy() * CROP.enlargement
        truth = each.xy_norm * CROP.enlargement
        moved, before, after = (
            np.linalg.norm(a - b, axis=-1)[each.weight]
            for a, b in ((alone, joined), (alone, truth), (joined, truth))
        )
        parts = (moved, moved > 0.1, before <= 0.1, after <= 0.1)
        rows.append([100 * float(part.mean()) for part in parts])
    return Measured(*np.array(rows).T)


def interval(values: Float[np.ndarray, " clip"]) -> tuple[float, float]:
    """95 % of the means of clips drawn anew."""
    rng = np.random.default_rng(0)
    means = values[rng.integers(len(values), size=(2000, len(values)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


@torch.inference_mode()
def masks_of(model: PoseModel, each: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Human and keypoint mask of the key frame, ``[2, y, x]``: alone, and not alone."""
    clips = torch.from_numpy(np.stack([each.alone, each.joined])).permute(0, 1, 4, 2, 3)
    _, seen = model.look(clips)
    key, tokens = OFFSETS.index(0), SIDE // TOKEN_STRIDE
    human = seen["human_mask.mask"].reshape(2, len(OFFSETS), tokens, tokens)
    keypoint = seen["keypoint_mask.mask"].reshape(2, len(OFFSETS), tokens, tokens)
    return human[:, key].numpy(), keypoint[:, key].numpy()


def attention(model: PoseModel, pairs: Sequence[Pair]) -> None:
    """Print what the masks say, on average, of the first person, the second and the rest."""
    tokens = SIDE // TOKEN_STRIDE
    rows = []
    for each in pairs:
        cells = each.second.reshape(tokens, TOKEN_STRIDE, tokens, TOKEN_STRIDE)
        second = cells.mean(axis=(1, 3)) > 0.2
        first = np.zeros_like(second)
        x, y = (each.xy_norm[each.weight] * tokens).astype(int).clip(0, tokens - 1).T
        first[y, x] = True
        first &= ~second
        if second.any() and first.any():
            rows.append(
                [
                    (mask[1][first].mean(), mask[1][second].mean(), mask[0][second].mean(),
                     mask[1][~first & ~second].mean())
                    for mask in masks_of(model, each)
                ]
            )  # fmt: skip
    for name, means in zip(("human", "keypoint"), np.mean(rows, axis=0), strict=True):
        print(
            "{} mask: first person {:.3g}, second {:.3g} ({:.3g} at his place without him), "
            "elsewhere {:.3g}".format(name, *means)
        )


def picture(model: PoseModel, pairs: Sequence[Pair], file: str) -> None:
    """The key frame of a pair a row; beside each crop its human mask and its keypoint mask."""
    rows = []
    for each in pairs:
        masks = masks_of(model, each)
        row = []
        for n, clip in enumerate((each.alone, each.joined)):
            image = clip[OFFSETS.index(0)]
            row.append(cv2.resize(image, (CELL, CELL), interpolation=cv2.INTER_CUBIC))
            for mask in masks:
                large = overlay(image, mask[n], float(mask.min()), float(mask.max()))
                row.append(cv2.resize(large, (CELL, CELL), interpolation=cv2.INTER_AREA))
        rows.append(np.hstack(row))
    cv2.imwrite(file, np.vstack(rows)[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])


def main(arguments: list[str]) -> None:
    """Train every row with every seed, test, print a table."""
    settings = settings_of(arguments, SETTINGS, __doc__)
    torch.set_num_threads(settings["threads"])
    cv2.setNumThreads(1)
    start = time.process_time()
    scenes = [training_scene(seed) for seed in range(settings["scenes"])]
    found = [pair(FIRST_TEST_SEED + seed) for seed in range(settings["test"])]
    pairs = [each for each in found if each is not None and each.weight.any()]
    filled = 100 * np.mean([each.second for each in pairs])
    print(f"{len(pairs)} test clips; the second person fills {filled:.1f} % of the crop")
    print(f"rendered in {time.process_time() - start:.0f} s", flush=True)
    measured: dict[str, list[Measured]] = {row: [] for row in ROWS}
    with tempfile.TemporaryDirectory() as folder:
        # The same for every row.
        recipe = recipe_of_row("none", settings, 0, len(scenes))
        features = keep(recipe, clips_of(scenes, settings), settings["views"], Path(folder))
        print(f"{len(features)} clips kept, {time.process_time() - start:.0f} s", flush=True)
        for seed in range(settings["seeds"]):
            for row in ROWS:
                start = time.process_time()
                model = train(recipe_of_row(row, settings, seed, len(features)), features)
                result = measure(model, pairs)
                measured[row].append(result)
                print(
                    f"{row}, seed {seed}: moved {result.moved.mean():.2f} %, jumped "
                    f"{result.jumped.mean():.1f} %, PCK {result.pck_alone.mean():.1f} -> "
                    f"{result.pck_joined.mean():.1f}; {time.process_time() - start:.0f} s of CPU",
                    flush=True,
                )
                if row != "both masks":
                    continue
                attention(model, pairs)
                if seed == 0 and settings["picture"]:
                    widest = sorted(pairs, key=lambda each: -each.second.mean())
                    picture(
                        model, widest[len(widest) // 8 :: len(widest) // 8][:3], settings["picture"]
                    )
    report(measured)


def report(measured: dict[str, list[Measured]]) -> None:
    """The means of the seeds, and by how much each row moves more than the one without masks."""
    means = {
        row: Measured(*(np.mean(values, axis=0) for values in zip(*runs, strict=True)))
        for row, runs in measured.items()
    }
    print("| masks | moved | beside none | moved beyond 0.1 | PCK@0.1 alone | with the second |")
    print("|---|---|---|---|---|---|")
    for row, mean in means.items():
        more = mean.moved - means["none"].moved
        low, high = interval(more)
        print(
            f"| {row} | {mean.moved.mean():.2f} % | {more.mean():+.2f} ({low:+.2f} to {high:+.2f}) "
            f"| {mean.jumped.mean():.1f} % | {mean.pck_alone.mean():.1f} "
            f"| {mean.pck_joined.mean():.1f} |"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
