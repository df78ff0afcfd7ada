"""What a recipe says about clips that are rendered while it trains."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from vidpose.errors import VidposeError
from vidpose.section import Section
from vidpose.synth.presets import find_preset


def _known(name: str) -> str:
    try:
        find_preset(name)
    except VidposeError as error:
        raise ValueError(str(error)) from error
    return name


class SynthConfig(Section):
    """Scenes of one kind, a new one for every clip.

    Attributes:
        preset: A name in `presets.PRESETS`.
        clips: In each epoch; those of another epoch are other ones.
        kit: Folder of people and clothes; None for plain figures.
        backgrounds: Folder of pictures.
        footage: Folder of videos.
        figures: So many different people are dressed for an epoch by each worker, and stay in its
            memory, 10 MB each.
    """

    preset: Annotated[str, AfterValidator(_known)] = "default"
    clips: Annotated[int, Field(ge=1)] = 10_000
    kit: Path | None = None
    backgrounds: Path | None = None
    footage: Path | None = None
    figures: Annotated[int, Field(ge=1)] = 40
