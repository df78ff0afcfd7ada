"""Where and when a token is: SDTC's positional encodings (Sec. 3.1, Table 7)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vidpose.layers.deformable import centres
from vidpose.layers.positions import sine_cosine


class PositionalEncoding(nn.Module):
    """A sine-cosine encoding of the place plus a learnable one of the frame.

    Args:
        width: Channels of a token; a multiple of 4.
        frames: Of a clip.
        grid: Rows and columns of tokens.
        spatial: Encode the place.
        temporal: Encode the frame.
    """

    spatial: Tensor

    def __init__(
        self, width: int, frames: int, grid: tuple[int, int], *, spatial: bool, temporal: bool
    ) -> None:
        super().__init__()
        self.frames = frames
        places = sine_cosine(centres(grid, torch.zeros(())), width)
        if not spatial:
            places = torch.zeros_like(places)
        self.register_buffer("spatial", places[None], persistent=False)
        self.temporal = None
        if temporal:
            self.temporal = nn.Parameter(torch.zeros(frames, 1, width))
            nn.init.trunc_normal_(self.temporal, std=0.02)

    def forward(self) -> Float[Tensor, "frame token width"]:
        """What is added to the tokens of a clip."""
        if self.temporal is None:
            return self.spatial.expand(self.frames, -1, -1)
        return self.spatial + self.temporal
