"""What does not fit is told without the names of Python's types."""

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError, field_validator

from vidpose.misfit import reason


class Part(BaseModel):
    numbers: tuple[int, ...] = ()
    names: list[str] = []
    least: int = 0

    @field_validator("least")
    @classmethod
    def _enough(cls, least: int) -> int:
        if least < 0:
            raise ValueError("is below 0")
        return least


class Whole(BaseModel):
    part: Part


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"part": 3}, "a section with keys of its own is wanted"),
        ({"part": {"numbers": 3}}, "a list is wanted"),
        ({"part": {"names": "x"}}, "a list is wanted"),
        ({"part": {"least": -1}}, "is below 0"),
        ({}, "Field required"),
    ],
)
def test_reasons(value: object, words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Whole).validate_python(value)
    assert reason(caught.value.errors()[0]) == words
