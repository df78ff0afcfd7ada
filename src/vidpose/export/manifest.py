"""What an exported folder says of itself."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vidpose.errors import VidposeError
from vidpose.export.session import Precision
from vidpose.misfit import reason
from vidpose.models.base import Offsets
from vidpose.poses import SkeletonRecord

FILE = "vidpose.json"
# Points of mAP that an export may lose.
_ALLOWED_LOSS = 0.5
# How far a coordinate in fp32 may be from torch's, in units of the crop.
_CLOSE = 1e-3
_Count = Annotated[int, Field(gt=0)]


class _Record(BaseModel):
    # JSON itself has no infinity, which is how far apart a number and none are.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Parity(_Record):
    """How far an export's answers are from torch's for the same crops.

    Distances are between coordinates in [0, 1] of the crop. A decoder that takes the highest cell
    can take another one of two equals, so the largest says less than the quantile.

    Attributes:
        clips: How many clips were compared.
        median: Of the distances.
        p99: Their 99th percentile.
        largest: The largest.
        score: The largest difference of two scores.
    """

    clips: int
    median: float
    p99: float
    largest: float
    score: float


# Of graphs that are still being written.
NOT_COMPARED = Parity(clips=0, median=inf, p99=inf, largest=inf, score=inf)


class Accuracy(_Record):
    """mAP of a labelled set, by PoseTrack's rules, before and after.

    Attributes:
        data: The set, with its size.
        boxes: Where people were looked for.
        before: With torch.
        after: With the export.
    """

    data: str
    boxes: str
    before: float
    after: float


class Manifest(_Record):
    """The description of an exported model, which is all that is needed to run it.

    Attributes:
        layout: Changes when a reader would have to.
        model: What was exported, by its class.
        format: A name in `FORMATS`.
        precision: Of the arithmetic of ``encode``; that of ``aggregate`` is always fp32, because
            coordinates need its digits.
        skeleton: The joints.
        crop: Height and width of the crops in pixels.
        enlargement: Of a person's box.
        offsets: Frames of a clip relative to the key frame.
        uses_prior: Whether ``aggregate`` has an input ``prior``.
        portable: Whether the level is vectors of `MoveNetJoints`, which can be moved.
        levels: How many feature levels go from ``encode`` to ``aggregate``.
        sigma: Whether ``aggregate`` has an output ``sigma``.
        versions: Of what made it.
        calibrated_on: The video that int8 was calibrated on.
        parity: Its distance from torch.
        accuracy: What it lost; None if nobody has looked.
    """

    layout: Literal[1] = 1
    model: str
    format: str
    precision: Precision
    skeleton: SkeletonRecord
    crop: tuple[_Count, _Count]
    enlargement: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    offsets: Offsets
    uses_prior: bool
    portable: bool = False
    levels: _Count
    sigma: bool
    versions: dict[str, str]
    calibrated_on: str | None = None
    parity: Parity
    accuracy: Accuracy | None = None

    @property
    def trusted(self) -> bool:
        """Whether it may stand for the model unasked: nothing, or next to nothing, is lost."""
        if self.accuracy is not None:
            lost = self.accuracy.before - self.accuracy.after
            # Where torch found nothing either, nothing was measured.
            return self.accuracy.before > 0 and lost <= _ALLOWED_LOSS
        return self.precision == "fp32" and self.parity.p99 <= _CLOSE

    @property
    def verdict(self) -> str:
        """The same in words."""
        if self.accuracy is not None:
            change = self.accuracy.after - self.accuracy.before
            return f"{change:+.1f} mAP" + ("" if self.trusted else ": it may not be trusted")
        if self.precision == "fp32":
            return "equal to torch" if self.trusted else "NOT equal to torch"
        return "accuracy not checked"


def read(folder: Path) -> Manifest:
    """The manifest of an exported folder.

    Raises:
        VidposeError: The folder holds none, or a broken one.
    """
    file = folder / FILE
    try:
        return Manifest.model_validate_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise VidposeError(
            f"{folder}: no exported model: there is no {FILE}; `vidpose export` makes one"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise VidposeError(f"{file}: cannot be read ({error})") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise VidposeError(f"{file}: {place}: {reason(first)}; export the model again") from None
