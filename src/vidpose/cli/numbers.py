"""Whole numbers as options: what is none, or too small, is refused by name before any work."""

from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter, Token
from cyclopts.validators import Number


def _whole(_: object, tokens: Sequence[Token]) -> int:
    # The library's own reading would round 1.5 to 2.
    value = tokens[0].value
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a whole number") from None


Whole = Annotated[int, Parameter(converter=_whole, validator=Number(gte=0))]
Count = Annotated[int, Parameter(converter=_whole, validator=Number(gte=1))]
