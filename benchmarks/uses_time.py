"""Does a temporal model use time? Against its own one-frame twin, where the key frame hides a limb.

    python benchmarks/uses_time.py KIND [key=value ...]

KIND is dsta, vremd or sdtc. Both models are the same network with the same data, budget and seed;
the twin's only frame is the key frame. Clips are generated: one plain figure in motion, and over
its key frame a patch that hides the two outer joints of one limb, in training and in testing; the
neighbours are as they are. Tested on clips of scenes that training never saw. The figure is
PCK@0.1: hidden joints within a tenth of the box's longer side, in percent.

The backbone is MoveNet Lightning with its heatmaps, frozen, as it ships: what is learnt is what the
model adds. Values that can be set: scenes (for training), test, views (augmented ones of every
clip), steps, batch, lr, seed, threads, and model.FIELD of the model's configuration.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import yaml
from jaxtyping import Float, UInt8

from plain_figures import FIRST_TEST_SEED, SIDE, keep, recipe_of, settings_of, shoot, train
from vidpose.datasets.augment import Augmentation
from vidpose.datasets.clips import ClipDataset, ClipSample
from vidpose.datasets.labels import FrameLabels, SequenceLabels
from vidpose.datasets.sampler import ClipIndex
from vidpose.geometry import CropGeometry
from vidpose.models.base import PoseModel
from vidpose.skeleton import BODY19, POSETRACK15, Skeleton
from vidpose.synth.cast import PlainWardrobe
from vidpose.synth.presets import CameraMix, FilmMix, Obstacles, Preset, Staging
from vidpose.synth.repertoire import Repertoire
from vidpose.synth.scene import sample_scene

NEIGHBOURS = (-2, -1, 0, 1, 2)
PRESET = Preset(
    size=(160, 160),
    frames=10,
    staging=Staging(people=(1, 1), crossing=0),
    camera=CameraMix(person_px=(90, 125), close_up=0),
    obstacles=Obstacles(count=(0, 0)),
    film=FilmMix(subframes=1),
)
SETTINGS = {
    "scenes": 300,
    "test": 64,
    "views": 2,
    "steps": 2000,
    "batch": 32,
    "lr": 2e-3,
    "seed": 0,
    "threads": 1,
}
CONFIGS: dict[str, dict[str, Any]] = {
    "dsta": {"jfd": "heatmaps"},
    "vremd": {"width": 64, "heads": 4},
    "sdtc": {"width": 64, "heads": 4},
}


def render(seed: int) -> SequenceLabels:
    """One scene with labels of its inner frames, whose neighbours all exist."""
    scene = sample_scene(seed, PRESET, PlainWardrobe(), Repertoire())
    shots = shoot(scene, range(scene.frames))
    labels = tuple(
        FrameLabels(i, f"{seed}/{i}.png", tuple(each.labels for each in seen), size=PRESET.size)
        for i, (_, _, seen) in enumerate(shots)
    )
    return SequenceLabels(str(seed), BODY19, labels, [shot[1] for shot in shots])


def limbs(skeleton: Skeleton) -> list[tuple[int, int]]:
    """The two outer joints of every limb."""
    outer = (("elbow", "wrist"), ("knee", "ankle"))
    return [
        (skeleton.index(f"{side}_{middle}"), skeleton.index(f"{side}_{end}"))
        for side in ("left", "right")
        for middle, end in outer
    ]


@dataclass
class HiddenLimb:
    """Clips whose key frame has a patch over one limb.

    Attributes:
        clips: Clips as they were rendered.
        key: Position of the key frame.
        seed: Of which limb, and of the patch.
    """

    clips: ClipDataset
    key: int
    seed: int

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, item: ClipIndex | int) -> ClipSample:
        sample, hidden = self.hide(item)
        del hidden
        return sample

    def hide(self, item: ClipIndex | int) -> tuple[ClipSample, tuple[int, int] | None]:
        """The sample, and which joints it hides: None if the key frame shows no whole limb."""
        sample = self.clips[item]
        epoch, position = item if isinstance(item, ClipIndex) else (0, item)
        rng = np.random.default_rng((self.seed, epoch, position))
        weight = sample.weight[self.key]
        whole = [limb for limb in limbs(POSETRACK15) if weight[list(limb)].all()]
        if not whole:
            return sample, None
        limb = whole[int(rng.integers(len(whole)))]
        frames = sample.frames.copy()
        patch(frames[self.key], sample.xy_norm[self.key, list(limb)] * SIDE, rng)
        return sample._replace(frames=frames), limb


def patch(
    image: UInt8[np.ndarray, "h w 3"], ends: Float[np.ndarray, "2 2"], rng: np.random.Generator
) -> None:
    """Cover the way between two joints, and around, with a mottled colour.

    Where the patch ends must not tell where the joints are: it reaches beyond each by up to a fifth
    of the crop, and lies up to a tenth to the side.
    """
    cover = np.zeros(image.shape[:2], np.uint8)
    along = ends[1] - ends[0]
    length = float(np.linalg.norm(along))
    along = along / length if length else np.array([1.0, 0.0])
    aside = rng.uniform(-0.1, 0.1) * SIDE * along[::-1] * (1, -1)
    beyond = rng.uniform(0, 0.2, (2, 1)) * SIDE * np.array([-along, along])
    (ax, ay), (bx, by) = np.rint(ends + beyond + aside).astype(int).tolist()
    width = int(rng.uniform(0.3, 0.4) * SIDE)
    cv2.line(cover, (ax, ay), (bx, by), 1, width)
    noise = rng.normal(rng.uniform(40, 215, 3), 15, (12, 12, 3)).clip(0, 255).astype(np.uint8)
    cloth = cv2.resize(noise, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    image[cover > 0] = cloth[cover > 0]


def clips_of(
    scenes: Sequence[SequenceLabels], offsets: tuple[int, ...], training: bool, seed: int
) -> HiddenLimb:
    """Training clips of all inner frames, augmented; or test clips, one a scene, as they are."""
    reach = max(NEIGHBOURS)
    inner = range(reach, PRESET.frames - reach) if training else [PRESET.frames // 2]
    kept = [
        SequenceLabels(
            scene.name,
            scene.skeleton,
            tuple(
                frame if i in inner else FrameLabels(i, frame.name, labelled=False, size=frame.size)
                for i, frame in enumerate(scene.frames)
            ),
            scene.images,
        )
        for scene in scenes
    ]
    augmentation = Augmentation(half_body=0, scale=(0.85, 1.2), rotation=20) if training else None
    data = ClipDataset(kept, CropGeometry((SIDE, SIDE)), offsets, POSETRACK15, augmentation, seed)
    return HiddenLimb(data, offsets.index(0), seed)


def train_on(
    kind: str, offsets: tuple[int, ...], scenes: Sequence[SequenceLabels], settings: dict[str, Any]
) -> PoseModel:
    """The model of this kind, trained on clips of the scenes."""
    clips = clips_of(scenes, offsets, True, settings["seed"])
    config = {"offsets": list(offsets), **CONFIGS[kind]}
    if kind == "vremd" and len(offsets) == 1:
        config["motion"] = None
    recipe = recipe_of(kind, config, settings, settings["seed"], len(clips))
    with tempfile.TemporaryDirectory() as folder:
        return train(recipe, keep(recipe, clips, settings["views"], Path(folder)))


@torch.inference_mode()
def hidden_pck(model: PoseModel, clips: HiddenLimb) -> tuple[float, float, int]:
    """PCK@0.1 of the hidden joints and of all others that are labelled, and how many are hidden."""
    hidden: list[bool] = []
    others: list[bool] = []
    box = SIDE / model.crop.enlargement  # the longer side of the box, in the crop
    for i in range(len(clips)):
        sample, limb = clips.hide(i)
        if limb is None:
            continue
        frames = torch.from_numpy(sample.frames).permute(0, 3, 1, 2)[None]
        xy = model(frames).xy_norm[0].numpy()
        error = np.linalg.norm((xy - sample.xy_norm[clips.key]) * SIDE, axis=-1)
        close = error <= 0.1 * box
        for joint in np.flatnonzero(sample.weight[clips.key]).tolist():
            (hidden if joint in limb else others).append(bool(close[joint]))
    return 100 * float(np.mean(hidden)), 100 * float(np.mean(others)), len(hidden)


def main(arguments: list[str]) -> None:
    """Train both, test both, print a row each."""
    if not arguments or arguments[0] not in CONFIGS:
        sys.exit(__doc__)
    kind, *changes = arguments
    of_model = [change for change in changes if change.startswith("model.")]
    for change in of_model:
        name, _, value = change.removeprefix("model.").partition("=")
        CONFIGS[kind][name] = yaml.safe_load(value)
    rest = [change for change in changes if change not in of_model]
    settings = settings_of(rest, SETTINGS, __doc__)
    torch.set_num_threads(settings["threads"])
    cv2.setNumThreads(1)
    start = time.process_time()
    scenes = [render(seed) for seed in range(settings["scenes"])]
    held_out = [render(FIRST_TEST_SEED + seed) for seed in range(settings["test"])]
    print(f"rendered {len(scenes)} + {len(held_out)} scenes in {time.process_time() - start:.0f} s")
    for offsets in (NEIGHBOURS, (0,)):
        start = time.process_time()
        model = train_on(kind, offsets, scenes, settings)
        took = time.process_time() - start
        hidden, others, count = hidden_pck(model, clips_of(held_out, offsets, False, 1))
        print(
            f"{kind} offsets {offsets}: PCK@0.1 {hidden:.1f} % of {count} hidden joints, "
            f"{others:.1f} % of the others; {took:.0f} s of CPU",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
