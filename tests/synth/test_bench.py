import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vidpose.datasets.labels import VISIBLE, FrameLabels, PersonLabels, SequenceLabels
from vidpose.errors import VidposeError
from vidpose.evaluation.slices import slice_of
from vidpose.skeleton import BODY19, POSETRACK15
from vidpose.synth import bench, gpu
from vidpose.synth.disk import scene_seed
from vidpose.synth.presets import HELD_OUT_ACTIONS, PRESETS
from vidpose.synth.shoot import Shoot
from vidpose.synth.studio import open_studio

# The first sequence of each slice alone, of version 1.
FIRST = {
    "clean": "13d8feea5cc1",
    "motion-blur": "8e376e0d9a39",
    "defocus": "10b1eb2c467f",
    "self-occlusion": "e6c3c76dc40a",
    "occlusion-by-people": "19e86d939338",
    "occluders": "e2205c0425c8",
    "truncated": "0cd28b96df13",
    "low-resolution": "2943feb97dce",
    "fast-motion": "ca9b37f72b77",
    "moving-background": "6deae6408678",
    "crowd": "668be948809e",
}

LOOKS = "2753c53dd8e9"


@pytest.fixture
def shared() -> Path:
    if "VIDPOSE_SHARED" not in os.environ:
        pytest.skip("VIDPOSE_SHARED is not set: no kit")
    return Path(os.environ["VIDPOSE_SHARED"]) / "data"


@pytest.fixture
def drawing() -> None:
    try:
        gpu.context()
    except VidposeError as error:
        pytest.skip(str(error))


def labelled(
    joints: np.ndarray, track: int = 0, name: str = "000000_synth-clean"
) -> SequenceLabels:
    person = PersonLabels(
        track, joints, np.full(15, VISIBLE), np.array([0.0, 0, 9, 9]), np.array([1.0, 2, 3, 4])
    )
    return SequenceLabels(name, POSETRACK15, (FrameLabels(0, "0.jpg", (person,)),))


def pictures(folder: Path, numbers: Sequence[int], index: object = None) -> Path:
    for number in numbers:
        (folder / f"{number:012d}.jpg").write_bytes(b"")
    if index is not None:
        (folder / "index.json").write_text(json.dumps(index))
    return folder


def test_nobody_does_in_a_preset_what_is_held_out_nor_anything_else_in_the_test_set() -> None:
    held_out = set(HELD_OUT_ACTIONS)
    for preset in PRESETS.values():
        assert held_out.isdisjoint(preset.motion.actions)
    used = {action for name in bench.SLICES for action in bench.preset(name).motion.actions}
    assert used == held_out
    # Arms of other actions would come with captured motion.
    assert all(bench.preset(name).motion.mixed == 0 for name in bench.SLICES)


def test_every_slice_is_a_preset_and_has_a_frozen_fingerprint() -> None:
    assert set(bench.SLICES) == set(PRESETS) - {"default"} == set(bench.FROZEN)


def test_what_is_hard_in_each_slice_is_frozen_too() -> None:
    """A new setting of presets may change this digest without a new version, new values may not."""
    presets = "".join(bench.preset(name).model_dump_json() for name in bench.SLICES)
    assert hashlib.sha256(presets.encode()).hexdigest()[:12] == LOOKS


def test_names_tell_the_slice_and_no_two_begin_alike(tmp_path: Path) -> None:
    beginnings = []
    for name, part in bench.SLICES.items():
        job = bench.job(name, tmp_path, tmp_path, tmp_path)
        for number in range(part.sequences):
            assert slice_of(job.name(number)) == name
            beginnings.append(job.name(number)[:6])
    assert len(set(beginnings)) == len(beginnings)
    assert all(each.isdigit() for each in beginnings)


def test_a_fingerprint_is_of_people_and_not_of_the_last_digit_or_the_order_of_files() -> None:
    joints = np.random.default_rng(0).uniform(0, 300, (15, 2)).round(2)
    one, other = labelled(joints), labelled(joints + 1, name="000001_synth-clean")
    same = bench.fingerprint([one, other])
    assert bench.fingerprint([other, one]) == same
    assert bench.fingerprint([labelled(joints + 1e-9), other]) == same
    person = one.frames[0].people[0]
    unseen = replace(person, visibility=np.ones(15, int), box=np.array([0.0, 0, 5, 5]))
    frame = replace(one.frames[0], people=(unseen,))
    assert bench.fingerprint([replace(one, frames=(frame,)), other]) == same
    moved = joints.copy()
    moved[3, 1] += 0.02
    for changed in (labelled(moved), labelled(joints, track=1), replace(one, frames=())):
        assert bench.fingerprint([changed, other]) != same


def test_the_backgrounds_are_those_of_the_set_alone_or_as_the_val_split_of_more(
    tmp_path: Path,
) -> None:
    pictures(tmp_path, bench.BACKGROUNDS)
    bench._check_backgrounds(tmp_path)
    pictures(tmp_path, [7])
    with pytest.raises(VidposeError, match="here are 13, and 000000000007 is on one side only"):
        bench._check_backgrounds(tmp_path)
    index = [{"file": "000000000007.jpg", "split": "train"}]
    bench._check_backgrounds(pictures(tmp_path, [], index))
    (tmp_path / "000000022192.jpg").unlink()
    with pytest.raises(VidposeError, match="here are 11, and 000000022192 is on one side only"):
        bench._check_backgrounds(tmp_path)


def test_another_renderer_than_mesas_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LIBGL_ALWAYS_SOFTWARE", "__EGL_VENDOR_LIBRARY_FILENAMES"):
        monkeypatch.setenv(name, "")  # what the function sets is taken back after the test

    class Device:
        info = {"GL_RENDERER": "Some GPU"}  # noqa: RUF012

    monkeypatch.setattr(gpu, "context", lambda: (Device(), None))
    with pytest.raises(VidposeError, match="this would draw: Some GPU"):
        bench.render_in_software()


@pytest.mark.usefixtures("drawing")
@pytest.mark.parametrize(
    "name",
    [
        each if each in ("clean", "crowd") else pytest.param(each, marks=pytest.mark.slow)
        for each in bench.SLICES
    ],
)
def test_the_labels_are_those_that_were_frozen(name: str, shared: Path, tmp_path: Path) -> None:
    job = bench.job(name, tmp_path, shared / "synth_kit", shared / "backgrounds")
    studio = open_studio(job.preset, job.split, job.kit, job.backgrounds)
    with Shoot(studio.scene(scene_seed(job, 0)), job.split, job.name(0)) as shoot:
        frames = tuple(shoot.labels(index) for index in range(len(shoot)))
    assert bench.fingerprint([SequenceLabels(shoot.name, BODY19, frames)]) == FIRST[name]
