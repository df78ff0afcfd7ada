"""Optical flow as a field of the data."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8


@dataclass(frozen=True)
class DISFlow:
    """Dense inverse search flow (Kroeger et al., ECCV 2016) from the key frame to every frame.

    Attributes:
        stride: Pixels of the crop a cell, which gets the mean flow of its pixels; it must divide
            the crop's height and width.
    """

    stride: int

    def __call__(
        self, frames: UInt8[np.ndarray, "frame h w 3"], key: int
    ) -> Float[np.ndarray, "frame 2 h/stride w/stride"]:
        """How far what is seen in a cell of the key frame is moved in each frame.

        Args:
            frames: Crops of one clip, RGB.
            key: Position of the key frame, whose own flow is 0.

        Returns:
            x and y in pixels of the crop.
        """
        height, width = frames.shape[1:3]
        cells = (width // self.stride, height // self.stride)
        flow = np.zeros((len(frames), 2, cells[1], cells[0]), np.float32)
        grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
        search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        for n, out in enumerate(flow):
            if n != key:
                dense = search.calc(grey[key], grey[n], np.zeros((height, width, 2), np.float32))
                out[:] = cv2.resize(dense, cells, interpolation=cv2.INTER_AREA).transpose(2, 0, 1)
        return flow
