"""People from a file instead of a detector, matched to the video by frame index."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vidpose.detect.base import Detections
from vidpose.detect.boxfiles import FoundFrame, FoundPerson, parse
from vidpose.errors import VidposeError
from vidpose.formats.reading import read_json
from vidpose.video import Frame


@dataclass(frozen=True)
class BoxesFile:
    """A `Detector` that answers from a table.

    Attributes:
        name: The file's name.
        frames: The people of each frame by its index; a frame that is not mentioned has none.
    """

    name: str
    frames: dict[int, Detections]

    def __call__(self, frame: Frame) -> Detections:
        """The people of ``frame`` according to the file."""
        return self.frames.get(frame.index, _detections(()))


def load_boxes(path: Path, *, width: int, height: int, frame_count: int | None) -> BoxesFile:
    """Read the boxes of a video of known size.

    The file is one of: vidpose's own ``poses.json``; a PoseTrack18 or COCO keypoints file with
    ``images`` and ``annotations``; a list of PoseTrack18 detections ``{image_id, bbox, score}``.
    Joints in the file are passed on if they are COCO's 17. Ids in it are ignored: the tracker
    gives its own.

    Args:
        path: The file.
        width: Width of the video's frames in pixels.
        height: Height of the video's frames in pixels.
        frame_count: How many frames the video has; None if nobody knows, as with a camera.

    Raises:
        VidposeError: It is not such a file, or does not match the video: another frame size,
            frames that the video does not have, several videos in one, a box of negative size.
    """
    frames: dict[int, Detections] = {}
    for found in parse(read_json(path), path):
        _check(found, path, width, height, frame_count)
        if found.index in frames:
            raise VidposeError(f"{path}: frame {found.index} occurs twice")
        frames[found.index] = _detections(found.people)
    return BoxesFile(path.name, frames)


def _check(found: FoundFrame, path: Path, width: int, height: int, frame_count: int | None) -> None:
    if frame_count is not None and found.index >= frame_count:
        raise VidposeError(
            f"{path} has boxes for frame {found.index}, but the video has {frame_count} frames, "
            f"counted from 0"
        )
    if found.size is not None and found.size != (width, height):
        of_file = f"{found.size[0]}x{found.size[1]}"
        raise VidposeError(
            f"{path} is for frames of {of_file} pixels, but the video's are {width}x{height}"
        )
    for person in found.people:
        left, top, right, bottom = person.box
        if right < left or bottom < top:
            raise VidposeError(f"{path}: frame {found.index} has a box of negative size")


def _detections(people: Iterable[FoundPerson]) -> Detections:
    people = list(people)
    boxes = np.array([person.box for person in people], dtype=np.float32).reshape(-1, 4)
    scores = np.array([person.score for person in people], dtype=np.float32)
    joints = [person.joints for person in people if person.joints is not None]
    if len(joints) < len(people) or not joints:
        return Detections(boxes, scores)
    rows = np.array(joints, dtype=np.float32)
    return Detections(boxes, scores, rows[..., :2], rows[..., 2])
