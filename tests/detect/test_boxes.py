"""Boxes from a file: what is read, what is refused and why."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vidpose import formats
from vidpose.datasets.posetrack18 import parse_posetrack18
from vidpose.detect.base import Detections
from vidpose.detect.boxes import BoxesFile, load_boxes
from vidpose.errors import VidposeError
from vidpose.frame import Frame
from vidpose.poses import FramePoses, Header, Person, Poses, SkeletonRecord
from vidpose.skeleton import BODY19, COCO17, PENN13, Skeleton

SIZE: dict[str, Any] = {"width": 640, "height": 360}


def result(skeleton: Skeleton = COCO17, people: int = 2) -> Poses:
    """Frames 0 (empty) and 1 (people)."""
    joints = len(skeleton)
    crowd = tuple(
        Person(
            id=7 + number,
            score=0.5 + 0.25 * number,
            box=[10 + number, 20, 110.5, 220],
            keypoints=np.arange(2 * joints).reshape(joints, 2) + 1,
            keypoint_scores=np.full(joints, 0.25),
        )
        for number in range(people)
    )
    head = Header(source="a.mp4", skeleton=SkeletonRecord.of(skeleton), **SIZE)
    frames = (FramePoses(index=0, pts=0.0), FramePoses(index=1, pts=0.1, people=crowd))
    return Poses(header=head, frames=frames)


def saved(content: object, folder: Path) -> Path:
    path = folder / "boxes.json"
    path.write_text(json.dumps(content), "utf-8")
    return path


def load(content: object, folder: Path, frame_count: int | None = 2) -> BoxesFile:
    return load_boxes(saved(content, folder), **SIZE, frame_count=frame_count)


def at(boxes: BoxesFile, index: int) -> Detections:
    return boxes(Frame(index, index / 30, np.zeros((360, 640, 3), np.uint8)))


def layout(**changed: Any) -> dict[str, Any]:
    """Two images in the PoseTrack18 layout, the second with a person."""
    images = [
        {"id": 50 + i, "file_name": f"x/{i:06d}.jpg", "vid_id": "003418", **SIZE} for i in (0, 1)
    ]
    person = {"image_id": 51, "category_id": 1, "bbox": [10, 20, 100, 200], "scores": []}
    categories = [{"id": 1, "keypoints": COCO17.joints}]
    return {"images": images, "annotations": [person], "categories": categories} | changed


def detection(**changed: Any) -> dict[str, Any]:
    return {"image_id": 1, "bbox": [10, 20, 100, 200], "category_id": 1, "score": 0.5} | changed


@pytest.mark.parametrize(
    "content",
    [
        [],
        {"images": [], "annotations": []},
        layout(annotations=[]),
        json.loads(Poses(header=result().header).model_dump_json()),
    ],
    ids=["list", "layout", "layout with images", "poses"],
)
def test_a_file_without_people_is_a_video_without_people(content: object, tmp_path: Path) -> None:
    found = at(load(content, tmp_path), 0)
    assert len(found) == 0
    assert found.boxes.shape == (0, 4)
    assert found.scores.shape == (0,)


@pytest.mark.parametrize("name", ["json", "posetrack18", "coco"])
def test_what_is_written_can_be_read_as_boxes(name: str, tmp_path: Path) -> None:
    formats.save(result(), tmp_path / "made.json", name)
    boxes = load_boxes(tmp_path / "made.json", **SIZE, frame_count=2)
    assert boxes.name == "made.json"
    assert len(at(boxes, 0)) == 0
    found = at(boxes, 1)
    np.testing.assert_allclose(found.boxes, [[10, 20, 110.5, 220], [11, 20, 110.5, 220]])
    np.testing.assert_allclose(found.scores, [0.5, 0.75])
    if name == "posetrack18":  # 15 other joints
        assert found.keypoints is None
        assert found.keypoint_scores is None
    else:
        assert found.keypoints is not None
        assert found.keypoint_scores is not None
        want = np.arange(34).reshape(17, 2) + 1
        np.testing.assert_allclose(found.keypoints, np.stack([want, want]))
        np.testing.assert_allclose(found.keypoint_scores, 0.25)


def test_cocos_joints_are_taken_from_among_more(tmp_path: Path) -> None:
    made = result(BODY19)
    formats.save(made, tmp_path / "made.json", "json")
    found = at(load_boxes(tmp_path / "made.json", **SIZE, frame_count=2), 1)
    rows = [BODY19.index(joint) for joint in COCO17.joints]
    assert found.keypoints is not None
    for joints, person in zip(found.keypoints, made.frames[1].people, strict=True):
        np.testing.assert_allclose(joints, person.keypoints[rows])


@pytest.mark.parametrize("name", ["json", "coco"])
def test_joints_of_another_skeleton_are_left_out(name: str, tmp_path: Path) -> None:
    formats.save(result(PENN13), tmp_path / "made.json", name)
    found = at(load_boxes(tmp_path / "made.json", **SIZE, frame_count=2), 1)
    assert len(found) == 2
    assert found.keypoints is None


def test_a_name_that_is_no_text_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / "box\udcff.json"
    path.write_text("[]")
    assert load_boxes(path, **SIZE, frame_count=2).name == r"box\xff.json"


def test_a_list_of_detections(tmp_path: Path) -> None:
    boxes = load([detection(), detection(category_id=3), detection(score=1.0)], tmp_path)
    np.testing.assert_allclose(at(boxes, 1).scores, [0.5, 1.0])
    np.testing.assert_allclose(at(boxes, 1).boxes, [[10, 20, 110, 220]] * 2)
    assert len(at(boxes, 0)) == 0


def test_posetracks_image_ids_name_the_frame(tmp_path: Path) -> None:
    boxes = load([detection(image_id=10034180001)], tmp_path)
    assert [len(at(boxes, index)) for index in (0, 1)] == [0, 1]


@pytest.mark.parametrize(("first", "last"), [("v/000000.jpg", "v/000001.jpg"), ("7.png", "1.png")])
def test_names_of_images_name_the_frame(first: str, last: str, tmp_path: Path) -> None:
    listed = [{"image_name": name, "bbox": [0, 0, 9, 9]} for name in (last, first, last)]
    boxes = load(listed, tmp_path, frame_count=8)
    assert len(at(boxes, 1)) == 2 and len(at(boxes, 0)) + len(at(boxes, 7)) == 1


def named(*names: str) -> dict[str, Any]:
    """Images of these names, a person in the last."""
    images = [{"id": 90 - k, "file_name": name} for k, name in enumerate(names)]
    return {"images": images, "annotations": [{"image_id": 91 - len(names), "bbox": [0, 0, 1, 1]}]}


@pytest.mark.parametrize(
    ("names", "index"),
    [
        (["000014.jpg", "000010.jpg"], 10),
        (["v/000014.png", "v/000010.png"], 10),
        (["v\\000014.jpg", "v\\000010.jpg"], 10),
        (["v/frame_000014.jpg", "v/frame_000010.jpg"], 10),
        (["v/9.jpg", "v/10.jpg"], 10),
        # PoseTrack2017 counts from 1; with a frame 0 it is somebody else.
        (["v/00000014.jpg", "v/00000011.jpg"], 10),
        (["v/00000000.jpg", "v/00000010.jpg"], 10),
        (["first.jpg", "second.jpg", "third.jpg"], 2),
        (["", "", ""], 2),
    ],
)
def test_frames_are_numbered_by_their_file_names_or_else_by_position(
    names: list[str], index: int, tmp_path: Path
) -> None:
    boxes = load(named(*names), tmp_path, frame_count=20)
    assert [frame for frame in range(20) if len(at(boxes, frame))] == [index]


def test_the_frames_of_boxes_are_those_of_labels(tmp_path: Path) -> None:
    for names in (("v/000010.png", "v/000020.png"), ("v/00000011.jpg", "v/00000021.jpg")):
        document = named(*names)
        (sequence,) = parse_posetrack18(document, tmp_path)
        boxes = load(document, tmp_path, frame_count=30)
        assert sorted(boxes.frames) == [frame.index for frame in sequence.frames] == [10, 20]


def test_crowds_and_people_without_a_box_are_passed_over(tmp_path: Path) -> None:
    [person] = layout()["annotations"]
    others = [person | {"iscrowd": True}, {"image_id": 51, "bbox_head": [1, 2, 3, 4]}]
    assert len(at(load(layout(annotations=[person, *others]), tmp_path), 1)) == 1


def test_unlabelled_joints_have_no_confidence(tmp_path: Path) -> None:
    [person] = layout()["annotations"]
    person["keypoints"] = [5, 6, 2] * 16 + [0, 0, 0]
    scores = at(load(layout(annotations=[person]), tmp_path), 1).keypoint_scores
    assert scores is not None
    assert scores.tolist() == [[1.0] * 16 + [0.0]]


def test_an_estimate_of_the_length_is_no_bound(tmp_path: Path) -> None:
    boxes = load([detection(image_id=49)], tmp_path, frame_count=34)
    assert len(at(boxes, 49)) == 1


def test_a_source_without_an_end_takes_any_frame(tmp_path: Path) -> None:
    boxes = load([detection(image_id=4000)], tmp_path, frame_count=None)
    assert len(at(boxes, 4000)) == 1


TWO_VIDEOS = [layout()["images"][0], layout()["images"][1] | {"vid_id": "009473"}]
REFUSED: dict[str, tuple[object, str]] = {
    "another size": (
        layout(images=[image | {"width": 1920} for image in layout()["images"]]),
        "is for frames of 1920x360 pixels, but the video's are 640x360",
    ),
    "too many frames": (
        [detection(image_id=2 * 2 + 51)],
        "boxes for frame 55, but the video has about 2 frames",
    ),
    "several videos": (layout(images=TWO_VIDEOS), "several videos: split it"),
    "several sequences": (
        [detection(image_id=10034180000), detection(image_id=10094730000)],
        "several videos: split it",
    ),
    "folders of several videos": (
        [{"image_name": f"{name}/000000.jpg", "bbox": [0, 0, 9, 9]} for name in "ab"],
        "several videos: split it",
    ),
    "some names": (
        [{"image_name": "000000.jpg", "bbox": [0, 0, 9, 9]}, detection()],
        "some detections have an image_name and others do not",
    ),
    "names without numbers": (
        [{"image_name": "first.jpg", "bbox": [0, 0, 9, 9]}],
        "the image 'first.jpg' has no frame number",
    ),
    "nothing that says which": ([{"bbox": [0, 0, 9, 9]}], "needs an image_name or an image_id"),
    "two images of one frame": (
        layout(images=[image | {"file_name": "000001.jpg"} for image in layout()["images"]]),
        "'000001.jpg' and '000001.jpg' have one frame number",
    ),
    "names with and without numbers": (
        named("000004.jpg", "first.jpg"),
        "the image 'first.jpg' has no frame number",
    ),
    "two images of one id": (
        layout(images=[image | {"id": 51} for image in layout()["images"]]),
        "two images have one id",
    ),
    "unknown image": (
        layout(annotations=[{"image_id": 99, "bbox": [0, 0, 1, 1]}]),
        r"annotations\[0\] is of image 99",
    ),
    "negative width": ([detection(bbox=[10, 20, -1, 5])], "frame 1 has a box of negative size"),
    "huge": ([detection(bbox=[0, 0, 1e300, 5])], r"\[0\]\.bbox\[2\]: .*less than"),
    "three numbers": ([detection(bbox=[0, 0, 5])], r"\[0\]\.bbox\[3\]: Field required"),
    "words": ([detection(bbox="none")], r"\[0\]\.bbox: "),
    "score": ([detection(score=7)], r"\[0\]\.score: .*less than"),
    "before the start": ([detection(image_id=-1)], r"\[0\]\.image_id: "),
    "no box": ([{"image_id": 1}], r"\[0\]\.bbox: Field required"),
    "other JSON": ({"annolist": []}, "is not a boxes file"),
    "a number": (3, "is not a boxes file"),
    "a list of numbers": ([1, 2], r"\[0\]: "),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_does_not_match_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    content, message = REFUSED[name]
    with pytest.raises(VidposeError, match=message) as caught:
        load(content, tmp_path)
    assert "\n" not in str(caught.value)
    assert "boxes.json" in str(caught.value)


def test_poses_of_another_video_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "poses.json"
    result().save(path)
    with pytest.raises(VidposeError, match="is for frames of 640x360 pixels"):
        load_boxes(path, width=360, height=640, frame_count=2)


def test_a_frame_of_a_video_may_be_of_another_size(tmp_path: Path) -> None:
    document = json.loads(result().model_dump_json())
    document["frames"][1] |= {"width": 64, "height": 48}
    boxes = load(document, tmp_path)
    assert len(boxes(Frame(1, 0.1, np.zeros((48, 64, 3), np.uint8)))) == 2
    with pytest.raises(VidposeError, match="has frame 1 as 64x48 pixels, but it is 640x360"):
        at(boxes, 1)


def test_a_box_of_negative_size_in_poses_is_refused(tmp_path: Path) -> None:
    document = json.loads(result(people=1).model_dump_json())
    document["frames"][1]["people"][0]["box"] = [10, 0, 0, 10]
    with pytest.raises(VidposeError, match="frame 1 has a box of negative size"):
        load(document, tmp_path)


def test_no_file_and_no_json_are_refused(tmp_path: Path) -> None:
    with pytest.raises(VidposeError, match="no such file"):
        load_boxes(tmp_path / "none.json", **SIZE, frame_count=None)
    (tmp_path / "poses.csv").write_text("frame,pts\n")
    with pytest.raises(VidposeError, match="is not JSON"):
        load_boxes(tmp_path / "poses.csv", **SIZE, frame_count=None)


def test_the_real_posetrack_sample() -> None:
    shared = os.environ.get("VIDPOSE_SHARED")
    if not shared:
        pytest.skip("VIDPOSE_SHARED is not set: the PoseTrack18 sample is not here")
    folder = Path(shared) / "data" / "posetrack18_sample" / "annotations"
    full_hd: dict[str, Any] = {"width": 1920, "height": 1080, "frame_count": 140}
    boxes = load_boxes(folder / "val" / "012834_mpii_test.json", **full_hd)
    found = boxes(Frame(0, 0.0, np.zeros((1080, 1920, 3), np.uint8)))
    assert len(found) == 11
    np.testing.assert_allclose(
        found.boxes[0], [322.3, 488.600, 322.3 + 166.4, 488.600 + 186.408], atol=0.01
    )
    for merged in ("test_posetrack18_val.json", "test_posetrack18_human_detections.json"):
        with pytest.raises(VidposeError, match="several videos"):
            load_boxes(folder / merged, **full_hd)
