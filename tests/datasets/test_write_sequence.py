import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vidpose.datasets.labels import (
    HIDDEN,
    NOT_LABELLED,
    VISIBLE,
    FrameLabels,
    PersonLabels,
    SequenceLabels,
)
from vidpose.datasets.posetrack import read_posetrack
from vidpose.datasets.registry import read
from vidpose.datasets.write_posetrack18 import posetrack18_document
from vidpose.datasets.write_sequence import SequenceNames, write_sequence
from vidpose.errors import VidposeError
from vidpose.formats.posetrack18 import FACE
from vidpose.skeleton import BODY19, POSETRACK15

NAME = "000003_clip"
FACE_ROWS = [BODY19.index(joint) for joint in FACE]
PICTURE = np.full((20, 30, 3), 90, np.uint8)


def person() -> PersonLabels:
    visibility = np.array([VISIBLE, HIDDEN, NOT_LABELLED] * 5)
    keypoints = np.arange(30.0).reshape(15, 2) + 1.238
    keypoints[visibility == NOT_LABELLED] = 0
    return PersonLabels(4, keypoints, visibility, box=np.array([1.0, 2.0, 18.5, 19.0]))


def write(root: Path, frames: int = 2, overwrite: bool = False) -> None:
    with write_sequence(root, "train", NAME, overwrite) as writer:
        added = [writer.add(PICTURE) for _ in range(frames)]
        labelled = type(added[0])(0, added[0].name, (person(),), size=added[0].size)
        writer.labels = SequenceLabels(NAME, POSETRACK15, (labelled, *added[1:]))


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    write(tmp_path)
    (sequence,) = read("posetrack18", tmp_path, "train")
    assert (sequence.name, len(sequence.frames)) == (NAME, 2)
    assert [frame.labelled for frame in sequence.frames] == [True, False]
    assert sequence.images is not None
    assert sequence.images[1].shape == PICTURE.shape
    (found,) = sequence.frames[0].people
    np.testing.assert_allclose(found.keypoints, person().keypoints, atol=0.005)
    np.testing.assert_array_equal(found.visibility, person().visibility)
    np.testing.assert_allclose(np.asarray(found.box), np.asarray(person().box))


def test_eyes_and_ears_are_read_back_in_their_places(tmp_path: Path) -> None:
    def somebody(track_id: int, first: float, scores: bool) -> PersonLabels:
        keypoints = first + np.arange(38.0).reshape(19, 2)
        visibility = np.array([HIDDEN, VISIBLE, NOT_LABELLED] * 6 + [VISIBLE])
        keypoints[visibility == NOT_LABELLED] = 0
        given = np.where(visibility > NOT_LABELLED, 0.5, np.nan) if scores else None
        box = np.array([1.0, 2.0, 18.5, 19.0])
        return PersonLabels(track_id, keypoints, visibility, box, keypoint_scores=given)

    faceless = somebody(6, 3.0, False)
    faceless.visibility[FACE_ROWS] = NOT_LABELLED
    faceless.keypoints[FACE_ROWS] = 0
    people = (somebody(4, 1.25, False), faceless, somebody(7, 2.5, True))
    frame = FrameLabels(0, f"images/train/{NAME}/000000.jpg", people, size=(30, 20))
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(posetrack18_document(SequenceLabels(NAME, BODY19, (frame,)))))
    (found,) = read_posetrack(path)
    assert found.skeleton == BODY19
    for ours, theirs in zip(found.frames[0].people, people, strict=True):
        np.testing.assert_array_equal(ours.keypoints, theirs.keypoints)
        np.testing.assert_array_equal(ours.visibility, theirs.visibility)
        if theirs.keypoint_scores is None:
            assert ours.keypoint_scores is None
            continue
        # A face has no scores in this layout.
        assert ours.keypoint_scores is not None
        assert np.isnan(ours.keypoint_scores[FACE_ROWS]).all()
        there = np.setdiff1d(np.flatnonzero(theirs.visibility > NOT_LABELLED), FACE_ROWS)
        np.testing.assert_array_equal(ours.keypoint_scores[there], 0.5)


def test_a_face_of_another_length_is_refused(tmp_path: Path) -> None:
    frame = FrameLabels(0, f"{NAME}/000000.jpg", (person(),), size=(30, 20))
    document = posetrack18_document(SequenceLabels(NAME, POSETRACK15, (frame,)))
    assert "face" not in document["annotations"][0]
    document["annotations"][0]["face"] = [1.0, 2.0, 1.0]
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(document))
    with pytest.raises(VidposeError, match=r"annotations\[0\]\.face has 3 numbers, expected 12"):
        read_posetrack(path)


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), write_sequence(tmp_path, "train", NAME) as writer:
        writer.add(PICTURE)
        raise RuntimeError
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_without_labels_nothing_is_written(tmp_path: Path) -> None:
    with write_sequence(tmp_path, "train", NAME) as writer:
        writer.add(PICTURE)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_sequence_is_replaced_only_on_request_and_then_as_a_whole(tmp_path: Path) -> None:
    write(tmp_path, frames=3)
    with (
        pytest.raises(VidposeError, match="--overwrite"),
        write_sequence(tmp_path, "train", NAME),
    ):
        pass
    write(tmp_path, frames=1, overwrite=True)
    assert len(list((tmp_path / "images/train" / NAME).iterdir())) == 1


@pytest.mark.parametrize("meanwhile", [False, True])
def test_pictures_without_labels_are_not_replaced_unasked(tmp_path: Path, meanwhile: bool) -> None:
    precious = tmp_path / "images/train" / NAME / "precious.jpg"

    def appear() -> None:
        precious.parent.mkdir(parents=True)
        precious.write_text("mine")

    if not meanwhile:
        appear()
    with (
        pytest.raises(VidposeError, match=f"{NAME} exists; add --overwrite"),
        write_sequence(tmp_path, "train", NAME) as writer,
    ):
        frame = writer.add(PICTURE)
        writer.labels = SequenceLabels(NAME, POSETRACK15, (frame,))
        appear()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [precious]


def test_a_failed_replacement_keeps_what_was_there(tmp_path: Path) -> None:
    write(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(RuntimeError), write_sequence(tmp_path, "train", NAME, True) as writer:
        writer.add(PICTURE)
        raise RuntimeError
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("step", ["write_text", "write_bytes", "rename", "replace"])
def test_a_full_disk_keeps_the_sequence_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(self: Path, *_: object, **__: object) -> int:
        if step != "rename" or self.suffix == ".part":
            raise OSError(28, "No space left on device")
        return rename(self, *_, **__)

    rename: Any = Path.rename
    write(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with monkeypatch.context() as patch:
        patch.setattr(Path, step, full)
        with pytest.raises(VidposeError, match="No space left on device"):
            write(tmp_path, frames=1, overwrite=True)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "images").write_text("in the way")
    with (
        pytest.raises(VidposeError, match="cannot write"),
        write_sequence(tmp_path, "train", NAME),
    ):
        pass


def test_every_sequence_of_a_split_has_a_number_of_its_own(tmp_path: Path) -> None:
    write(tmp_path)  # 000003_clip
    names = SequenceNames(tmp_path, "train")
    # Somebody's clip of the same name is the one to replace, another of that name is not.
    assert [names.of(stem) for stem in ("walk", "clip", "clip")] == [
        "000004_walk",
        NAME,
        "000005_clip",
    ]
    assert SequenceNames(tmp_path, "val").of("walk") == "000000_walk"
