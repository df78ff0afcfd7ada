from pathlib import Path

import numpy as np
import pytest
from layouts import penn

from vidpose.datasets.labels import NOT_LABELLED, VISIBLE
from vidpose.datasets.penn import read_penn
from vidpose.errors import VidposeError
from vidpose.skeleton import PENN13


def test_a_clip_has_its_joints_counted_from_zero_and_its_pictures(tmp_path: Path) -> None:
    (sequence,) = read_penn(penn(tmp_path), "train")
    assert (sequence.name, sequence.skeleton) == ("0001", PENN13)
    assert [frame.index for frame in sequence.frames] == [0, 1]
    person = sequence.frames[1].people[0]
    assert person.keypoints[2].tolist() == [20, 1]
    assert sequence.images is not None
    assert abs(int(sequence.images[1][0, 0, 0]) - 20) <= 1


def test_a_joint_that_is_not_seen_is_not_labelled(tmp_path: Path) -> None:
    (sequence,) = read_penn(penn(tmp_path), "train")
    person = sequence.frames[0].people[0]
    assert person.visibility.tolist() == [VISIBLE] * 12 + [NOT_LABELLED]
    assert person.keypoints[-1].tolist() == [0, 0]


def test_boxes_that_the_file_lacks_are_made_of_the_joints(tmp_path: Path) -> None:
    (sequence,) = read_penn(penn(tmp_path, frames=3), "train")
    boxes = [frame.people[0].box for frame in sequence.frames]
    assert boxes[1] is not None and boxes[2] is not None
    assert boxes[1].tolist() == [10, 20, 30, 40]
    # The joints reach from 0 to 110: 10 % more on each side.
    assert np.allclose(boxes[2], [-11, 2, 121, 2])


def test_the_flag_of_the_file_says_the_split(tmp_path: Path) -> None:
    penn(tmp_path, train=1, clip="0001")
    penn(tmp_path, train=-1, clip="0002")
    assert [each.name for each in read_penn(tmp_path, "train")] == ["0001"]
    assert [each.name for each in read_penn(tmp_path, "test")] == ["0002"]


def test_a_clip_of_one_frame_is_read(tmp_path: Path) -> None:
    (sequence,) = read_penn(penn(tmp_path, frames=1), "train")
    assert len(sequence.frames) == 1


def test_faults_are_refused_or_reported(tmp_path: Path) -> None:
    penn(tmp_path)
    (tmp_path / "labels" / "0002.mat").write_bytes(b"broken")
    with pytest.raises(VidposeError, match=r"0002\.mat"):
        read_penn(tmp_path, "train")
    faults: list[VidposeError] = []
    assert len(read_penn(tmp_path, "train", faults.append)) == 1
    assert len(faults) == 1


def test_missing_pictures_are_counted(tmp_path: Path) -> None:
    (penn(tmp_path) / "frames" / "0001" / "000002.jpg").unlink()
    with pytest.raises(VidposeError, match=r"1 of 2 pictures.*000002\.jpg"):
        read_penn(tmp_path, "train")


def test_a_folder_without_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VidposeError, match=r"labels/0001\.mat"):
        read_penn(tmp_path, "train")
