import json
from collections.abc import Callable
from pathlib import Path

import pytest
from layouts import coco, jhmdb, lsp, penn, picture, posetrack17, posetrack18, posetrack21

from vidpose.datasets.check import check, recognise
from vidpose.datasets.registry import DATASETS, Dataset
from vidpose.errors import VidposeError
from vidpose.skeleton import COCO17

LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "posetrack17": posetrack17,
    "posetrack18": posetrack18,
    "posetrack21": posetrack21,
    "coco": lambda root: coco(root, COCO17.joints),
    "penn": penn,
    "jhmdb": jhmdb,
    "lsp": lsp,
    "lsp-extended": lambda root: lsp(root, extended=True),
}


@pytest.mark.parametrize("name", list(DATASETS))
def test_a_dataset_is_recognised_and_whole(tmp_path: Path, name: str) -> None:
    root = LAYOUTS[name](tmp_path)
    assert recognise(root) == name
    report = check(root)
    assert report.whole, report.lines()
    assert report.lines()[-1].strip() == "all is well"


def test_everything_is_counted(tmp_path: Path) -> None:
    report = check(posetrack18(tmp_path))
    (split,) = report.splits
    assert split.name == "val"
    assert report.absent == ("train", "test")
    counts = split.counts
    assert (counts.sequences, counts.frames, counts.labelled) == (1, 3, 3)
    assert (counts.people, counts.with_joints, counts.joints) == (3, 3, 45)
    assert split.opened == 3


def test_counts_that_differ_from_the_published_ones_are_said(tmp_path: Path) -> None:
    posetrack18(tmp_path, split="val")
    posetrack18(tmp_path, "000001_mpii_train", split="train")
    text = "\n".join(check(tmp_path).lines())
    assert "val: 1 sequence (170 published: differs)" in text
    assert "153,615 published, 6 people here, 6 of them with joints: differs" in text


def test_counts_that_agree_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = DATASETS["posetrack18"]
    small = Dataset(entry.description, ("train", "val"), entry.read, {"val": 1}, 6)
    monkeypatch.setitem(DATASETS, "posetrack18", small)
    posetrack18(tmp_path, split="val")
    posetrack18(tmp_path, "000001_mpii_train", split="train")
    text = "\n".join(check(tmp_path).lines())
    assert "val: 1 sequence (1 published: agrees)" in text
    assert "with joints: agrees" in text


def test_annotations_without_pictures_are_counted_and_a_fault(tmp_path: Path) -> None:
    root = posetrack18(tmp_path)
    (root / "images").rename(root / "elsewhere")
    report = check(root)
    (split,) = report.splits
    assert split.counts.people == 3
    assert not report.whole
    (fault,) = split.faults
    assert "000342_mpii_test" in fault


def test_unreadable_pictures_and_wrong_sizes_are_named(tmp_path: Path) -> None:
    folder = posetrack18(tmp_path) / "images/val/000342_mpii_test"
    (folder / "000000.jpg").write_bytes(b"broken")
    picture(folder / "000002.jpg", size=(20, 10))
    faults = check(tmp_path).splits[0].faults
    assert len(faults) == 2
    assert "000000.jpg" in faults[0]
    assert "20x10" in faults[1]


def test_broken_annotations_are_listed_up_to_a_few(tmp_path: Path) -> None:
    root = posetrack18(tmp_path)
    for number in range(8):
        (root / "annotations/val" / f"broken{number}.json").write_text("{")
    split = check(root).splits[0]
    assert split.counts.sequences == 1
    assert len(split.faults) == 6
    assert split.faults[-1] == "3 more files cannot be read"


def test_a_broken_file_of_a_whole_split_is_a_fault_not_an_absence(tmp_path: Path) -> None:
    root = coco(tmp_path, COCO17.joints)
    (root / "annotations/person_keypoints_val2017.json").write_text("{")
    report = check(root)
    assert report.absent == ("train",)
    assert not report.whole


def test_a_split_in_which_nothing_is_labelled_is_a_fault(tmp_path: Path) -> None:
    path = posetrack18(tmp_path) / "annotations/val/000342_mpii_test.json"
    document = json.loads(path.read_text()) | {"annotations": []}
    for image in document["images"]:
        image["is_labeled"] = False
    path.write_text(json.dumps(document))
    assert check(tmp_path).splits[0].faults == ("not one frame is labelled",)


@pytest.mark.parametrize(("count", "words"), [(1, "1 frame has"), (2, "2 frames have")])
def test_people_in_frames_that_are_said_not_to_be_labelled_are_a_fault(
    tmp_path: Path, count: int, words: str
) -> None:
    path = posetrack18(tmp_path) / "annotations/val/000342_mpii_test.json"
    document = json.loads(path.read_text())
    for image in document["images"]:
        image["is_labeled"] = image not in document["images"][:count]
    path.write_text(json.dumps(document))
    (fault,) = check(tmp_path).splits[0].faults
    assert fault.startswith(f"{words} people although is_labeled is false; the first: ")


def test_what_is_not_there_or_not_known_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VidposeError, match="no such folder"):
        check(tmp_path / "nowhere")
    with pytest.raises(VidposeError, match="no dataset is recognised"):
        check(tmp_path)
    with pytest.raises(VidposeError, match="expected annotations"):
        check(tmp_path, "posetrack18")
    with pytest.raises(VidposeError, match="unknown dataset"):
        check(tmp_path, "mpii")
