"""The motion of SDTC's baselines (Table 4): optical flow in place of the motion encoder."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from vidpose.datasets.flow import DISFlow
from vidpose.models.sdtc.motion import ClipTokens


class FlowMotion(nn.Module):
    """The flow of every token through a 3x3 convolution to tokens of motion.

    Args:
        width: Channels of a token.
        stride: Pixels of the crop a cell of the flow.
    """

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv2d(2, width, 3, padding=1)

    def forward(self, flow: Float[Tensor, "batch frame 2 h w"]) -> ClipTokens:
        """Motion of all frames.

        Args:
            flow: From the key frame to every frame, in pixels of the crop.
        """
        maps = self.conv((flow / self.stride).flatten(0, 1))
        return maps.flatten(2).transpose(1, 2).unflatten(0, flow.shape[:2])


def clip_flow(
    frames: UInt8[Tensor, "batch frame 3 h w"] | Float[Tensor, "batch frame 3 h w"],
    key: int,
    search: DISFlow,
) -> Float[Tensor, "batch frame 2 h/stride w/stride"]:
    """The flow of clips, computed by OpenCV on the CPU.

    Args:
        frames: Crops, RGB in [0, 255].
        key: Position of the key frame.
        search: Computes the flow of one clip.
    """
    pictures = frames.round() if frames.is_floating_point() else frames
    flow: Tensor = _clip_flow(pictures.to(torch.uint8), key, search.stride)
    return flow


# An operator of torch's, so that tensors without data (the meta device) pass it too.
@torch.library.custom_op("vidpose::clip_flow", mutates_args=())
def _clip_flow(frames: Tensor, key: int, stride: int) -> Tensor:
    flow = torch.empty(_shape(frames, stride))
    for out, clip in zip(flow, frames.permute(0, 1, 3, 4, 2).cpu().numpy(), strict=True):
        out[:] = torch.from_numpy(DISFlow(stride)(clip, key))
    return flow.to(frames.device)


@_clip_flow.register_fake
def _(frames: Tensor, key: int, stride: int) -> Tensor:
    return frames.new_empty(_shape(frames, stride), dtype=torch.float32)


def _shape(frames: Tensor, stride: int) -> tuple[int, ...]:
    batch, count, _, height, width = frames.shape
    return batch, count, 2, height // stride, width // stride
