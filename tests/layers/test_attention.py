"""Transformer layers against torch's own, and against loops."""

import math

import pytest
import torch
from torch import Tensor, nn

from vidpose.layers.attention import Block, DropPath, SelfAttention


def randomised(module: nn.Module) -> nn.Module:
    """The module with parameters that no initialisation makes harmless."""
    torch.manual_seed(0)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.5)
    return module.double().eval()


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(ValueError, match="5 heads do not divide a width of 32"):
        SelfAttention(32, 5)


def literal_attention(attention: SelfAttention, tokens: Tensor, seen: Tensor) -> Tensor:
    """Softmax of query times key over the seen tokens, one number at a time."""
    batch, count, width = tokens.shape
    channels = width // attention.heads
    answer = torch.zeros_like(tokens)
    for b in range(batch):
        qkv = [attention.qkv(token) for token in tokens[b]]
        for i in range(count):
            mixed = torch.zeros(width, dtype=tokens.dtype)
            for head in range(attention.heads):
                part = slice(head * channels, (head + 1) * channels)
                query = qkv[i][:width][part]
                scores = [
                    math.exp(float(query @ qkv[j][width : 2 * width][part]) / math.sqrt(channels))
                    if seen[b, j]
                    else 0.0
                    for j in range(count)
                ]
                for j in range(count):
                    mixed[part] += scores[j] / sum(scores) * qkv[j][2 * width :][part]
            answer[b, i] = attention.proj(mixed)
    return answer


@pytest.mark.parametrize("masked", [False, True])
def test_attention_is_the_literal_sum(masked: bool) -> None:
    attention = randomised(SelfAttention(8, 2))
    assert isinstance(attention, SelfAttention)
    attention.requires_grad_(False)
    tokens = torch.randn(2, 4, 8, dtype=torch.float64)
    seen = torch.ones(2, 4, dtype=torch.bool)
    if masked:
        seen[0, 1] = seen[1, 2] = seen[1, 3] = False
    answer = attention(tokens, seen if masked else None)
    torch.testing.assert_close(answer, literal_attention(attention, tokens, seen))


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_a_block_is_torchs_encoder_layer(norm: str) -> None:
    block = randomised(Block(16, 4, 2.0, norm=norm))  # type: ignore[arg-type]
    assert isinstance(block, Block)
    theirs = nn.TransformerEncoderLayer(
        16,
        4,
        32,
        dropout=0.0,
        activation="gelu",
        layer_norm_eps=1e-6,
        batch_first=True,
        norm_first=norm == "pre",
    ).double()
    theirs.load_state_dict(
        {
            "self_attn.in_proj_weight": block.attn.qkv.weight,
            "self_attn.in_proj_bias": block.attn.qkv.bias,
            "self_attn.out_proj.weight": block.attn.proj.weight,
            "self_attn.out_proj.bias": block.attn.proj.bias,
            "linear1.weight": block.mlp.fc1.weight,
            "linear1.bias": block.mlp.fc1.bias,
            "linear2.weight": block.mlp.fc2.weight,
            "linear2.bias": block.mlp.fc2.bias,
            "norm1.weight": block.norm1.weight,
            "norm1.bias": block.norm1.bias,
            "norm2.weight": block.norm2.weight,
            "norm2.bias": block.norm2.bias,
        }
    )
    tokens = torch.randn(3, 5, 16, dtype=torch.float64)
    torch.testing.assert_close(block(tokens), theirs.train()(tokens))


def test_a_block_of_32_channels_has_the_published_number_of_parameters() -> None:
    assert sum(p.numel() for p in Block(32, 8, 2.0).parameters()) == 8_544


def test_drop_path_leaves_whole_samples_out_and_keeps_the_mean() -> None:
    drop = DropPath(0.25).train()
    torch.manual_seed(0)
    dropped = drop(torch.ones(4000, 3, 2))
    assert set(dropped.flatten(1).std(1).tolist()) == {0.0}
    assert abs(float(dropped.mean()) - 1) < 0.03
    torch.testing.assert_close(dropped.unique(), torch.tensor([0.0, 4 / 3]))


def test_drop_path_does_nothing_outside_training() -> None:
    branch = torch.randn(5, 2)
    assert DropPath(0.9).eval()(branch) is branch
