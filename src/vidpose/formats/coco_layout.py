"""Files in COCO's layout, PoseTrack2018's among them: the records and rules that all share.

Who reads a certain kind adds its own fields to the records.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator

from vidpose.errors import VidposeError
from vidpose.formats.reading import Pixels, Score

# The id of the category.
PERSON = 1

Bbox = tuple[Pixels, Pixels, Pixels, Pixels]
_Side = Annotated[int, Field(ge=0)]


class Image(BaseModel):
    """A picture."""

    id: int
    file_name: str
    vid_id: str | int | None = None
    width: _Side | None = None
    height: _Side | None = None

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height in pixels where both are said; 0 says nothing."""
        return (self.width, self.height) if self.width and self.height else None


class Annotation(BaseModel):
    """A person in a picture, or a crowd; joints are x, y, v one after the other."""

    image_id: int
    keypoints: list[Pixels] = []
    bbox: Bbox | None = None
    iscrowd: bool = False
    score: Score = 1.0


class Category(BaseModel):
    """What annotations are of, and the names of its joints."""

    keypoints: tuple[str, ...] = ()


class Detection(BaseModel):
    """Somebody in a list of a detector's, in the picture of a name or a number."""

    bbox: Bbox
    score: Score
    image_name: str | None = None
    image_id: int | None = None
    category_id: int = PERSON

    @model_validator(mode="after")
    def _is_of_an_image(self) -> Self:
        if self.image_name is None and self.image_id is None:
            raise ValueError("a detection needs an image_name or an image_id")
        return self


def check_images(images: Sequence[Image], annotations: Sequence[Annotation], path: Path) -> None:
    """Refuse images that share an id, and annotations of an image that is not listed."""
    ids = {image.id for image in images}
    if len(ids) < len(images):
        raise VidposeError(f"{path}: two images have one id")
    for number, each in enumerate(annotations):
        if each.image_id not in ids:
            raise VidposeError(
                f"{path}: annotations[{number}] is of image {each.image_id}, which is not among "
                f"the images"
            )


def check_lengths(
    annotations: Sequence[Annotation], lengths: Mapping[str, int], joints: int, path: Path
) -> None:
    """Refuse annotations in which a field is neither empty nor of its length.

    Args:
        annotations: All of the file.
        lengths: By the field's name.
        joints: Of the category, for the message.
        path: The file, for the message.
    """
    for number, each in enumerate(annotations):
        for field, length in lengths.items():
            count = len(getattr(each, field))
            if count not in (0, length):
                raise VidposeError(
                    f"{path}: annotations[{number}].{field} has {count} numbers, expected "
                    f"{length} for {joints} joints"
                )
