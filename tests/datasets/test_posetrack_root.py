import json
import os
from pathlib import Path

import pytest
from layouts import (
    picture,
    posetrack17,
    posetrack18,
    posetrack18_document,
    posetrack21,
    write_json,
)

from vidpose.datasets.check import check
from vidpose.datasets.conversion import convert_labels
from vidpose.datasets.registry import DATASETS, read
from vidpose.errors import VidposeError
from vidpose.formats.posetrack18 import FACE
from vidpose.skeleton import BODY19, POSETRACK15


def test_posetrack18_has_all_pictures_of_the_folder_as_neighbours(tmp_path: Path) -> None:
    (sequence,) = read("posetrack18", posetrack18(tmp_path), "val")
    assert (sequence.name, sequence.skeleton) == ("000342_mpii_test", POSETRACK15)
    assert [frame.index for frame in sequence.frames] == [0, 1, 2]
    assert sequence.images is not None
    assert len(sequence.images) == 5
    assert abs(int(sequence.images[4][0, 0, 0]) - 160) <= 1


def test_posetrack21_has_its_annotations_in_posetrack_data(tmp_path: Path) -> None:
    (sequence,) = read("posetrack21", posetrack21(tmp_path), "val")
    assert len(sequence.frames) == 3
    with pytest.raises(VidposeError, match="no annotations"):
        read("posetrack18", tmp_path, "val")


@pytest.mark.parametrize("place", ["annotations", "posetrack_data/annotations"])
def test_posetrack18_and_21_may_share_a_folder(tmp_path: Path, place: str) -> None:
    posetrack21(tmp_path)
    posetrack18(tmp_path, "000001_other")
    if place != "annotations":
        (tmp_path / "annotations").rename(tmp_path / place)
    for dataset, name in (("posetrack18", "000001_other"), ("posetrack21", "000342_mpii_test")):
        (sequence,) = read(dataset, tmp_path, "val")
        assert sequence.name == name
    assert check(tmp_path).dataset == "posetrack21"


@pytest.mark.parametrize(("first", "missing"), [(0, 0), (1, 0), (1, 2), (31, 1)])
def test_a_frames_index_is_its_pictures_place_in_the_folder(
    tmp_path: Path, first: int, missing: int
) -> None:
    (sequence,) = read("posetrack17", posetrack17(tmp_path, first, missing), "val")
    assert [frame.index for frame in sequence.frames] == [missing + n for n in (1, 2, 3)]
    assert sequence.images is not None
    for frame in sequence.frames:
        number = int(Path(frame.name).stem)
        assert abs(int(sequence.images[frame.index][0, 0, 0]) - 5 * number) <= 1
        assert frame.people[0].keypoints[0, 0] == number


def test_frames_are_in_the_order_of_the_folder_whatever_their_numbers(tmp_path: Path) -> None:
    document = posetrack18_document("000342_mpii_test", frames=2)
    folder = tmp_path / "images/val/000342_mpii_test"
    for image, name in zip(document["images"], ("b_000000", "a_000001"), strict=True):
        image["file_name"] = f"images/val/000342_mpii_test/{name}.jpg"
        picture(folder / f"{name}.jpg")
    write_json(tmp_path / "annotations/val/000342_mpii_test.json", document)
    (sequence,) = read("posetrack18", tmp_path, "val")
    names = [(frame.index, Path(frame.name).stem) for frame in sequence.frames]
    assert names == [(0, "a_000001"), (1, "b_000000")]


def test_a_sequence_is_named_as_its_annotation_file(tmp_path: Path) -> None:
    (sequence,) = read("posetrack17", posetrack17(tmp_path), "val")
    assert sequence.name == "000342_mpii_relpath_5sec_testsub"


@pytest.mark.parametrize("place", ["posetrack_data/images", "posetrack_data/bonn_5sec"])
def test_pictures_are_found_in_the_places_that_downloads_have_them(
    tmp_path: Path, place: str
) -> None:
    root = posetrack17(tmp_path)
    inner = "bonn_5sec" if place.endswith("bonn_5sec") else ""
    (root / "posetrack_data").mkdir()
    (root / "images" / inner).rename(root / place)
    (sequence,) = read("posetrack17", root, "val")
    assert sequence.images is not None


def test_a_missing_picture_is_named(tmp_path: Path) -> None:
    root = posetrack18(tmp_path)
    (root / "images/val/000342_mpii_test/000001.jpg").unlink()
    with pytest.raises(VidposeError, match=r"1 of 3 pictures.*000001\.jpg.*vidpose data check"):
        read("posetrack18", root, "val")


def test_a_sequence_without_frames_is_left_out(tmp_path: Path) -> None:
    write_json(tmp_path / "annotations/val/a.json", {"images": [], "annotations": []})
    assert read("posetrack18", tmp_path, "val") == []


def test_matlab_annotations_are_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "annotations/val").mkdir(parents=True)
    (tmp_path / "annotations/val/a.mat").touch()
    with pytest.raises(VidposeError, match="convert them to JSON"):
        read("posetrack17", tmp_path, "val")


def test_unknown_names_splits_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(VidposeError, match="posetrack18"):
        read("posetrack19", tmp_path, "val")
    with pytest.raises(VidposeError, match="train, val, test"):
        read("posetrack18", tmp_path, "validation")
    with pytest.raises(VidposeError, match="no such folder"):
        read("posetrack18", tmp_path / "nowhere", "val")


@pytest.mark.parametrize("name", list(DATASETS))
def test_an_empty_folder_gets_what_is_expected_in_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(VidposeError, match=r"expected .*vidpose data check") as caught:
        read(name, tmp_path, "train")
    assert "\n" not in str(caught.value)


def test_the_real_sample_is_read() -> None:
    shared = os.environ.get("VIDPOSE_SHARED")
    if shared is None:
        pytest.skip("VIDPOSE_SHARED is not set: the PoseTrack2018 sample is not there")
    sequences = read("posetrack18", Path(shared) / "data/posetrack18_sample", "val")
    assert len(sequences) == 3
    assert sum(len(frame.people) for each in sequences for frame in each.frames) == 14
    for sequence in sequences:
        assert sequence.images is not None
        assert sequence.images[0].shape == (1080, 1920, 3)


@pytest.mark.parametrize("folder", ["../../elsewhere", "/elsewhere"])
def test_pictures_outside_of_the_root_are_refused(tmp_path: Path, folder: str) -> None:
    document = posetrack18_document("000001_mpii_test")
    for image in document["images"]:
        image["file_name"] = f"{folder}/{image['file_name']}"
    write_json(tmp_path / "annotations/val/000001_mpii_test.json", document)
    with pytest.raises(VidposeError, match=r"elsewhere.* lies outside"):
        read("posetrack18", tmp_path, "val")


def test_sequences_without_people_have_the_skeleton_of_the_others(tmp_path: Path) -> None:
    root = posetrack18(tmp_path)
    (path,) = root.glob("annotations/val/*.json")
    document = json.loads(path.read_text())
    for annotation in document["annotations"]:
        annotation["face"] = [1.0, 2.0, 1.0] * len(FACE)
    write_json(path, document)
    images = [each | {"id": each["id"] + 1000} for each in document["images"]]
    write_json(path.with_name("nobody.json"), document | {"images": images, "annotations": []})
    assert [each.skeleton for each in read("posetrack18", root, "val")] == [BODY19, BODY19]
    out = tmp_path / "all.json"
    convert_labels(path.parent, out, "coco")
    assert json.loads(out.read_text())["categories"][0]["keypoints"] == list(BODY19.joints)
