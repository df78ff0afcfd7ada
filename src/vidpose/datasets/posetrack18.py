"""PoseTrack2018 and PoseTrack21 labels: COCO's layout with 17 slots, of truth and predictions."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Int
from pydantic import BaseModel, Field

from vidpose.datasets.labels import (
    HIDDEN,
    NOT_LABELLED,
    VISIBLE,
    FrameLabels,
    PersonLabels,
    SequenceLabels,
)
from vidpose.datasets.posetrack17 import TrackId, extent_boxes
from vidpose.errors import VidposeError
from vidpose.formats.coco_layout import (
    PERSON,
    Annotation,
    Bbox,
    Category,
    Image,
    check_images,
    check_lengths,
)
from vidpose.formats.frame_names import folder_of, frame_indices
from vidpose.formats.posetrack18 import FACE, SLOTS
from vidpose.formats.reading import Pixels, Score, checked
from vidpose.geometry import box_of_corner_and_size
from vidpose.skeleton import BODY19, POSETRACK15, Skeleton


class _Image(Image):
    is_labeled: bool | None = None
    ignore_regions_x: list[list[Pixels]] = Field(default_factory=list)
    ignore_regions_y: list[list[Pixels]] = Field(default_factory=list)


class _Annotation(Annotation):
    category_id: int | None = None
    track_id: TrackId = -1
    face: list[Pixels] = Field(default_factory=list)
    scores: list[Score] = Field(default_factory=list)
    bbox_head: Bbox | None = None


class _Category(Category):
    id: int = PERSON


class _Layout(BaseModel):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category] = []


def parse_posetrack18(document: object, path: Path) -> list[SequenceLabels]:
    """The sequences of a file of PoseTrack2018 or PoseTrack21, truth or predictions.

    A joint with x = y = v = 0 is not labelled, another with v = 0 hidden, any other visible. The
    joints' names are those of the category, or the standard ones; the ears are dropped, unless
    there is a field ``face`` with eyes and ears (`vidpose.datasets.write_posetrack18`). A person
    without ``bbox`` gets the extent of the labelled joints with 20 % added to its sides, or None;
    without ``track_id``, -1. The index of a frame is the number in its name, less 1 if all have the
    eight digits of PoseTrack2017, which counts from 1. A frame that does not say whether it is
    labelled is if it has people. Annotations of another category are passed over, and mask files
    are not read.

    Args:
        document: The parsed content.
        path: The file, for messages and for the name of a sequence whose images have no folder.

    Returns:
        Labels in `POSETRACK15`, or in `BODY19` with faces, named as the folder of the images.

    Raises:
        VidposeError: The file does not follow the layout.
    """
    layout = checked(_Layout, document, path)
    skeleton = BODY19 if any(each.face for each in layout.annotations) else POSETRACK15
    people = _people_by_image(layout, skeleton, path)
    sequences = defaultdict(list)
    for number, image in enumerate(layout.images):
        name = folder_of(image.file_name) or str(image.vid_id or path.stem)
        sequences[name].append((number, image))
    labels = []
    for name, members in sequences.items():
        indices = frame_indices([image.file_name for _, image in members], path)
        frames = [
            FrameLabels(
                index=index,
                name=image.file_name,
                people=tuple(people[image.id]),
                labelled=bool(people[image.id]) if image.is_labeled is None else image.is_labeled,
                ignore=_polygons(image, f"{path}: images[{number}]"),
                size=image.size,
                image_id=image.id,
            )
            for index, (number, image) in zip(indices, members, strict=True)
        ]
        frames.sort(key=lambda frame: frame.index)
        labels.append(SequenceLabels(name, skeleton, tuple(frames)))
    return labels


def of_one_skeleton(sequences: Sequence[SequenceLabels]) -> list[SequenceLabels]:
    """Sequences with those in which nobody is in the skeleton of the others, if they have one.

    Where nobody is, a file of this layout cannot tell whether people would have faces.
    """
    empty = [not any(frame.people for frame in each.frames) for each in sequences]
    of_people = {each.skeleton for each, none in zip(sequences, empty, strict=True) if not none}
    if len(of_people) != 1:
        return list(sequences)
    (skeleton,) = of_people
    return [
        replace(each, skeleton=skeleton) if none else each
        for each, none in zip(sequences, empty, strict=True)
    ]


def _people_by_image(
    layout: _Layout, skeleton: Skeleton, path: Path
) -> dict[int, list[PersonLabels]]:
    check_images(layout.images, layout.annotations, path)
    people: dict[int, list[PersonLabels]] = {image.id: [] for image in layout.images}
    named = (category for category in layout.categories if category.keypoints)
    person = next(named, _Category(keypoints=SLOTS))
    slots = person.keypoints
    # The face comes behind the slots, whose ears stay zero.
    place = {name: i for i, name in enumerate((*slots, *FACE))}
    source = np.array([place.get(name, -1) for name in skeleton.joints])
    if not set(slots) & set(POSETRACK15.joints):
        raise VidposeError(f"{path}: no joint of its category is one of PoseTrack's: {slots}")
    annotations = [each for each in layout.annotations if each.category_id in (None, person.id)]
    everybody = _people(annotations, len(slots), source, path)
    for each, labels in zip(annotations, everybody, strict=True):
        people[each.image_id].append(labels)
    return people


def _people(
    annotations: list[_Annotation], slots: int, source: Int[np.ndarray, " joint"], path: Path
) -> list[PersonLabels]:
    lengths = {"keypoints": 3 * slots, "face": 3 * len(FACE), "scores": slots}
    check_lengths(annotations, lengths, slots, path)
    columns = slots + len(FACE)
    rows = [
        (each.keypoints or [0.0] * (3 * slots)) + (each.face or [0.0] * (3 * len(FACE)))
        for each in annotations
    ]
    table = np.array(rows, dtype=float).reshape(-1, columns, 3)[:, source]
    table[:, source < 0] = 0
    score_rows = [(each.scores or [np.nan] * slots) + [np.nan] * len(FACE) for each in annotations]
    scores = np.array(score_rows, dtype=float).reshape(-1, columns)[:, source]
    keypoints, visible = table[..., :2], table[..., 2] != 0
    visibility = np.where(visible, VISIBLE, np.where(keypoints.any(-1), HIDDEN, NOT_LABELLED))
    extents = extent_boxes(keypoints, visibility > NOT_LABELLED)
    return [
        PersonLabels(
            track_id=each.track_id,
            keypoints=keypoints[row],
            visibility=visibility[row],
            box=extents[row] if each.bbox is None else box_of_corner_and_size(each.bbox),
            head_box=None if each.bbox_head is None else box_of_corner_and_size(each.bbox_head),
            score=each.score,
            keypoint_scores=scores[row] if each.scores else None,
            crowd=each.iscrowd,
        )
        for row, each in enumerate(annotations)
    ]


def _polygons(image: _Image, place: str) -> tuple[np.ndarray, ...]:
    xs, ys = image.ignore_regions_x, image.ignore_regions_y
    if [len(x) for x in xs] != [len(y) for y in ys]:
        raise VidposeError(f"{place}: ignore_regions_x and ignore_regions_y differ in length")
    return tuple(np.column_stack(polygon).reshape(-1, 2) for polygon in zip(xs, ys, strict=True))
