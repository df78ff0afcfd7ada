import os
from collections.abc import Iterator

import numpy as np
import pytest
from jaxtyping import UInt8
from pydantic import ValidationError
from torch.utils.data import DataLoader

from vidpose.datasets.augment import Augmentation
from vidpose.datasets.clips import ClipSample
from vidpose.datasets.joined import JoinedClips
from vidpose.datasets.sampler import ClipIndex, ClipSampler
from vidpose.errors import VidposeError
from vidpose.geometry import CropGeometry
from vidpose.models.heatmap import HeatmapConfig
from vidpose.skeleton import COCO17, POSETRACK15, Skeleton
from vidpose.synth import gpu
from vidpose.synth.config import SynthConfig
from vidpose.synth.dataset import SynthClips
from vidpose.synth.shoot import Shoot
from vidpose.training.build import build_clips
from vidpose.training.config import Recipe

CROP = CropGeometry((128, 96))
AUGMENTATION = Augmentation(rotation=30, scale=(0.8, 1.2))


@pytest.fixture(autouse=True)
def drawing() -> Iterator[None]:
    try:
        gpu.context()
    except VidposeError as error:
        pytest.skip(str(error))
    yield


def clips(
    count: int = 6, seed: int = 0, skeleton: Skeleton = POSETRACK15, preset: str = "clean"
) -> SynthClips:
    config = SynthConfig(preset=preset, clips=count, figures=3)
    return SynthClips(config, "train", CROP, (-1, 0, 1), skeleton, AUGMENTATION, seed)


def same(a: ClipSample, b: ClipSample) -> bool:
    arrays = zip(a[:4], b[:4], strict=True)
    return a.name == b.name and all(np.array_equal(x, y) for x, y in arrays)


def test_a_sample_depends_on_seed_epoch_and_index_alone() -> None:
    one = clips()[ClipIndex(1, 4)]
    other = clips()
    other[2], other[ClipIndex(2, 4)]
    assert same(other[ClipIndex(1, 4)], one)
    assert not same(other[ClipIndex(0, 4)], one)
    assert not same(clips(seed=1)[ClipIndex(1, 4)], one)
    assert one.frames.shape == (3, 128, 96, 3)


def test_workers_draw_with_contexts_of_their_own_and_give_the_same() -> None:
    sampler = ClipSampler(2, 1, 0)
    here = [clips()[index] for (index,) in sampler]
    loader = DataLoader(
        clips(2),
        batch_sampler=sampler,
        num_workers=2,
        collate_fn=list,
        multiprocessing_context="spawn",
    )
    assert all(same(a, b) for (a,), b in zip(loader, here, strict=True))


def test_a_fork_of_a_process_that_draws_is_told_instead_of_waiting_forever() -> None:
    if (child := os.fork()) == 0:
        try:
            gpu.context()
        except VidposeError:
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_joints_are_on_the_person_after_augmentation(monkeypatch: pytest.MonkeyPatch) -> None:
    def silhouettes(self: Shoot, index: int) -> UInt8[np.ndarray, "h w 3"]:
        """Each person in a grey of their own."""
        owner = self._renderer.surfaces(self.scene.moments(index)[0])[1]
        grey = (80 * np.maximum(owner, 0)).astype(np.uint8)
        return np.dstack([grey, grey, grey])

    monkeypatch.setattr(Shoot, "__getitem__", silhouettes)
    shown = []
    for sample in map(clips(12, skeleton=COCO17).__getitem__, range(12)):
        grey = 80 * (1 + int(sample.name.partition("#")[2]))
        for frame, xy, weight in zip(sample.frames, sample.xy_norm, sample.weight, strict=True):
            x, y = (xy[weight > 0] * (96, 128)).round().astype(int).T
            person = abs(frame[y.clip(0, 127), x.clip(0, 95), 0].astype(int) - grey) < 30
            shown.append(person.mean())
    # Others stand in front now and then, and noses stick out.
    assert np.mean(shown) > 0.93


def test_a_skeleton_with_joints_that_nobody_rendered_leaves_them_out() -> None:
    strange = Skeleton("strange", ("nose", "tail"), (), (0.1, 0.1))
    sample = next(s for s in map(clips(skeleton=strange).__getitem__, range(6)) if s.weight.any())
    assert (sample.weight[:, 1] == 0).all()


def test_where_nobody_is_seen_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shoot, "seen", lambda self, index: ())
    with pytest.raises(VidposeError, match="nobody was seen"):
        clips()[0]


def test_sets_are_joined_one_after_the_other() -> None:
    first, second = clips(2), clips(3, seed=7)
    joined = JoinedClips([first, second])
    assert len(joined) == 5
    assert same(joined[ClipIndex(1, 1)], first[ClipIndex(1, 1)])
    assert same(joined[ClipIndex(1, 4)], second[ClipIndex(1, 2)])
    with pytest.raises(IndexError):
        joined[5]


def recipe(train: object, **others: object) -> Recipe:
    return Recipe.model_validate(
        {
            "model": {"kind": "heatmap-single"},
            "data": {"train": train, **others},
            "optimizer": {"lr": 0.1},
            "epochs": 1,
            "batch_size": 1,
        }
    )


def test_sets_of_one_recipe_share_no_chance() -> None:
    scenes = {"dataset": "synth", "split": "train", "synth": {"clips": 2, "figures": 2}}
    model = HeatmapConfig(backbone="resnet18", size=(64, 64), deconvolutions=(16,)).build()
    joined = build_clips(recipe([scenes, scenes]), model, [])
    assert len(joined) == 4
    assert same(joined[ClipIndex(1, 1)], joined[ClipIndex(1, 1)])
    assert not same(joined[ClipIndex(1, 1)], joined[ClipIndex(1, 3)])


def test_a_recipe_asks_for_scenes_and_is_told_what_is_wrong() -> None:
    synth = {"dataset": "synth", "split": "train", "synth": {"preset": "crowd", "clips": 5}}
    (split,) = recipe([synth]).data.train
    assert split.scenes == SynthConfig(preset="crowd", clips=5)
    assert recipe([{"dataset": "synth", "split": "val"}]).data.train[0].scenes == SynthConfig()
    for wrong, words in (
        (synth | {"synth": {"preset": "nix"}}, "no preset"),
        (synth | {"synth": {"clips": 0}}, "greater"),
        (synth | {"split": "test"}, "no split"),
        (synth | {"dataset": "coco"}, "belongs"),
    ):
        with pytest.raises(ValidationError, match=words):
            recipe([wrong])
    with pytest.raises(ValidationError, match="validation needs files"):
        recipe([synth], validation=[synth])
