"""The PoseTrack18 layout: joints, scores, and the structure of the real files."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pose_samples import header, person, poses

from vidpose import formats
from vidpose.convert import convert
from vidpose.datasets.labels import FrameLabels, SequenceLabels
from vidpose.datasets.write_posetrack18 import posetrack18_document
from vidpose.formats.posetrack_ids import image_id, sequence_and_index
from vidpose.poses import FramePoses, Person, Poses
from vidpose.skeleton import COCO17, PENN13, POSETRACK15, SKELETONS

SLOTS = [
    "nose",
    "head_bottom",
    "head_top",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
]
# Only ground truth has these: where the head is, where not to look.
GROUND_TRUTH_ONLY = {
    "images": {"has_no_densepose", "ignore_regions_x", "ignore_regions_y", "mask_file"},
    "annotations": {"bbox_head"},
}


def written(result: Poses, folder: Path) -> dict[str, Any]:
    formats.save(result, folder / "pt18.json", "posetrack18")
    document: dict[str, Any] = json.loads((folder / "pt18.json").read_text("utf-8"))
    return document


def of(one: Person, folder: Path, skeleton: str = "coco17") -> tuple[np.ndarray, dict[str, Any]]:
    frame = FramePoses(index=0, pts=0.0, people=(one,))
    document = written(Poses(header=header(SKELETONS[skeleton]), frames=(frame,)), folder)
    [annotation] = document["annotations"]
    return np.array(annotation["keypoints"]).reshape(17, 3), annotation


@pytest.mark.parametrize("people", [[], [0], [0, 3, 0, 1]])
def test_every_frame_is_an_image_and_knows_how_many_there_are(
    people: list[int], tmp_path: Path
) -> None:
    document = written(poses(people), tmp_path)
    count = len(people)
    names = [image["file_name"] for image in document["images"]]
    assert names == [f"{index:06d}.jpg" for index in range(count)]
    assert [image["nframes"] for image in document["images"]] == [count] * count
    owners = [annotation["image_id"] for annotation in document["annotations"]]
    ids = [image["id"] for image in document["images"]]
    assert owners == [ids[index] for index, several in enumerate(people) for _ in range(several)]


def test_joints_stand_in_their_slots_and_ears_stay_zero(tmp_path: Path) -> None:
    one = person(3)
    rows, annotation = of(one, tmp_path)
    for slot, joint in enumerate(SLOTS):
        if joint.endswith("ear"):
            assert rows[slot].tolist() == [0, 0, 0]
        elif joint in COCO17.joints:
            np.testing.assert_allclose(
                rows[slot, :2], one.keypoints[COCO17.index(joint)], atol=6e-4
            )
    assert annotation["num_keypoints"] == rows[:, 2].sum() == 15
    assert annotation["track_id"] == 3


def test_head_bottom_lies_0_22_of_the_way_to_head_top(tmp_path: Path) -> None:
    rows, _ = of(person(0), tmp_path)
    xy = dict(zip(SLOTS, rows[:, :2], strict=True))
    middle = (xy["left_shoulder"] + xy["right_shoulder"]) / 2
    np.testing.assert_allclose(
        xy["head_bottom"] - middle, 0.22 * (xy["head_top"] - middle), atol=0.003
    )


def test_joint_scores_are_multiplied_by_the_persons(tmp_path: Path) -> None:
    one = person(0)
    _, annotation = of(one, tmp_path)
    _, scores = convert(one.keypoints, one.keypoint_scores, COCO17, POSETRACK15)
    expected = np.insert(scores * one.score, [3, 3], 0)
    np.testing.assert_allclose(annotation["scores"], expected, atol=6e-5)
    assert annotation["score"] == pytest.approx(one.score, abs=6e-5)


def test_joints_that_the_skeleton_lacks_are_not_predicted(tmp_path: Path) -> None:
    rows, annotation = of(person(0, len(PENN13)), tmp_path, "penn13")
    assert rows[:5].tolist() == [[0, 0, 0]] * 5
    assert annotation["num_keypoints"] == rows[5:, 2].sum() == 12


@pytest.mark.parametrize(
    ("source", "vid_id", "first_id"),
    [
        ("/data/images/val/003418_mpii_test", "003418", 10034180000),
        ("000522_bonn", "000522", 20005220000),
        ("images/024575_mpiinew_test", "024575", 30245750000),
        ("12_walk.mp4", "000012", 10000120000),
        ("holiday.mp4", "000000", 10000000000),
        ("", "000000", 10000000000),
    ],
)
def test_image_ids_follow_posetracks_rule(
    source: str, vid_id: str, first_id: int, tmp_path: Path
) -> None:
    images = written(poses([0, 0], source=source), tmp_path)["images"]
    assert [image["id"] for image in images] == [first_id, first_id + 1]
    assert [image["frame_id"] for image in images] == [first_id, first_id + 1]
    assert {image["vid_id"] for image in images} == {vid_id}


def test_predictions_and_truth_give_an_image_one_id_and_joints_one_place(tmp_path: Path) -> None:
    for name in ("000522_bonn", "003418_mpii_test", "024575_mpiinew_test", "12_walk", "holiday"):
        predicted = written(poses([0, 0], source=name), tmp_path)
        frames = tuple(FrameLabels(index, f"{index:06d}.jpg") for index in range(2))
        truth = posetrack18_document(SequenceLabels(name, POSETRACK15, frames))
        assert predicted["categories"] == truth["categories"]
        for ours, theirs in zip(predicted["images"], truth["images"], strict=True):
            assert [ours[key] for key in ("id", "vid_id")] == [theirs["id"], theirs["vid_id"]]


def test_a_long_sequence_does_not_run_into_the_next() -> None:
    ids = [image_id("000522_mpii_test", index) for index in (0, 9_999, 10_000, 123_456)]
    assert ids == [10005220000, 10005229999, 100052210000, 1000522123456]
    assert image_id("000523_mpii_test", 0) not in ids
    assert [sequence_and_index(each) for each in ids] == [
        (1000522, index) for index in (0, 9_999, 10_000, 123_456)
    ]
    assert sequence_and_index(9_999_999_999) is None


def sample() -> list[dict[str, Any]]:
    shared = os.environ.get("VIDPOSE_SHARED")
    if not shared:
        pytest.skip("VIDPOSE_SHARED is not set: the PoseTrack18 sample is not here")
    folder = Path(shared) / "data" / "posetrack18_sample" / "annotations" / "val"
    return [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]


def kinds(record: dict[str, Any]) -> dict[str, type]:
    # A whole number may stand for a coordinate in the real files.
    as_float = {"bbox", "keypoints"}
    return {key: float if key in as_float else type(value) for key, value in record.items()}


def test_the_structure_is_that_of_the_real_files(tmp_path: Path) -> None:
    ours = written(poses([2, 1], source="003418_mpii_test"), tmp_path)
    real_files = sample()
    assert real_files
    for real in real_files:
        assert ours.keys() == real.keys()
        [ours_category], [category] = ours["categories"], real["categories"]
        assert ours_category.keys() == category.keys()
        assert ours_category["keypoints"] == category["keypoints"] == SLOTS
        for part, extra in (("images", set()), ("annotations", {"score"})):
            expected = {
                key: kind
                for key, kind in kinds(real[part][0]).items()
                if key not in GROUND_TRUTH_ONLY[part]
            }
            got = kinds(ours[part][0])
            assert {key: got[key] for key in got.keys() - extra} == expected
            lengths = [len(real[part][0].get(key, ())) for key in ("bbox", "keypoints")]
            assert lengths == [len(ours[part][0].get(key, ())) for key in ("bbox", "keypoints")]
    assert ours["images"][0]["id"] == real_files[0]["images"][0]["id"]
    assert len(ours["annotations"][0]["scores"]) == 17
