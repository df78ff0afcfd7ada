from pathlib import Path

import numpy as np
import pytest
from layouts import lsp
from scipy.io import savemat

from vidpose.datasets.labels import NOT_LABELLED, VISIBLE
from vidpose.datasets.lsp import LSP14, read_lsp, read_lsp_extended
from vidpose.errors import VidposeError


def test_the_first_half_is_for_training_the_second_for_tests(tmp_path: Path) -> None:
    root = lsp(tmp_path)
    assert [each.name for each in read_lsp(root, "train")] == ["im0001", "im0002"]
    assert [each.name for each in read_lsp(root, "test")] == ["im0003", "im0004"]


def test_joints_count_from_zero_and_are_all_visible(tmp_path: Path) -> None:
    sequence = read_lsp(lsp(tmp_path), "test")[1]
    person = sequence.frames[0].people[0]
    assert sequence.skeleton == LSP14
    assert person.keypoints[5].tolist() == [5, 3]
    assert (person.visibility == VISIBLE).all()
    assert sequence.images is not None
    assert abs(int(sequence.images[0][0, 0, 0]) - 90) <= 1


def test_joints_of_the_extended_set_with_flag_zero_are_not_labelled(tmp_path: Path) -> None:
    sequences = read_lsp_extended(lsp(tmp_path, extended=True), "train")
    assert [each.name for each in sequences] == ["im00001", "im00002", "im00003", "im00004"]
    person = sequences[0].frames[0].people[0]
    assert person.visibility.tolist() == [NOT_LABELLED] + [VISIBLE] * 13
    assert person.keypoints[0].tolist() == [0, 0]
    assert person.box is not None
    assert np.allclose(person.box, [1 - 1.2, 0, 13 + 1.2, 0])


def test_left_and_right_swap_in_the_skeleton() -> None:
    joints = np.array(LSP14.joints)
    flipped = joints[LSP14.flip_permutation].tolist()
    assert flipped[0] == "left_ankle"
    assert flipped[-2:] == ["neck", "head_top"]


def test_missing_pictures_are_counted(tmp_path: Path) -> None:
    (lsp(tmp_path) / "images" / "im0002.jpg").unlink()
    with pytest.raises(VidposeError, match=r"1 of 2 pictures.*im0002\.jpg"):
        read_lsp(tmp_path, "train")


def test_joints_of_another_shape_are_refused(tmp_path: Path) -> None:
    savemat(tmp_path / "joints.mat", {"joints": np.zeros((3, 16, 5))})
    with pytest.raises(VidposeError, match="3 x 16 x 5"):
        read_lsp(tmp_path, "train")


def test_joints_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    savemat(tmp_path / "joints.mat", {"joints": np.full((3, 14, 2), np.nan)})
    with pytest.raises(VidposeError, match="not finite"):
        read_lsp(tmp_path, "train")
