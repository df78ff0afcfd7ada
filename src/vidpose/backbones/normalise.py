"""The pixel statistics that networks pretrained on ImageNet expect."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)


class ImageNetNormalise(nn.Module):
    """RGB in [0, 255] to zero mean and unit deviation over ImageNet.

    Its constants follow the module to a device or a precision, and are no part of a checkpoint.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name, values in (("mean", _MEAN), ("deviation", _DEVIATION)):
            self.register_buffer(name, 255 * torch.tensor(values)[:, None, None], persistent=False)

    def forward(
        self, frames: UInt8[Tensor, "batch 3 h w"] | Float[Tensor, "batch 3 h w"]
    ) -> Float[Tensor, "batch 3 h w"]:
        """The frames in the precision of the module."""
        return (frames.to(self.mean.dtype) - self.mean) / self.deviation
