"""Clips: which frames a pose is estimated from, and through which window of the image.

Two modes choose the crop box of a key frame:

- ``exact``: the person's box in the key frame, anew for each key frame; the papers' protocol. Every
  neighbour is then cropped and encoded again for each key frame that it borders.
- ``hold``: the box is kept while the person stays well inside it, so that successive key frames
  share the features of their common neighbours, and most steps encode one new frame.

For the same boxes the two give the same poses, because only the choice of the box differs.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vidpose.frame import Frame
from vidpose.geometry import Box, CropGeometry, box_centre, box_size

Mode = Literal["exact", "hold"]
# How far a box may lie outside its held window, as a part of the window's width.
_ROUNDING = 0.01
Clip = tuple[Frame, ...]


def clips(frames: Iterable[Frame], offsets: Sequence[int]) -> Iterator[tuple[Frame, Clip]]:
    """Each frame in turn as the key frame, with the frames at ``offsets`` from it.

    Before the first and after the last frame the nearest existing one is repeated. At most
    ``max(offsets) - min(offsets) + 1`` frames are held.

    Args:
        frames: Frames in order.
        offsets: Ascending, containing 0.

    Yields:
        The key frame and the clip, one frame an offset.
    """
    behind, ahead = -offsets[0], offsets[-1]
    held: deque[Frame] = deque()
    key = 0  # position of the key frame in `held`

    def clip() -> tuple[Frame, Clip]:
        last = len(held) - 1
        return held[key], tuple(held[min(max(key + offset, 0), last)] for offset in offsets)

    for frame in frames:
        held.append(frame)
        if len(held) - 1 < key + ahead:
            continue
        yield clip()
        if key < behind:
            key += 1
        else:
            held.popleft()
    while key < len(held):
        yield clip()
        key += 1


@dataclass
class HeldWindow:
    """The crop window of one person, kept until the person drifts, changes size or leaves it.

    What a model's crops are enlarged by is the slack: without any, every move leaves the window.

    Attributes:
        shift: Largest drift of the centre, as a part of the window's width.
        scale: Largest change of size, as a part of it.
    """

    geometry: CropGeometry
    shift: float = 0.05
    scale: float = 0.12
    window: Box | None = None

    def update(self, box: Box) -> Box:
        """The window for a person whose box is now ``box``."""
        fresh = self.geometry.window(box)
        if self.window is None or not self._fits(box, fresh, self.window):
            self.window = fresh
        return self.window

    def _fits(self, box: Box, fresh: Box, held: Box) -> bool:
        size, held_size = box_size(fresh)[0], box_size(held)[0]
        drift = np.abs(box_centre(fresh) - box_centre(held)).max()
        outside = max((held[:2] - box[:2]).max(), (box[2:] - held[2:]).max())
        return bool(
            drift <= self.shift * held_size
            and abs(size - held_size) <= self.scale * held_size
            and outside <= _ROUNDING * held_size
        )
