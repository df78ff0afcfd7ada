"""Heatmaps to start from: those of the backbone, where it has the joint."""

import pytest
import torch

from vidpose.backbones.registry import build
from vidpose.errors import VidposeError
from vidpose.heads.heatmap import HeatmapCodec
from vidpose.heads.known import KnownHeatmaps
from vidpose.models.registry import KINDS
from vidpose.skeleton import COCO17, POSETRACK15
from vidpose.training.build import build_model
from vidpose.training.recipe import read_recipe

SIZE = (64, 32)
CODEC = HeatmapCodec((16, 8), 1.0, "middle")


def test_it_begins_with_the_maps_of_the_same_joint_and_nothing_for_others() -> None:
    backbone = build("movenet-lightning-heatmaps").eval()
    known = KnownHeatmaps.of(backbone, POSETRACK15, SIZE, CODEC)
    with torch.inference_mode():
        level = backbone(torch.randint(0, 256, (2, 3, *SIZE), dtype=torch.uint8)).last
        maps = known(level)
    for row, joint in enumerate(POSETRACK15.joints):
        if joint in COCO17.joints:
            same = level[:, 24 + COCO17.index(joint)]
            torch.testing.assert_close(maps[:, row], same, atol=0, rtol=0)
        else:
            assert not maps[:, row].any()
    assert {"head_top", "head_bottom"} == set(POSETRACK15.joints) - set(COCO17.joints)


def test_a_backbone_without_heatmaps_is_refused() -> None:
    with pytest.raises(ValueError, match="need a backbone that gives some"):
        KnownHeatmaps.of(build("movenet-lightning"), COCO17, SIZE, CODEC)


def test_heatmaps_of_another_size_are_refused() -> None:
    finer = HeatmapCodec((32, 16), 1.0, "middle")
    with pytest.raises(ValueError, match=r"\(16, 8\) cells, the head's \(32, 16\)"):
        KnownHeatmaps.of(build("movenet-lightning-heatmaps"), COCO17, SIZE, finer)


def test_heatmaps_of_another_convention_are_refused() -> None:
    shifted = HeatmapCodec((16, 8), 1.0, "dark")
    with pytest.raises(ValueError, match="follow the convention 'middle', the head's 'dark'"):
        KnownHeatmaps.of(build("movenet-lightning-heatmaps"), COCO17, SIZE, shifted)


@pytest.mark.parametrize("recipe", ["vremd", "sdtc"])
def test_a_recipe_that_asks_for_what_there_is_not_fails_with_one_line(recipe: str) -> None:
    changes = ["model.config.known=true", "model.config.backbone=resnet18"]
    with pytest.raises(VidposeError, match="need a backbone that gives some"):
        build_model(read_recipe(recipe, None, changes))


@pytest.mark.parametrize("kind", ["vremd", "sdtc"])
def test_models_start_from_the_backbones_own_answer(kind: str) -> None:
    torch.manual_seed(0)
    config = read_recipe(f"{kind}-movenet", "one-frame").model.config
    model = KINDS[kind].model_validate({**config, "size": (64, 64)}).build().eval()
    frames = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    with torch.inference_mode():
        own = model.backbone(frames).last[:, 24:]
        heatmaps = model(frames[:, None]).heatmaps
    assert heatmaps is not None
    for row, joint in enumerate(model.skeleton.joints):
        if joint in COCO17.joints:
            same = own[:, COCO17.index(joint)]
            torch.testing.assert_close(heatmaps[:, row], same, atol=0.05, rtol=0)
