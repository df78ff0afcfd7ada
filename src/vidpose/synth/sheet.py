"""A sheet of frames with their labels drawn, for people who look at them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from vidpose.atomic import staged
from vidpose.datasets.labels import VISIBLE, FrameLabels
from vidpose.drawing import draw
from vidpose.image_files import encoded
from vidpose.poses import Person
from vidpose.skeleton import Skeleton

TILES = 24
_COLUMNS = 6
_TILE_WIDTH = 320
_JPEG_QUALITY = 85
# As the score of a joint, which is its colour: green is seen, orange is hidden.
_SEEN, _HIDDEN = 1.0, 0.3


def chosen(sequences: int, frames: int) -> dict[int, list[int]]:
    """The frames of a sheet by sequence, evenly spread over all."""
    total = sequences * frames
    found: dict[int, list[int]] = {}
    for number in dict.fromkeys((2 * tile + 1) * total // (2 * TILES) for tile in range(TILES)):
        found.setdefault(number // frames, []).append(number % frames)
    return found


def tile(
    picture: UInt8[np.ndarray, "h w 3"], labels: FrameLabels, skeleton: Skeleton
) -> UInt8[np.ndarray, "tile_h tile_w 3"]:
    """A frame with its joints, as large as a sheet shows it."""
    scale = _TILE_WIDTH / picture.shape[1]
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    people = [
        Person(
            id=person.track_id,
            score=1.0,
            box=np.asarray(person.box) * scale,
            keypoints=(person.keypoints + 0.5) * scale - 0.5,
            keypoint_scores=np.where(person.visibility == VISIBLE, _SEEN, _HIDDEN)
            * person.labelled,
        )
        for person in labels.people
    ]
    return draw(np.asarray(small, np.uint8), people, skeleton)


def sheet(tiles: Sequence[UInt8[np.ndarray, "h w 3"]]) -> UInt8[np.ndarray, "sheet_h sheet_w 3"]:
    """Tiles of one size, row by row."""
    blank = np.zeros_like(tiles[0])
    filled = [*tiles, *[blank] * (-len(tiles) % _COLUMNS)]
    rows = [np.hstack(filled[at : at + _COLUMNS]) for at in range(0, len(filled), _COLUMNS)]
    return np.vstack(rows)


def save(path: Path, tiles: Sequence[UInt8[np.ndarray, "h w 3"]]) -> None:
    """Writes the sheet of the tiles.

    Args:
        path: An image file, jpg or png.
        tiles: Of one size, at least one.

    Raises:
        VidposeError: It cannot be written.
    """
    with staged(path) as temporary:
        temporary.write_bytes(encoded(sheet(tiles), path.suffix, _JPEG_QUALITY))
