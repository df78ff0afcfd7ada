import os
from pathlib import Path

import numpy as np
import pytest
from layouts import SLOTS, coco, coco_document, picture, posetrack18_document, write_json

from vidpose.datasets.coco import parse_coco, read_coco
from vidpose.datasets.labels import HIDDEN, NOT_LABELLED, VISIBLE
from vidpose.errors import VidposeError
from vidpose.skeleton import COCO17, POSETRACK15


def test_each_still_is_a_sequence_of_one_frame_with_its_picture(tmp_path: Path) -> None:
    sequences = read_coco(coco(tmp_path, COCO17.joints), "val")
    assert [each.name for each in sequences] == ["000000000139", "000000000285", "000000000632"]
    assert [len(each.frames) for each in sequences] == [1, 1, 1]
    assert [len(each.frames[0].people) for each in sequences] == [1, 1, 0]
    second = sequences[1]
    assert second.skeleton == COCO17
    assert second.images is not None
    assert second.images[0][0, 0, 0] == 50
    frame = second.frames[0]
    assert (frame.index, frame.image_id, frame.size) == (0, 101, (48, 32))


def test_joints_have_cocos_three_visibilities_and_zeros_where_not_labelled(tmp_path: Path) -> None:
    sequence = read_coco(coco(tmp_path, COCO17.joints), "val")[0]
    person = sequence.frames[0].people[0]
    assert person.visibility[:4].tolist() == [NOT_LABELLED, HIDDEN, VISIBLE, NOT_LABELLED]
    assert person.keypoints[:3].tolist() == [[0, 0], [2, 3], [3, 4]]
    assert person.keypoints.dtype == np.float64
    assert person.box is not None
    assert person.box.tolist() == [2, 3, 12, 23]


def test_a_crowd_is_one_and_other_categories_are_left_out() -> None:
    document = coco_document(("a.jpg", "b.jpg", "c.jpg"), COCO17.joints)
    document["annotations"][0] |= {"iscrowd": 1, "segmentation": {"counts": [1, 2]}}
    document["annotations"][1]["category_id"] = 18
    first, second, _ = parse_coco(document, Path("x.json"))
    assert [person.crowd for person in first.frames[0].people] == [True]
    assert second.frames[0].people == ()


def test_unknown_joints_make_a_skeleton_of_their_own() -> None:
    joints = ("left_hand", "right_hand", "nose")
    (sequence, _) = parse_coco(coco_document(("a.jpg", "b.jpg"), joints), Path("hands.json"))
    assert sequence.skeleton.joints == joints
    assert sequence.skeleton.edges == (("left_hand", "right_hand"),)
    assert sequence.skeleton.sigmas[2] == COCO17.sigmas[0]


def test_posetrack_in_cocos_shape_becomes_whole_sequences(tmp_path: Path) -> None:
    document = posetrack18_document("000342_mpii_test", frames=3, first=1)
    write_json(tmp_path / "annotations" / "posetrack_val.json", document)
    for n in range(6):
        picture(tmp_path / "images/val/000342_mpii_test" / f"{n:06d}.jpg", 10 * n)
    (sequence,) = read_coco(tmp_path, "val")
    assert sequence.skeleton == POSETRACK15
    assert [frame.index for frame in sequence.frames] == [1, 2, 3]
    assert sequence.images is not None
    assert len(sequence.images) == 6


def test_slots_without_videos_are_posetracks_joints_without_ears() -> None:
    (sequence, _) = parse_coco(coco_document(("a.jpg", "b.jpg"), SLOTS), Path("x.json"))
    assert sequence.skeleton == POSETRACK15
    expected = [SLOTS.index(joint) % 3 for joint in POSETRACK15.joints]
    assert sequence.frames[0].people[0].visibility.tolist() == expected


def test_a_file_without_people_or_images_is_read(tmp_path: Path) -> None:
    document = coco_document((), COCO17.joints)
    assert parse_coco(document, tmp_path) == []
    (only,) = parse_coco(coco_document(("a.jpg",), COCO17.joints), tmp_path)
    assert only.frames[0].people == ()
    assert only.frames[0].labelled


def test_missing_pictures_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    root = coco(tmp_path, COCO17.joints)
    (root / "val2017" / "000000000285.jpg").unlink()
    with pytest.raises(VidposeError, match=r"1 of 3 pictures.*000000000285\.jpg"):
        read_coco(root, "val")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"categories": [{"id": 1}]}, "no category names keypoints"),
        ({"annotations": [{"image_id": 5, "category_id": 1}]}, "image 5"),
        ({"annotations": [{"image_id": 100, "category_id": 1, "keypoints": [1, 2]}]}, "2 numbers"),
        ({"images": [{"id": 1, "file_name": "a.jpg"}] * 2, "annotations": []}, "one id"),
        ({"images": [{"id": 1}], "annotations": []}, "file_name"),
        ({"images": [{"id": 1, "file_name": ""}], "annotations": []}, r"images\[0\].* no file"),
        ({"images": [{"id": 1, "file_name": "."}], "annotations": []}, r"is '.', which is no file"),
    ],
)
def test_what_breaks_the_layout_is_said_in_a_line(change: dict[str, object], message: str) -> None:
    document = coco_document(("a.jpg", "b.jpg"), COCO17.joints) | change
    with pytest.raises(VidposeError, match=message):
        parse_coco(document, Path("x.json"))


def test_a_missing_annotation_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(VidposeError, match=r"person_keypoints_val2017\.json"):
        read_coco(tmp_path, "val")


def test_real_stills_are_read() -> None:
    shared = os.environ.get("VIDPOSE_SHARED")
    if shared is None:
        pytest.skip("VIDPOSE_SHARED is not set: the labelled stills are not there")
    sequences = read_coco(Path(shared) / "data/stills/lsp", "val")
    assert len(sequences) == 40
    assert sequences[0].skeleton.name == "lsp14"
    people = [frame.people for each in sequences for frame in each.frames]
    assert sum(int(person.labelled.sum()) for each in people for person in each) == 479
