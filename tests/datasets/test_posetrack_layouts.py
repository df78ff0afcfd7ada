import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vidpose.datasets.labels import HIDDEN, NOT_LABELLED, VISIBLE, SequenceLabels
from vidpose.datasets.posetrack import read_posetrack
from vidpose.datasets.posetrack17 import OFFICIAL_ORDER
from vidpose.errors import VidposeError
from vidpose.formats.posetrack18 import SLOTS
from vidpose.skeleton import POSETRACK15

NAME = "images/val/000342_mpii_test"
Save = Callable[[Any], Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(document: Any) -> Path:
        path = tmp_path / "labels.json"
        path.write_text(json.dumps(document))
        return path

    return write


def read_one(path: Path) -> SequenceLabels:
    (sequence,) = read_posetrack(path)
    return sequence


def image(number: int = 0, **fields: Any) -> dict[str, Any]:
    return {"id": 10000 + number, "file_name": f"{NAME}/{number:06d}.jpg", **fields}


def file18(images: list[Any], annotations: list[Any], **fields: Any) -> dict[str, Any]:
    return {"images": images, "annotations": annotations, **fields}


def rect(*points: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"track_id": [0], "annopoints": [{"point": list(points)}], **fields}


def point(joint: str, x: float, y: float, **fields: Any) -> dict[str, Any]:
    return {"id": [OFFICIAL_ORDER.index(joint)], "x": [x], "y": [y], **fields}


def file17(*frames: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    return {
        "annolist": [
            {"image": [{"name": f"{NAME}/{n:08d}.jpg"}], "annorect": people, **fields}
            for n, people in enumerate(frames, start=1)
        ]
    }


def test_an_annolist_without_frames_is_an_empty_sequence(save: Save) -> None:
    labels = read_one(save({"annolist": []}))
    assert (labels.name, labels.frames) == ("labels", ())


def test_a_file_without_images_has_no_sequence(save: Save) -> None:
    path = save(file18([], []))
    assert read_posetrack(path) == []


@pytest.mark.parametrize("document", [[], {}, {"images": []}, {"header": {}}, 3])
def test_other_json_is_refused(save: Save, document: object) -> None:
    with pytest.raises(VidposeError, match="not a PoseTrack file"):
        read_posetrack(save(document))


def test_people_without_joints_stay_in_both_layouts(save: Save) -> None:
    old = read_one(save(file17([rect(), {"annorect": []}], [])))
    new = read_one(save(file18([image(), image(1)], [{"image_id": 10000}] * 2)))
    for labels in (old, new):
        assert labels.skeleton == POSETRACK15
        assert [len(frame.people) for frame in labels.frames] == [2, 0]
        assert [frame.labelled for frame in labels.frames] == [True, False]
        for person in labels.frames[0].people:
            assert (person.visibility == NOT_LABELLED).all()
            assert person.box is None and person.head_box is None
            assert person.keypoint_scores is None


@pytest.mark.parametrize("person", [1, 5])
def test_people_are_of_the_category_with_joints_and_others_are_passed_over(
    save: Save, person: int
) -> None:
    categories = [{"id": 3, "name": "dog"}, {"id": person, "keypoints": SLOTS}]
    annotations = [
        {"image_id": 10000, "category_id": person, "track_id": 7},
        {"image_id": 10000, "category_id": 3, "keypoints": [1, 2, 3]},
        {"image_id": 10000, "track_id": 9},
        {"image_id": 10001, "category_id": 3},
    ]
    path = save(file18([image(0), image(1)], annotations, categories=categories))
    first, second = read_one(path).frames
    assert [each.track_id for each in first.people] == [7, 9]
    assert not second.people and not second.labelled


def test_joints_of_2018_by_slot_without_the_ears(save: Save) -> None:
    keypoints = np.array([[10.0 + n, 20.0 + n, 1] for n in range(17)])
    keypoints[3:5] = 0
    keypoints[0] = [5, 6, 0]
    keypoints[1] = 0
    keypoints[2] = [0, 0, 1]
    annotation = {
        "image_id": 10000,
        "track_id": 7,
        "bbox": [1, 2, 30, 40],
        "bbox_head": [3, 4, 5, 6],
        "keypoints": keypoints.ravel().tolist(),
        "scores": (np.arange(17) / 17).tolist(),
        "score": 0.5,
        "iscrowd": True,
    }
    path = save(file18([image(width=640, height=480, is_labeled=False)], [annotation]))
    labels = read_one(path)
    [frame] = labels.frames
    [person] = frame.people
    assert labels.name == "000342_mpii_test"
    assert (frame.index, frame.size, frame.image_id) == (0, (640, 480), 10000)
    assert not frame.labelled
    assert (person.track_id, person.score, person.crowd) == (7, 0.5, True)
    assert person.box is not None and person.head_box is not None
    assert person.box.tolist() == [1, 2, 31, 42]
    assert person.head_box.tolist() == [3, 4, 8, 10]
    assert person.visibility[:3].tolist() == [HIDDEN, NOT_LABELLED, VISIBLE]
    assert person.keypoints[:4].tolist() == [[5, 6], [0, 0], [0, 0], [15, 25]]
    assert person.keypoints.dtype == np.float64
    assert person.keypoint_scores is not None
    np.testing.assert_allclose(person.keypoint_scores[:4] * 17, [0, 1, 2, 5])


def test_joints_of_2018_go_by_the_names_of_the_category(save: Save) -> None:
    names = [joint for joint in reversed(SLOTS) if joint not in ("left_ear", "nose")]
    keypoints = [number for n in range(len(names)) for number in (n + 1, 50, 1)]
    annotation = {"image_id": 10000, "keypoints": keypoints}
    path = save(file18([image()], [annotation], categories=[{"keypoints": names}]))
    [person] = read_one(path).frames[0].people
    for joint, (x, _), visible in zip(
        POSETRACK15.joints, person.keypoints, person.visibility, strict=True
    ):
        assert x == (0 if joint == "nose" else names.index(joint) + 1)
        assert visible == (NOT_LABELLED if joint == "nose" else VISIBLE)
    # Without a bbox: the extent, which is flat, with a fifth of its width.
    assert person.box is not None
    xs = person.keypoints[person.labelled, 0]
    margin = (xs.max() - xs.min()) / 10
    np.testing.assert_allclose(person.box, [xs.min() - margin, 50, xs.max() + margin, 50])


def test_joints_of_which_none_is_known_are_refused(save: Save) -> None:
    category = {"id": 1, "keypoints": [f"point{i}" for i in range(17)]}
    with pytest.raises(VidposeError, match="no joint of its category is one of PoseTrack's"):
        read_one(save(file18([image()], [], categories=[category])))


def test_frames_are_sorted_and_sequences_of_a_merged_file_apart(save: Save) -> None:
    other = {"id": 5, "file_name": "images/val/000999_mpii_test/000003.jpg", "vid_id": "000999"}
    document = file18([image(2), other, image(1)], [{"image_id": 5, "track_id": 3}])
    labels = read_posetrack(save(document))
    assert [each.name for each in labels] == ["000342_mpii_test", "000999_mpii_test"]
    assert [frame.index for each in labels for frame in each.frames] == [1, 2, 3]
    assert labels[1].frames[0].people[0].track_id == 3


def test_ignored_regions_of_both_layouts(save: Save) -> None:
    regions: dict[str, Any] = {
        "ignore_regions_x": [[1, 2, 3], [5, 6, 7, 8]],
        "ignore_regions_y": [[4] * 3, [9] * 4],
    }
    new = read_one(save(file18([image(**regions)], [])))
    corners = [{"x": [x], "y": [4]} for x in (1, 2, 3)]
    old = read_one(save(file17([], ignore_regions=[{"point": corners}])))
    assert [len(each) for each in new.frames[0].ignore] == [3, 4]
    for labels in (old, new):
        assert labels.frames[0].ignore[0].tolist() == [[1, 4], [2, 4], [3, 4]]


def test_points_of_2017(save: Save) -> None:
    person17 = rect(
        point("nose", 10, 20, is_visible=[0]),
        point("head_top", 30, 40, is_visible=[1]),
        point("left_hip", 20, 60, score=[0.25], is_visible=[]),
        point("nose", 99, 99),
        track_id=[4],
        score=[0.5],
        x1=[1.5],
        y1=[2],
        x2=[3],
        y2=[4],
    )
    labels = read_one(save(file17([], [person17])))
    assert labels.name == "000342_mpii_test"
    assert [frame.index for frame in labels.frames] == [0, 1]
    assert [frame.image_id for frame in labels.frames] == [None, None]
    [person] = labels.frames[1].people
    nose, top, hip = (POSETRACK15.index(joint) for joint in ("nose", "head_top", "left_hip"))
    assert person.visibility[[nose, top, hip]].tolist() == [HIDDEN, VISIBLE, VISIBLE]
    assert person.labelled.sum() == 3
    assert person.keypoints[[nose, top, hip]].tolist() == [[10, 20], [30, 40], [20, 60]]
    assert (person.track_id, person.score) == (4, 0.5)
    assert person.head_box is not None and person.box is not None
    assert person.head_box.tolist() == [1.5, 2, 3, 4]
    np.testing.assert_allclose(person.box, [8, 16, 32, 64])
    assert person.keypoint_scores is not None
    assert person.keypoint_scores[hip] == 0.25
    assert np.isnan(np.delete(person.keypoint_scores, hip)).all()


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"annolist": 3}, r"annolist: "),
        (file17([rect({"id": [15], "x": [1], "y": [1]})]), r"annopoints\[0\].point\[0\].id\[0\]"),
        (file17([rect({"id": [1], "x": [1]})]), r"point\[0\].y: Field required"),
        (file17([rect({"id": [1], "x": [1, 2], "y": [1]})]), r"point\[0\].x"),
        (file17([rect({"id": [1], "x": [1e300], "y": [1]})]), r"point\[0\].x\[0\]"),
        ({"annolist": [{"image": [{"name": "a/b/1.jpg"}]}] * 2}, "have one frame number"),
        ({"annolist": [{"image": [{"name": "a/0.jpg"}]}]}, "no frame number of at least 1"),
        ({"annolist": [{"image": [{"name": f"{n}/1.jpg"}]} for n in "ab"]}, "in 2 folders, .* a"),
        (file18([image(), image()], []), "two images have one id"),
        (file18([image()], [{"image_id": 3}]), r"annotations\[0\] is of image 3, which is not"),
        (file18([image()], [{"image_id": 10000, "keypoints": [1, 2, 3]}]), "has 3 numbers, .* 51"),
        (file18([image()], [{"image_id": 10000, "scores": [1]}]), r"\[0\].scores has 1 .* 17 for"),
        (file18([image(ignore_regions_x=[[1]])], []), r"images\[0\]: ignore_regions_x and"),
        (file18([{"id": 1, "file_name": "a/b.jpg"}], []), "no frame number"),
        (file18([{"id": 1}], []), r"images\[0\].file_name: Field required"),
        (file18([image()], [{"image_id": 10000, "bbox": [1, 2, 3]}]), r"annotations\[0\].bbox"),
        (file18([image()], [{"image_id": 10000, "track_id": 1 << 64}]), r"\[0\].track_id"),
    ],
)
def test_a_file_that_breaks_the_layout_says_where(
    save: Save, document: dict[str, Any], message: str
) -> None:
    with pytest.raises(VidposeError, match=rf"labels.json.*{message}"):
        read_posetrack(save(document))


def test_numbers_that_are_not_finite_are_refused(save: Save) -> None:
    with pytest.raises(VidposeError, match="not JSON"):
        read_posetrack(save(file17([rect({"id": [1], "x": [float("nan")], "y": [1]})])))


@pytest.fixture
def sample() -> list[SequenceLabels]:
    if "VIDPOSE_SHARED" not in os.environ:
        pytest.skip("VIDPOSE_SHARED is not set: the real sample of PoseTrack18 is not here")
    folder = Path(os.environ["VIDPOSE_SHARED"]) / "data" / "posetrack18_sample" / "annotations"
    return read_posetrack(folder / "test_posetrack18_val.json")


def test_the_real_sample_of_posetrack18(sample: list[SequenceLabels]) -> None:
    assert len(sample) == 3
    people = [person for each in sample for frame in each.frames for person in frame.people]
    assert len(people) == 14
    assert all(frame.labelled and frame.size == (1920, 1080) for s in sample for frame in s.frames)
    for person in people:
        assert person.head_box is not None and person.box is not None
        left, top, right, bottom = person.box
        x, y = person.keypoints[person.labelled].T
        # The boxes are those of the annotators, a little narrower than some joints.
        assert x.min() > left - 30 and x.max() < right + 30
        assert y.min() > top - 30 and y.max() < bottom + 30
