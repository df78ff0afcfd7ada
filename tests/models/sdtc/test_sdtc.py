"""SDTC as a model: its parts, its counts, its loss, the rows of its tables."""

import pytest
import torch
from pydantic import ValidationError
from sdtc_toys import FLOW, SMALL, batch, build, seen
from torch import nn

from learning import losses
from vidpose.backbones.base import Features
from vidpose.costs import macs, parameters
from vidpose.heads.heatmap import gaussian_targets
from vidpose.layers.positions import sine_cosine
from vidpose.layers.space_time import DividedSpaceTime, JointSpaceTime
from vidpose.models.sdtc import SDTCConfig
from vidpose.models.sdtc.motion import Masks

ROWS = [
    {},
    FLOW,
    FLOW | {"fusion": "convolution"},
    {"fusion": "add"},
    {"fusion": "convolution"},
    {"motion": "patch", "joint_depth": 4, "divided_depth": 0, "mask_ratio": 0},
    {"motion": "patch"},
    {"mask_ratio": 0},
    {"mask_ratio": 0.75},
    {"fusion": "refinement"},
    {"fusion": "propagation"},
    {"spatial_encoding": False, "temporal_encoding": False},
    {"temporal_encoding": False},
    {"decoder_reads": "masked", "context_places": "union", "pose_frames": "masked"},
    {"motion": "patch", "decoder_reads": "masked", "pose_frames": "masked"},
    {"masked_as": "bare"},
    {"refine_shortcut": False},
    {"deconvolutions": ()},
    {"offsets": (0,)},
    {"offsets": (0,), "pose_frames": "masked", "context_places": "union"},
    {"offsets": (-1, 0)},
    {"offsets": (-3, -2, -1, 0, 1, 2, 3)},
    {"skeleton": "coco17"},
    {"size": (256, 256)},
    {"backbone": "vit-s"},
    {"decoder": "udp"},
    {"backbone": "movenet-lightning-heatmaps", "known": True, "decoder": "middle"},
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_gradient_reaches_every_parameter(row: dict[str, object]) -> None:
    model = build(**row).train()
    # The backbone is shared by all rows and frozen in training.
    model.backbone.requires_grad_(False)
    terms = losses(model, *batch(model))
    torch.stack(list(terms.values())).sum().backward()
    learns = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    silent = [name for name, p in learns if p.grad is None or not p.grad.any()]
    assert not silent
    reconstructs = row.get("motion") != "flow" and row.get("mask_ratio") != 0
    assert list(terms) == ["heatmap", *(["context", "pose"] if reconstructs else [])]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_encode_and_aggregate_are_forward(row: dict[str, object]) -> None:
    model = build(**row).eval()
    frames, _ = batch(model)
    with torch.inference_mode():
        encoded = model.encode(frames.flatten(0, 1))
        output = model.aggregate(encoded.map(lambda x: x.unflatten(0, frames.shape[:2])))
        whole, alone = model(frames), model(frames[1:])
        nobody = model(frames[:0])
    assert whole.xy_norm.shape == (2, len(model.skeleton), 2) and whole.heatmaps is not None
    assert whole.heatmaps.isfinite().all()
    torch.testing.assert_close(output.heatmaps, whole.heatmaps, atol=1e-6, rtol=0)
    torch.testing.assert_close(alone.heatmaps, whole.heatmaps[1:], atol=1e-5, rtol=0)
    assert nobody.xy_norm.shape == (0, len(model.skeleton), 2)


def test_encodings_say_where_and_when() -> None:
    model = build()
    encoding = model.positions()
    assert encoding.shape == (3, 8, 16)
    assert model.positions.temporal is not None
    for frame in range(3):
        for token, (y, x) in enumerate((y, x) for y in range(4) for x in range(2)):
            place = sine_cosine(torch.tensor([(x + 0.5) / 2, (y + 0.5) / 4]), 16)
            expected = place + model.positions.temporal[frame, 0]
            torch.testing.assert_close(encoding[frame, token], expected, atol=1e-5, rtol=0)
    assert not build(spatial_encoding=False, temporal_encoding=False).positions().any()
    of_place = build(temporal_encoding=False).positions()
    assert torch.equal(of_place[0], of_place[2]) and len(of_place[0].unique(dim=0)) == 8


@pytest.mark.parametrize("backbone", ["vit-b", "vit-l", "vit-h"])
def test_counts_of_the_paper(backbone: str) -> None:
    with torch.device("meta"):
        model = SDTCConfig(backbone=backbone).build()
    model.backbone.requires_grad_(False)
    trainable = parameters(model, trainable=True)
    assert abs(trainable / 10.4e6 - 1) < 0.03
    assert model.motion_decoder is not None
    assert 8.3e6 < trainable - parameters(model.motion_decoder) < 8.5e6


def test_multiply_accumulates_of_a_clip() -> None:
    with torch.device("meta"), torch.no_grad():
        model = SDTCConfig().build().eval()
        clip = torch.zeros(1, 5, 3, 256, 192)
        backbone = macs(model.backbone, clip[0])
        # Beside the backbone, which takes 85.5 GMAC for five frames.
        assert macs(model, clip) - backbone == pytest.approx(6.02e9, rel=0.01)


def test_tokens_are_hidden_in_training_as_the_paper_says() -> None:
    for ratio, tubes, frames in [(0.25, 48, 1), (0.5, 96, 3), (0.75, 144, 4)]:
        config = SMALL | {"size": (256, 192), "offsets": (-2, -1, 0, 1, 2), "mask_ratio": ratio}
        model = SDTCConfig.model_validate(config).build().train()
        clip, _ = batch(model)
        _, values = model.look(clip)
        assert values["mlsme.tubes"].shape == (2, 1, 192)
        assert (values["mlsme.tubes"].sum((1, 2)) == tubes).all()
        assert (values["mlsme.frames"].sum((1, 2)) == frames).all()


def test_masks_are_drawn_anew_and_a_seed_repeats_them() -> None:
    model = build().train()
    frames, targets = batch(model)
    values = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        values.append(float(losses(model, frames, targets)["context"].detach()))
    assert values[0] == values[1] != values[2]


def test_nothing_is_random_outside_training() -> None:
    model = build().eval()
    frames, targets = batch(model)
    first, second = (losses(model, frames, targets) for _ in range(2))
    assert first["context"] == 0 and first["pose"] > 0
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_terms_are_those_of_the_equations() -> None:
    model = build(context_weight=0.25).train()
    model.smml.eval()
    model.head.eval()
    frames, targets = batch(model)
    torch.manual_seed(5)
    terms = losses(model, frames, targets)

    torch.manual_seed(5)
    features = seen(model, frames)
    tokens = model.embed(features.map(lambda x: x.flatten(0, 1)))
    heatmaps, motion = model._estimate(tokens.map(lambda x: x.unflatten(0, (2, 3))), None)
    assert motion is not None and motion.masks is not None and motion.masks.frames is not None
    assert model.motion_decoder is not None
    context, poses = model.motion_decoder(motion.encoded)
    truth = torch.zeros_like(poses)
    for b in range(2):
        for f in range(3):
            maps, _ = model.codec.encode(targets.xy_norm[b, f], targets.weight[b, f])
            truth[b, f] = maps
    torch.testing.assert_close(terms["heatmap"], (heatmaps - truth[:, 1]).square().mean())
    torch.testing.assert_close(terms["pose"], (poses - truth).square().mean())
    level, errors = features.last, []
    for b in range(2):
        for f in range(3):
            for t in range(4 * 2):
                if motion.masks.tubes[b, 0, t] and motion.masks.frames[b, f, 0]:
                    row, column = t // 2, t % 2
                    patch = level[b, f, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
                    errors.append((context[b, f, t] - patch.flatten()).abs().mean())
    assert len(errors) == 2 * 4 * 2  # clips, places of 8, frames of 3
    torch.testing.assert_close(terms["context"], 0.25 * torch.stack(errors).mean())


def test_frames_and_joints_that_are_not_labelled_cost_nothing() -> None:
    model = build().eval()
    frames, targets = batch(model)
    for name, hidden in [
        ("frame", targets._replace(labelled=targets.labelled.index_fill(1, torch.tensor([0]), 0))),
        ("joint", targets._replace(weight=targets.weight.index_fill(2, torch.tensor([3]), 0))),
    ]:
        place = torch.tensor([0 if name == "frame" else 3])
        wrong = targets.xy_norm.index_fill(1 if name == "frame" else 2, place, torch.nan)
        expected, changed = (
            losses(model, frames, hidden._replace(xy_norm=xy)) for xy in (targets.xy_norm, wrong)
        )
        for term in expected:
            assert torch.equal(expected[term], changed[term])
    assert not torch.equal(losses(model, frames, targets)["pose"], expected["pose"])


@pytest.mark.parametrize("pose_frames", ["labelled", "masked"])
def test_a_frame_that_is_not_labelled_is_not_recovered(pose_frames: str) -> None:
    model = build(pose_frames=pose_frames)
    labelled = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    hidden = torch.tensor([[1, 1, 0], [0, 1, 0]], dtype=torch.bool)[..., None]
    masks = Masks(torch.ones(2, 1, 8, dtype=torch.bool), hidden)
    recovered = model._recovered_frames(labelled, masks)
    for b in range(2):
        for f in range(3):
            asked = pose_frames == "labelled" or bool(hidden[b, f, 0])
            assert recovered[b, f] == (labelled[b, f] if asked else 0)


def test_hidden_frames_alone_can_be_asked_for() -> None:
    everywhere, hidden = build().train(), build(pose_frames="masked").train()
    frames, targets = batch(everywhere)
    values = []
    for model in (everywhere, hidden):
        torch.manual_seed(7)
        values.append(float(losses(model, frames, targets)["pose"].detach()))
    assert values[0] != values[1]


def test_the_backbone_learns_nothing_as_a_target() -> None:
    model = build().train()
    frames, targets = batch(model)
    level = seen(model, frames).last.detach().requires_grad_(True)
    model.tokens.requires_grad_(False)
    torch.manual_seed(0)
    features = Features((*[level] * 4,))
    (of_context,) = torch.autograd.grad(model.loss(features, targets)["context"], level)
    torch.manual_seed(0)
    # Now only the target still sees the backbone.
    torch.nn.init.zeros_(model.tokens.get_parameter("project.weight"))
    (of_target,) = torch.autograd.grad(model.loss(features, targets)["context"], level)
    assert of_context.any() and not of_target.any()


def test_the_order_of_frames_matters() -> None:
    model = build().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    frames, _ = batch(model, 1)
    with torch.inference_mode():
        forward, backward = model(frames), model(frames.flip(1))
    assert forward.heatmaps is not None and backward.heatmaps is not None
    change = (forward.heatmaps - backward.heatmaps).abs().max()
    assert change > 0.01 * forward.heatmaps.abs().max()


def test_what_is_worth_looking_at() -> None:
    model = build().eval()
    frames, _ = batch(model)
    output, values = model.look(frames)
    assert {name: tuple(value.shape) for name, value in values.items()} == {
        "mlsme.patch_motion": (2, 3, 8, 16),
        "mlsme.frame_motion": (2, 3, 8, 16),
        "smml.aggregated_spatial": (2, 16, 4, 2),
        "smml.aggregated_motion": (2, 16, 4, 2),
        "smml.refine_spatial.context_maps": (2, 16, 4, 2),
        "smml.refine_motion.context_maps": (2, 16, 4, 2),
        "smml.fuse.attention": (2, 2, 4, 2),
        "smml.fused": (2, 16, 4, 2),
    }
    assert output.heatmaps is not None and output.heatmaps.shape == (2, 15, 16, 8)


def test_what_is_aggregated_of_motion_is_the_sum_of_both_levels() -> None:
    """Eq. 5."""
    model = build().eval()
    _, values = model.look(batch(model)[0])
    motion = values["mlsme.patch_motion"] + values["mlsme.frame_motion"]
    torch.testing.assert_close(values["smml.aggregated_motion"], model.motion_frames(motion))


def test_known_heatmaps_are_the_key_frames() -> None:
    model = build(backbone="movenet-lightning-heatmaps", known=True, decoder="middle").eval()
    assert model.known is not None
    # Nothing but what the backbone knows is left in the sum.
    nn.init.zeros_(model.head.final_layer.weight)
    frames, _ = batch(model)
    with torch.inference_mode():
        known = model.known(model.backbone(frames[:, model.key]).last)
        torch.testing.assert_close(model(frames).heatmaps, known, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("option", "changed"),
    [
        ({"decoder_reads": "masked"}, ["context", "pose"]),
        ({"context_places": "union"}, ["context"]),
        ({"context_weight": 1.0}, ["context"]),
        ({"masked_as": "bare"}, ["heatmap", "context", "pose"]),
        ({"refine_shortcut": False}, ["heatmap"]),
        ({"sigma": 3.0}, ["heatmap", "pose"]),
    ],
    ids=str,
)
def test_an_option_changes_the_terms_it_is_about(
    option: dict[str, object], changed: list[str]
) -> None:
    terms = []
    for changes in ({}, option):
        # The seed is the same, and so are all weights and masks.
        model = build(**changes).train()
        terms.append(losses(model, *batch(model)))
    default, other = terms
    assert [name for name in default if not torch.equal(default[name], other[name])] == changed


def test_each_part_has_the_layers_asked_for() -> None:
    model = build(joint_depth=3, divided_depth=1, decoder_depth=5)
    assert model.mlsme is not None and model.mlsme.frame_level is not None
    for encoder in (model.mlsme.patch_level, model.mlsme.frame_level):
        layers = [type(layer) for layer in encoder]
        assert layers == [JointSpaceTime] * 3 + [DividedSpaceTime]
    assert model.motion_decoder is not None and len(model.motion_decoder.blocks) == 5


@pytest.mark.parametrize("row", [{}, FLOW])
def test_losses_are_float32_under_autocast(row: dict[str, object]) -> None:
    model = build(**row).train()
    with torch.autocast("cpu", torch.bfloat16):
        terms = losses(model, *batch(model))
    assert {term.dtype for term in terms.values()} == {torch.float32}
    assert all(term.isfinite() for term in terms.values())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"width": 20, "heads": 8}, "8 heads do not divide a width of 20"),
        ({"joint_depth": 0, "divided_depth": 0}, "an encoder without layers"),
        (FLOW | {"offsets": (0,)}, "flow needs frames beside the key frame"),
        ({"size": (250, 192)}, "multiple of 16"),
        ({"mask_ratio": 1.0}, "less than 1"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        SDTCConfig.model_validate(changes)


def test_a_configuration_survives_its_json() -> None:
    config = SDTCConfig.model_validate(SMALL)
    assert SDTCConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.slow
def test_it_learns_a_few_clips_by_heart() -> None:
    model = build(backbone="resnet18", size=(64, 64), width=64, heads=4, sigma=1.0).train()
    model.backbone.eval()
    _, targets = batch(model, 4)
    targets = targets._replace(xy_norm=0.15 + 0.7 * targets.xy_norm)
    # A coloured blob a joint, in every frame.
    blobs, _ = gaussian_targets(targets.xy_norm * 64, targets.weight, (64, 64), 3.0)
    frames = torch.einsum("bfjhw,jc->bfchw", blobs, torch.rand(15, 3) * 255).clamp(0, 255)
    optimiser = torch.optim.AdamW(model.parameters(), 2e-3)
    for _ in range(300):
        optimiser.zero_grad()
        torch.stack(list(losses(model, frames, targets).values())).sum().backward()
        optimiser.step()
    with torch.inference_mode():
        output = model.eval()(frames)
    distance = (output.xy_norm - targets.xy_norm[:, 1]).norm(dim=-1)
    assert (distance < 0.1).float().mean() > 0.9
