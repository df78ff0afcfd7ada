"""A ViTPose of transformers with random weights: for speed only.

As a script, it writes one as an ONNX file, for peers that read those:

    python vitpose_random.py FILE.onnx
"""

import sys
import warnings

import torch
from torch import nn
from transformers import VitPoseBackboneConfig, VitPoseConfig, VitPoseForPoseEstimation

SIZES = {"small": 384, "base": 768}


def vitpose(size: str) -> nn.Module:
    """The classic decoder on ViT-S or ViT-B at 256 x 192, 17 joints."""
    width = SIZES[size]
    backbone = VitPoseBackboneConfig(  # type: ignore[call-arg]
        image_size=[256, 192],
        patch_size=[16, 16],
        hidden_size=width,
        num_hidden_layers=12,
        num_attention_heads=12,
        out_indices=[12],
    )
    config = VitPoseConfig(  # type: ignore[call-arg]
        backbone_config=backbone, num_labels=17, use_simple_decoder=False
    )
    return VitPoseForPoseEstimation(config).eval()


class Heatmaps(nn.Module):
    """What a graph should give: the heatmaps alone."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Of normalised crops ``[batch, 3, 256, 192]``."""
        heatmaps: torch.Tensor = self.model(pixels).heatmaps
        return heatmaps


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Heatmaps(vitpose("small")),
            (torch.zeros(1, 3, 256, 192),),
            sys.argv[1],
            dynamo=False,
            input_names=["pixels"],
            output_names=["heatmaps"],
        )
