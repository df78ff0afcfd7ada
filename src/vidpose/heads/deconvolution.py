"""The head of Simple Baselines: transposed convolutions from features to heatmaps."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn


class DeconvolutionHead(nn.Module):
    """Deconvolutions that double the resolution, then one map a joint (Xiao et al., 2018).

    Parameters have the names of the public checkpoints (Simple Baselines, ViTPose).

    Args:
        inputs: Channels of the features.
        channels: Of each 4x4 deconvolution with stride 2; none of them leaves the resolution alone.
        joints: Number of heatmaps.
    """

    def __init__(self, inputs: int, channels: Sequence[int], joints: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width in channels:
            deconvolution = nn.ConvTranspose2d(inputs, width, 4, stride=2, padding=1, bias=False)
            layers += [deconvolution, nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            inputs = width
        self.deconv_layers = nn.Sequential(*layers)
        self.final_layer = nn.Conv2d(inputs, joints, 1)
        for module in self.modules():
            if isinstance(module, nn.ConvTranspose2d | nn.Conv2d):
                nn.init.normal_(module.weight, std=0.001)
        assert self.final_layer.bias is not None
        nn.init.zeros_(self.final_layer.bias)

    def forward(
        self, features: Float[Tensor, "batch channel h w"]
    ) -> Float[Tensor, "batch joint heatmap_h heatmap_w"]:
        """Raw heatmaps, without activation."""
        heatmaps: Tensor = self.final_layer(self.deconv_layers(features))
        return heatmaps
