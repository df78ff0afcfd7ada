"""Each equation of the aggregation against a version that loops over joints and frames."""

import pytest
import torch
from torch import Tensor, nn

from vidpose.layers.attention import Block
from vidpose.models.dsta.groups import body_groups
from vidpose.models.dsta.space_time import (
    Coupled,
    SelfAttentionStack,
    SpaceTimeDecoupling,
    SpatialDependency,
    StackConfig,
    TemporalDependency,
)
from vidpose.skeleton import COCO17, JHMDB15, PENN13, POSETRACK15, SKELETONS, Skeleton

CONFIG = StackConfig(width=16, depth=2, heads=4)
FRAMES, KEY = 3, 1


def randomised(module: nn.Module) -> nn.Module:
    """In evaluation mode with parameters, embeddings included, that are not near zero."""
    torch.manual_seed(0)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.4)
    return module.double().eval().requires_grad_(False)


def clip(skeleton: Skeleton, batch: int = 2) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(batch, FRAMES, len(skeleton), CONFIG.width, dtype=torch.float64)


def s_att(stack: SelfAttentionStack, tokens: list[Tensor], rows: list[int]) -> list[Tensor]:
    """S-ATT of a handful of tokens that stand in ``rows`` of the position embedding."""
    updated = torch.stack([t + stack.position[row] for t, row in zip(tokens, rows, strict=True)])
    updated = updated[None]
    for block in stack.blocks:
        updated = block(updated)
    return list(stack.norm(updated)[0])


def test_td_attends_along_each_joints_trajectory() -> None:
    td = randomised(TemporalDependency(CONFIG, FRAMES, KEY))
    assert isinstance(td, TemporalDependency)
    tokens = clip(POSETRACK15)
    for b in range(2):
        for joint in range(15):
            trajectory = [tokens[b, frame, joint] for frame in range(FRAMES)]
            expected = s_att(td.attend, trajectory, list(range(FRAMES)))[KEY]
            torch.testing.assert_close(td(tokens)[b, joint], expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_sd_attends_inside_each_group_of_the_key_frame(skeleton: Skeleton) -> None:
    groups = body_groups(skeleton)
    sd = randomised(SpatialDependency(CONFIG, groups, KEY))
    assert isinstance(sd, SpatialDependency)
    tokens = clip(skeleton)
    updated = sd(tokens)
    for b in range(2):
        for group in groups:
            members = [tokens[b, KEY, joint] for joint in group]
            expected = s_att(sd.attend, members, list(range(len(group))))
            for joint, token in zip(group, expected, strict=True):
                torch.testing.assert_close(updated[b, joint], token, atol=1e-5, rtol=0)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_stochastic_depth_rises_from_nothing_to_the_last_layer(depth: int) -> None:
    stack = SelfAttentionStack(StackConfig(width=8, depth=depth, heads=2, drop_path=0.3), 3)
    blocks = [block for block in stack.blocks if isinstance(block, Block)]
    rates = [block.drop_path.rate for block in blocks]
    assert rates == pytest.approx(torch.linspace(0, 0.3, depth).tolist())


def test_coupled_attention_sees_every_joint_of_every_frame() -> None:
    coupled = randomised(Coupled(CONFIG, FRAMES, 15, KEY))
    assert isinstance(coupled, Coupled)
    tokens = clip(POSETRACK15)
    everything = [tokens[0, frame, joint] for frame in range(FRAMES) for joint in range(15)]
    expected = s_att(coupled.attend, everything, list(range(FRAMES * 15)))
    torch.testing.assert_close(
        coupled(tokens)[0], torch.stack(expected[KEY * 15 : KEY * 15 + 15]), atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("fusion", ["concatenate", "sum"])
def test_std_fuses_what_both_found(fusion: str) -> None:
    td = TemporalDependency(CONFIG, FRAMES, KEY)
    sd = SpatialDependency(CONFIG, body_groups(POSETRACK15), KEY)
    std = randomised(SpaceTimeDecoupling(td, sd, fusion))  # type: ignore[arg-type]
    assert isinstance(std, SpaceTimeDecoupling)
    tokens = clip(POSETRACK15)
    fused = std(tokens)
    if std.sum is None:
        torch.testing.assert_close(fused, torch.cat([td(tokens), sd(tokens)], -1))
    else:
        weight, bias = std.sum.weight[0], std.sum.bias
        torch.testing.assert_close(fused, weight[0] * td(tokens) + weight[1] * sd(tokens) + bias)


def test_a_joint_of_another_frame_reaches_only_itself_through_td() -> None:
    td = randomised(TemporalDependency(CONFIG, FRAMES, KEY))
    tokens = clip(POSETRACK15, batch=1)
    moved = tokens.clone()
    moved[0, 0, 4] = torch.randn(CONFIG.width)
    changed = (td(tokens) - td(moved)).abs().amax(-1)[0] > 1e-9
    assert changed.nonzero().flatten().tolist() == [4]


def test_a_joint_of_the_key_frame_reaches_its_group_through_sd() -> None:
    sd = randomised(SpatialDependency(CONFIG, body_groups(COCO17), KEY))
    tokens = clip(COCO17, batch=1)
    moved = tokens.clone()
    wrist = COCO17.index("left_wrist")
    moved[0, KEY, wrist] = torch.randn(CONFIG.width)
    moved[0, 0] = 0  # another frame: not looked at
    changed = (sd(tokens) - sd(moved)).abs().amax(-1)[0] > 1e-9
    names = {COCO17.joints[joint] for joint in changed.nonzero().flatten().tolist()}
    assert names == {"left_shoulder", "left_elbow", "left_wrist"}


@pytest.mark.parametrize(
    ("skeleton", "sizes"),
    [
        (POSETRACK15, [3] * 5),
        (COCO17, [5, 3, 3, 3, 3]),
        (PENN13, [1, 3, 3, 3, 3]),
        (JHMDB15, [3] * 5),
    ],
)
def test_every_skeleton_has_five_groups(skeleton: Skeleton, sizes: list[int]) -> None:
    groups = body_groups(skeleton)
    assert [len(group) for group in groups] == sizes
    assert sorted(joint for group in groups for joint in group) == list(range(len(skeleton)))


def test_a_joint_that_no_group_knows_is_named() -> None:
    tail = Skeleton("cat", ("nose", "tail"), (), (0.1, 0.1))
    with pytest.raises(ValueError, match="no group of the body has tail"):
        body_groups(tail)
