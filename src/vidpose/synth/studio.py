"""All that scenes are made of, opened once: people, what they do, and what is behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vidpose.errors import VidposeError
from vidpose.formats.reading import read_json
from vidpose.synth.backgrounds import find_footage, find_pictures
from vidpose.synth.captured import read_capture
from vidpose.synth.cast import KitWardrobe, PlainWardrobe, Wardrobe
from vidpose.synth.kit import Kit
from vidpose.synth.outfits import Split
from vidpose.synth.presets import Preset
from vidpose.synth.repertoire import Repertoire
from vidpose.synth.scene import Scene, sample_scene


@dataclass(frozen=True)
class Studio:
    """Where scenes of one kind come from.

    Attributes:
        preset: What they may look like.
        wardrobe: Whom they may show.
        repertoire: What people may do.
        pictures: Backgrounds; without any of these or of ``footage`` they are painted.
        footage: Videos for backgrounds.
    """

    preset: Preset
    wardrobe: Wardrobe
    repertoire: Repertoire
    pictures: tuple[Path, ...] = ()
    footage: tuple[Path, ...] = ()

    def scene(self, seed: int) -> Scene:
        """The scene of a number, at least 0; the same on every machine."""
        return sample_scene(
            seed, self.preset, self.wardrobe, self.repertoire, self.pictures, self.footage
        )


def open_studio(
    preset: Preset,
    split: Split,
    kit: Path | None = None,
    backgrounds: Path | None = None,
    footage: Path | None = None,
) -> Studio:
    """A studio of files, or without any of them one of plain figures and painted backgrounds.

    Args:
        preset: What scenes may look like.
        split: Whose people, clothes and motions of the kit, which of the backgrounds.
        kit: Folder of people and clothes.
        backgrounds: Folder of pictures. If an ``index.json`` there, a list of objects with
            ``file`` and ``split``, divides them, those of the split are taken.
        footage: Folder of videos, likewise.

    Raises:
        VidposeError: A folder is missing, or has nothing for this split.
    """
    pictures = () if backgrounds is None else _of_split(find_pictures(backgrounds), split)
    videos = () if footage is None else _of_split(find_footage(footage), split)
    if kit is None:
        return Studio(preset, PlainWardrobe(), Repertoire(), pictures, videos)
    opened = Kit(kit)
    repertoire = Repertoire(read_capture(opened.motions, split))
    return Studio(preset, KitWardrobe(opened, split), repertoire, pictures, videos)


def _of_split(paths: Sequence[Path], split: Split) -> tuple[Path, ...]:
    index = paths[0].with_name("index.json")
    if not index.is_file():
        return tuple(paths)
    entries = read_json(index)
    try:
        splits = {entry["file"]: entry.get("split", split) for entry in entries}  # type: ignore[attr-defined]
    except (AttributeError, KeyError, TypeError):
        raise VidposeError(f"{index}: expected a list of objects with 'file' and 'split'") from None
    chosen = tuple(path for path in paths if splits.get(path.name, split) == split)
    if not chosen:
        raise VidposeError(f"{index} has no file of the split {split!r}")
    return chosen
