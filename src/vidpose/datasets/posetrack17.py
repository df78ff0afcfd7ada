"""PoseTrack2017 labels: the annolist layout, of the truth and of predictions.

Every value stands in a list of its own. The head box is ``x1`` .. ``y2``; a person has no box.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NotRequired

import numpy as np
from jaxtyping import Bool, Float
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from vidpose.datasets.labels import (
    HIDDEN,
    NOT_LABELLED,
    VISIBLE,
    FrameLabels,
    PersonLabels,
    SequenceLabels,
)
from vidpose.errors import VidposeError
from vidpose.formats.frame_names import folder_of, frame_indices
from vidpose.formats.reading import Pixels, Score, checked
from vidpose.geometry import Box
from vidpose.skeleton import POSETRACK15

# PoseTrack's own numbers of the joints, which its metrics also print in.
OFFICIAL_ORDER = (
    *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle"),
    *("right_wrist", "right_elbow", "right_shoulder"),
    *("left_shoulder", "left_elbow", "left_wrist"),
    *("head_bottom", "nose", "head_top"),
)
# A box has this much of the width and height of the joints' extent added, half on each side.
MARGIN = 0.2

_NO_SCORE = [float("nan")]
_SLOTS = np.array([POSETRACK15.index(joint) for joint in OFFICIAL_ORDER])
TrackId = Annotated[int, Field(ge=-1, lt=1 << 63)]


# A dictionary and not a model: a data set has a million points.
class _Point(TypedDict):
    id: tuple[Annotated[int, Field(ge=0, lt=len(OFFICIAL_ORDER))]]
    x: tuple[Pixels]
    y: tuple[Pixels]
    is_visible: NotRequired[Annotated[list[bool], Field(max_length=1)]]
    score: NotRequired[Annotated[list[Score], Field(max_length=1)]]


class _Points(BaseModel):
    point: list[_Point] = []


class _Rect(BaseModel):
    track_id: tuple[TrackId] = (-1,)
    annopoints: list[_Points] = []
    score: tuple[Score] | tuple[()] = ()
    x1: tuple[Pixels] | None = None
    y1: tuple[Pixels] | None = None
    x2: tuple[Pixels] | None = None
    y2: tuple[Pixels] | None = None

    @property
    def points(self) -> list[_Point]:
        return [point for each in self.annopoints for point in each.point]

    def head_box(self) -> Box | None:
        if self.x1 is None or self.y1 is None or self.x2 is None or self.y2 is None:
            return None
        return np.array([*self.x1, *self.y1, *self.x2, *self.y2])


class _Corner(BaseModel):
    x: tuple[Pixels]
    y: tuple[Pixels]


class _Polygon(BaseModel):
    point: list[_Corner] = []


class _Image(BaseModel):
    name: str


class _Frame(BaseModel):
    image: tuple[_Image]
    annorect: list[_Rect] = []
    is_labeled: tuple[bool] | tuple[()] = ()
    ignore_regions: list[_Polygon] = []


class _Layout(BaseModel):
    annolist: list[_Frame]


@contextmanager
def collector_paused() -> Iterator[None]:
    """No garbage collection inside.

    A file of this layout is a million small lists, none of them garbage: looking for cycles among
    them takes several times as long as reading them.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def parse_posetrack17(document: object, path: Path) -> SequenceLabels:
    """The labels of a PoseTrack2017 file, truth or predictions, which holds one sequence.

    A point with ``is_visible`` 0 is hidden, any other visible. The box of a person is the extent
    of the labelled joints with `MARGIN`, or None. The index of a frame is the number in its
    name, which counts from 1, less 1. A person without a track id gets -1.

    Args:
        document: The parsed content.
        path: The file, for messages and for the name of a sequence without images.

    Returns:
        Labels in `POSETRACK15`, named as the folder of the images.

    Raises:
        VidposeError: The file does not follow the layout.
    """
    layout = checked(_Layout, document, path).annolist
    names = [frame.image[0].name for frame in layout]
    folders = sorted({folder_of(name) for name in names})
    if len(folders) > 1:
        raise VidposeError(
            f"{path}: an annolist holds one sequence, but the images are in {len(folders)} "
            f"folders, the first are {folders[0]} and {folders[1]}"
        )
    people = iter(_people([rect for frame in layout for rect in frame.annorect]))
    frames = []
    for frame, index in zip(layout, frame_indices(names, path, first=1), strict=True):
        labelled = bool(frame.is_labeled[0]) if frame.is_labeled else bool(frame.annorect)
        polygons = [[(*p.x, *p.y) for p in region.point] for region in frame.ignore_regions]
        frames.append(
            FrameLabels(
                index=index,
                name=frame.image[0].name,
                people=tuple(next(people) for _ in frame.annorect),
                labelled=labelled,
                ignore=tuple(np.array(each, dtype=float).reshape(-1, 2) for each in polygons),
            )
        )
    frames.sort(key=lambda frame: frame.index)
    name = folders[0] if folders and folders[0] else path.stem
    return SequenceLabels(name, POSETRACK15, tuple(frames))


def _people(rects: list[_Rect]) -> list[PersonLabels]:
    keypoints = np.zeros((len(rects), len(POSETRACK15), 2))
    visibility = np.full((len(rects), len(POSETRACK15)), NOT_LABELLED)
    scores = np.full((len(rects), len(POSETRACK15)), np.nan)
    # Backwards, because of two points of one joint the official tools take the first.
    owners = [(row, each) for row, rect in enumerate(rects) for each in rect.points][::-1]
    points = [point for _, point in owners]
    rows = np.array([row for row, _ in owners], dtype=int)
    joints = _SLOTS[np.array([point["id"][0] for point in points], dtype=int)]
    keypoints[rows, joints, 0] = [point["x"][0] for point in points]
    keypoints[rows, joints, 1] = [point["y"][0] for point in points]
    hidden = [point.get("is_visible") == [False] for point in points]
    visibility[rows, joints] = np.where(hidden, HIDDEN, VISIBLE)
    scores[rows, joints] = [(point.get("score") or _NO_SCORE)[0] for point in points]
    boxes = extent_boxes(keypoints, visibility > NOT_LABELLED)
    scored = ~np.isnan(scores).all(axis=1)
    return [
        PersonLabels(
            track_id=rect.track_id[0],
            keypoints=keypoints[row],
            visibility=visibility[row],
            box=boxes[row],
            head_box=rect.head_box(),
            score=rect.score[0] if rect.score else 1.0,
            keypoint_scores=scores[row] if scored[row] else None,
        )
        for row, rect in enumerate(rects)
    ]


def extent_boxes(
    keypoints: Float[np.ndarray, "person joint 2"], labelled: Bool[np.ndarray, "person joint"]
) -> list[Box | None]:
    """The extent of each person's labelled joints, with `MARGIN`; None without a joint."""
    there = labelled[..., None]
    low = np.where(there, keypoints, np.inf).min(axis=1, initial=np.inf)
    high = np.where(there, keypoints, -np.inf).max(axis=1, initial=-np.inf)
    some = np.any(labelled, axis=1)
    grow = np.where(some[:, None], high - low, 0.0) * MARGIN / 2
    boxes = np.concatenate([low - grow, high + grow], axis=1)
    return [box if there else None for box, there in zip(boxes, some.tolist(), strict=True)]
