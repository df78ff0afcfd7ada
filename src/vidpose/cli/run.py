"""`vidpose run`: a video in, tracked skeletons out."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from vidpose.cli.numbers import Count
from vidpose.counting import counted
from vidpose.defaults import CAUSAL_MODEL, DEFAULT_DETECTOR, DEFAULT_MODEL, HUB
from vidpose.errors import VidposeError
from vidpose.exit_codes import BAD_INPUT, INTERRUPTED
from vidpose.interrupt import Interrupt

if TYPE_CHECKING:
    from vidpose.api import Run
    from vidpose.outputs import Outputs


@dataclass
class _Request:
    """What was asked for, of all sources; ``taken`` are the folders of those already run.

    Features are shown of every ``features_every``-th frame; None shows none. ``names`` are those of
    sources that have another's.
    """

    out: Path | None
    several: bool
    kinds: tuple[str, ...]
    video: bool
    features_every: int | None
    compare: bool
    causal: bool
    boxes: Path | None
    overwrite: bool
    options: dict[str, Any]
    names: dict[str, str]
    taken: dict[Path, str] = field(default_factory=dict)

    def folder(self, source: str, stem: str, name: str) -> Path:
        """Where the files of a source go, each in a folder of its own."""
        own = Path(f"{self.names.get(source, stem)}-poses")
        folder = own if self.out is None else self.out / own if self.several else self.out
        if folder in self.taken:
            raise VidposeError(
                f"{name}: would write {folder}, as {self.taken[folder]} did; run it apart with -o"
            )
        self.taken[folder] = name
        return folder


def run(
    *sources: str,
    out: Annotated[Path | None, Parameter(["--out", "-o"])] = None,
    model: str | None = None,
    detector: str = DEFAULT_DETECTOR,
    boxes: Path | None = None,
    mode: Literal["exact", "hold"] | None = None,
    causal: bool = False,
    detect_every: Count = 1,
    smooth: Literal["gentle", "savgol", "off"] | None = None,
    flip_test: bool = False,
    format: str = "json,csv",  # noqa: A002 - the name of the option
    video: bool = True,
    show_features: bool = False,
    features_every: Count = 25,
    compare: bool = False,
    overwrite: bool = False,
    device: str = "auto",
    runtime: Literal["auto", "torch", "onnx", "openvino", "cuda-graphs"] = "auto",
    precision: Literal["fp32", "bf16"] = "fp32",
    threads: Count = 1,
    fps: float | None = None,
) -> int:
    """Find, track and draw the people of a video.

    Writes CLIP-poses/ in the current folder: poses.json, poses.csv and the clip with skeletons, of
    a single image the image.

    Args:
        sources: Video files, images, folders of images, cameras (camera:0) or URLs; each is one
            run with a folder of its own.
        out: Folder for the files (CLIP-poses in the current folder if not given); with several
            sources, the folder of their folders.
        model: Pose model: a name of `vidpose models` (movenet-thunder if not given), a checkpoint
            file, or a folder of `vidpose export`.
        detector: What finds people: movenet, a file as for --boxes, or hub:NAME, an object detector
            of transformers by its name on the Hugging Face hub or its folder (boxes alone).
        boxes: JSON file of person boxes (PoseTrack18's or COCO's layout, a list of detections, or
            poses.json); no detector runs then.
        mode: exact crops anew for each frame; hold keeps a crop while the person stays inside, or
            carries on what was seen. If not given, exact, but hold for the dsta-movenet models.
        causal: Answer for each frame when it comes, from it and those before: by
            dsta-movenet-causal if no model is given, and without smoothing unless asked for.
        detect_every: Run the detector on every n-th frame; poses carry the boxes between.
        smooth: savgol smooths each joint over 7 frames (Savitzky-Golay), which a camera shows 3
            frames late; gentle, the default, does so and moves no joint by more than 1.5 percent
            of the person's box, but for one that jumps for a single frame. poses.json keeps the raw
            joints beside the smoothed.
        flip_test: Show the model each person mirrored as well and join both answers, at twice the
            model's time: a little more accurate where people are blurred or small.
        format: Comma-separated: json, csv, posetrack18, coco; empty for the video alone.
        video: Write an mp4 with skeletons, ids and a file's sound; of a single image a jpg.
        show_features: Write pictures of what the model looked at (masks, motion, where it samples)
            to features/FRAME-PERSON-PROBE.png; for models that have probes.
        features_every: Show features of every n-th frame.
        compare: Write CLIP-compare.mp4: one frame (movenet-thunder) on the left, the model on the
            right.
        overwrite: Replace files that exist.
        device: auto, cpu, cuda, mps.
        runtime: What runs the networks on a CPU; auto is the fastest of those installed. What it
            needs is exported once and kept in the user's cache. cuda-graphs is for --device cuda
            and has never run on a GPU; auto does not pick it.
        precision: bf16 is faster where the processor has it; docs/export.md has the accuracy of the
            models that ship.
        threads: Of onnx and openvino; more than 1 pays for large networks on idle processors.
        fps: Frame rate of a folder of images (25 if not given); a video has its own.
    """
    # The codecs take a while to import: `vidpose --help` does without them.
    from vidpose.cli.source_names import names_of

    if not sources:
        raise VidposeError("no source given; for example: vidpose run clip.mp4")
    if boxes is not None and detector != DEFAULT_DETECTOR:
        raise VidposeError("--boxes and --detector were both given: one of them finds the people")
    if show_features and smooth not in (None, "off"):
        # Smoothed frames come late, when the model already looks at later ones.
        raise VidposeError("--show-features shows a model's own answers: leave out --smooth")
    if show_features and flip_test:
        raise VidposeError("--show-features shows one look at a person: leave out --flip-test")
    found_by = str(boxes or detector)
    if show_features and runtime not in ("auto", "torch"):
        raise VidposeError(f"--show-features looks inside torch: leave out --runtime {runtime}")
    # An export has nothing inside that is shown.
    inside = show_features and not Path(model or DEFAULT_MODEL).is_dir()
    of_any_source = found_by == DEFAULT_DETECTOR or found_by.startswith(HUB)
    if len(sources) > 1 and not of_any_source:
        raise VidposeError("a file of boxes belongs to one source: run the sources one by one")
    request = _Request(
        out,
        len(sources) > 1,
        tuple(dict.fromkeys(kind.strip() for kind in format.split(",") if kind.strip())),
        video,
        features_every if show_features else None,
        compare,
        causal,
        None if of_any_source else Path(found_by),
        overwrite,
        {
            "model": model or (CAUSAL_MODEL if causal else DEFAULT_MODEL),
            "detector": found_by,
            "mode": mode,
            "detect_every": detect_every,
            "smooth": smooth or ("off" if show_features or causal else "gentle"),
            "flip_test": flip_test,
            "device": device,
            "runtime": "torch" if inside and runtime == "auto" else runtime,
            "precision": precision,
            "threads": threads,
            "fps": fps,
        },
        names_of(sources),
    )
    code = 0
    with Interrupt(_announce) as interrupt:
        for source in sources:
            try:
                code = max(code, _run_one(source, request, interrupt))
            except VidposeError as error:
                print(f"vidpose: {error}", file=sys.stderr)
                code = BAD_INPUT
            if interrupt.asked:
                break
    return code


def _announce() -> None:
    print("stopping after the frames at hand; Ctrl-C again stops at once", file=sys.stderr)


def _run_one(source: str, request: _Request, interrupt: Interrupt) -> int:
    # torch and the codecs take a second to import: `vidpose --help` does without them.
    from vidpose.api import Run
    from vidpose.cli.progress import Progress
    from vidpose.compare import Comparison
    from vidpose.features_view import check_probes, features_of
    from vidpose.outputs import Outputs

    running = Run(source, **request.options)
    seen: set[int] = set()
    every = request.features_every
    with running.source:
        if every is not None:
            check_probes(running.model)
        if request.causal and running.model.offsets[-1] > 0:
            raise VidposeError(
                f"--causal: {running.header.model} looks ahead (offsets {running.model.offsets}); "
                f"{CAUSAL_MODEL} does not"
            )
        comparison = Comparison(running) if request.compare else None
        outputs = Outputs(
            request.folder(source, running.source.stem, running.source.name),
            running.source,
            running.header,
            kinds=request.kinds,
            video=request.video,
            features=every is not None,
            compare=comparison.size if comparison else None,
            reads=() if request.boxes is None else (request.boxes,),
            overwrite=request.overwrite,
        )
        with outputs, Progress(running.source.stem, running.source.frame_count) as progress:
            for frame, poses, beside in comparison or ((*answer, None) for answer in running):
                shown = every is not None and frame.index % every == 0
                pictures = features_of(running.estimator, poses) if shown else {}
                outputs.write(frame, poses, pictures, beside)
                seen.update(person.id for person in poses.people)
                progress.advance(len(poses.people))
                if interrupt.asked:
                    running.finish()
    # Somebody has to stop a camera: that is its ordinary end.
    cut = interrupt.asked and not running.source.live
    _report(running, outputs, progress.summary, len(seen), cut=cut)
    return INTERRUPTED if cut else 0


def _report(running: Run, outputs: Outputs, done: str, seen: int, *, cut: bool) -> None:
    """What was made of a source, by what, and where it lies."""
    ending = "interrupted; what was done is kept" if cut else "done"
    people = counted(seen, "person", "people")
    passes = running.estimator.passes
    cost = "" if passes is None else f", {passes:.2f} backbone passes a pose"
    dropped = running.source.dropped
    skipped = f", {counted(dropped, 'frame', 'frames')} dropped to keep up" if dropped else ""
    print(f"{running.source.name}: {ending}: {done}, {people}{cost}{skipped}")
    print(f"  {running.header.model} by {running.header.runtime}")
    for file in (*outputs.files, outputs.features):
        if file is not None:
            print(f"  {file}")
