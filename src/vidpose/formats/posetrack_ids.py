"""PoseTrack's ids of images: a digit of the sequence's kind, six of its number, four of the frame.

A frame from 10,000 on, which PoseTrack does not have, takes more digits instead of running into the
next sequence.
"""

import re

# By the word behind the number in a sequence's name (poseval); any other counts as the first.
_KINDS = {"mpii": 1, "bonn": 2, "mpiinew": 3}
_DIGITS_OF_SEQUENCE = 7
_SMALLEST = 10**10


def video_id(sequence: str) -> str:
    """The six digits of a sequence such as ``003418_mpii_test``; zeros if its name has no number.

    A shorter number is filled up with zeros, a longer one stays.
    """
    number = re.match(r"\d+", sequence)
    return number[0].zfill(6) if number else "000000"


def image_id(sequence: str, index: int) -> int:
    """The id of the frame at a position, from 0, of a sequence of this name."""
    kind = re.match(r"\d+_([a-z]+)", sequence)
    first = _KINDS.get(kind[1], 1) if kind else 1
    return int(f"{first}{video_id(sequence)}{index:04d}")


def sequence_and_index(number: int) -> tuple[int, int] | None:
    """The sequence, as a number, and the frame of an id; None for what is no id of PoseTrack."""
    if number < _SMALLEST:
        return None
    digits = str(number)
    return int(digits[:_DIGITS_OF_SEQUENCE]), int(digits[_DIGITS_OF_SEQUENCE:])
