"""`vidpose synth`: moving people with exact labels, rendered."""

from __future__ import annotations

import os
import re
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vidpose.cli.numbers import Count, Whole
from vidpose.counting import counted
from vidpose.errors import VidposeError
from vidpose.exit_codes import INTERRUPTED

if TYPE_CHECKING:
    from vidpose.synth.presets import Preset


def synth(
    out: Path,
    *,
    sequences: Count = 10,
    seed: Whole = 0,
    preset: str = "default",
    split: Literal["train", "val"] = "train",
    kit: Path | None = None,
    backgrounds: Path | None = None,
    footage: Path | None = None,
    size: str | None = None,
    frames: Count | None = None,
    format: Literal["jpg", "mp4"] = "jpg",  # noqa: A002 - the name of the option
    sheet: Path | None = None,
    workers: Count | None = None,
    overwrite: bool = False,
) -> int:
    """Render moving, clothed people with exact joints, visibility and ids, as a dataset.

    Writes annotations and pictures in the layout of PoseTrack2018, which every command here reads:
    vidpose data check OUT; vidpose predict posetrack18 OUT --split train --boxes gt -o answers. The
    same seed gives the same files, whatever the number of workers.

    Args:
        out: Folder of the dataset.
        sequences: How many scenes, each a sequence.
        seed: Which scenes.
        preset: What is hard in them: default, clean, motion-blur, defocus, self-occlusion,
            occlusion-by-people, occluders, truncated, low-resolution, fast-motion,
            moving-background, crowd.
        split: Whose people, clothes, motions and backgrounds: those of train are not in val.
        kit: Folder of people and clothes (docs/synth.md); plain figures if not given.
        backgrounds: Folder of pictures to stand before; painted if not given.
        footage: Folder of videos to stand before.
        size: HEIGHTxWIDTH of the pictures in pixels, 32 to 8192 each, e.g. 288x384; the preset's
            if not given.
        frames: Of each sequence; the preset's number if not given.
        format: A folder of jpg for each sequence, or one mp4.
        sheet: Also draw 24 frames with their joints to this file (.jpg or .png).
        workers: Processes that render; one a core if not given.
        overwrite: Replace sequences of the same names.
    """
    if sheet is not None:
        _check_sheet(sheet, out)
    from vidpose.cli.progress import Progress
    from vidpose.synth.disk import Job, whole, write
    from vidpose.synth.sheet import save

    job = Job(
        out=out,
        preset=_preset(preset, size, frames),
        sequences=sequences,
        seed=seed,
        split=split,
        form=format,
        kit=kit,
        backgrounds=backgrounds,
        footage=footage,
        tiles=sheet is not None,
    )
    done = people = 0
    tiles = []
    with Progress("synth", sequences * job.preset.frames) as progress:
        try:
            with closing(write(job, workers or os.cpu_count() or 1, overwrite)) as results:
                for written in results:
                    done += 1
                    tiles += written.tiles
                    for frame in written.labels.frames:
                        people += len(frame.people)
                        progress.advance(len(frame.people))
        except KeyboardInterrupt:
            kept = counted(whole(job), "whole sequence", "whole sequences")
            print(f"vidpose: stopped; {out} has {kept}", file=sys.stderr)
            return INTERRUPTED
    if sheet is not None:
        save(sheet, tiles)
    print(
        f"{counted(done, 'sequence', 'sequences')}, {counted(people, 'person', 'people')}, "
        f"{progress.summary}: {out}"
    )
    return 0


def _check_sheet(sheet: Path, out: Path) -> None:
    if sheet.suffix.lower() not in (".jpg", ".jpeg", ".png"):
        raise VidposeError(f"--sheet {sheet}: its name ends with .jpg or .png")
    # It is drawn last, when `out` is there.
    if not sheet.parent.is_dir() and sheet.parent.resolve() != out.resolve():
        raise VidposeError(f"cannot write {sheet}: there is no folder {sheet.parent}")


def _preset(name: str, size: str | None, frames: int | None) -> Preset:
    from pydantic import ValidationError

    from vidpose.misfit import reason
    from vidpose.synth.presets import Preset, find_preset

    changes: dict[str, object] = {} if frames is None else {"frames": frames}
    if size is not None:
        # Python reads no number of thousands of digits.
        sides = re.fullmatch(r"(\d{1,9})x(\d{1,9})", size)
        if not sides:
            raise VidposeError(f"--size {size:.40}: expected HEIGHTxWIDTH, for example 288x384")
        changes["size"] = int(sides[1]), int(sides[2])
    try:
        return Preset(**(dict(find_preset(name)) | changes))
    except ValidationError as error:
        raise VidposeError(f"--size {size}: {reason(error.errors()[0])}") from error
