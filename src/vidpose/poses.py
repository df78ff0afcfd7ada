"""The result: people in frames, and its documented schema.

`Person`, `FramePoses` and `Header` are pydantic models: they check what is read from a file, and
``Poses.json_schema()`` is generated from them. How a sequence of them is written to disk, one frame
at a time, is the business of `vidpose.formats`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, model_validator

from vidpose.fields import NumberArray, rounded
from vidpose.skeleton import Skeleton

SCHEMA_VERSION = "1.0"

# Written digits: a thousandth of a pixel, a ten-thousandth of a score.
_PIXEL_DIGITS = 3
_SCORE_DIGITS = 4


class _Record(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        arbitrary_types_allowed=True,
        allow_inf_nan=False,
        # Fields are written also where they have their default, so the schema asks for them.
        json_schema_serialization_defaults_required=True,
    )


class Person(_Record):
    """One person in one frame."""

    # The others are absent from a file where they are None.
    model_config = ConfigDict(
        json_schema_extra={"required": ["id", "score", "box", "keypoints", "keypoint_scores"]}
    )

    id: Annotated[
        int, Field(ge=0, lt=1 << 63, description="Stable across the frames of one source.")
    ]
    score: Annotated[
        float,
        Field(ge=0, le=1, description="Confidence that this is a person, 0 to 1."),
        rounded(_SCORE_DIGITS),
    ]
    box: Annotated[
        Float[np.ndarray, "4"],
        NumberArray((4,), _PIXEL_DIGITS),
        Field(
            description="Left, top, right, bottom (x1, y1, x2, y2) in pixels of the frame; may "
            "leave the frame."
        ),
    ]
    keypoints: Annotated[
        Float[np.ndarray, "joint 2"],
        NumberArray((None, 2), _PIXEL_DIGITS),
        Field(
            description="x (right), y (down) of each joint in pixels of the frame, in the "
            "skeleton's order; may leave the frame."
        ),
    ]
    keypoint_scores: Annotated[
        Float[np.ndarray, " joint"],
        NumberArray((None,), _SCORE_DIGITS, limits=(0, 1)),
        Field(
            description="Confidence of each joint, 0 to 1, in the skeleton's order; 0 where the "
            "joint was not found."
        ),
    ]
    keypoints_raw: Annotated[
        Annotated[Float[np.ndarray, "joint 2"], NumberArray((None, 2), _PIXEL_DIGITS)] | None,
        Field(description="The keypoints before smoothing; absent where nothing was smoothed."),
    ] = None
    filled: Annotated[
        Literal[True] | None,
        Field(description="True of somebody put in between two sightings; absent of those seen."),
    ] = None

    @model_validator(mode="after")
    def _equal_lengths(self) -> Person:
        if len(self.keypoints) != len(self.keypoint_scores):
            raise ValueError(
                f"{len(self.keypoints)} keypoints but {len(self.keypoint_scores)} keypoint_scores"
            )
        if self.keypoints_raw is not None and len(self.keypoints_raw) != len(self.keypoints):
            raise ValueError(
                f"{len(self.keypoints)} keypoints but {len(self.keypoints_raw)} keypoints_raw"
            )
        return self

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Person):
            return NotImplemented
        # Arrays answer `==` by an array; array_equal compares single numbers as well.
        return all(np.array_equal(value, getattr(other, name)) for name, value in self)

    __hash__ = None  # type: ignore[assignment]


class FramePoses(_Record):
    """The people of one frame; ``people`` is empty where nobody was found."""

    # The others are absent from a file where they are None.
    model_config = ConfigDict(json_schema_extra={"required": ["index", "pts", "people"]})

    index: Annotated[int, Field(ge=0, description="Position in the source, from 0.")]
    pts: Annotated[
        float, Field(description="Presentation time in seconds; frame rates may vary."), rounded(6)
    ]
    people: Annotated[tuple[Person, ...], Field(description="In no particular order.")] = ()
    name: Annotated[
        str | None, Field(description="An image's file name; absent for a frame of a video.")
    ] = None
    width: Annotated[
        int | None,
        Field(gt=0, description="Width in pixels; absent where both are those of the header."),
    ] = None
    height: Annotated[
        int | None,
        Field(gt=0, description="Height in pixels; absent where both are those of the header."),
    ] = None

    @model_validator(mode="after")
    def _whole_size(self) -> FramePoses:
        if (self.width is None) != (self.height is None):
            raise ValueError(f"frame {self.index} has a width or a height without the other")
        return self

    @model_validator(mode="after")
    def _unique_ids(self) -> FramePoses:
        ids = [person.id for person in self.people]
        if len(set(ids)) != len(ids):
            raise ValueError(f"frame {self.index} has two people of one id: {sorted(ids)}")
        return self

    # As that of the people, also where there are none.
    __hash__ = None  # type: ignore[assignment]


class SkeletonRecord(_Record):
    """The skeleton, spelled out, so that a file explains itself."""

    name: Annotated[str, Field(description="Identifier, e.g. coco17.")]
    joints: Annotated[
        tuple[str, ...],
        Field(description="Joint names in order; left and right are the person's."),
    ]
    edges: Annotated[
        tuple[tuple[str, str], ...],
        Field(description="Pairs of joint names that a drawing connects."),
    ]
    sigmas: Annotated[
        tuple[float, ...],
        Field(description="Constants of the object keypoint similarity, one a joint; k = 2 sigma."),
    ]

    @model_validator(mode="after")
    def _consistent(self) -> SkeletonRecord:
        self.skeleton()  # Raises ValueError where lengths or names disagree.
        return self

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
    runtime: Annotated[
        str, Field(description="What ran the pose model, and in which precision.")
    ] = ""
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
    frames: Annotated[
        tuple[FramePoses, ...], Field(description="One record a frame, indices rising.")
    ] = ()

    @model_validator(mode="after")
    def _indices_rise(self) -> Poses:
        for before, after in pairwise(self.frames):
            if after.index <= before.index:
                raise ValueError(f"frame {after.index} follows frame {before.index}")
        return self

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

    __hash__ = None  # type: ignore[assignment]

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
        schema["description"] = "Poses of the people in a video, a folder of images or a camera."
        schema["title"] = f"vidpose poses, schema version {SCHEMA_VERSION}"
        return schema

    def save(self, path: str | Path, format_name: str | None = None) -> None:
        """Write to ``path``, which appears whole or not at all.

        Args:
            path: Where; an existing file is replaced.
            format_name: A name in `vidpose.formats.FORMATS`. Without it the ending decides:
                ``.json`` is the native format, ``.csv`` the table.

        Raises:
            VidposeError: The format or the ending is unknown, or the place cannot be written.
        """
        from vidpose import formats

        formats.save(self, Path(path), format_name)

    @staticmethod
    def load(path: str | Path) -> Poses:
        """Read a ``poses.json``.

        Raises:
            VidposeError: The file is missing, not JSON, or does not follow the schema.
        """
        from vidpose import formats

        return formats.load(Path(path))
