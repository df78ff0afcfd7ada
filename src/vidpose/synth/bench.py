"""A fixed test set of rendered people in slices, each hard in one way (docs/synth-bench.md).

Frozen: a change of what the scenes show, here or in any module that makes them, needs a new
`VERSION`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vidpose.datasets.labels import SequenceLabels
from vidpose.errors import VidposeError
from vidpose.skeleton import POSETRACK15
from vidpose.synth import gpu
from vidpose.synth.disk import Job, Written, write_all
from vidpose.synth.outfits import Split
from vidpose.synth.presets import MotionMix, Preset, find_preset
from vidpose.synth.studio import open_studio

VERSION = 1
FRAMES = 12
# All slices have one seed: where they ask for the same, the same people do the same in each.
SEED = 4
SPLIT: Split = "val"
# The backgrounds: pictures of COCO train2017 and val2017 without people, by their numbers.
BACKGROUNDS = (
    22192, 78499, 107438, 159269, 194322, 237517, 275791, 353072, 379349, 432430, 516916, 557172,
)  # fmt: skip
_UPRIGHT = (
    "lunge", "twist", "reach_forward", "read", "swing", "kick_side", "jump_star", "spin",
)  # fmt: skip
_FAST = ("swing", "kick_side", "jump_star", "spin")
_FOLDED = ("tie_shoe", "sit_crossed", "crouch", "lie_side", "lie_front")
_GOING = ("sneak",)
# Where Mesa tells the dispatcher of OpenGL about itself.
_MESA = Path("/usr/share/glvnd/egl_vendor.d/50_mesa.json")


@dataclass(frozen=True)
class Slice:
    """One part of the test set.

    Attributes:
        sequences: How many scenes.
        actions: What people perform, all of it held out from training.
        captured: Part of the time in which they do captured motion instead.
    """

    sequences: int
    actions: tuple[str, ...] = _UPRIGHT
    captured: float = 0.5


# By the name of the preset that says what is hard.
SLICES: Mapping[str, Slice] = {
    "clean": Slice(22),
    "motion-blur": Slice(22, _FAST, captured=0.1),
    "defocus": Slice(22),
    "self-occlusion": Slice(22, _FOLDED, captured=0),
    "occlusion-by-people": Slice(16, _GOING, captured=0.7),
    "occluders": Slice(24),
    "truncated": Slice(24),
    "low-resolution": Slice(16),
    "fast-motion": Slice(22, _FAST, captured=0.1),
    "moving-background": Slice(22),
    "crowd": Slice(8),
}
# `fingerprint` of each slice, as all of it was measured.
FROZEN: Mapping[str, str] = {
    "clean": "621f72797af6",
    "motion-blur": "8e31ac7a0249",
    "defocus": "ddc4b1526059",
    "self-occlusion": "f62999967172",
    "occlusion-by-people": "f3a8bbf4948c",
    "occluders": "0cf3ced85316",
    "truncated": "022aadebfb02",
    "low-resolution": "194aad4c0224",
    "fast-motion": "c800874070b4",
    "moving-background": "b49340798ed4",
    "crowd": "948a740f4385",
}


def preset(name: str) -> Preset:
    """What the scenes of a slice look like."""
    kind, part = find_preset(name), SLICES[name]
    motion = MotionMix(
        captured=part.captured,
        performed=1 - part.captured,
        mixed=0,
        actions=part.actions,
        pace=kind.motion.pace,
        bend=kind.motion.bend,
    )
    return Preset(**(dict(kind) | {"frames": FRAMES, "motion": motion}))


@dataclass(frozen=True)
class BenchJob(Job):
    """One slice on the disk.

    Attributes:
        part: Its name.
    """

    part: str = "clean"

    def name(self, number: int) -> str:
        """Of a sequence; its first six digits, of which ids are made, are its own in the set."""
        return f"{1000 * list(SLICES).index(self.part) + number:06d}_synth-{self.part}"


def job(name: str, out: Path, kit: Path, backgrounds: Path) -> BenchJob:
    """How a slice is written; see `write_bench`."""
    return BenchJob(
        out, preset(name), SLICES[name].sequences, SEED, SPLIT,
        kit=kit, backgrounds=backgrounds, part=name,
    )  # fmt: skip


def write_bench(
    out: Path, kit: Path, backgrounds: Path, workers: int = 1, overwrite: bool = False
) -> Generator[tuple[str, Written]]:
    """Renders the test set in software and yields each sequence with its slice, as `disk.write`.

    Args:
        out: Folder of the dataset.
        kit: People and clothes.
        backgrounds: Folder of pictures; if it has more than `BACKGROUNDS`, its ``index.json`` says
            which are of the split ``val``.
        workers: Processes that render.
        overwrite: Replace sequences of the same names.

    Raises:
        VidposeError: Other backgrounds, no software renderer, or what `disk.write` raises.
    """
    _check_backgrounds(backgrounds)
    render_in_software()
    jobs = [job(name, out, kit, backgrounds) for name in SLICES]
    names = [name for name, part in SLICES.items() for _ in range(part.sequences)]
    with closing(write_all(jobs, workers, overwrite)) as results:
        yield from zip(names, results, strict=True)


def fingerprint(sequences: Iterable[SequenceLabels]) -> str:
    """12 hexadecimal digits of who is where: track ids, joints and head boxes to 0.01 pixel.

    Boxes, and which joints are seen, are left out: they hang on single pixels of the renderer,
    which another version of it may round in another way.
    """
    digest = hashlib.sha256()
    for sequence in sorted(sequences, key=lambda each: each.name):
        digest.update(sequence.name.encode())
        for frame in sequence.in_skeleton(POSETRACK15).frames:
            for person in frame.people:
                head = np.zeros(4) if person.head_box is None else person.head_box
                numbers = np.concatenate([person.keypoints.ravel(), head])
                hundredths = np.rint(100 * numbers).astype("<i8")
                digest.update(np.array([frame.index, person.track_id], "<i8").tobytes())
                digest.update(hundredths.tobytes())
    return digest.hexdigest()[:12]


def render_in_software() -> None:
    """Makes this process and those that it starts draw with Mesa's llvmpipe.

    Raises:
        VidposeError: Something else draws: it is missing, or a GPU was in use before.
    """
    os.environ["LIBGL_ALWAYS_SOFTWARE"] = "1"
    if _MESA.is_file():
        os.environ["__EGL_VENDOR_LIBRARY_FILENAMES"] = str(_MESA)
    device = gpu.context()[0].info["GL_RENDERER"]
    if "llvmpipe" not in device:
        raise VidposeError(
            f"the test set is rendered in software and this would draw: {device}; "
            "apt-get install libegl1 libgl1-mesa-dri"
        )


def _check_backgrounds(folder: Path) -> None:
    found = [path.stem for path in open_studio(preset("clean"), SPLIT, None, folder).pictures]
    wanted = [f"{number:012d}" for number in BACKGROUNDS]
    if found != wanted:
        odd = sorted(set(found) ^ set(wanted))
        raise VidposeError(
            f"{folder}: the test set has {len(wanted)} backgrounds of its own, COCO's {wanted[0]} "
            f"to {wanted[-1]}; here are {len(found)}, and {odd[0]} is on one side only"
        )
