"""People from a file instead of a detector, matched to the frames of a source."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vidpose.detect.base import Detections
from vidpose.detect.boxfiles import FoundPerson, parse
from vidpose.detect.stills import Stills
from vidpose.errors import VidposeError
from vidpose.file_names import readable
from vidpose.formats.reading import read_json
from vidpose.frame import Frame


@dataclass(frozen=True)
class BoxesFile:
    """A `Detector` that answers from a table.

    Attributes:
        name: The file's name.
        frames: The people of each frame by its index; a frame that is not mentioned has none.
        sizes: Width and height of each frame by its index, where the file says.
    """

    name: str
    frames: dict[int, Detections]
    sizes: dict[int, tuple[int, int]]

    def __call__(self, frame: Frame) -> Detections:
        """The people of ``frame`` according to the file.

        Raises:
            VidposeError: The file gives another size to this frame.
        """
        height, width = frame.image.shape[:2]
        self.check_size(frame.index, (width, height), frame.name)
        return self.frames.get(frame.index, _detections(()))

    def check_size(self, index: int, size: tuple[int, int], name: str | None) -> None:
        """Refuse a frame of which the file has another size."""
        said = self.sizes.get(index, size)
        if said != size:
            raise VidposeError(
                f"{self.name} has {name or f'frame {index}'} as {_in_words(said)} pixels, but it "
                f"is {_in_words(size)}: these are boxes of other pictures"
            )


def load_boxes(
    path: Path,
    *,
    width: int,
    height: int,
    frame_count: int | None,
    file_names: Sequence[str] | None = None,
) -> BoxesFile:
    """Read the boxes of a video, or of images, whose first frame is known.

    The file is one of: vidpose's own ``poses.json``; a PoseTrack18 or COCO keypoints file with
    ``images`` and ``annotations``; a list of detections ``{image_id or image_name, bbox, score}``.
    COCO's 17 joints are passed on where the file has them. Ids in it are ignored: the tracker
    gives its own.

    Args:
        path: The file.
        width: Width of the first frame in pixels.
        height: Height of the first frame in pixels.
        frame_count: About how many frames a video has; None if nobody knows, as with a camera.
        file_names: The names of images, one a frame, by which their boxes are found; None for a
            video.

    Raises:
        VidposeError: It is not such a file, or does not match the source: another frame size,
            frames or images that it does not have, several videos in one, a box of negative size.
    """
    stills = None if file_names is None else Stills(file_names)
    frames: dict[int, Detections] = {}
    sizes: dict[int, tuple[int, int]] = {}
    for found in parse(read_json(path), path, of_video=stills is None):
        index = found.index if stills is None else stills.position(found, path)
        label = f"frame {index}" if stills is None else stills.names[index]
        if index in frames:
            raise VidposeError(f"{path}: {label} occurs twice")
        if any(_is_inside_out(person) for person in found.people):
            raise VidposeError(f"{path}: {label} has a box of negative size")
        frames[index] = _detections(found.people)
        if found.size is not None:
            sizes[index] = found.size
    boxes = BoxesFile(readable(path.name), frames, sizes)
    if stills is not None:
        # What the others measure is not known before they are read.
        boxes.check_size(0, (width, height), stills.names[0])
    else:
        _check_video(boxes, path, (width, height), frame_count)
    return boxes


def _check_video(
    boxes: BoxesFile, path: Path, size: tuple[int, int], frame_count: int | None
) -> None:
    last = max(boxes.frames, default=0)
    # The count is an estimate, which a varying frame rate can put far off.
    if frame_count is not None and last > 2 * frame_count + 50:
        raise VidposeError(
            f"{path} has boxes for frame {last}, but the video has about {frame_count} frames"
        )
    said = list(boxes.sizes.values())
    # A video may change its size on the way: one file can have several.
    if said and size not in said:
        raise VidposeError(
            f"{path} is for frames of {_in_words(said[0])} pixels, but the video's are "
            f"{_in_words(size)}"
        )


def _is_inside_out(person: FoundPerson) -> bool:
    left, top, right, bottom = person.box
    return right < left or bottom < top


def _in_words(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _detections(people: Iterable[FoundPerson]) -> Detections:
    people = list(people)
    boxes = np.array([person.box for person in people], dtype=np.float32).reshape(-1, 4)
    scores = np.array([person.score for person in people], dtype=np.float32)
    joints = [person.joints for person in people if person.joints is not None]
    if len(joints) < len(people) or not joints:
        return Detections(boxes, scores)
    rows = np.array(joints, dtype=np.float32)
    return Detections(boxes, scores, rows[..., :2], rows[..., 2])
