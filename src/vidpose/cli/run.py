"""`vidpose run`: a video in, tracked skeletons out."""

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from vidpose.errors import VidposeError


@dataclass(frozen=True)
class _Writing:
    """Where and what a run writes."""

    kinds: tuple[str, ...]
    video: bool
    overwrite: bool


def run(
    *sources: str,
    out: Annotated[Path | None, Parameter(["--out", "-o"])] = None,
    model: str = "movenet-thunder",
    detector: str = "movenet",
    boxes: Path | None = None,
    mode: Literal["exact", "hold"] = "exact",
    detect_every: int = 1,
    format: str = "json,csv",  # noqa: A002 - the name of the option
    video: bool = True,
    overwrite: bool = False,
    device: str = "auto",
    fps: float | None = None,
) -> int:
    """Find, track and draw the people of a video.

    Writes CLIP-poses/ with poses.json, poses.csv and the clip with skeletons drawn.

    Args:
        sources: Video files, images, folders of images, cameras (camera:0) or URLs; each is one
            run with a folder of its own.
        out: Folder for the files; with several sources, the folder of their folders.
        model: Pose model: a name of `vidpose models`, or a checkpoint file.
        detector: What finds people: movenet, or a file as for --boxes.
        boxes: JSON file of person boxes (PoseTrack18 layout or poses.json); no detector runs then.
        mode: exact crops anew for each frame; hold keeps a crop while the person stays inside.
        detect_every: Run the detector on every n-th frame; poses carry the boxes between.
        format: Comma-separated: json, csv, posetrack18, coco.
        video: Write an mp4 with skeletons, ids and the source's sound.
        overwrite: Replace files that exist.
        device: auto, cpu, cuda, mps.
        fps: Frame rate of a folder of images (25 if not given).
    """
    if not sources:
        raise VidposeError("no source given; for example: vidpose run clip.mp4")
    writing = _Writing(tuple(dict.fromkeys(k for k in format.split(",") if k)), video, overwrite)
    options: dict[str, object] = {
        "model": model,
        "detector": boxes or detector,
        "mode": mode,
        "detect_every": detect_every,
        "device": device,
        "fps": fps,
    }
    failed = False
    for source in sources:
        try:
            _run_one(source, out, len(sources) > 1, writing, options)
        except VidposeError as error:
            print(f"vidpose: {error}", file=sys.stderr)
            failed = True
    return 2 if failed else 0


def _run_one(
    source: str, out: Path | None, several: bool, writing: _Writing, options: dict[str, object]
) -> None:
    # torch and the codecs take a second to import: `vidpose --help` does without them.
    from vidpose.api import Run
    from vidpose.cli.progress import Progress
    from vidpose.outputs import Outputs

    running = Run(source, **options)  # type: ignore[arg-type]
    own = Path(f"{running.source.stem}-poses")
    folder = own if out is None else out / own if several else out
    outputs = Outputs(
        folder,
        running.source,
        running.header,
        kinds=writing.kinds,
        video=writing.video,
        overwrite=writing.overwrite,
    )
    seen: Counter[int] = Counter()
    interrupted = False
    with outputs, Progress(running.source.stem, running.source.frame_count) as progress:
        try:
            for frame, poses in running:
                outputs.write(frame, poses)
                seen.update(person.id for person in poses.people)
                progress.advance(len(poses.people))
        except KeyboardInterrupt:
            interrupted = True
    ending = "interrupted; what was done is kept" if interrupted else "done"
    print(f"{running.source.name}: {ending}: {progress.summary}, {len(seen)} people")
    for file in outputs.files:
        print(f"  {file}")
