"""The layouts of JSON in which people's boxes come, read into one form."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, Field

from vidpose.errors import VidposeError
from vidpose.formats import native
from vidpose.formats.coco_layout import (
    PERSON,
    Annotation,
    Category,
    Detection,
    Image,
    check_images,
)
from vidpose.formats.frame_names import file_of, folder_of, frame_indices, has_number
from vidpose.formats.posetrack_ids import sequence_and_index
from vidpose.formats.reading import checked
from vidpose.geometry import Box, box_of_corner_and_size
from vidpose.poses import Poses
from vidpose.skeleton import COCO17

_Score = Annotated[float, Field(ge=0, le=1)]
_Frame = TypeVar("_Frame", int, str)


@dataclass(frozen=True)
class FoundPerson:
    """A person in a file of boxes.

    Attributes:
        box: ``x1, y1, x2, y2`` in pixels of the frame.
        score: Confidence that this is a person, in [0, 1]; 1 where the file has none.
        joints: x, y and confidence of COCO's 17 joints where the file has them.
    """

    box: Box
    score: float
    joints: Float[np.ndarray, "17 3"] | None = None


@dataclass(frozen=True)
class FoundFrame:
    """A frame in a file of boxes.

    Attributes:
        index: Position in the video, from 0.
        size: Width and height in pixels where the file says.
        people: Its people.
        name: The image's file name without folders; empty where the layout asks for names but the
            record has none, None where it does not ask.
        number: The image's number where the file has nothing but numbers.
    """

    index: int
    size: tuple[int, int] | None
    people: Sequence[FoundPerson]
    name: str | None = None
    number: int | None = None


def parse(document: object, path: Path, of_video: bool) -> Iterator[FoundFrame]:
    """The frames of ``document``, the parsed content of ``path``.

    Args:
        document: The content.
        path: The file, for messages.
        of_video: Whether frames are wanted by their index; those of images go by their names.

    Raises:
        VidposeError: It is in none of the known layouts, or breaks the rules of its own.
    """
    match document:
        case {"frames": _}:
            return _of_poses(native.parse(document, path))
        case {"images": _, "annotations": _}:
            return _of_images(checked(_Layout, document, path), path, of_video)
        case list():
            return _of_list(checked(list[_Detection], document, path), path, of_video)
    raise VidposeError(
        f"{path} is not a boxes file: expected vidpose poses, PoseTrack18 or COCO annotations, or "
        f"a list of detections"
    )


def _of_poses(poses: Poses) -> Iterator[FoundFrame]:
    has_joints = set(COCO17.joints) <= set(poses.skeleton.joints)
    rows = [poses.skeleton.index(joint) for joint in COCO17.joints] if has_joints else []
    for frame in poses:
        people = []
        for person in frame.people:
            joints = np.column_stack([person.keypoints, person.keypoint_scores])[rows]
            people.append(FoundPerson(person.box, person.score, joints if has_joints else None))
        size = (frame.width or poses.header.width, frame.height or poses.header.height)
        yield FoundFrame(frame.index, size, people, name=frame.name)


class _Detection(Detection):
    image_id: Annotated[int, Field(ge=0)] | None = None
    score: _Score = 1.0


def _of_list(detections: list[_Detection], path: Path, of_video: bool) -> Iterator[FoundFrame]:
    names = [each.image_name for each in detections if each.image_name is not None]
    if not names:
        return _of_numbers(detections, path)
    if len(names) < len(detections):
        raise VidposeError(f"{path}: some detections have an image_name and others do not")
    if len({folder_of(name) for name in names}) > 1:
        raise _several_videos(path)
    files = list(dict.fromkeys(names))
    found = _people_of(detections, names)
    indices = frame_indices(files, path) if of_video else range(len(files))
    return (
        FoundFrame(index, None, found[name], name=file_of(name))
        for index, name in zip(indices, files, strict=True)
    )


def _of_numbers(detections: list[_Detection], path: Path) -> Iterator[FoundFrame]:
    indices = [each.image_id for each in detections if each.image_id is not None]
    of_posetrack = [sequence_and_index(number) for number in indices]
    places = [each for each in of_posetrack if each is not None]
    if len(places) == len(detections):
        if len({sequence for sequence, _ in places}) > 1:
            raise _several_videos(path)
        indices = [index for _, index in places]
    found = _people_of(detections, indices)
    return (FoundFrame(index, None, found[index], number=index) for index in sorted(found))


def _people_of(
    detections: list[_Detection], frames: Sequence[_Frame]
) -> dict[_Frame, list[FoundPerson]]:
    """The people of each frame, which the other list names for each detection."""
    people: dict[_Frame, list[FoundPerson]] = defaultdict(list)
    for each, frame in zip(detections, frames, strict=True):
        if each.category_id == PERSON:
            people[frame].append(FoundPerson(box_of_corner_and_size(each.bbox), each.score))
    return people


class _Image(Image):
    # Of a video, no name is needed.
    file_name: str = ""


class _Annotation(Annotation):
    category_id: int = PERSON
    score: _Score = 1.0
    keypoint_scores: list[_Score] = Field(default_factory=list)


class _Category(Category):
    id: int


class _Layout(BaseModel):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category] = []


def _of_images(layout: _Layout, path: Path, of_video: bool) -> Iterator[FoundFrame]:
    if len({image.vid_id for image in layout.images}) > 1:
        raise _several_videos(path)
    has_joints = any(
        each.id == PERSON and each.keypoints == COCO17.joints for each in layout.categories
    )
    check_images(layout.images, layout.annotations, path)
    people: dict[int, list[FoundPerson]] = {image.id: [] for image in layout.images}
    for each in layout.annotations:
        # PoseTrack labels some people by their head alone; a crowd is no person.
        if each.bbox is not None and each.category_id == PERSON and not each.iscrowd:
            joints = _joints(each) if has_joints else None
            people[each.image_id].append(
                FoundPerson(box_of_corner_and_size(each.bbox), each.score, joints)
            )
    names = [image.file_name for image in layout.images]
    # Of images, it is the name that tells which one is meant, whether it has a number or not.
    indices = _indices(names, path) if of_video else range(len(names))
    for index, image in zip(indices, layout.images, strict=True):
        yield FoundFrame(index, image.size, people[image.id], name=file_of(image.file_name))


def _indices(names: Sequence[str], path: Path) -> list[int]:
    """The frames' numbers in their names; where no name has one, the positions."""
    if any(has_number(name) for name in names):
        return frame_indices(names, path)
    return list(range(len(names)))


def _joints(annotation: _Annotation) -> Float[np.ndarray, "17 3"] | None:
    if len(annotation.keypoints) != 3 * len(COCO17):
        return None
    joints = np.array(annotation.keypoints, dtype=np.float32).reshape(-1, 3)
    joints[:, 2] = joints[:, 2] > 0
    if len(annotation.keypoint_scores) == len(COCO17):
        joints[:, 2] *= annotation.keypoint_scores
    return joints


def _several_videos(path: Path) -> VidposeError:
    return VidposeError(f"{path} holds boxes of several videos: split it into one file a video")
