"""Equations 6-13 against versions that loop over channels and pixels."""

import math

import pytest
import torch
from torch import Tensor, nn

from vidpose.models.sdtc.collaboration import (
    SMCA,
    SMML,
    AdaptiveFusion,
    FrameAggregation,
    SelfRefinement,
)

WIDTH, ROWS, COLUMNS = 4, 3, 2
PIXELS = [(y, x) for y in range(ROWS) for x in range(COLUMNS)]


def randomised(module: nn.Module) -> nn.Module:
    """In evaluation mode, with parameters and statistics that no initialisation makes harmless."""
    torch.manual_seed(0)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.4)
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            assert layer.running_mean is not None and layer.running_var is not None
            nn.init.normal_(layer.running_mean)
            nn.init.uniform_(layer.running_var, 0.5, 2.0)
    return module.double().eval().requires_grad_(False)


def maps(seed: int, batch: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, WIDTH, ROWS, COLUMNS)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def softmax(values: list[float]) -> list[float]:
    exponentials = [math.exp(value) for value in values]
    return [value / sum(exponentials) for value in exponentials]


def pointwise(conv: nn.Conv2d, vector: Tensor) -> Tensor:
    """A 1x1 convolution at one pixel."""
    assert conv.bias is not None
    return conv.weight[:, :, 0, 0] @ vector + conv.bias


def test_frames_are_aggregated_pixel_by_pixel() -> None:
    aggregation = randomised(FrameAggregation(WIDTH, 3, (ROWS, COLUMNS)))
    assert isinstance(aggregation, FrameAggregation)
    torch.manual_seed(1)
    clip = torch.randn(2, 3, ROWS * COLUMNS, WIDTH, dtype=torch.float64)
    aggregated = aggregation(clip)
    for b in range(2):
        for n, (y, x) in enumerate(PIXELS):
            side_by_side = torch.cat([clip[b, frame, n] for frame in range(3)])
            expected = pointwise(aggregation.conv, side_by_side)
            torch.testing.assert_close(aggregated[b, :, y, x], expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("shortcut", [False, True])
def test_refinement_is_equations_6_to_8(shortcut: bool) -> None:
    refine = randomised(SelfRefinement(WIDTH, shortcut=shortcut))
    assert isinstance(refine, SelfRefinement)
    feature = maps(1)
    channels = range(WIDTH)
    regions = {p: softmax([float(feature[0, c, *p]) for c in channels]) for p in PIXELS}
    context = [
        [sum(float(feature[0, c, *p]) * regions[p][k] for p in PIXELS) for k in channels]
        for c in channels
    ]
    for p in PIXELS:
        relation = softmax(
            [sum(float(feature[0, c, *p]) * context[c][k] for c in channels) for k in channels]
        )
        refined = [sum(relation[k] * context[c][k] for k in channels) for c in channels]
        expected = pointwise(refine.conv, torch.tensor(refined, dtype=torch.float64))
        if shortcut:
            expected = expected + feature[0, :, *p]
        torch.testing.assert_close(refine(feature)[0, :, *p], expected, atol=1e-5, rtol=0)


def test_context_maps_say_of_each_pixel_which_channel_it_belongs_to() -> None:
    refine = SelfRefinement(WIDTH)
    seen: list[Tensor] = []
    refine.context_maps.register_forward_hook(lambda module, inputs, output: seen.append(output))
    refine(maps(1).float())
    torch.testing.assert_close(seen[0].sum(1), torch.ones(1, ROWS, COLUMNS))


def test_cross_attention_is_equation_9() -> None:
    smca = randomised(SMCA(WIDTH))
    assert isinstance(smca, SMCA)
    source, guidance = maps(1), maps(2)
    mixed = torch.zeros_like(source)
    for p in PIXELS:
        query = pointwise(smca.query, source[0, :, *p])
        weights = softmax(
            [
                float(query @ pointwise(smca.key, guidance[0, :, *other])) / math.sqrt(WIDTH)
                for other in PIXELS
            ]
        )
        for weight, other in zip(weights, PIXELS, strict=True):
            mixed[0, :, *p] += weight * pointwise(smca.value, guidance[0, :, *other])
    expected = smca.transform(source + mixed)
    torch.testing.assert_close(smca(source, guidance), expected, atol=1e-5, rtol=0)
    assert [type(layer) for layer in smca.transform] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]


def test_adaptive_fusion_is_equations_11_to_13() -> None:
    fusion = randomised(AdaptiveFusion(WIDTH))
    assert isinstance(fusion, AdaptiveFusion)
    spatial, motion = maps(1), maps(2)
    together = fusion.together(torch.cat([spatial, motion], 1))
    fused = fusion(spatial, motion)
    for p in PIXELS:
        a_s, a_m = (
            1 / (1 + math.exp(-float(score)))
            for score in pointwise(fusion.weights, together[0, :, *p])
        )
        of_spatial = pointwise(fusion.spatial, spatial[0, :, *p])
        of_motion = pointwise(fusion.motion, motion[0, :, *p])
        expected = a_s * of_spatial + a_m * of_motion
        torch.testing.assert_close(fused[0, :, *p], expected, atol=1e-5, rtol=0)


def test_both_features_update_each_other_from_what_they_were() -> None:
    smml = randomised(SMML(WIDTH, "propagation"))
    assert isinstance(smml, SMML)
    assert smml.refine_spatial and smml.refine_motion and smml.to_spatial and smml.to_motion
    spatial, motion = smml.refine_spatial(maps(1)), smml.refine_motion(maps(2))
    expected = smml.to_spatial(spatial, motion) + smml.to_motion(motion, spatial)
    torch.testing.assert_close(smml(maps(1), maps(2)), expected)


def test_the_whole_fuses_adaptively_what_was_propagated() -> None:
    smml = randomised(SMML(WIDTH, "adaptive"))
    assert isinstance(smml, SMML)
    assert smml.refine_spatial and smml.refine_motion and smml.to_spatial and smml.to_motion
    spatial, motion = smml.refine_spatial(maps(1)), smml.refine_motion(maps(2))
    expected = smml.fuse(smml.to_spatial(spatial, motion), smml.to_motion(motion, spatial))
    torch.testing.assert_close(smml(maps(1), maps(2)), expected)


def test_ablations_do_only_what_they_say() -> None:
    spatial, motion = maps(1), maps(2)
    torch.testing.assert_close(SMML(WIDTH, "add")(spatial, motion), spatial + motion)
    convolved = randomised(SMML(WIDTH, "convolution"))
    conv = convolved.get_submodule("fuse.conv")
    torch.testing.assert_close(convolved(spatial, motion), conv(torch.cat([spatial, motion], 1)))
    refined = randomised(SMML(WIDTH, "refinement"))
    assert isinstance(refined, SMML) and refined.refine_spatial and refined.refine_motion
    expected = refined.refine_spatial(spatial) + refined.refine_motion(motion)
    torch.testing.assert_close(refined(spatial, motion), expected)
