"""COCO keypoints, and files in COCO's layout with whatever joints their category names.

Layout, as downloaded (Lin et al., ECCV 2014; the 2017 pictures)::

    annotations/person_keypoints_train2017.json, person_keypoints_val2017.json
    train2017/000000000009.jpg ..., val2017/...

Also read: any one ``annotations/*_<split>.json`` or ``annotations/<split>.json``, and pictures in
``images/<split>2017``, ``images/<split>``, ``<split>``, ``images`` or, where the file names hold
the folders, in the root.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, Field

from vidpose.datasets.attach import (
    AbsentSplitError,
    MissingPicturesError,
    OnFault,
    attach_folder,
    inside,
    refuse,
)
from vidpose.datasets.images import ImageFiles
from vidpose.datasets.labels import (
    NOT_LABELLED,
    VISIBLE,
    FrameLabels,
    PersonLabels,
    SequenceLabels,
)
from vidpose.datasets.lsp import LSP14
from vidpose.datasets.posetrack17 import extent_boxes
from vidpose.datasets.posetrack18 import parse_posetrack18
from vidpose.errors import VidposeError
from vidpose.formats import coco_layout
from vidpose.formats.coco_layout import Annotation, Image, check_images, check_lengths
from vidpose.formats.frame_names import file_of
from vidpose.formats.posetrack18 import SLOTS
from vidpose.formats.reading import Score, checked, read_json
from vidpose.geometry import box_of_corner_and_size
from vidpose.skeleton import SKELETONS, Skeleton, coco_sigmas

SPLITS = ("train", "val")
# COCO's metric counts areas up to here; other figures are no outlines.
_LARGEST = 1e10

_KNOWN = {skeleton.joints: skeleton for skeleton in (*SKELETONS.values(), LSP14)}


class _Annotation(Annotation):
    category_id: int
    keypoint_scores: list[Score] = Field(default_factory=list)
    area: float | None = None


class PersonCategory(coco_layout.Category):
    """What annotations are of, by its number, and the names of its joints."""

    id: int
    skeleton: list[tuple[int, int]] = Field(default_factory=list)


class _Layout(BaseModel):
    images: list[Image]
    annotations: list[_Annotation]


class _Categories(BaseModel):
    categories: list[PersonCategory]


def read_coco(root: Path, split: str, report: OnFault = refuse) -> list[SequenceLabels]:
    """Read the stills of a split, each a sequence of one frame.

    Args:
        root: The folder with ``annotations`` and the pictures.
        split: ``train`` or ``val``.
        report: What to do about missing pictures.

    Returns:
        Labels as `parse_coco` gives them, pictures without people included.

    Raises:
        VidposeError: There is no one annotation file of the split, it cannot be read, or
            ``report`` raises.
    """
    path = _annotation_file(root, split)
    sequences = parse_coco(read_json(path), path)
    names = [frame.name for sequence in sequences for frame in sequence.frames]
    folder = _picture_folder(root, split, names)
    for place in {Path(name).parent for name in names}:
        inside(root, folder / place)
    if any(each.name != _still_name(each.frames[0].name) for each in sequences):
        return [
            attach_folder(each, (folder / each.frames[0].name).parent, report) for each in sequences
        ]
    there = _existing(folder, names)
    missing = [name for name in names if name not in there]
    if missing:
        report(
            MissingPicturesError(
                f"{path}: {len(missing)} of {len(names)} pictures are missing in {folder}, "
                f"the first is {missing[0]}"
            )
        )
    return [
        SequenceLabels(
            each.name,
            each.skeleton,
            each.frames,
            ImageFiles([folder / name]) if name in there else None,
        )
        for each, name in zip(sequences, names, strict=True)
    ]


def parse_coco(document: object, path: Path) -> list[SequenceLabels]:
    """The labels in ``document``, the parsed content of the COCO-style file ``path``.

    Each image is a sequence of one frame, named as its file without the ending; images with a
    ``vid_id`` are PoseTrack's and become whole sequences (`parse_posetrack18`). The skeleton is
    the one of vidpose with the category's joints, or is made of the category.

    Raises:
        VidposeError: It does not follow the layout, or no category has keypoints.
    """
    layout = checked(_Layout, document, path)
    category = person_category(document, path)
    if category.keypoints == SLOTS and any(image.vid_id is not None for image in layout.images):
        return parse_posetrack18(document, path)
    skeleton = _skeleton(category, path)
    check_images(layout.images, layout.annotations, path)
    for number, image in enumerate(layout.images):
        if not file_of(image.file_name):
            raise VidposeError(
                f"{path}: images[{number}].file_name is {image.file_name!r}, which is no file"
            )
    members: dict[int, list[PersonLabels]] = {image.id: [] for image in layout.images}
    _fill(members, layout.annotations, category, skeleton, path)
    sequences = [
        SequenceLabels(
            name=_still_name(image.file_name),
            skeleton=skeleton,
            frames=(
                FrameLabels(
                    index=0,
                    name=image.file_name,
                    people=tuple(members[image.id]),
                    size=image.size,
                    image_id=image.id,
                ),
            ),
        )
        for image in layout.images
    ]
    if len({sequence.name for sequence in sequences}) < len(sequences):
        raise VidposeError(f"{path}: two images have one file name")
    return sequences


def person_category(document: object, path: Path) -> PersonCategory:
    """The first category with keypoints in ``document``, the parsed content of ``path``.

    Raises:
        VidposeError: There is none.
    """
    for category in checked(_Categories, document, path).categories:
        if category.keypoints:
            return category
    raise VidposeError(f"{path}: no category names keypoints; is it a file of instances?")


def _fill(
    members: dict[int, list[PersonLabels]],
    annotations: Sequence[_Annotation],
    category: PersonCategory,
    skeleton: Skeleton,
    path: Path,
) -> None:
    """Put the people of ``annotations`` to their images."""
    count = len(category.keypoints)
    check_lengths(annotations, {"keypoints": 3 * count, "keypoint_scores": count}, count, path)
    people = [each for each in annotations if each.category_id == category.id]
    source = [category.keypoints.index(joint) for joint in skeleton.joints]
    rows = [each.keypoints or [0.0] * (3 * count) for each in people]
    table = np.array(rows, dtype=np.float64).reshape(-1, count, 3)[:, source]
    visibility = np.clip(table[..., 2], NOT_LABELLED, VISIBLE).astype(np.int64)
    keypoints = np.where(visibility[..., None] > NOT_LABELLED, table[..., :2], 0.0)
    extents = extent_boxes(keypoints, visibility > NOT_LABELLED)
    for row, each in enumerate(people):
        there = members[each.image_id]
        scores = np.array(each.keypoint_scores)[source] if each.keypoint_scores else None
        there.append(
            PersonLabels(
                track_id=len(there),
                keypoints=keypoints[row],
                visibility=visibility[row],
                box=extents[row] if each.bbox is None else box_of_corner_and_size(each.bbox),
                score=each.score,
                keypoint_scores=scores,
                crowd=each.iscrowd,
                area=each.area if each.area and 0 < each.area <= _LARGEST else None,
            )
        )


def _still_name(file_name: str) -> str:
    return Path(file_name).with_suffix("").as_posix()


def _skeleton(category: PersonCategory, path: Path) -> Skeleton:
    joints = category.keypoints
    if joints == SLOTS:
        return SKELETONS["posetrack15"]
    if joints in _KNOWN:
        return _KNOWN[joints]
    if len(set(joints)) < len(joints):
        raise VidposeError(f"{path}: a category names one joint twice")
    places = range(1, len(joints) + 1)
    return Skeleton(
        path.stem,
        joints,
        tuple(
            (joints[a - 1], joints[b - 1])
            for a, b in category.skeleton
            if a in places and b in places
        ),
        coco_sigmas(joints),
    )


def _annotation_file(root: Path, split: str) -> Path:
    folder = root / "annotations"
    official = folder / f"person_keypoints_{split}2017.json"
    if official.is_file():
        return official
    others = sorted({*folder.glob(f"*_{split}.json"), *folder.glob(f"{split}.json")})
    if len(others) == 1:
        return others[0]
    found = f"found {', '.join(path.name for path in others)}" if others else "found none"
    raise AbsentSplitError(
        f"{root}: expected annotations/{official.name}, or one other annotations/*_{split}.json; "
        f"{found}"
    )


def _picture_folder(root: Path, split: str, names: Sequence[str]) -> Path:
    """The first of the known places that holds the first picture, else COCO's own."""
    places = (f"{split}2017", f"images/{split}2017", f"images/{split}", split, "images", ".")
    for place in places:
        if names and (root / place / names[0]).is_file():
            return root / place
    return root / places[0]


def _existing(folder: Path, names: Sequence[str]) -> set[str]:
    """Those of ``names`` that are files; a folder is listed once, not asked for every name."""
    inside = defaultdict(set)
    for place in {Path(name).parent for name in names}:
        if (folder / place).is_dir():
            inside[place] = {entry.name for entry in (folder / place).iterdir()}
    return {name for name in names if Path(name).name in inside[Path(name).parent]}
