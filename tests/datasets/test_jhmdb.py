from pathlib import Path

import numpy as np
import pytest
from layouts import jhmdb
from scipy.io import savemat

from vidpose.cli.data import data
from vidpose.datasets.jhmdb import read_jhmdb
from vidpose.datasets.labels import VISIBLE
from vidpose.datasets.registry import read
from vidpose.errors import VidposeError
from vidpose.skeleton import JHMDB15


@pytest.mark.parametrize(("split", "clip"), [("train", "april_catch"), ("test", "bob_catch")])
def test_split_files_say_which_clips(tmp_path: Path, split: str, clip: str) -> None:
    (sequence,) = read_jhmdb(jhmdb(tmp_path), split)
    assert (sequence.name, sequence.skeleton) == (f"catch/{clip}", JHMDB15)


@pytest.mark.parametrize("frames", [1, 3])
def test_joints_count_from_zero_and_pictures_are_there(tmp_path: Path, frames: int) -> None:
    (sequence,) = read_jhmdb(jhmdb(tmp_path, frames), "train")
    assert [frame.index for frame in sequence.frames] == list(range(frames))
    last = sequence.frames[-1].people[0]
    assert last.keypoints[4].tolist() == [4, frames - 1]
    assert (last.visibility == VISIBLE).all()
    assert sequence.images is not None
    assert sequence.images[frames - 1][0, 0, 0] == 20 * (frames - 1)


def test_boxes_are_those_of_the_masks_where_there_are_some(tmp_path: Path) -> None:
    (sequence,) = read_jhmdb(jhmdb(tmp_path), "train")
    masked, empty = (frame.people[0].box for frame in sequence.frames)
    assert masked is not None and empty is not None
    assert masked.tolist() == [6, 4, 20, 10]
    # The joints reach from 0 to 14.
    assert np.allclose(empty, [-1.4, 1, 15.4, 1])


def test_boxes_without_masks_are_made_of_the_joints(tmp_path: Path) -> None:
    (sequence,) = read_jhmdb(jhmdb(tmp_path, mask=False), "train")
    box = sequence.frames[0].people[0].box
    assert box is not None
    assert np.allclose(box, [-1.4, 0, 15.4, 0])


def test_joints_of_another_shape_are_refused(tmp_path: Path) -> None:
    root = jhmdb(tmp_path)
    path = root / "joint_positions/catch/april_catch/joint_positions.mat"
    savemat(path, {"pos_img": np.zeros((15, 2, 4))})
    with pytest.raises(VidposeError, match="15 x 2 x 4, expected 2 x 15 x n"):
        read_jhmdb(root, "train")


def test_a_clip_without_pictures_is_refused(tmp_path: Path) -> None:
    root = jhmdb(tmp_path)
    (root / "Rename_Images").rename(root / "elsewhere")
    with pytest.raises(VidposeError, match="Rename_Images"):
        read_jhmdb(root, "train")


def test_a_missing_split_is_named(tmp_path: Path) -> None:
    with pytest.raises(VidposeError, match="_test_split3"):
        read_jhmdb(jhmdb(tmp_path), "test3")


def test_a_split_file_of_bytes_that_are_no_text_is_refused(tmp_path: Path) -> None:
    root = jhmdb(tmp_path)
    (file,) = (root / "splits").glob("*_test_split1.txt")
    file.write_bytes(b"\xff\xfe.avi")
    with pytest.raises(VidposeError, match=r"is not '<clip>.avi'"):
        read_jhmdb(root, "train")


def test_animated_clips_of_a_numbered_split_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidpose.datasets.animate._SMALLEST", 1)
    root, out = jhmdb(tmp_path / "jhmdb"), tmp_path / "out"
    splits = root / "splits"
    (splits / "catch_test_split1.txt").rename(splits / "catch_test_split2.txt")
    arguments = ["animate", "jhmdb", str(root), str(out), "--split", "train2", "--frames", "2"]
    data(arguments, result_action="return_value")
    assert read("posetrack18", out, "train")
