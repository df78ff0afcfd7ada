"""The result: people in frames, and its documented schema.

`Person`, `FramePoses` and `Header` are pydantic models: they check what is read from a file, and
``Poses.json_schema()`` is generated from them. How a sequence of them is written to disk, one frame
at a time, is the business of `vidpose.formats`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from jaxtyping import Float
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    model_validator,
)
from pydantic_core import core_schema

from vidpose.skeleton import Skeleton

SCHEMA_VERSION = "1.0"

# Written digits: a thousandth of a pixel, a ten-thousandth of a score.
_PIXEL_DIGITS = 3
_SCORE_DIGITS = 4


@dataclass(frozen=True)
class _Array:
    """Makes a numpy field of a record: float32 in Python, a nested list of rounded numbers in JSON.

    Attributes:
        shape: The length of each axis; None is any.
        digits: Decimal places that are written.
    """

    shape: tuple[int | None, ...]
    digits: int

    def validate(self, value: object) -> np.ndarray:
        try:
            array = np.asarray(value, dtype=np.float32)
        except (TypeError, ValueError):
            raise ValueError("expected numbers in lists of equal length") from None
        if array.size == 0:
            array = array.reshape([0 if length is None else length for length in self.shape])
        fits = array.ndim == len(self.shape) and all(
            want in (None, got) for want, got in zip(self.shape, array.shape, strict=True)
        )
        if not fits:
            raise ValueError(f"expected shape {self.shape} (None is any), got {array.shape}")
        if not np.isfinite(array).all():
            raise ValueError("expected finite numbers, got NaN or infinity")
        return array

    def serialize(self, array: np.ndarray) -> list[object]:
        rounded: list[object] = np.round(array.astype(np.float64), self.digits).tolist()
        return rounded

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
        json: dict[str, object] = {"type": "number"}
        for length in reversed(self.shape):
            limits = {} if length is None else {"minItems": length, "maxItems": length}
            json = {"type": "array", "items": json, **limits}
        return json


def _rounded(digits: int) -> PlainSerializer:
    return PlainSerializer(lambda value: round(float(value), digits), return_type=float)


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Person(_Record):
    """One person in one frame."""

    id: Annotated[int, Field(ge=0, description="Stable across the frames of one source.")]
    score: Annotated[
        float,
        Field(ge=0, le=1, description="Confidence that this is a person, 0 to 1."),
        _rounded(_SCORE_DIGITS),
    ]
    box: Annotated[
        Float[np.ndarray, "4"],
        _Array((4,), _PIXEL_DIGITS),
        Field(description="x1, y1, x2, y2 in pixels of the frame; may leave the frame."),
    ]
    keypoints: Annotated[
        Float[np.ndarray, "joint 2"],
        _Array((None, 2), _PIXEL_DIGITS),
        Field(description="x, y of each joint in pixels of the frame, in the skeleton's order."),
    ]
    keypoint_scores: Annotated[
        Float[np.ndarray, " joint"],
        _Array((None,), _SCORE_DIGITS),
        Field(description="Confidence of each joint, 0 to 1."),
    ]

    @model_validator(mode="after")
    def _equal_lengths(self) -> Person:
        if len(self.keypoints) != len(self.keypoint_scores):
            raise ValueError(
                f"{len(self.keypoints)} keypoints but {len(self.keypoint_scores)} keypoint_scores"
            )
        return self


class FramePoses(_Record):
    """The people of one frame; ``people`` is empty where nobody was found."""

    index: Annotated[int, Field(ge=0, description="Position in the source, from 0.")]
    pts: Annotated[
        float, Field(description="Presentation time in seconds; frame rates may vary."), _rounded(6)
    ]
    people: tuple[Person, ...] = ()

    @model_validator(mode="after")
    def _unique_ids(self) -> FramePoses:
        ids = [person.id for person in self.people]
        if len(set(ids)) != len(ids):
            raise ValueError(f"frame {self.index} has two people of one id: {sorted(ids)}")
        return self


class SkeletonRecord(_Record):
    """The skeleton, spelled out, so that a file explains itself."""

    name: str
    joints: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]
    sigmas: tuple[float, ...]

    @classmethod
    def of(cls, skeleton: Skeleton) -> SkeletonRecord:
        """The record of ``skeleton``."""
        return cls(
            name=skeleton.name,
            joints=skeleton.joints,
            edges=skeleton.edges,
            sigmas=skeleton.sigmas,
        )

    def skeleton(self) -> Skeleton:
        """The skeleton of this record."""
        return Skeleton(self.name, self.joints, self.edges, self.sigmas)


class Header(_Record):
    """What holds for the whole source."""

    schema_version: Annotated[
        Literal["1.0"], Field(description="Changes when a reader would have to.")
    ] = "1.0"
    source: Annotated[str, Field(description="File name, folder, camera or URL as it was given.")]
    width: Annotated[int, Field(gt=0, description="Width of the first frame in pixels.")]
    height: Annotated[int, Field(gt=0, description="Height of the first frame in pixels.")]
    fps: Annotated[
        float | None, Field(gt=0, description="Nominal frames per second; pts are exact.")
    ] = None
    skeleton: SkeletonRecord
    model: Annotated[str, Field(description="The pose model that answered.")] = ""
    detector: Annotated[str, Field(description="Where the person boxes came from.")] = ""
    generator: Annotated[str, Field(description="The program and version that wrote this.")] = ""


class Poses(_Record):
    """Poses of a whole source.

    Example:
        >>> poses = vidpose.estimate("clip.mp4")  # doctest: +SKIP
        >>> for frame in poses:  # doctest: +SKIP
        ...     for person in frame.people:
        ...         print(frame.pts, person.id, person.keypoints)
        >>> poses.save("poses.json")  # doctest: +SKIP
    """

    header: Header
    frames: tuple[FramePoses, ...] = ()

    @model_validator(mode="after")
    def _joints_agree(self) -> Poses:
        expected = len(self.header.skeleton.joints)
        for frame in self.frames:
            for person in frame.people:
                if len(person.keypoints) != expected:
                    raise ValueError(
                        f"frame {frame.index}, person {person.id}: {len(person.keypoints)} "
                        f"keypoints, but skeleton {self.header.skeleton.name} has {expected} joints"
                    )
        return self

    @property
    def skeleton(self) -> Skeleton:
        """The skeleton whose joints the keypoints are, in order."""
        return self.header.skeleton.skeleton()

    def __len__(self) -> int:
        return len(self.frames)

    def __iter__(self) -> Iterator[FramePoses]:  # type: ignore[override]
        """Iterate over the frames in order."""
        return iter(self.frames)

    @staticmethod
    def json_schema() -> dict[str, Any]:
        """The JSON Schema (2020-12) of ``poses.json``."""
        schema = Poses.model_json_schema(mode="serialization")
        schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
        schema["title"] = f"vidpose poses, schema version {SCHEMA_VERSION}"
        return schema

    def save(self, path: str | Path) -> None:
        """Write to ``path``; its ending picks the format (``.json`` or ``.csv``).

        The file appears whole or not at all.

        Raises:
            VidposeError: The ending is unknown or the place cannot be written.
        """
        from vidpose import formats

        formats.save(self, Path(path))

    @staticmethod
    def load(path: str | Path) -> Poses:
        """Read a ``poses.json``.

        Raises:
            VidposeError: The file is missing, not JSON, or does not follow the schema.
        """
        from vidpose import formats

        return formats.load(Path(path))
