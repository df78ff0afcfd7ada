"""Fields of the records: numpy arrays that are checked when read and rounded when written."""

from dataclasses import dataclass

import numpy as np
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, PlainSerializer
from pydantic_core import core_schema


@dataclass(frozen=True)
class NumberArray:
    """Makes a numpy field of a record: float32 in Python, a nested list of rounded numbers in JSON.

    Attributes:
        shape: The length of each axis; None is any.
        digits: Decimal places that are written.
        limits: Least and greatest number, where there are such.
    """

    shape: tuple[int | None, ...]
    digits: int
    limits: tuple[float, float] | None = None

    def validate(self, value: object) -> np.ndarray:
        """The array that ``value`` gives, always a copy.

        Raises:
            ValueError: Not numbers, not of this shape, not finite or outside the limits.
        """
        try:
            given = np.asarray(value)
        except ValueError:
            given = np.array(None)
        if given.dtype.kind not in "fiu":
            raise ValueError("expected numbers in lists of equal length")
        # A list of no rows does not say how long its rows are.
        if given.shape == (0,) and self.shape[0] is None:
            given = given.reshape([0 if length is None else length for length in self.shape])
        if not self._fits(given.shape):
            raise ValueError(f"expected {_in_words(self.shape)}, got {_in_words(given.shape)}")
        with np.errstate(over="ignore"):
            array = given.astype(np.float32)
        if not np.isfinite(array).all():
            raise ValueError("expected finite numbers, got NaN or infinity")
        if self.limits and ((array < self.limits[0]) | (array > self.limits[1])).any():
            raise ValueError(f"expected numbers from {self.limits[0]:g} to {self.limits[1]:g}")
        return array

    def serialize(self, array: np.ndarray) -> list[object]:
        """Nested lists of the numbers, rounded."""
        # Rounded as float64: a float32 of three places prints with many.
        numbers: list[object] = np.round(array.astype(np.float64), self.digits).tolist()
        return numbers

    def _fits(self, shape: tuple[int, ...]) -> bool:
        return len(shape) == len(self.shape) and all(
            want in (None, got) for want, got in zip(self.shape, shape, strict=True)
        )

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.validate,
            serialization=core_schema.plain_serializer_function_ser_schema(self.serialize),
        )

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, object]:
        items: dict[str, object] = {"type": "number"}
        if self.limits:
            items |= {"minimum": self.limits[0], "maximum": self.limits[1]}
        for length in reversed(self.shape):
            exact = {} if length is None else {"minItems": length, "maxItems": length}
            items = {"type": "array", "items": items, **exact}
        return items


def _in_words(shape: tuple[int | None, ...]) -> str:
    sizes = " x ".join("any" if length is None else str(length) for length in shape)
    return f"{sizes} numbers" if sizes else "one number"


def rounded(digits: int) -> PlainSerializer:
    """Makes a number of a record written with ``digits`` decimal places."""
    return PlainSerializer(lambda value: round(float(value), digits))
