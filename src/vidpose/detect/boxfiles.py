"""The layouts of JSON in which people's boxes come, read into one form."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, Field

from vidpose.errors import VidposeError
from vidpose.formats import native
from vidpose.formats.posetrack_ids import sequence_and_index
from vidpose.formats.reading import checked
from vidpose.poses import Poses
from vidpose.skeleton import COCO17

_PERSON = 1

# Finite in float32 and far beyond any picture.
_Pixels = Annotated[float, Field(ge=-1e6, le=1e6)]
_Bbox = tuple[_Pixels, _Pixels, _Pixels, _Pixels]
_Score = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class FoundPerson:
    """A person in a file of boxes.

    Attributes:
        box: ``x1, y1, x2, y2`` in pixels of the frame.
        score: Confidence that this is a person, in [0, 1]; 1 where the file has none.
        joints: x, y and confidence of COCO's 17 joints where the file has them.
    """

    box: tuple[float, float, float, float]
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


def parse(document: object, path: Path) -> Iterator[FoundFrame]:
    """The frames of ``document``, the parsed content of ``path``.

    Raises:
        VidposeError: It is in none of the known layouts, or breaks the rules of its own.
    """
    match document:
        case {"frames": _}:
            return _of_poses(native.parse(document, path))
        case {"images": _, "annotations": _}:
            return _of_images(checked(_Layout, document, path), path)
        case list():
            return _of_list(checked(list[_Detection], document, path), path)
    raise VidposeError(
        f"{path} is not a boxes file: expected vidpose poses, PoseTrack18 or COCO annotations, or "
        f"a list of detections"
    )


def _of_poses(poses: Poses) -> Iterator[FoundFrame]:
    has_joints = poses.skeleton.joints == COCO17.joints
    for frame in poses:
        people = []
        for person in frame.people:
            joints = np.column_stack([person.keypoints, person.keypoint_scores])
            left, top, right, bottom = person.box.tolist()
            box = (left, top, right, bottom)
            people.append(FoundPerson(box, person.score, joints if has_joints else None))
        size = (frame.width or poses.header.width, frame.height or poses.header.height)
        yield FoundFrame(frame.index, size, people, name=frame.name)


class _Detection(BaseModel):
    image_id: Annotated[int, Field(ge=0)]
    bbox: _Bbox
    score: _Score = 1.0
    category_id: int = _PERSON


def _of_list(detections: list[_Detection], path: Path) -> Iterator[FoundFrame]:
    of_posetrack = [sequence_and_index(each.image_id) for each in detections]
    places = [each for each in of_posetrack if each is not None]
    indices = [each.image_id for each in detections]
    if len(places) == len(detections):
        if len({sequence for sequence, _ in places}) > 1:
            raise _several_videos(path)
        indices = [index for _, index in places]
    people = defaultdict(list)
    for each, index in zip(detections, indices, strict=True):
        if each.category_id == _PERSON:
            people[index].append(FoundPerson(_corners(each.bbox), each.score))
    return (FoundFrame(index, None, people[index], number=index) for index in sorted(people))


class _Image(BaseModel):
    id: int
    file_name: str = ""
    vid_id: str | int | None = None
    width: int | None = None
    height: int | None = None


class _Annotation(BaseModel):
    image_id: int
    category_id: int = _PERSON
    iscrowd: bool = False
    bbox: _Bbox | None = None
    score: _Score = 1.0
    keypoints: list[_Pixels] = []
    keypoint_scores: list[_Score] = []


class _Category(BaseModel):
    id: int
    keypoints: tuple[str, ...] = ()


class _Layout(BaseModel):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category] = []


def _of_images(layout: _Layout, path: Path) -> Iterator[FoundFrame]:
    if len({image.vid_id for image in layout.images}) > 1:
        raise _several_videos(path)
    has_joints = any(
        each.id == _PERSON and each.keypoints == COCO17.joints for each in layout.categories
    )
    people: dict[int, list[FoundPerson]] = {image.id: [] for image in layout.images}
    if len(people) < len(layout.images):
        raise VidposeError(f"{path}: two images have one id")
    for number, each in enumerate(layout.annotations):
        if each.image_id not in people:
            raise VidposeError(
                f"{path}: annotations[{number}] is of image {each.image_id}, which "
                f"is not among the images"
            )
        # PoseTrack labels some people by their head alone; a crowd is no person.
        if each.bbox is not None and each.category_id == _PERSON and not each.iscrowd:
            joints = _joints(each) if has_joints else None
            people[each.image_id].append(FoundPerson(_corners(each.bbox), each.score, joints))
    indices = _frame_numbers(layout.images)
    for index, image in zip(indices, layout.images, strict=True):
        size = (image.width, image.height) if image.width and image.height else None
        # Of either system's folders.
        name = re.split(r"[/\\]", image.file_name)[-1]
        yield FoundFrame(index, size, people[image.id], name=name)


def _frame_numbers(images: list[_Image]) -> list[int]:
    """The numbers in names such as ``000042.jpg`` where all have them, else the positions."""
    names = [re.search(r"(?:^|/)(\d{6})\.jpg$", image.file_name) for image in images]
    numbers = [int(name[1]) for name in names if name]
    return numbers if len(numbers) == len(images) else list(range(len(images)))


def _joints(annotation: _Annotation) -> Float[np.ndarray, "17 3"] | None:
    if len(annotation.keypoints) != 3 * len(COCO17):
        return None
    joints = np.array(annotation.keypoints, dtype=np.float32).reshape(-1, 3)
    joints[:, 2] = joints[:, 2] > 0
    if len(annotation.keypoint_scores) == len(COCO17):
        joints[:, 2] *= annotation.keypoint_scores
    return joints


def _corners(bbox: _Bbox) -> tuple[float, float, float, float]:
    x, y, width, height = bbox
    return x, y, x + width, y + height


def _several_videos(path: Path) -> VidposeError:
    return VidposeError(f"{path} holds boxes of several videos: split it into one file a video")
