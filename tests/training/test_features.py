import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from torch import Tensor
from training_toys import SIDE, ToyBackbone, ToyClips, ToyConfig, ToyModel, toy_recipe

from vidpose.backbones.base import FeatureInfo, Features
from vidpose.datasets.collate import collate
from vidpose.datasets.flow import DISFlow
from vidpose.datasets.labels import VISIBLE, FrameLabels, PersonLabels, SequenceLabels
from vidpose.datasets.sampler import ClipIndex
from vidpose.errors import VidposeError
from vidpose.skeleton import JHMDB15, POSETRACK15
from vidpose.training.build import open_accelerator
from vidpose.training.config import Recipe
from vidpose.training.features import CachedClips, collate_cached, keep_features
from vidpose.training.loader import Clips, Collate
from vidpose.training.log import Record
from vidpose.training.loop import Trainer
from vidpose.training.stamp import Stamp, hash_labels, make_stamp

VIEWS = 2


def sequences(x: float = 3.0) -> list[SequenceLabels]:
    person = PersonLabels(
        7, np.full((15, 2), x), np.full(15, VISIBLE), np.array([0.0, 0.0, 9.0, 9.0])
    )
    return [SequenceLabels("a", POSETRACK15, (FrameLabels(0, "a/0.jpg", (person,), size=(9, 9)),))]


def recipe_for(folder: Path, **changes: Any) -> Recipe:
    return toy_recipe(
        freeze_backbone=True,
        cache={"folder": folder / "cache", "views": VIEWS, **changes.pop("cache", {})},
        epochs=3,
        **changes,
    )


def toy_model() -> ToyModel:
    torch.manual_seed(0)
    return ToyConfig(dropout=0.2).build()


def fill(
    folder: Path,
    clips: ToyClips | None = None,
    model: ToyModel | None = None,
    labels: Sequence[SequenceLabels] | None = None,
    seen: list[Record] | None = None,
    **changes: Any,
) -> CachedClips:
    recipe = recipe_for(folder, **changes)
    assert recipe.cache is not None
    model = model or toy_model()
    stamp: Stamp = make_stamp(recipe, recipe.cache, model, hash_labels(labels or sequences()))
    return keep_features(
        recipe.cache,
        stamp,
        clips or ToyClips(),
        collate,
        model,
        open_accelerator(recipe, "cpu"),
        seed=recipe.seed,
        batch_size=5,
        workers=0,
        listeners=[] if seen is None else [seen.append],
    )


def test_kept_samples_are_the_backbones_features_of_the_views(tmp_path: Path) -> None:
    kept, clips, model = fill(tmp_path), ToyClips(), toy_model()
    assert len(kept) == len(clips)
    for epoch, index in [(0, 0), (1, 11), (2, 3), (5, 4)]:
        sample = kept[ClipIndex(epoch, index)]
        truth = clips[ClipIndex(epoch % VIEWS, index)]
        with torch.no_grad():
            frames = torch.from_numpy(truth.frames).permute(0, 3, 1, 2)
            expected = model.backbone(frames).last.numpy()
        assert sample.levels[0].dtype == np.float16
        np.testing.assert_allclose(sample.levels[0], expected, rtol=1e-3, atol=1e-5)
        np.testing.assert_array_equal(sample.xy_norm, truth.xy_norm)
        np.testing.assert_array_equal(sample.labelled, truth.labelled)
        assert sample.name == truth.name


class LongClips(ToyClips):
    """Clips of seven frames, numbered by their joints; the first two show nobody."""

    def __getitem__(self, item: Any) -> Any:
        sample = super().__getitem__(item)
        numbers = np.arange(7)
        frames = np.repeat(sample.frames[:1], 7, 0)
        xy_norm = np.broadcast_to(numbers[:, None, None] / 10, (7, *sample.xy_norm.shape[1:]))
        return sample._replace(
            frames=frames,
            xy_norm=xy_norm.astype(np.float32),
            weight=np.ones((7, sample.weight.shape[1]), np.float32),
            labelled=(numbers > 1).astype(np.float32),
        )


def test_every_epoch_cuts_another_clip_out_of_a_stretch(tmp_path: Path) -> None:
    model = toy_model()
    stretch = {"frames": 3, "keys": 2}
    kept = fill(tmp_path, LongClips(), model, cache={"stretch": stretch})
    keys = set()
    for epoch in range(40):
        sample = kept[ClipIndex(epoch, 3)]
        numbers = np.rint(10 * sample.xy_norm[:, 0, 0]).astype(int)
        key = numbers[model.key]
        np.testing.assert_array_equal(numbers, key + np.array(model.offsets))
        assert len(sample.levels[0]) == len(model.offsets)
        again = kept[ClipIndex(epoch, 3)]
        np.testing.assert_array_equal(sample.xy_norm, again.xy_norm)
        keys.add(int(key))
    # From 1 to 5 by the stretch, but nobody is seen before frame 2.
    assert keys == {2, 3, 4, 5}


class ClipsAtAnEnd(LongClips):
    """The sequence ends in frame 4: the stretch repeats it, as clips do."""

    def __getitem__(self, item: Any) -> Any:
        sample = super().__getitem__(item)
        order = np.minimum(np.arange(7), 4)
        return sample._replace(
            xy_norm=sample.xy_norm[order],
            weight=sample.weight[order],
            labelled=np.ones(7, np.float32),
        )


def test_a_frame_that_a_stretch_repeats_is_no_key_frame(tmp_path: Path) -> None:
    model = toy_model()
    kept = fill(tmp_path, ClipsAtAnEnd(), model, cache={"stretch": {"frames": 3, "keys": 2}})
    clips = [np.rint(10 * kept[ClipIndex(epoch, 3)].xy_norm[:, 0, 0]) for epoch in range(40)]
    # With a key frame beyond the end, the frame before it would be the key frame itself.
    assert {int(numbers[model.key]) for numbers in clips} == {1, 2, 3, 4}
    for numbers in clips:
        expected = np.minimum(numbers[model.key] + np.array(model.offsets), 4)
        np.testing.assert_array_equal(numbers, expected)


def test_another_seed_cuts_other_clips(tmp_path: Path) -> None:
    stretch = {"frames": 3, "keys": 2}

    def keys(seed: int) -> list[float]:
        folder = tmp_path / str(seed)
        kept = fill(folder, LongClips(), toy_model(), cache={"stretch": stretch}, seed=seed)
        return [float(kept[ClipIndex(epoch, 3)].xy_norm[0, 0, 0]) for epoch in range(20)]

    assert keys(1) != keys(2)


def test_a_pace_spreads_the_offsets_by_a_whole_number_of_each_epoch(tmp_path: Path) -> None:
    model = toy_model()
    stretch = {"frames": 3, "keys": 1, "pace": 2}
    kept = fill(tmp_path, LongClips(), model, cache={"stretch": stretch})
    seen = set()
    for epoch in range(40):
        sample = kept[ClipIndex(epoch, 3)]
        numbers = np.rint(10 * sample.xy_norm[:, 0, 0]).astype(int)
        key = numbers[model.key]
        (pace,) = {*(numbers - key)[model.key + 1 :] // model.offsets[model.key + 1 :]}
        np.testing.assert_array_equal(numbers, key + pace * np.array(model.offsets))
        # The features are those of the same frames.
        whole = kept.kept(ClipIndex(epoch, 3))
        np.testing.assert_array_equal(sample.levels[0], whole.levels[0][numbers])
        np.testing.assert_array_equal(sample.labelled, whole.labelled[numbers])
        seen.add((int(key), int(pace)))
    assert seen == {(key, pace) for key in (2, 3, 4) for pace in (1, 2)}
    for view in (0, 1):
        of_all = kept.level(0, view)
        np.testing.assert_array_equal(of_all[3], kept.kept(ClipIndex(view, 3)).levels[0])


def test_a_pace_needs_a_longer_stretch(tmp_path: Path) -> None:
    stretch = {"frames": 3, "keys": 2, "pace": 2}
    with pytest.raises(VidposeError, match=r"at a pace of 2 with key frames up to 2 away need 4"):
        fill(tmp_path, cache={"stretch": stretch})
    with pytest.raises(VidposeError, match=r"cache\.stretch\.pace"):
        recipe_for(tmp_path, cache={"stretch": stretch | {"pace": 0}})


def test_a_stretch_that_is_too_short_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VidposeError, match=r"cache\.stretch\.frames is 2: offsets .* need"):
        fill(tmp_path, cache={"stretch": {"frames": 2, "keys": 2}})


@pytest.mark.parametrize("workers", [0, 1])
def test_training_on_kept_features_is_training_on_the_same_views(
    tmp_path: Path, workers: int
) -> None:
    kept = fill(tmp_path, ToyClips(views=VIEWS))
    models = []
    sources: list[tuple[str, Clips, Collate]] = [
        ("seen", ToyClips(views=VIEWS), collate),
        ("kept", kept, collate_cached),
    ]
    for name, clips, batches in sources:
        recipe = recipe_for(tmp_path, workers=workers)
        model = toy_model()
        accelerator = open_accelerator(recipe, "cpu")
        config = ToyConfig(dropout=0.2)
        trainer = Trainer(
            recipe, config, model, clips, batches, tmp_path / name, accelerator=accelerator
        )
        trainer.run()
        models.append(model)
    for a, b in zip(models[0].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=2e-3, rtol=0)


def test_a_full_cache_is_used_again_and_nothing_is_computed(tmp_path: Path) -> None:
    first = fill(tmp_path)[ClipIndex(1, 5)]
    seen: list[Record] = []
    again = fill(tmp_path, ToyClips(broken=5), seen=seen)[ClipIndex(1, 5)]
    assert seen == []
    np.testing.assert_array_equal(first.levels[0], again.levels[0])


def test_an_interrupted_fill_goes_on_where_it_was(tmp_path: Path) -> None:
    class Interrupting(ToyClips):
        def __getitem__(self, item: ClipIndex) -> Any:
            if item == ClipIndex(1, 2):
                raise KeyboardInterrupt
            return super().__getitem__(item)

    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path, Interrupting())
    seen: list[Record] = []
    resumed = fill(tmp_path, seen=seen)
    assert seen[-1] == {"event": "features", "done": 14, "of": 14}
    whole = fill(tmp_path / "whole")
    for view in range(VIEWS):
        for index in range(12):
            a, b = (clips[ClipIndex(view, index)] for clips in (resumed, whole))
            np.testing.assert_array_equal(a.levels[0], b.levels[0])
            assert a.name == b.name


def test_each_thing_that_features_depend_on_makes_them_stale(tmp_path: Path) -> None:
    fill(tmp_path)
    other = toy_model()
    with torch.no_grad():
        other.backbone.get_parameter("first.bias")[0] += 1
    moved, wider, taller, renamed, deeper, flowing = (toy_model() for _ in range(6))
    moved.offsets = (-2, 0, 2)
    wider.crop = replace(wider.crop, enlargement=1.5)
    taller.crop = replace(taller.crop, size=(2 * SIDE, SIDE))
    renamed.skeleton = JHMDB15
    deeper.backbone.info = (FeatureInfo(5, 2),)
    flowing.fields = {"flow": DISFlow(4)}
    sparse = {"train": [{"dataset": "toy", "split": "train"}], "every": 2}
    changes: list[tuple[str, dict[str, Any]]] = [
        ("backbone", {"model": other}),
        ("offsets", {"model": moved}),
        ("crop enlargement", {"model": wider}),
        ("crop size", {"model": taller}),
        ("skeleton", {"model": renamed}),
        ("channels", {"model": deeper}),
        ("fields", {"model": flowing}),
        ("data", {"labels": sequences(4.0)}),
        ("every", {"data": sparse}),
        ("seed", {"seed": 3}),
        ("augmentation", {"augmentation": {}}),
        ("precision", {"precision": "bf16"}),
        ("views", {"cache": {"views": 3}}),
    ]
    for name, change in changes:
        AcceleratorState._reset_state(True)
        with pytest.raises(VidposeError) as caught:
            fill(tmp_path, **change)
        message = str(caught.value)
        assert f"something else: {name} (" in message and str(tmp_path / "cache") in message


def test_too_large_a_cache_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    size = VIEWS * 12 * (3 * 4 * (SIDE // 2) ** 2 * 2 + 4 * 3 * (15 * 2 + 15 + 1) + 256)
    with pytest.raises(VidposeError, match=r"limit_gb is 1e-06: raise it"):
        fill(tmp_path, cache={"limit_gb": 1e-6})
    assert not (tmp_path / "cache").exists()
    with pytest.raises(VidposeError):
        fill(tmp_path, cache={"limit_gb": (size - 1) / 1e9})
    fill(tmp_path, cache={"limit_gb": size / 1e9})


def test_features_beyond_half_precision_are_refused(tmp_path: Path) -> None:
    model = toy_model()
    with torch.no_grad():
        model.backbone.get_parameter("second.bias")[:] = 1e6
    with pytest.raises(VidposeError, match=r"half precision.*toy/000000\.jpg#0"):
        fill(tmp_path, model=model)


class TwoLevels(ToyBackbone):
    """The second cannot be kept in half precision."""

    def forward(self, frames: Tensor) -> Features:
        level = super().forward(frames).last
        return Features((level, level + 1e6))


def test_clips_with_a_level_that_cannot_be_kept_are_not_done(tmp_path: Path) -> None:
    model = toy_model()
    model.backbone = TwoLevels()
    for _ in range(2):
        with pytest.raises(VidposeError, match=r"level-01 cannot.*toy/000000\.jpg#0"):
            fill(tmp_path, model=model)
        assert not np.load(tmp_path / "cache" / "done.npy").any()


def test_a_damaged_stamp_is_an_error(tmp_path: Path) -> None:
    fill(tmp_path)
    stamp = tmp_path / "cache" / "stamp.json"
    assert set(json.loads(stamp.read_text())) > {"backbone", "data", "seed"}
    stamp.write_text("{")
    with pytest.raises(VidposeError, match=r"stamp\.json"):
        fill(tmp_path)
