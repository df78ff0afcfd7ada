"""The motion encoder (Eq. 1-5), its masks, and what is recovered of them (Eq. 15)."""

import pytest
import torch
from torch import Tensor, nn

from vidpose.models.sdtc.motion import MLSME, EncoderConfig, Masks, MotionEncoder
from vidpose.models.sdtc.reconstruction import (
    MotionDecoder,
    context_loss,
    context_target,
    hidden_places,
    pose_loss,
)

CONFIG = EncoderConfig(width=8, heads=2, mlp_ratio=2.0)
FRAMES, TOKENS = 3, 6


def randomised(module: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.4)
    return module.double().requires_grad_(False)


def mlsme(**changes: object) -> MLSME:
    module = randomised(MLSME(CONFIG, FRAMES, **changes))  # type: ignore[arg-type]
    assert isinstance(module, MLSME)
    return module.train()


def clip(batch: int = 2) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    encoding = torch.randn(FRAMES, TOKENS, 8, dtype=torch.float64)
    return torch.randn(batch, FRAMES, TOKENS, 8, dtype=torch.float64) + encoding, encoding


@pytest.mark.parametrize("masked_as", ["placed", "bare"])
def test_motion_is_equations_1_to_5(masked_as: str) -> None:
    module = mlsme(masked_as=masked_as)
    assert module.hide_tubes and module.hide_frames and module.frame_level
    tokens, encoding = clip()
    torch.manual_seed(2)
    motion = module(tokens, encoding)
    assert motion.masks is not None and motion.masks.frames is not None
    added = encoding if masked_as == "placed" else 0 * encoding
    masked = tokens.clone()
    for b, f, t in torch.cartesian_prod(*map(torch.arange, tokens.shape[:3])).tolist():
        if motion.masks.tubes[b, 0, t]:
            masked[b, f, t] = module.hide_tubes.token + added[f, t]
    patch = module.patch_level(masked)
    masked = patch.clone()
    for b, f in torch.cartesian_prod(*map(torch.arange, tokens.shape[:2])).tolist():
        if motion.masks.frames[b, f, 0]:
            masked[b, f] = module.hide_frames.token + added[f]
    frame = module.frame_level(masked)
    torch.testing.assert_close(motion.masked, masked)
    torch.testing.assert_close(motion.encoded, frame)
    torch.testing.assert_close(motion.total, patch + frame, atol=1e-5, rtol=0)


def test_outside_training_nothing_is_hidden() -> None:
    module = mlsme().eval()
    assert module.frame_level is not None
    tokens, encoding = clip()
    motion = module(tokens, encoding)
    patch = module.patch_level(tokens)
    assert motion.masks is None
    torch.testing.assert_close(motion.total, patch + module.frame_level(patch))


def test_without_a_ratio_training_hides_nothing() -> None:
    module = mlsme(ratio=0.0)
    tokens, encoding = clip()
    torch.testing.assert_close(
        module(tokens, encoding).total, module.eval()(tokens, encoding).total
    )
    assert module.hide_tubes is None and module.hide_frames is None


def test_the_patch_level_alone_hides_tubes_only() -> None:
    motion = mlsme(frame_level=False)(*clip())
    assert motion.masks is not None and motion.masks.frames is None
    torch.testing.assert_close(motion.total, motion.encoded)


def test_bare_tokens_are_one_and_the_same_wherever_they_stand() -> None:
    """Why hidden tokens keep their place: without it nothing can tell them apart."""
    tokens, encoding = clip(1)

    def spread(masked_as: str) -> float:
        torch.manual_seed(2)
        motion = mlsme(masked_as=masked_as)(tokens, encoding)
        recovered = motion.encoded[hidden_places(motion.masks, "intersection")]
        assert len(recovered) > 3
        return float((recovered - recovered[0]).abs().max())

    assert spread("bare") < 1e-9
    assert spread("placed") > 1e-2


def test_an_encoder_is_joint_and_then_divided() -> None:
    encoder = MotionEncoder(EncoderConfig(8, 2, 2.0, joint_depth=2, divided_depth=1))
    names = [type(layer).__name__ for layer in encoder]
    assert names == ["JointSpaceTime", "JointSpaceTime", "DividedSpaceTime"]


def masks() -> Masks:
    tubes = torch.tensor([[[1, 0, 1, 0, 0, 0]], [[0, 0, 0, 1, 1, 0]]], dtype=torch.bool)
    frames = torch.tensor([[[1], [0], [0]], [[0], [1], [1]]], dtype=torch.bool)
    return Masks(tubes, frames)


@pytest.mark.parametrize(("reading", "count"), [("intersection", [2, 4]), ("union", [10, 14])])
def test_the_context_is_recovered_where_it_is_hidden(reading: str, count: list[int]) -> None:
    hidden = hidden_places(masks(), reading)  # type: ignore[arg-type]
    assert hidden.sum((1, 2)).tolist() == count
    tubes_only = hidden_places(masks()._replace(frames=None), reading)  # type: ignore[arg-type]
    assert torch.equal(tubes_only, masks().tubes)


@pytest.mark.parametrize("reading", ["intersection", "union"])
def test_the_context_loss_teaches_nothing_outside_its_mask(reading: str) -> None:
    hidden = hidden_places(masks(), reading)  # type: ignore[arg-type]
    predicted = torch.randn(2, FRAMES, TOKENS, 5, requires_grad=True)
    context_loss(predicted, torch.randn(2, FRAMES, TOKENS, 5), hidden).backward()
    assert predicted.grad is not None
    assert torch.equal((predicted.grad != 0).all(-1), hidden)
    assert torch.equal((predicted.grad != 0).any(-1), hidden)


@pytest.mark.parametrize("frames_hidden", [True, False])
def test_the_context_loss_is_the_mean_over_what_is_hidden_of_a_clip(frames_hidden: bool) -> None:
    hidden = hidden_places(masks() if frames_hidden else Masks(masks().tubes, None), "intersection")
    predicted, target = torch.randn(2, 2, FRAMES, TOKENS, 5, dtype=torch.float64)
    means = []
    for b in range(2):
        errors = [
            abs(float(predicted[b, f, t, c] - target[b, f, t, c]))
            for f in range(FRAMES)
            for t in range(TOKENS)
            for c in range(5)
            if hidden.expand(2, FRAMES, TOKENS)[b, f, t]
        ]
        means.append(sum(errors) / len(errors))
    loss = context_loss(predicted, target, hidden)
    assert float(loss) == pytest.approx(sum(means) / 2, abs=1e-9)


def test_the_pose_loss_is_the_mean_over_a_clips_labelled_frames() -> None:
    torch.manual_seed(0)
    predicted, target = torch.randn(2, 2, FRAMES, 4, 3, 2, dtype=torch.float64)
    weight = torch.rand(2, FRAMES, 4, dtype=torch.float64)
    labelled = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    means = []
    for b, frames in enumerate([(0, 2), (2,)]):
        errors = [
            float(weight[b, f, j] * (predicted[b, f, j, y, x] - target[b, f, j, y, x])) ** 2
            for f in frames
            for j in range(4)
            for y in range(3)
            for x in range(2)
        ]
        means.append(sum(errors) / len(errors))
    loss = pose_loss(predicted, target, weight, labelled)
    assert float(loss) == pytest.approx(sum(means) / 2, abs=1e-9)


def test_losses_of_clips_are_the_same_in_one_batch_and_in_parts() -> None:
    torch.manual_seed(0)
    maps, weight = torch.randn(2, FRAMES, 4, 3, 2, dtype=torch.float64), torch.ones(2, FRAMES, 4)
    labelled = torch.tensor([[1.0, 1.0, 1.0], [0.0, 0.0, 1.0]])
    tokens = torch.randn(2, FRAMES, TOKENS, 5, dtype=torch.float64)
    hidden = torch.rand(2, FRAMES, TOKENS) < labelled[..., None] / 2

    def losses(clips: slice) -> list[float]:
        return [
            float(pose_loss(maps[clips], -maps[clips], weight[clips], labelled[clips])),
            float(context_loss(tokens[clips], -tokens[clips], hidden[clips])),
        ]

    parts = [losses(slice(0, 1)), losses(slice(1, 2))]
    assert losses(slice(0, 2)) == pytest.approx([sum(two) / 2 for two in zip(*parts, strict=True)])


def test_nothing_hidden_and_nothing_labelled_cost_nothing() -> None:
    tokens = torch.randn(2, FRAMES, TOKENS, 5)
    assert context_loss(tokens, -tokens, torch.zeros(2, 1, TOKENS, dtype=torch.bool)) == 0
    maps = torch.randn(2, FRAMES, 4, 3, 2)
    assert pose_loss(maps, -maps, torch.ones(2, FRAMES, 4), torch.zeros(2, FRAMES)) == 0


def test_a_token_is_decoded_to_its_own_patch_of_the_heatmaps() -> None:
    decoder = MotionDecoder(CONFIG, 0, 5, joints=4, grid=(3, 2), scale=4).eval()
    tokens = torch.randn(1, FRAMES, TOKENS, 8)
    moved = tokens.clone()
    moved[0, 1, 3] = torch.randn(8)
    context, heatmaps = decoder(tokens)
    assert context.shape == (1, FRAMES, TOKENS, 5)
    assert heatmaps.shape == (1, FRAMES, 4, 12, 8)
    changed = (decoder(moved)[1] != heatmaps).any(2)[0]
    places = changed.nonzero()
    assert places.amin(0).tolist() == [1, 4, 4] and places.amax(0).tolist() == [1, 7, 7]


def test_the_target_of_a_map_is_its_patches() -> None:
    level = torch.randn(2, 3, 8, 12, requires_grad=True)
    target = context_target(level, (2, 3))
    assert target.shape == (2, 6, 3 * 16) and not target.requires_grad
    patch = level[1, :, 4:8, 8:12]
    torch.testing.assert_close(target[1, 5].sort().values, patch.flatten().sort().values)
    tokens = torch.randn(2, 6, 7, requires_grad=True)
    assert torch.equal(context_target(tokens, (2, 3)), tokens)
    assert not context_target(tokens, (2, 3)).requires_grad
