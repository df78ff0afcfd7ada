"""A decoded frame as a player shows it: RGB, upright, with square pixels."""

from typing import cast

import cv2
import numpy as np
from av.sidedata.sidedata import SideDataContainer, Type
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, VideoReformatter
from av.video.stream import VideoStream
from jaxtyping import UInt8

_UNSPECIFIED = 2
# Stretched further, the shape of the pixels is taken for an error of the file.
_MOST = 8.0


class Shown:
    """Makes pictures of the frames of one stream.

    Args:
        stream: Says which shape its pixels have.
    """

    def __init__(self, stream: VideoStream) -> None:
        self._convert = VideoReformatter()
        ratio = float(stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or 1)
        self._ratio = ratio if 1 / _MOST <= ratio <= _MOST else 1.0

    def __call__(self, frame: VideoFrame) -> UInt8[np.ndarray, "h w 3"]:
        """The picture; the width is that of pixels as wide as high."""
        return upright(self._rgb(frame), display_matrix(frame))

    def _rgb(self, frame: VideoFrame) -> UInt8[np.ndarray, "h w 3"]:
        """RGB pixels; of the matrices, untagged high definition means BT.709."""
        untagged_hd = frame.colorspace == _UNSPECIFIED and (
            frame.height > 576 or frame.width >= 1280
        )
        rgb = self._convert.reformat(
            frame,
            width=max(1, round(frame.width * self._ratio)),
            format="rgb24",
            src_colorspace=Colorspace.ITU709 if untagged_hd else None,
        )
        return np.asarray(rgb.to_ndarray(), dtype=np.uint8)


def display_matrix(frame: VideoFrame) -> tuple[int, int, int, int] | None:
    """``a, b, c, d`` of ``x' = a x + c y, y' = b x + d y``, by which a player moves the pixels."""
    # Its annotation says otherwise.
    data = cast(SideDataContainer, frame.side_data).get(Type.DISPLAYMATRIX)
    if data is None:
        return None
    a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].tolist()
    return a, b, c, d


def upright(
    image: UInt8[np.ndarray, "h w 3"], matrix: tuple[int, int, int, int] | None
) -> UInt8[np.ndarray, "h w 3"]:
    """The image turned by quarters and mirrored as the file asks for."""
    if matrix is None:
        return image
    a, b, c, d = matrix
    turned = abs(b) + abs(c) > abs(a) + abs(d)
    if turned:
        image = np.asarray(cv2.transpose(image), dtype=np.uint8)
    mirrored, upside_down = (c < 0, b < 0) if turned else (a < 0, d < 0)
    if mirrored or upside_down:
        # 0 flips rows, 1 columns, -1 both.
        flip = -1 if mirrored and upside_down else int(mirrored)
        image = np.asarray(cv2.flip(image, flip), dtype=np.uint8)
    return image
