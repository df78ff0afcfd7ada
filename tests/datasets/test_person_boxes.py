import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from layouts import write_json

from vidpose.datasets.boxes import detector_boxes, ground_truth_boxes
from vidpose.datasets.labels import FrameLabels, PersonLabels, SequenceLabels
from vidpose.datasets.registry import read
from vidpose.errors import VidposeError
from vidpose.skeleton import PENN13


def somebody(**changes: Any) -> PersonLabels:
    values: dict[str, Any] = {
        "track_id": 4,
        "keypoints": np.ones((13, 2)),
        "visibility": np.full(13, 2),
        "box": np.array([1.0, 2.0, 5.0, 9.0]),
    }
    return PersonLabels(**(values | changes))


def sequence(name: str, *people: PersonLabels, labelled: bool = True) -> SequenceLabels:
    frame = FrameLabels(3, f"images/val/{name}/000003.jpg", people, labelled, image_id=len(name))
    return SequenceLabels(name, PENN13, (frame,))


def test_true_boxes_are_those_of_people_with_a_joint_to_find() -> None:
    people = [
        somebody(),
        somebody(visibility=np.zeros(13, dtype=int)),
        somebody(crowd=True),
        somebody(box=None),
        somebody(box=np.array([5.0, 2.0, 5.0, 9.0])),
    ]
    boxes = ground_truth_boxes([sequence("a", *people)])
    assert boxes.description == "ground truth"
    (only,) = boxes.of("a", 3)
    assert (only.box.tolist(), only.score, only.track_id) == ([1, 2, 5, 9], 1.0, 4)


def test_a_true_box_of_somebody_without_an_id_has_none() -> None:
    boxes = ground_truth_boxes([sequence("a", somebody(track_id=-1), somebody(track_id=0))])
    assert [box.track_id for box in boxes.of("a", 3)] == [None, 0]


def test_frames_without_boxes_sequences_without_frames_and_unlabelled_frames_have_none() -> None:
    boxes = ground_truth_boxes([sequence("a"), sequence("b", somebody(), labelled=False)])
    assert [boxes.of("a", 3), boxes.of("b", 3), boxes.of("c", 0)] == [(), (), ()]


@pytest.mark.parametrize(
    "name",
    ["images/val/aa/000003.jpg", "aa/000003.jpg", "posetrack/val/aa/000003.jpg", "aa\\000003.jpg"],
)
def test_detections_are_matched_by_name(tmp_path: Path, name: str) -> None:
    record = {"category_id": 1, "image_name": name, "bbox": [1, 2, 3, 4], "score": 0.9}
    path = write_json(tmp_path / "val_boxes.json", [record | {"nframes": 5, "frame_id": 3}])
    boxes = detector_boxes(path, [sequence("aa"), sequence("b")])
    assert boxes.description == "val_boxes.json, score >= 0.2"
    (only,) = boxes.of("aa", 3)
    assert (only.box.tolist(), only.score, only.track_id) == ([1, 2, 4, 6], 0.9, None)
    assert boxes.of("b", 3) == ()


def test_detections_are_matched_by_id(tmp_path: Path) -> None:
    record = {"image_id": 2, "bbox": [1, 2, 3, 4], "score": 0.9}
    path = write_json(tmp_path / "d.json", [record])
    assert len(detector_boxes(path, [sequence("aa"), sequence("b")]).of("aa", 3)) == 1


def test_an_id_of_two_pictures_names_neither(tmp_path: Path) -> None:
    record = {"image_id": 1, "bbox": [1, 2, 3, 4], "score": 0.9}
    path = write_json(tmp_path / "d.json", [record])
    with pytest.raises(VidposeError, match="image"):
        detector_boxes(path, [sequence("a"), sequence("b")])


def test_weak_detections_and_other_categories_are_dropped(tmp_path: Path) -> None:
    record = {"image_id": 1, "bbox": [1, 2, 3, 4]}
    scores = [
        record | {"score": 0.2},
        record | {"score": 0.19},
        record | {"score": 0.9, "category_id": 3},
    ]
    path = write_json(tmp_path / "d.json", scores)
    assert [each.score for each in detector_boxes(path, [sequence("a")]).of("a", 3)] == [0.2]
    assert len(detector_boxes(path, [sequence("a")], threshold=0).of("a", 3)) == 2
    assert detector_boxes(path, [sequence("a")], threshold=0.95).boxes == {}


def test_a_file_without_people_is_refused(tmp_path: Path) -> None:
    records = [{"image_id": 1, "bbox": [1, 2, 3, 4], "score": 0.9, "category_id": 5}]
    path = write_json(tmp_path / "boxes.json", records)
    with pytest.raises(VidposeError, match="people are of category 1, and its category_id is 5"):
        detector_boxes(path, [sequence("a")])


@pytest.mark.parametrize("threshold", [float("nan"), float("inf"), -0.1, 1.5])
def test_a_threshold_is_a_score(tmp_path: Path, threshold: float) -> None:
    path = write_json(tmp_path / "d.json", [])
    with pytest.raises(VidposeError, match=f"the threshold is {threshold:g}: .* from 0 to 1"):
        detector_boxes(path, [sequence("a")], threshold)


def test_an_empty_file_has_no_boxes(tmp_path: Path) -> None:
    assert detector_boxes(write_json(tmp_path / "d.json", []), [sequence("a")]).boxes == {}


def test_sequences_of_one_name_are_only_matched_by_whole_names(tmp_path: Path) -> None:
    frames = [FrameLabels(0, f"{folder}/x/1.jpg") for folder in ("bonn", "mpii")]
    sequences = [SequenceLabels(frame.name, PENN13, (frame,)) for frame in frames]
    record = {"bbox": [1, 2, 3, 4], "score": 0.9}
    whole = write_json(tmp_path / "w.json", [record | {"image_name": "mpii/x/1.jpg"}])
    assert list(detector_boxes(whole, sequences).boxes) == ["mpii/x/1.jpg"]
    short = write_json(tmp_path / "s.json", [record | {"image_name": "x/1.jpg"}])
    with pytest.raises(VidposeError, match=r"x/1\.jpg"):
        detector_boxes(short, sequences)


def test_boxes_of_other_pictures_are_refused_with_a_name_of_each_side(tmp_path: Path) -> None:
    record = {"image_name": "images/val/zz/000009.jpg", "bbox": [1, 2, 3, 4], "score": 0.9}
    path = write_json(tmp_path / "d.json", [record])
    with pytest.raises(VidposeError, match=r"zz/000009\.jpg.*val/a/000003\.jpg"):
        detector_boxes(path, [sequence("a")])


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"images": []}, "not a list of detections"),
        ([{"bbox": [1, 2, 3, 4], "score": 1}], "image_name or an image_id"),
        ([{"image_id": 1, "bbox": [1, 2, -3, 4], "score": 1}], r"\[0\]\.bbox\[2\]"),
        ([{"image_id": 1, "bbox": [1, 2, 3, 4]}], "score"),
    ],
)
def test_a_file_of_another_layout_is_refused(
    tmp_path: Path, document: object, message: str
) -> None:
    path = write_json(tmp_path / "d.json", document)
    with pytest.raises(VidposeError, match=message):
        detector_boxes(path, [sequence("a")])


def test_the_detections_of_the_real_sample_are_found() -> None:
    shared = os.environ.get("VIDPOSE_SHARED")
    if shared is None:
        pytest.skip("VIDPOSE_SHARED is not set: the PoseTrack2018 sample is not there")
    root = Path(shared) / "data/posetrack18_sample"
    sequences = read("posetrack18", root, "val")
    path = root / "annotations/test_posetrack18_human_detections.json"
    everything = detector_boxes(path, sequences, threshold=0)
    assert sum(len(found) for of in everything.boxes.values() for found in of.values()) == 278
    truth = ground_truth_boxes(sequences)
    assert sum(len(found) for of in truth.boxes.values() for found in of.values()) == 14
