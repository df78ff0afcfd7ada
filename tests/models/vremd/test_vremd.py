"""VREMD as a model: the rows of its tables, its counts, its streams and its probes."""

import pytest
import torch
from torch import Tensor, nn
from vremd_toys import close, random, randomised

from learning import batch, losses
from vidpose.costs import macs, parameters
from vidpose.models.base import Targets
from vidpose.models.vremd import VREMD, VREMDConfig
from vidpose.models.vremd.model import BilinearHead, KeypointHead
from vidpose.models.vremd.motion import DeformableCrossAttention, MotionBlock

SMALL: dict[str, object] = {
    "backbone": "resnet18",
    "size": (64, 48),
    "width": 16,
    "heads": 2,
    "human_depth": 1,
    "keypoint_depth": 1,
    "motion_depth": 1,
}
SMALLEST: dict[str, object] = {"backbone": "movenet-lightning", "size": (64, 32)}
NO_MASKS: dict[str, object] = {"human_mask": False, "keypoint_mask": False}
NO_HKME: dict[str, object] = {**NO_MASKS, "aggregation": False}
ROWS: dict[str, dict[str, object]] = {
    "table 4 baseline": {**NO_HKME, "motion": None, "offsets": (0,)},
    "table 4 a: HKME": {"motion": None},
    "table 4 b: BMD": NO_HKME,
    "table 4 c: both": {},
    "table 5 a: no mask": NO_MASKS,
    "table 5 b: human mask": {"keypoint_mask": False},
    "table 5 c: keypoint mask": {"human_mask": False},
    "table 6 a: deformable convolution": {"motion": "convolution", "separate": False},
    "table 6 b: deformable attention": {"motion": "attention", "separate": False},
    "table 6 c: DCA": {"separate": False},
    "five frames": {"offsets": (-2, -1, 0, 1, 2)},
    "causal": {"offsets": (-2, -1, 0)},
    "one frame": {"offsets": (0,), "motion": None},
    "coco17": {"skeleton": "coco17"},
    "penn13": {"skeleton": "penn13"},
    "jhmdb15": {"skeleton": "jhmdb15"},
    "scaled masks": {"mask_scale": "root", "unit_mask": True},
    "no frame position": {"frame_position": False},
    "reduction at each place": {"reduction": "place"},
    "deconvolutions": {"upsampling": "deconvolution"},
    "rectified": {"upsampling": "simple"},
    "movenet": SMALLEST,
    "known": {
        "backbone": "movenet-lightning-heatmaps",
        "size": (64, 32),
        "known": True,
        "decoder": "middle",
    },
    "full width": {**SMALLEST, "width": None},
}
EVERY_ROW = pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)


def build(**changes: object) -> VREMD:
    torch.manual_seed(0)
    return VREMDConfig.model_validate(SMALL | changes).build()


def loss(model: VREMD, frames: Tensor, targets: Targets) -> Tensor:
    return losses(model, frames, targets)["heatmap"]


@EVERY_ROW
def test_a_gradient_reaches_every_parameter_that_is_trained(row: dict[str, object]) -> None:
    model = build(**row).train()
    model.backbone.requires_grad_(False).eval()
    loss(model, *batch(model)).backward()
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    silent = [name for name, p in trained if p.grad is None or not p.grad.any()]
    assert trained and not silent


@EVERY_ROW
def test_encode_and_aggregate_are_forward(row: dict[str, object]) -> None:
    model = build(**row).eval()
    frames, _ = batch(model)
    with torch.inference_mode():
        whole, again = model(frames), model(frames)
        encoded = [model.encode(frame) for frame in frames.unbind(1)]
        output = model.aggregate(type(encoded[0]).stack(encoded, 1))
    joints = len(model.skeleton)
    assert whole.xy_norm.shape == (2, joints, 2) and whole.score.shape == (2, joints)
    assert whole.heatmaps.shape == (2, joints, *(side // 4 for side in model.crop.size))
    assert torch.equal(whole.heatmaps, again.heatmaps)
    torch.testing.assert_close(output.heatmaps, whole.heatmaps, atol=1e-5, rtol=0)


@EVERY_ROW
def test_all_that_is_kept_of_a_frame_is_read(row: dict[str, object]) -> None:
    model = build(**row).eval()
    frames, _ = batch(model)
    encoded = model.encode(frames.flatten(0, 1)).map(
        lambda level: level.unflatten(0, frames.shape[:2]).detach().requires_grad_()
    )
    output = model.aggregate(encoded)
    assert output.heatmaps is not None
    output.heatmaps.square().sum().backward()
    assert all(level.grad is not None and level.grad.any() for level in encoded.levels)


@EVERY_ROW
def test_an_empty_batch_gives_an_empty_answer(row: dict[str, object]) -> None:
    model = build(**row).eval()
    output, seen = model.look(batch(model, 0)[0])
    assert output.xy_norm.shape == (0, len(model.skeleton), 2)
    assert all(len(value) == 0 for value in seen.values())


def test_the_heatmaps_are_the_sum_of_both_heads() -> None:
    model = build().eval()
    frames, _ = batch(model)
    both = model(frames).heatmaps
    seen: list[Tensor] = []
    model.head.register_forward_hook(lambda _, __, maps: seen.append(maps))
    assert model.keypoint_head is not None
    model.keypoint_head.register_forward_hook(lambda _, __, maps: seen.append(maps))
    model(frames)
    torch.testing.assert_close(both, seen[0] + seen[1], atol=0, rtol=0)


def test_the_keypoint_head_reads_the_key_frames_keypoint_tokens() -> None:
    model = build().eval()
    assert model.keypoint_mask is not None and model.keypoint_head is not None
    made: list[Tensor] = []
    model.keypoint_mask.register_forward_hook(lambda _, __, both: made.append(both[1]))
    model.keypoint_head.register_forward_pre_hook(lambda _, inputs: made.append(inputs[0]))
    model(batch(model)[0])
    keypoints, read = made
    assert keypoints.shape == (2, 3, len(model.skeleton), 16)
    torch.testing.assert_close(read, keypoints[:, model.key], atol=0, rtol=0)


def test_each_keypoint_token_passes_an_mlp_to_the_cells_of_its_heatmap() -> None:
    batches, joints, width, rows, columns = 2, 3, 4, 5, 6
    head = randomised(KeypointHead(width, (rows, columns)))
    in_weight, in_bias, out_weight, out_bias = head.parameters()
    tokens = random(batches, joints, width)
    maps = head(tokens)
    for b in range(batches):
        for j in range(joints):
            cells = out_weight @ nn.functional.gelu(in_weight @ tokens[b, j] + in_bias) + out_bias
            for row in range(rows):
                for column in range(columns):
                    close(maps[b, j, row, column], cells[row * columns + column])


def test_motion_is_merged_with_the_key_frames_visual_tokens() -> None:
    model = build().eval()
    frames, _ = batch(model)
    assert model.merge is not None
    merged: list[Tensor] = []
    model.merge.register_forward_pre_hook(lambda _, inputs: merged.append(inputs[0]))
    _, seen = model.look(frames)
    key_frame = model.encode(frames[:, model.key]).levels[0]
    expected = torch.cat([key_frame, seen["motion.motion"]], -1)
    torch.testing.assert_close(merged[0], expected, atol=1e-5, rtol=0)


def test_without_hkme_the_key_frames_visual_tokens_stand_in_for_the_enhanced_feature() -> None:
    model = build(**NO_HKME).eval()
    frames, _ = batch(model)
    assert model.motion is not None
    read: list[Tensor] = []
    model.motion.register_forward_pre_hook(lambda _, inputs: read.append(inputs[1]))
    model(frames)
    key_frame = model.encode(frames[:, model.key]).levels[0]
    torch.testing.assert_close(read[0], key_frame, atol=1e-5, rtol=0)


def test_known_heatmaps_are_the_key_frames() -> None:
    model = build(**ROWS["known"], keypoint_mask=False).eval()
    assert isinstance(model.head, BilinearHead) and model.known is not None
    # Nothing but what the backbone knows is left in the sum.
    nn.init.zeros_(model.head.final.weight)
    frames, _ = batch(model)
    with torch.inference_mode():
        known = model.known(model.backbone(frames[:, model.key]).last)
        torch.testing.assert_close(model(frames).heatmaps, known, atol=1e-5, rtol=0)


def test_between_cells_a_ramp_stays_a_ramp() -> None:
    """Cells are squares, not points: the first quarter's centre is 3/8 of a cell before theirs."""
    head = BilinearHead(1, 1)
    nn.init.dirac_(head.final.weight)
    columns = 5
    ramp = torch.arange(float(columns)).expand(1, 1, 3, columns)
    expected = (torch.arange(4.0 * columns) + 0.5) / 4 - 0.5
    inside = slice(2, -2)  # beyond the centres of the border cells there is nothing to mix with
    found = head(ramp)[0, 0, :, inside]
    torch.testing.assert_close(found, expected[inside].expand_as(found))


def test_the_simple_decoder_sees_nothing_below_0() -> None:
    plain, simple = BilinearHead(3, 2), BilinearHead(3, 2, rectified=True)
    simple.load_state_dict(plain.state_dict())
    maps = torch.randn(1, 3, 4, 5)
    torch.testing.assert_close(simple(maps), plain(maps.clamp(min=0)))
    assert not torch.allclose(simple(maps), plain(maps))


def test_hkme_alone_decodes_the_enhanced_feature() -> None:
    model = build(motion=None, keypoint_mask=False).eval()
    frames, _ = batch(model)
    output, seen = model.look(frames)
    maps = seen["enhanced"].transpose(1, 2).unflatten(2, (4, 3))
    torch.testing.assert_close(output.heatmaps, model.head(maps))


@pytest.mark.parametrize("row", [{}, {"motion": None}, {**NO_HKME}], ids=["both", "HKME", "BMD"])
def test_the_order_of_frames_matters(row: dict[str, object]) -> None:
    model = build(**row).eval()
    if model.frame_position is not None:
        nn.init.normal_(model.frame_position)
    frames, _ = batch(model)
    with torch.inference_mode():
        difference = model(frames).heatmaps - model(frames[:, [2, 1, 0]]).heatmaps
    assert difference.abs().max() > 1e-5


def test_the_keypoint_tokens_know_which_frame_is_the_key_frame_by_its_position() -> None:
    blind, knowing = build(frame_position=False).eval(), build().eval()
    assert knowing.frame_position is not None
    nn.init.normal_(knowing.frame_position)
    for model, knows in ((blind, False), (knowing, True)):
        assert model.keypoint_head is not None
        seen: list[Tensor] = []
        model.keypoint_head.register_forward_hook(lambda _, __, maps, seen=seen: seen.append(maps))
        frames, _ = batch(model)
        with torch.inference_mode():
            model(frames), model(frames[:, [1, 0, 2]])
        assert ((seen[0] - seen[1]).abs().max() > 1e-5) == knows


def test_only_the_key_frames_labels_are_learnt() -> None:
    model = build(**SMALLEST).eval().requires_grad_(False)
    frames, targets = batch(model)
    moved = targets.xy_norm.clone()
    moved[:, [0, 2]] = 0.1
    assert loss(model, frames, targets) == loss(model, frames, targets._replace(xy_norm=moved))
    moved[:, 1] = 0.1
    assert loss(model, frames, targets) != loss(model, frames, targets._replace(xy_norm=moved))
    # Nor does it matter whether a joint can be seen in the neighbours.
    unseen = targets.weight.clone()
    unseen[:, [0, 2]] = 0
    assert loss(model, frames, targets) == loss(model, frames, targets._replace(weight=unseen))
    unseen[:, 1] = 0
    assert loss(model, frames, targets) != loss(model, frames, targets._replace(weight=unseen))


def test_probes_show_masks_places_and_motion() -> None:
    model = build().eval()
    frames, _ = batch(model)
    output, seen = model.look(frames)
    shapes = {name: tuple(value.shape) for name, value in seen.items()}
    tokens = 4 * 3
    assert shapes == {
        "human_mask.mask": (2 * 3, tokens, 1),
        "keypoint_mask.mask": (2, 3, tokens),
        "enhanced": (2, tokens, 16),
        "motion.differences": (2, 3, tokens, 16),
        # Forward and backward motion of each clip.
        "motion.blocks.0.branches.0.places": (2 * 2, 2, tokens, 4, 2),
        "motion.motion": (2, tokens, 16),
    }
    assert not seen["motion.differences"][:, 1].any()
    torch.testing.assert_close(output.heatmaps, model(frames).heatmaps, atol=0, rtol=0)


def test_contradictions_are_refused() -> None:
    contradictions: list[tuple[dict[str, object], str]] = [
        ({"offsets": (0,)}, "motion needs frames"),
        ({"aggregation": False}, "masks belong to HKME"),
        ({"heads": 3}, "3 heads do not divide a width of 16"),
        ({"size": (60, 48)}, "multiple of 16"),
        ({"offsets": (-1, 1)}, "contain 0"),
        ({"backbone": "vit-xl"}, "no backbone named"),
    ]
    for changes, words in contradictions:
        with pytest.raises(ValueError, match=words):
            VREMDConfig.model_validate(SMALL | changes)


def on_meta(**changes: object) -> VREMD:
    with torch.device("meta"):
        model = VREMDConfig.model_validate(changes).build().eval()
    model.backbone.requires_grad_(False)
    return model


def test_each_part_has_the_blocks_and_points_asked_for() -> None:
    depths = ("human_depth", "keypoint_depth", "spatial_depth", "temporal_depth", "motion_depth")
    # All different, so that none can be taken for another.
    blocks = {name: count for count, name in enumerate(depths, 1)}
    model = build(**SMALLEST | blocks, points=7)
    assert model.human_mask and model.keypoint_mask and model.aggregation and model.motion
    parts = [model.human_mask.blocks, model.keypoint_mask.blocks]
    parts += [model.aggregation.spatial, model.aggregation.temporal, model.motion.blocks]
    assert [len(part) for part in parts] == list(blocks.values())
    for block in model.motion.blocks:
        assert isinstance(block, MotionBlock)
        deformable = block.branches[0]
        assert isinstance(deformable, DeformableCrossAttention) and deformable.offsets.points == 7


@pytest.mark.parametrize(
    ("changes", "millions"),
    [
        ({}, 125.6),
        ({"human_depth": 1, "keypoint_depth": 1, "motion_depth": 1}, 79.9),
    ],
    ids=["default", "lean"],
)
def test_trainable_parameters_beside_a_frozen_vit_l(
    changes: dict[str, object], millions: float
) -> None:
    trained = parameters(on_meta(**changes), trainable=True)
    assert trained / 1e6 == pytest.approx(millions, abs=0.05)


def test_the_default_costs_65_gmac_beside_the_backbones_180() -> None:
    model = on_meta()
    with torch.inference_mode():
        clip = torch.zeros(3, 3, 256, 192, device="meta")
        features = model.backbone(clip)
        encoded = model.embed(features).map(lambda level: level[None])
        assert macs(model.backbone, clip) / 3e9 == pytest.approx(59.94, rel=1e-3)
        head = macs(model.embed, features) + macs(model.heatmaps, encoded)
    assert head / 1e9 == pytest.approx(65, abs=0.5)


@pytest.mark.parametrize("scale", ["none", "root"])
def test_it_learns_a_few_clips_by_heart(scale: str) -> None:
    model = build(mask_scale=scale, width=32).train()
    model.backbone.requires_grad_(False).eval()
    frames, targets = batch(model)
    with torch.no_grad():
        features = model.backbone(frames.flatten(0, 1))
    clips = features.map(lambda level: level.unflatten(0, frames.shape[:2]))
    learning = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(learning, 2e-3)
    losses = []
    for _ in range(40):
        loss = model.loss(clips, targets)["heatmap"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.2 * losses[0]
