"""Clips: which frames a pose is estimated from, and through which window of the image.

Two modes choose the crop box of a key frame:

- ``exact``: the person's box in the key frame, anew for each key frame; the papers' protocol. Every
  neighbour is then cropped and encoded again for each key frame that it borders.
- ``hold``: the window is kept while the person stays well inside it, so that successive key frames
  share the features of their common neighbours, and most steps encode one new frame.

For the same boxes the two give the same poses, because only the choice of the box differs.

Features that are portable (`PoseModel.moved`) need no common window. With them ``hold`` encodes
every frame once, through a window laid for the key frame of that moment, and brings it to the
window of each later key frame; only a key frame that was seen through a window far from its own
(`alike`) is encoded again.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float

from vidpose.frame import Frame
from vidpose.geometry import Box, CropGeometry, box_centre, box_size

Mode = Literal["exact", "hold"]
# Chosen on other clips than those that docs/streaming.md reports. A window is left when the centre
# of the person is this part of its width away from its own, when it is this many times as large as
# a fresh one, or when less than this part of a fresh one's border is left around the box.
_DRIFT, _LARGE, _BORDER = 0.14, 1.25, 0.2
# A new window is centred where the person will be in so many frames, at the speed of so many past
# ones, but no farther than this part of the way to where it would be left again.
_LEAD, _SPEED_OVER, _REACH = 4.0, 4, 0.7
# Frames over which a size that is gone fades: limbs go in and out faster than people.
_SIZE_FADE = 10.0
# Of portable features, when a key frame's own are good enough: its window may be this part of a
# width beside where it would be laid now, and this many times as large or as small.
_BESIDE, _OTHER_SIZE = 0.06, 1.15
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


def alike(seen: Box, fresh: Box) -> bool:
    """Whether what was seen through one window is as good as seen through another."""
    width, fresh_width = float(box_size(seen)[0]), float(box_size(fresh)[0])
    beside = np.abs(box_centre(seen) - box_centre(fresh)).max()
    larger = max(width, fresh_width) / min(width, fresh_width)
    return bool(beside <= _BESIDE * fresh_width and larger <= _OTHER_SIZE)


@dataclass
class HeldWindow:
    """The crop window of one person, kept until the person drifts, shrinks or comes near its edge.

    A new window is laid ahead of the motion, so that the person crosses all of its tolerance, and
    for the largest recent size, so that a swinging arm does not leave it. The person is in every
    window whole, with a border. What a model's crops are enlarged by is the slack: without any,
    every move leaves the window. The unit of time is the call.
    """

    geometry: CropGeometry
    window: Box | None = None
    _centre: Float[np.ndarray, "2"] = field(default_factory=lambda: np.zeros(2))
    _velocity: Float[np.ndarray, "2"] = field(default_factory=lambda: np.zeros(2))
    _width: float = 0.0
    _moves: int = 0

    def update(self, box: Box) -> Box:
        """The window for a person whose box is now ``box``."""
        fresh = self.geometry.window(box)
        self._follow(fresh)
        if self.window is None or not self._fits(box, fresh, self.window):
            self.window = self._ahead(box, fresh)
        return self.window

    def _follow(self, fresh: Box) -> None:
        """Learn speed, as a running mean, and recent size."""
        centre, width = box_centre(fresh), float(box_size(fresh)[0])
        if self.window is not None:
            self._moves += 1
            surprise = centre - self._centre - self._velocity
            self._velocity = self._velocity + surprise / min(self._moves, _SPEED_OVER)
        self._centre = centre
        self._width = max(width, self._width + (width - self._width) / _SIZE_FADE)

    def _fits(self, box: Box, fresh: Box, held: Box) -> bool:
        width, held_width = box_size(fresh)[0], box_size(held)[0]
        drift = np.abs(box_centre(fresh) - box_centre(held)).max()
        border = min((box[:2] - held[:2]).min(), (held[2:] - box[2:]).min())
        return bool(
            drift <= _DRIFT * held_width
            and held_width <= _LARGE * width
            and border >= self._border * held_width
        )

    def _ahead(self, box: Box, fresh: Box) -> Box:
        """A window for the recent size and the coming motion."""
        half = box_size(fresh) / 2
        growth = min(self._width / (2 * half[0]), (1 + _LARGE) / 2) - 1
        width = 2 * half[0] * (1 + growth)
        room = half * (1 + growth) - box_size(box) / 2 - self._border * width
        reach = _REACH * np.clip(room, 0.0, _DRIFT * width)
        lead = np.clip(_LEAD * self._velocity, -reach, reach)
        grown = fresh + growth * np.concatenate([-half, half])
        return np.asarray(grown + np.tile(lead, 2), dtype=np.float32)

    @property
    def _border(self) -> float:
        """The least border around a box, as a part of the window's width."""
        return _BORDER * (1 - 1 / self.geometry.enlargement) / 2
