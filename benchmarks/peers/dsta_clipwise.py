"""Peer: DSTA with ResNet-50 as its released code runs it, the whole clip anew for every key frame.

Written from the paper and a description of the released code, in plain eager torch, f32, NCHW, with
nothing of vidpose: ResNet-50 on all frames of the clip, global average pooling, RLE's normalised
linear layer to 17 tokens of 32 channels, four layers each of temporal and spatial attention, a
learnt sum, two small heads. Random weights. The time is that of the network alone, from normalised
float crops to coordinates and scores.
"""

import torch
from protocol import Offer, repeat, serve
from torch import Tensor, nn
from torch.nn import functional as F

FRAMES, KEY, SLOTS, WIDTH, HEADS, DEPTH = 5, 2, 17, 32, 8, 4
GROUPS = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (9, 10, 11), (12, 13, 14))


class Bottleneck(nn.Module):
    """Stride in the 3x3 convolution, as torchvision's."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.path = nn.Sequential(
            nn.Conv2d(inputs, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, 4 * width, 1, bias=False),
            nn.BatchNorm2d(4 * width),
        )
        self.shortcut = nn.Sequential()
        if stride > 1 or inputs != 4 * width:
            self.shortcut.append(nn.Conv2d(inputs, 4 * width, 1, stride, bias=False))
            self.shortcut.append(nn.BatchNorm2d(4 * width))

    def forward(self, x: Tensor) -> Tensor:
        """``[batch, inputs, h, w]`` to ``[batch, 4 width, h / stride, w / stride]``."""
        return F.relu(self.path(x) + self.shortcut(x))


def resnet50() -> nn.Sequential:
    """Stem and four stages, without the classifier."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
    ]
    inputs = 64
    for width, depth, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for i in range(depth):
            layers.append(Bottleneck(inputs, width, stride if i == 0 else 1))
            inputs = 4 * width
    return nn.Sequential(*layers)


class Layer(nn.Module):
    """A pre-norm Transformer layer."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH, 1e-6), nn.LayerNorm(WIDTH, 1e-6)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.mlp = nn.Sequential(
            nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """``[batch, token, width]``, updated."""
        batch, count, _ = tokens.shape
        qkv = self.qkv(self.norm1(tokens)).reshape(batch, count, 3, HEADS, WIDTH // HEADS)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        weights = (query @ key.transpose(-2, -1) * (WIDTH // HEADS) ** -0.5).softmax(-1)
        tokens = tokens + self.out((weights @ value).transpose(1, 2).flatten(2))
        return tokens + self.mlp(self.norm2(tokens))


class Stack(nn.Module):
    """A position embedding and the layers."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.zeros(count, WIDTH))
        self.layers = nn.Sequential(*(Layer() for _ in range(DEPTH)), nn.LayerNorm(WIDTH, 1e-6))

    def forward(self, tokens: Tensor) -> Tensor:
        """``[batch, token, width]``, updated."""
        updated: Tensor = self.layers(tokens + self.position)
        return updated


class ClipwiseDSTA(nn.Module):
    """The whole network."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = resnet50()
        self.tokens = nn.Linear(2048, SLOTS * WIDTH)
        self.time, self.space = Stack(FRAMES), Stack(len(GROUPS[0]))
        self.sum = nn.Conv2d(2, 1, 1)
        self.coordinates = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 2))
        self.deviations = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 2))

    def forward(self, clip: Tensor) -> tuple[Tensor, Tensor]:
        """``[batch, frame, 3, h, w]`` to coordinates ``[batch, joint, 2]`` and their scores."""
        batch = len(clip)
        pooled = F.adaptive_avg_pool2d(self.backbone(clip.flatten(0, 1)), 1).flatten(1)
        linear = F.linear(pooled, self.tokens.weight) / pooled.norm(dim=1, keepdim=True)
        tokens = (linear + self.tokens.bias).reshape(batch, FRAMES, SLOTS, WIDTH)
        trajectories = tokens.transpose(1, 2).flatten(0, 1)
        temporal = self.time(trajectories)[:, KEY].reshape(batch, SLOTS, WIDTH)
        groups = tokens[:, KEY, torch.tensor(GROUPS)].flatten(0, 1)
        spatial = temporal.new_zeros(batch, SLOTS, WIDTH)
        spatial[:, torch.tensor(GROUPS).flatten()] = self.space(groups).reshape(batch, -1, WIDTH)
        fused = self.sum(torch.stack((temporal, spatial), 1))[:, 0]
        sigma = self.deviations(fused).sigmoid()
        return self.coordinates(fused), 1 - sigma.mean(-1)


def load() -> Offer:
    """The network and a clip of noise."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = ClipwiseDSTA().eval()
    clip = torch.randn(1, FRAMES, 3, 256, 192)
    return Offer({"torch": torch.__version__}, {"whole clip": repeat(lambda: model(clip))})


if __name__ == "__main__":
    with torch.inference_mode():
        serve(load)
