"""Boxes from a file for a folder of images: found by name, checked one by one."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vidpose import formats
from vidpose.detect.boxes import BoxesFile, load_boxes
from vidpose.errors import VidposeError
from vidpose.frame import Frame
from vidpose.poses import FramePoses, Header, Person, Poses, SkeletonRecord
from vidpose.skeleton import COCO17

SIZE = (640, 360)
FFMPEG = ("000001.jpg", "000002.jpg", "000003.jpg")
COCO = ("000000000139.jpg", "000000000285.jpg", "000000000632.jpg")
WORDS = ("anna.png", "ben.png", "cleo.png")


def load(content: object, folder: Path, names: Sequence[str], size: tuple[int, int] = SIZE) -> Any:
    path = folder / "boxes.json"
    path.write_text(json.dumps(content), "utf-8")
    width, height = size
    return load_boxes(path, width=width, height=height, frame_count=len(names), file_names=names)


def layout(names: Sequence[str], owner: str, **of_image: Any) -> dict[str, Any]:
    """Images of these names, a person in one of them."""
    images = [{"id": 90 - k, "file_name": name} | of_image for k, name in enumerate(names)]
    [image_id] = [image["id"] for image in images if image["file_name"] == owner]
    return {"images": images, "annotations": [{"image_id": image_id, "bbox": [0, 0, 9, 9]}]}


def detection(image_id: int) -> dict[str, Any]:
    return {"image_id": image_id, "bbox": [0, 0, 9, 9]}


def poses(names: Sequence[str | None], *, sizes: dict[int, tuple[int, int]] | None = None) -> Poses:
    """One person in every frame, as many pixels wide as the frame's number and one."""
    head = Header(source="a", width=640, height=360, skeleton=SkeletonRecord.of(COCO17))
    frames = []
    for index, name in enumerate(names):
        box = [0, 0, index + 1, 9]
        joints = {"keypoints": np.ones((17, 2)), "keypoint_scores": np.ones(17)}
        width, height = (sizes or {}).get(index, (None, None))
        people = (Person(id=0, score=1, box=box, **joints),)
        frames.append(
            FramePoses(index=index, pts=index, people=people, name=name, width=width, height=height)
        )
    return Poses(header=head, frames=tuple(frames))


def counts(boxes: BoxesFile, names: Sequence[str], size: tuple[int, int] = SIZE) -> list[int]:
    return [len(boxes(frame(index, names, size))) for index in range(len(names))]


def frame(index: int, names: Sequence[str], size: tuple[int, int] = SIZE) -> Frame:
    return Frame(index, index / 25, np.zeros((size[1], size[0], 3), np.uint8), names[index])


@pytest.mark.parametrize("names", [FFMPEG, COCO, WORDS])
@pytest.mark.parametrize("folder", ["", "images/val/", "images\\val\\"])
def test_images_are_found_by_name(names: Sequence[str], folder: str, tmp_path: Path) -> None:
    listed = [folder + name for name in reversed(names)]
    boxes = load(layout(listed, listed[1]), tmp_path, names)
    assert counts(boxes, names) == [0, 1, 0]
    assert counts(load(layout(listed[:1], listed[0]), tmp_path, names), names) == [0, 0, 1]


@pytest.mark.parametrize(("names", "image_id"), [(FFMPEG, 3), (COCO, 632), (FFMPEG, 10034180003)])
def test_detections_are_found_by_the_number_in_the_name(
    names: Sequence[str], image_id: int, tmp_path: Path
) -> None:
    assert counts(load([detection(image_id)], tmp_path, names), names) == [0, 0, 1]


@pytest.mark.parametrize("image_id", [2, 10034180002])
def test_detections_are_found_by_position_where_names_have_no_numbers(
    image_id: int, tmp_path: Path
) -> None:
    assert counts(load([detection(image_id)], tmp_path, WORDS), WORDS) == [0, 0, 1]


@pytest.mark.parametrize("names", [FFMPEG, COCO, WORDS])
def test_detections_that_name_their_image_are_found_by_it(
    names: Sequence[str], tmp_path: Path
) -> None:
    listed = [{"image_name": f"images/val/{names[i]}", "bbox": [0, 0, 9, 9]} for i in (2, 0, 2)]
    assert counts(load(listed, tmp_path, names), names) == [1, 0, 2]


def test_poses_are_found_by_name_or_else_by_index(tmp_path: Path) -> None:
    def widths(names: Sequence[str | None]) -> list[float]:
        boxes = load(json.loads(poses(names).model_dump_json()), tmp_path, WORDS)
        return [float(boxes(frame(index, WORDS)).boxes[0, 2]) for index in range(3)]

    assert widths(["cleo.png", "anna.png", "ben.png"]) == [2, 3, 1]
    assert widths([None, None, None]) == [1, 2, 3]


@pytest.mark.parametrize("name", ["json", "posetrack18", "coco"])
def test_what_is_written_of_images_can_be_read_as_their_boxes(name: str, tmp_path: Path) -> None:
    made = tmp_path / "made.json"
    sizes = {1: (64, 48)}
    formats.save(poses(FFMPEG, sizes=sizes), made, name)
    boxes = load_boxes(made, width=640, height=360, frame_count=3, file_names=FFMPEG)
    seen = [boxes(frame(index, FFMPEG, sizes.get(index, SIZE))) for index in range(3)]
    assert [float(each.boxes[0, 2]) for each in seen] == [1, 2, 3]


@pytest.mark.parametrize(
    ("content", "names", "message"),
    [
        (layout(["000000.jpg"], "000000.jpg"), FFMPEG, "000000.jpg, which is not among the 3 im"),
        (layout(["x.jpg", ""], "x.jpg"), ("x.jpg",), "lists an image without a file_name"),
        (layout(["x.jpg"], "x.jpg"), ("x.jpg", "x.jpg"), "for x.jpg, but 2 images are called so"),
        ([detection(0)], FFMPEG, "boxes for image 0, but no image has that number"),
        ([detection(1)], ("1.jpg", "01.jpg"), "image 1, but 2 images have that number"),
        ([detection(3)], WORDS, "boxes for frame 3, but there are 3 images, counted from 0"),
        (layout(["a/x.jpg", "b/x.jpg"], "b/x.jpg"), ("x.jpg",), r"x\.jpg occurs twice"),
    ],
)
def test_what_is_no_image_of_the_source_is_refused(
    content: object, names: Sequence[str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(VidposeError, match=message) as caught:
        load(content, tmp_path, names)
    assert "\n" not in str(caught.value)
    assert "boxes.json" in str(caught.value)


def test_poses_of_images_that_are_not_there_are_refused(tmp_path: Path) -> None:
    document = json.loads(poses(["anna.png", "dora.png"]).model_dump_json())
    with pytest.raises(VidposeError, match=r"boxes for dora\.png, which is not among the 3 im"):
        load(document, tmp_path, WORDS)


def test_sizes_are_those_of_each_image(tmp_path: Path) -> None:
    content = layout(WORDS, WORDS[1])
    for image, (width, height) in zip(content["images"], [SIZE, (64, 48), SIZE], strict=True):
        image |= {"width": width, "height": height}
    boxes = load(content, tmp_path, WORDS)
    assert len(boxes(frame(0, WORDS))) == 0
    assert len(boxes(frame(1, WORDS, (64, 48)))) == 1
    with pytest.raises(
        VidposeError, match=r"boxes\.json has cleo\.png as 640x360 pixels, but it is 48x64"
    ):
        boxes(frame(2, WORDS, (48, 64)))


def test_the_first_images_size_is_checked_at_once(tmp_path: Path) -> None:
    content = layout(WORDS, WORDS[1], width=1920, height=1080)
    with pytest.raises(VidposeError, match=r"anna\.png as 1920x1080 pixels, but it is 640x360"):
        load(content, tmp_path, WORDS)
    # What the others measure is not known yet.
    content["images"] = content["images"][1:]
    boxes = load(content, tmp_path, WORDS)
    assert len(boxes(frame(1, WORDS, (1920, 1080)))) == 1
