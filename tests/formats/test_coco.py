"""The COCO layout, by the rules that COCO's own tools rely on."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pose_samples import header, person, poses

from vidpose import formats
from vidpose.poses import FramePoses, Poses
from vidpose.skeleton import COCO17, SKELETONS, Skeleton


def written(result: Poses, folder: Path) -> dict[str, Any]:
    formats.save(result, folder / "coco.json", "coco")
    document: dict[str, Any] = json.loads((folder / "coco.json").read_text("utf-8"))
    return document


@pytest.mark.parametrize("people", [[], [0], [0, 3, 0, 1]])
def test_every_frame_is_an_image_and_every_person_an_annotation(
    people: list[int], tmp_path: Path
) -> None:
    document = written(poses(people), tmp_path)
    assert [image["id"] for image in document["images"]] == list(range(len(people)))
    assert all(image["file_name"] == f"{image['id']:06d}.jpg" for image in document["images"])
    owners = [annotation["image_id"] for annotation in document["annotations"]]
    assert owners == [index for index, count in enumerate(people) for _ in range(count)]
    ids = [annotation["id"] for annotation in document["annotations"]]
    assert ids == list(range(1, sum(people) + 1))


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_the_category_lists_the_joints_of_the_skeleton(skeleton: Skeleton, tmp_path: Path) -> None:
    document = written(poses([1], skeleton), tmp_path)
    [category] = document["categories"]
    [annotation] = document["annotations"]
    assert tuple(category["keypoints"]) == skeleton.joints
    names = [(skeleton.joints[a - 1], skeleton.joints[b - 1]) for a, b in category["skeleton"]]
    assert tuple(names) == skeleton.edges
    assert annotation["category_id"] == category["id"] == 1
    assert len(annotation["keypoints"]) == 3 * len(skeleton)
    assert annotation["num_keypoints"] == len(skeleton)


def test_numbers_are_those_of_the_person(tmp_path: Path) -> None:
    one = person(7)
    frame = FramePoses(index=4, pts=0.5, people=(one,))
    [annotation] = written(Poses(header=header(), frames=(frame,)), tmp_path)["annotations"]
    left, top, right, bottom = one.box
    bbox = [left, top, right - left, bottom - top]
    np.testing.assert_allclose(annotation["bbox"], bbox, atol=6e-4)
    assert annotation["area"] == pytest.approx(bbox[2] * bbox[3], abs=1)
    rows = np.array(annotation["keypoints"]).reshape(17, 3)
    np.testing.assert_allclose(rows[:, :2], one.keypoints, atol=6e-4)
    assert (rows[:, 2] == 2).all()
    np.testing.assert_allclose(annotation["keypoint_scores"], one.keypoint_scores, atol=6e-5)
    assert annotation["score"] == pytest.approx(one.score, abs=6e-5)
    assert (annotation["track_id"], annotation["image_id"], annotation["iscrowd"]) == (7, 4, 0)


def test_frames_that_were_skipped_keep_their_numbers(tmp_path: Path) -> None:
    frames = tuple(FramePoses(index=index, pts=0.0) for index in (3, 10))
    document = written(Poses(header=header(COCO17), frames=frames), tmp_path)
    assert [image["file_name"] for image in document["images"]] == ["000003.jpg", "000010.jpg"]
