"""Numbers of frames in the names of pictures."""

from pathlib import Path

import pytest

from vidpose.errors import VidposeError
from vidpose.formats.frame_names import frame_indices, has_number


def test_numbers_count_from_0_or_as_posetrack2017_from_1() -> None:
    assert frame_indices(["v/000003.jpg", "v/000000.jpg"], Path("x")) == [3, 0]
    assert frame_indices(["v/00000003.jpg", "v/00000001.jpg"], Path("x")) == [2, 0]
    assert frame_indices(["v\\frame_7.jpg"], Path("x"), first=2) == [5]


@pytest.mark.parametrize("name", ["v/a.jpg", "", f"{'1' * 19}.jpg", f"a{'1' * 5000}.jpg"])
def test_a_name_without_a_number_is_refused(name: str) -> None:
    """One of more digits than frames can be counted by is none."""
    assert not has_number(name)
    with pytest.raises(VidposeError, match="has no frame number of at least 0"):
        frame_indices([name], Path("x.json"))


def test_two_names_with_one_number_are_refused() -> None:
    with pytest.raises(VidposeError, match="have one frame number"):
        frame_indices(["1.jpg", "01.jpg"], Path("x.json"))
