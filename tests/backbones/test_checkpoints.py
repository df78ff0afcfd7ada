"""Checkpoints as others publish them, built from the names and shapes of their layouts."""

from collections.abc import Callable
from itertools import product

import pytest
import torch
from torch import Tensor

from vidpose.backbones import checkpoints
from vidpose.backbones.base import Backbone
from vidpose.backbones.hrnet import HRNet
from vidpose.backbones.layouts import grid_of
from vidpose.backbones.mobilenet import mobilenet_v2, mobilenet_v3_large
from vidpose.backbones.registry import BACKBONES, build
from vidpose.backbones.resnet import Bottleneck, ResNet
from vidpose.backbones.vit import ViT
from vidpose.errors import VidposeError

Shapes = dict[str, tuple[int, ...]]
State = dict[str, Tensor]

SIZES = {"vit-s": (384, 12), "vit-b": (768, 12), "vit-l": (1024, 24), "vit-h": (1280, 32)}


def _linear(name: str, outputs: int, inputs: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def official_vit(
    width: int, depth: int, tokens: int = 12, last: str = "last_norm", experts: int = 0
) -> Shapes:
    """ViTPose; with ``experts`` outputs of each expert, ViTPose+; timm's ViT but for ``last``."""
    shapes: Shapes = {
        "pos_embed": (1, tokens + 1, width),
        "patch_embed.proj.weight": (width, 3, 16, 16),
        "patch_embed.proj.bias": (width,),
        **_norm(last, width),
    }
    for n in range(depth):
        block = f"blocks.{n}"
        shapes |= _norm(f"{block}.norm1", width) | _norm(f"{block}.norm2", width)
        shapes |= _linear(f"{block}.attn.qkv", 3 * width, width)
        shapes |= _linear(f"{block}.attn.proj", width, width)
        shapes |= _linear(f"{block}.mlp.fc1", 4 * width, width)
        shapes |= _linear(f"{block}.mlp.fc2", width - experts, 4 * width)
        for expert in range(6 if experts else 0):
            shapes |= _linear(f"{block}.mlp.experts.{expert}", experts, 4 * width)
    return shapes


def hugging_face_vit(width: int, depth: int, tokens: int = 12, experts: int = 0) -> Shapes:
    shapes: Shapes = {
        "embeddings.position_embeddings": (1, tokens + 1, width),
        "embeddings.patch_embeddings.projection.weight": (width, 3, 16, 16),
        "embeddings.patch_embeddings.projection.bias": (width,),
        **_norm("layernorm", width),
    }
    for n in range(depth):
        layer = f"encoder.layer.{n}"
        for part in ("query", "key", "value"):
            shapes |= _linear(f"{layer}.attention.attention.{part}", width, width)
        shapes |= _linear(f"{layer}.attention.output.dense", width, width)
        shapes |= _norm(f"{layer}.layernorm_before", width)
        shapes |= _norm(f"{layer}.layernorm_after", width)
        shapes |= _linear(f"{layer}.mlp.fc1", 4 * width, width)
        shapes |= _linear(f"{layer}.mlp.fc2", width - experts, 4 * width)
        for expert in range(6 if experts else 0):
            shapes |= _linear(f"{layer}.mlp.experts.{expert}", experts, 4 * width)
    return shapes


def mmpose_vit(width: int, depth: int, tokens: int = 12) -> Shapes:
    shapes: Shapes = {
        "pos_embed": (1, tokens, width),
        "patch_embed.projection.weight": (width, 3, 16, 16),
        "patch_embed.projection.bias": (width,),
        **_norm("ln1", width),
    }
    for n in range(depth):
        layer = f"layers.{n}"
        shapes |= _norm(f"{layer}.ln1", width) | _norm(f"{layer}.ln2", width)
        shapes |= _linear(f"{layer}.attn.qkv", 3 * width, width)
        shapes |= _linear(f"{layer}.attn.proj", width, width)
        shapes |= _linear(f"{layer}.ffn.layers.0.0", 4 * width, width)
        shapes |= _linear(f"{layer}.ffn.layers.1", width, 4 * width)
    return shapes


VITS: dict[str, Callable[[int, int, int], Shapes]] = {
    "official ViTPose": official_vit,
    "Hugging Face ViT": hugging_face_vit,
    "mmpose 1.x ViT": mmpose_vit,
    "timm ViT": lambda width, depth, tokens: official_vit(width, depth, tokens, last="norm"),
}


def _random(shapes: Shapes, prefix: str = "") -> State:
    torch.manual_seed(0)
    return {prefix + key: torch.randn(shape) for key, shape in shapes.items()}


def _meta(shapes: Shapes, prefix: str = "") -> State:
    return {prefix + key: torch.empty(shape, device="meta") for key, shape in shapes.items()}


def _small_vit() -> ViT:
    return ViT(24, depth=2, heads=4, grid=(4, 3))


def _small_resnet() -> ResNet:
    return ResNet(Bottleneck, (1, 1, 1, 1))


def _noise(network: Backbone) -> State:
    """The network's own names with other values."""
    torch.manual_seed(1)
    return {
        key: torch.randn_like(tensor) if tensor.is_floating_point() else tensor + 3
        for key, tensor in network.state_dict().items()
    }


def _assert_equal(network: Backbone, expected: State) -> None:
    state = network.state_dict()
    assert state.keys() == expected.keys()
    for key, tensor in state.items():
        assert torch.equal(tensor, expected[key]), key


@pytest.mark.parametrize("prefix", ["", "backbone.", "module.backbone."])
def test_official_vitpose_becomes_itself(prefix: str) -> None:
    state = _random(official_vit(24, 2))
    network = _small_vit()
    theirs = {prefix + key: tensor for key, tensor in state.items()}
    report = checkpoints.load_state(network, theirs, "file")
    _assert_equal(network, state)
    assert (report.layout, report.prefix) == ("official ViTPose", prefix)
    assert (report.missing, report.ignored, report.changed) == ((), (), ())


def test_hugging_face_thirds_become_one_projection() -> None:
    state = _random(hugging_face_vit(24, 2), "backbone.")
    state |= _random({"head.conv.weight": (17, 24, 3, 3), "head.conv.bias": (17,)})
    network = _small_vit()
    report = checkpoints.load_state(network, state, "file")
    ours = network.state_dict()
    assert len(report.matched) == len(ours)
    assert report.ignored == ("head (2 tensors): not of the backbone",)
    layer = "backbone.encoder.layer.1."
    for kind in ("weight", "bias"):
        parts = [
            state[f"{layer}attention.attention.{part}.{kind}"] for part in ("query", "key", "value")
        ]
        assert torch.equal(ours[f"blocks.1.attn.qkv.{kind}"], torch.cat(parts))
        for mine, theirs in [
            ("blocks.1.attn.proj", f"{layer}attention.output.dense"),
            ("blocks.1.norm1", f"{layer}layernorm_before"),
            ("blocks.1.norm2", f"{layer}layernorm_after"),
            ("blocks.1.mlp.fc1", f"{layer}mlp.fc1"),
            ("blocks.1.mlp.fc2", f"{layer}mlp.fc2"),
            ("last_norm", "backbone.layernorm"),
            ("patch_embed.proj", "backbone.embeddings.patch_embeddings.projection"),
        ]:
            assert torch.equal(ours[f"{mine}.{kind}"], state[f"{theirs}.{kind}"]), mine
    assert torch.equal(ours["pos_embed"], state["backbone.embeddings.position_embeddings"])


@pytest.mark.parametrize("class_slot", [False, True])
def test_mmpose_has_no_position_of_the_class_or_one_to_cut(class_slot: bool) -> None:
    state = _random(mmpose_vit(24, 2, tokens=13 if class_slot else 12), "backbone.")
    state["data_preprocessor.mean"] = torch.zeros(3)
    network = _small_vit()
    report = checkpoints.load_state(network, state, "file")
    ours = network.state_dict()
    assert len(report.matched) == len(ours)
    assert report.ignored == ("data_preprocessor (1 tensor): not of the backbone",)
    assert "no entry for the class" in report.changed[0]
    assert not ours["pos_embed"][:, 0].any()
    assert torch.equal(ours["pos_embed"][:, 1:], state["backbone.pos_embed"][:, -12:])
    for mine, theirs in [
        ("blocks.1.attn.qkv", "layers.1.attn.qkv"),
        ("blocks.1.norm1", "layers.1.ln1"),
        ("blocks.1.norm2", "layers.1.ln2"),
        ("blocks.1.mlp.fc1", "layers.1.ffn.layers.0.0"),
        ("blocks.1.mlp.fc2", "layers.1.ffn.layers.1"),
        ("last_norm", "ln1"),
    ]:
        assert torch.equal(ours[f"{mine}.weight"], state[f"backbone.{theirs}.weight"]), mine


@pytest.mark.parametrize("layout", ["official ViTPose", "Hugging Face ViT"])
def test_the_coco_expert_of_vitpose_plus_is_merged(layout: str) -> None:
    shapes = official_vit if layout == "official ViTPose" else hugging_face_vit
    state = _random(shapes(24, 2, experts=6), "backbone.")
    network = _small_vit()
    report = checkpoints.load_state(network, state, "file")
    assert report.layout == layout
    assert "expert for COCO" in report.changed[0]
    assert "(20 tensors): experts for other data than COCO" in report.ignored[0]
    block = "backbone.blocks.1" if layout == "official ViTPose" else "backbone.encoder.layer.1"
    for kind in ("weight", "bias"):
        merged = [state[f"{block}.mlp.{part}.{kind}"] for part in ("fc2", "experts.0")]
        assert torch.equal(network.state_dict()[f"blocks.1.mlp.fc2.{kind}"], torch.cat(merged))


@pytest.mark.parametrize(
    "shapes",
    [
        official_vit(384, 12, last="norm"),
        {"cls_token": (1, 1, 384), **official_vit(384, 12)},
        {"embeddings.cls_token": (1, 1, 384), **hugging_face_vit(384, 12)},
    ],
)
def test_a_small_vit_that_is_not_vitposes_is_refused_as_its_heads_are_other(shapes: Shapes) -> None:
    with pytest.raises(VidposeError, match=r"f: a ViT-S by .* names: 6 heads as those of .* 12"):
        checkpoints.load_state(build("vit-s"), _random(shapes), "f")
    with pytest.raises(VidposeError, match="6 heads"):
        checkpoints.identify(_meta(shapes), "f")


def test_class_tokens_of_larger_vits_are_ignored() -> None:
    shapes = {"cls_token": (1, 1, 768), **official_vit(768, 12, last="norm")}
    assert checkpoints.identify(_meta(shapes), "f") == "vit-b"


def test_a_square_grid_of_timm_is_resized_and_the_class_token_ignored() -> None:
    state = _random(official_vit(24, 2, tokens=16, last="norm"))
    state |= {"cls_token": torch.zeros(1, 1, 24), "head.weight": torch.zeros(10, 24)}
    network = _small_vit()
    report = checkpoints.load_state(network, state, "file")
    assert report.layout == "timm ViT"
    assert report.changed == ("pos_embed: grid of 4x4 resized to 4x3",)
    assert set(report.ignored) == {
        "cls_token (1 tensor): no part of this backbone",
        "head (1 tensor): no part of this backbone",
    }
    assert torch.equal(network.pos_embed[:, 0], state["pos_embed"][:, 0])
    assert torch.equal(network.last_norm.weight, state["norm.weight"])


def test_a_lying_grid_of_the_same_size_is_kept() -> None:
    state = _random(official_vit(24, 2))
    network = ViT(24, depth=2, heads=4, grid=(3, 4))
    assert checkpoints.load_state(network, state, "file").changed == ()
    assert torch.equal(network.pos_embed, state["pos_embed"])


@pytest.mark.parametrize(
    ("layout", "name"),
    [pair for pair in product(VITS, SIZES) if pair != ("timm ViT", "vit-s")],
)
def test_sizes_of_transformers_are_told_apart(layout: str, name: str) -> None:
    state = _meta(VITS[layout](*SIZES[name], 192), "backbone.")
    state |= _meta({"keypoint_head.final_layer.weight": (17, 256, 1, 1)})
    assert checkpoints.identify(state, "file") == name


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_is_identified_by_its_own_names(name: str) -> None:
    with torch.device("meta"):
        state = build(name).state_dict()
    assert checkpoints.identify(state, "file") == name


def _head_of_rle() -> Shapes:
    shapes = _linear("fc_coord.linear", 34, 2048) | _linear("fc_sigma.linear", 34, 2048)
    return shapes | {"flow.mask": (6, 2)} | _linear("flow.t.0.0", 64, 2)


def _head_of_dsta() -> Shapes:
    shapes: Shapes = {"Spatial_pos_embed": (3, 32), "flow.mask": (6, 2)}
    for name in ("Spatial_blocks", "blocks"):
        shapes |= _norm(f"{name}.0.norm1", 32) | _linear(f"{name}.0.attn.qkv", 96, 32)
    return shapes | _linear("fc_coord.linear", 544, 2048)


@pytest.mark.parametrize("head", [_head_of_rle, _head_of_dsta])
def test_rle_and_dsta_hold_a_resnet(head: Callable[[], Shapes]) -> None:
    network = _small_resnet()
    expected = _noise(network)
    state = {f"preact.{key}": tensor for key, tensor in expected.items()} | _random(head())
    report = checkpoints.load_state(network, state, "file")
    _assert_equal(network, expected)
    assert report.prefix == "preact."
    assert all(part.endswith("not of the backbone") for part in report.ignored)
    assert {part.split()[0] for part in report.ignored} == {key.split(".")[0] for key in head()}


def test_torchvisions_resnet_needs_neither_classifier_nor_counters() -> None:
    network = _small_resnet()
    expected = _noise(network)
    state = {k: v for k, v in expected.items() if not k.endswith("num_batches_tracked")}
    state |= _random(_linear("fc", 1000, 2048))
    report = checkpoints.load_state(network, state, "file")
    assert report.ignored == ("fc (2 tensors): no part of this backbone",)
    assert all(name.endswith("num_batches_tracked") for name in report.missing)
    assert f"missing: {len(report.missing)} tensors, e.g. bn1.num_batches_tracked" in str(report)
    assert torch.equal(
        network.state_dict()["layer4.0.conv2.weight"], expected["layer4.0.conv2.weight"]
    )


@pytest.mark.parametrize("prefix", ["", "module.", "backbone.", "rough_pose_estimation_net."])
def test_hrnet_loads_behind_every_prefix(prefix: str) -> None:
    network = HRNet(2)
    expected = _noise(network)
    state = {prefix + key: tensor for key, tensor in expected.items()}
    state[f"{prefix}final_layer.weight"] = torch.zeros(17, 2, 1, 1)
    state["another.weight"] = torch.zeros(3)
    report = checkpoints.load_state(network, state, "file")
    _assert_equal(network, expected)
    assert report.layout == "HRNet"
    assert "final_layer (1 tensor): no part of this backbone" in report.ignored


def test_timms_hrnet_gives_what_it_shares() -> None:
    network = HRNet(2)
    expected = _noise(network)
    extra: Shapes = {
        "incre_modules.0.0.conv1.weight": (4, 2, 1, 1),
        "downsamp_modules.0.0.weight": (8, 4, 3, 3),
        "final_layer.0.weight": (2048, 8, 1, 1),
        "stage4.2.fuse_layers.1.0.0.0.weight": (4, 2, 3, 3),
        "stage4.2.fuse_layers.3.2.0.1.bias": (16,),
        **_linear("classifier", 10, 2048),
    }
    report = checkpoints.load_state(network, expected | _random(extra), "file")
    _assert_equal(network, expected)
    assert report.layout == "timm HRNet"
    assert "stage4 (2 tensors): a pose network does not fuse these branches" in report.ignored


@pytest.mark.parametrize("build", [mobilenet_v2, mobilenet_v3_large])
def test_mobilenets_load_without_their_classifier(build: Callable[[], Backbone]) -> None:
    network = build()
    expected = _noise(network)
    state = expected | _random(_linear("classifier.1", 1000, 8))
    report = checkpoints.load_state(network, state, "file")
    _assert_equal(network, expected)
    assert report.ignored == ("classifier (2 tensors): no part of this backbone",)


def test_half_precision_is_widened() -> None:
    state = {key: tensor.half() for key, tensor in _random(official_vit(24, 2, 16)).items()}
    network = _small_vit()
    checkpoints.load_state(network, state, "file")
    assert network.pos_embed.dtype == network.last_norm.weight.dtype == torch.float32


# Mismatches


def test_an_unknown_layout_names_the_nearest() -> None:
    with pytest.raises(VidposeError, match="no backbone that is known here; its first name is 'a'"):
        checkpoints.identify({"a": torch.zeros(1)}, "file")
    with pytest.raises(VidposeError, match="nearest is HRNet, which would have 'stage4"):
        checkpoints.identify({"stage4.1.branches.3.0.conv1.weight": torch.zeros(1)}, "file")
    with pytest.raises(VidposeError, match="its first name is ''"):
        checkpoints.identify({}, "file")


def test_two_backbones_in_a_file_are_refused() -> None:
    state = _random(official_vit(24, 2), "student.") | _random(official_vit(24, 2), "teacher.")
    with pytest.raises(VidposeError, match=r"several prefixes, 'student\.', 'teacher\.'"):
        checkpoints.load_state(_small_vit(), state, "file")


@pytest.mark.parametrize(
    ("held", "wanted", "difference"),
    [
        ("vit-b", "vit-h", r"pos_embed is \[1, -1, 768\], expected \[1, -1, 1280\]"),
        ("hrnet-w32", "hrnet-w48", r"\[32, 256, 3, 3\], expected \[48, 256, 3, 3\]"),
        ("resnet50", "resnet152", r"there is no layer2.4.conv1.weight \(nearest: layer."),
        ("resnet152", "resnet50", r"layer2\.4\.conv1\.weight has no place in it"),
        ("mobilenet-v2", "mobilenet-v3-large", "features"),
        ("vit-s", "resnet50", "there is no conv1.weight"),
    ],
)
def test_the_wrong_backbone_is_named(held: str, wanted: str, difference: str) -> None:
    with torch.device("meta"):
        state, network = build(held).state_dict(), build(wanted)
    with pytest.raises(
        VidposeError, match=f"weights of '{held}', by .* not fit '{wanted}': .*{difference}"
    ):
        checkpoints.load_state(network, state, "file")


def test_a_backbone_of_no_known_size_names_the_nearest() -> None:
    state = _meta(official_vit(1024, 23, 192))
    with pytest.raises(VidposeError, match=r"nearest is 'vit-l': there is no blocks\.23\."):
        checkpoints.identify(state, "file")


def test_a_size_of_ones_own_is_said_to_have_no_name() -> None:
    state = _random(official_vit(24, 3))
    with pytest.raises(VidposeError, match=r"of no known .* of no known size: blocks\.2"):
        checkpoints.load_state(_small_vit(), state, "file")


def test_a_mismatch_leaves_the_backbone_as_it_was() -> None:
    state = _random(official_vit(24, 2))
    del state["blocks.1.norm2.bias"]
    network = _small_vit()
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    with pytest.raises(VidposeError, match=r"no blocks\.1\.norm2\.bias \(nearest: blocks\."):
        checkpoints.load_state(network, state, "file")
    _assert_equal(network, before)


def test_positions_of_no_grid_are_refused() -> None:
    state = _random(official_vit(24, 2, tokens=7))
    with pytest.raises(VidposeError, match="pos_embed has 8 entries"):
        checkpoints.load_state(_small_vit(), state, "file")


def test_grids_are_upright_or_square() -> None:
    found = {tokens: grid_of(tokens) for tokens in (0, 1, 12, 13, 192, 193, 196, 432)}
    assert found == {
        0: None,
        1: (1, 1),
        12: (4, 3),
        13: None,
        192: (16, 12),
        193: None,
        196: (14, 14),
        432: (24, 18),
    }
