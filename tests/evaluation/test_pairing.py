from dataclasses import replace

import pytest
from small_scenes import person, sequence

from vidpose.errors import VidposeError
from vidpose.evaluation.pairing import pair_sequences


def test_nothing_pairs_with_nothing() -> None:
    assert pair_sequences([], []) == []


def test_sequences_come_in_the_order_of_their_names() -> None:
    truth = [sequence([], name=name) for name in "cab"]
    pairs = pair_sequences(truth, truth[::-1])
    assert [(mine.name, theirs.name) for mine, theirs in pairs] == [(n, n) for n in "abc"]


@pytest.mark.parametrize(
    ("mine", "theirs", "message"),
    [
        ("ab", "a", "2 sequences in the ground truth, 1 in the predictions: .* lack sequence b$"),
        ("a", "ab", "the predictions have in excess sequence b$"),
        ("a", "bcdef", "lack sequence a; .* in excess sequences b, c, d and 2 more$"),
        ("aa", "a", "the ground truth have the sequence a more than once"),
    ],
)
def test_sequences_that_differ_are_named(mine: str, theirs: str, message: str) -> None:
    sides = [[sequence([], name=name) for name in side] for side in (mine, theirs)]
    with pytest.raises(VidposeError, match=message):
        pair_sequences(*sides)


def test_frames_that_differ_are_named() -> None:
    with pytest.raises(
        VidposeError, match=r"^s: 3 frames .*, 2 in .*: the predictions lack frame 2"
    ):
        pair_sequences([sequence([], [], [], name="s")], [sequence([], [], name="s")])


def test_frames_pair_by_file_name_and_else_by_index() -> None:
    truth = sequence([], [person()], name="s")
    first, second = truth.frames
    moved = (replace(second, index=0), replace(first, index=1))
    [(_, found)] = pair_sequences([truth], [replace(truth, frames=moved)])
    assert [len(frame.people) for frame in found.frames] == [0, 1]
    unnamed = tuple(replace(frame, name="") for frame in reversed(truth.frames))
    [(_, found)] = pair_sequences([truth], [replace(truth, frames=unnamed)])
    assert [len(frame.people) for frame in found.frames] == [0, 1]
