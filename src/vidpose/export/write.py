"""From a model to a folder with its graphs, compared with torch before it is kept."""

from __future__ import annotations

import copy
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from jaxtyping import UInt8

from vidpose.atomic import staged_folder
from vidpose.detect.movenet import MoveNetDetector
from vidpose.errors import VidposeError
from vidpose.export import formats, graphs, manifest
from vidpose.export.compare import accuracy, labels, parity
from vidpose.export.manifest import Manifest
from vidpose.export.runtime import RuntimeModel, graph_files
from vidpose.export.samples import samples
from vidpose.export.session import Precision
from vidpose.models import registry
from vidpose.models.base import PoseModel
from vidpose.poses import SkeletonRecord

# Clips that int8 is calibrated on.
_CALIBRATION = 128


def export(
    model: PoseModel,
    format: str,  # noqa: A002 - what it is called everywhere
    folder: Path,
    *,
    precision: Precision = "fp32",
    calibrate: Path | None = None,
    check: Path | None = None,
    overwrite: bool = False,
) -> Manifest:
    """Write ``model`` as graphs, whole or not at all.

    ``encode`` takes uint8 crops ``[batch, h, w, 3]``, ``aggregate`` levels ``[batch, frame, ...]``
    and, for a model that uses it, the prior; it gives coordinates, scores and, from models that
    have it, sigma.

    Args:
        model: A pose model in torch. It is not changed.
        format: A name in `FORMATS`.
        folder: To be made.
        precision: Of the arithmetic of ``encode``. ``aggregate`` stays in fp32.
        calibrate: A video with people: int8 learns the range of every activation from it.
        check: A folder in PoseTrack18's layout, on whose ``val`` split both are scored.
        overwrite: Replace a folder that was exported before.

    Returns:
        What the folder's manifest says; see `Manifest.trusted`.

    Raises:
        VidposeError: The format, the precision, a package, a video or a folder is not as needed.
    """
    kind = formats.find(format, precision)
    formats.need(format, (*kind.runs, *kind.writes))
    if precision == "int8":
        formats.need(format, kind.quantises)
        if calibrate is None:
            raise VidposeError("int8 has to see crops of real people: give a video by --calibrate")
    elif calibrate is not None:
        raise VidposeError(f"--calibrate is for --precision int8, not for {precision}")
    if isinstance(model, RuntimeModel):
        raise VidposeError("the model is an export already; export the one it was made of")
    # What follows takes a while: what can be refused is refused before.
    _need_place(folder, overwrite)
    truth = None if check is None else labels(check)
    model = copy.deepcopy(model).to("cpu", torch.float32).eval().requires_grad_(False)
    detector = MoveNetDetector(registry.load_multipose())
    observed = None
    if calibrate is not None:
        observed = samples(model, detector, calibrate, _CALIBRATION).crops
    tried_on = samples(model, detector)
    with staged_folder(folder) as staged:
        about = write_graphs(model, format, staged, precision, observed)
        exported = RuntimeModel(staged, about)
        about = about.model_copy(
            update={
                "calibrated_on": None if observed is None else str(calibrate),
                "parity": parity(model, exported, tried_on),
                "accuracy": None if truth is None else accuracy(model, exported, truth),
            }
        )
        text = about.model_dump_json(indent=1)
        with TemporaryDirectory(dir=staged) as work:
            for graph in graph_files(staged, format):
                kind.write(graph, Path(work) / graph.name, {"vidpose": text})
            for part in Path(work).iterdir():
                part.replace(staged / part.name)
        (staged / manifest.FILE).write_text(text + "\n", encoding="utf-8")
    return about


def write_graphs(
    model: PoseModel,
    format: str,  # noqa: A002
    folder: Path,
    precision: Precision = "fp32",
    observed: UInt8[np.ndarray, "clip frame h w 3"] | None = None,
) -> Manifest:
    """Write both graphs of a model, compared with nothing yet.

    Args:
        model: In evaluation mode, on the CPU.
        format: A name in `FORMATS`.
        folder: Where; it exists.
        precision: Of ``encode``.
        observed: Crops that int8 is calibrated on.
    """
    kind = formats.find(format, precision)
    encode, aggregate = graph_files(folder, format)
    with TemporaryDirectory(dir=folder) as name:
        work = Path(name)
        traced = work / "encode.onnx", work / "aggregate.onnx"
        levels, sigma = graphs.trace_model(model, *traced)
        kind.write(traced[1], aggregate, {})
        full = encode if observed is None else work / f"full{kind.suffix}"
        kind.write(traced[0], full, {})
        if observed is not None:
            kind.quantise(full, encode, _single(observed), graphs.int8_names(model))
    return Manifest(
        model=type(model).__name__,
        format=format,
        precision=precision,
        skeleton=SkeletonRecord.of(model.skeleton),
        crop=model.crop.size,
        enlargement=model.crop.enlargement,
        offsets=model.offsets,
        uses_prior=model.uses_prior,
        portable=model.portable,
        levels=levels,
        sigma=sigma,
        versions=formats.versions(format),
        parity=manifest.NOT_COMPARED,
    )


def _single(crops: UInt8[np.ndarray, "clip frame h w 3"]) -> list[UInt8[np.ndarray, "1 h w 3"]]:
    """Crops to calibrate int8 on, those beside the key frame as well.

    Evenly taken of all: fewer than twice as many as wanted, if there are so many.
    """
    every = crops.reshape(-1, 1, *crops.shape[2:])
    return list(every[:: max(1, len(every) // _CALIBRATION)])


def _need_place(folder: Path, overwrite: bool) -> None:
    """Raises a `VidposeError` unless ``folder`` can be made, or replaced if that is wanted."""
    if folder.exists():
        if not overwrite:
            raise VidposeError(f"{folder} exists; add --overwrite, or name another with -o")
        if not (folder / manifest.FILE).is_file():
            raise VidposeError(f"{folder} is no exported model: it is not replaced; use another -o")
    if not folder.name:
        raise VidposeError(f"cannot replace {folder} from within: give the folder by its name")
    if not folder.parent.is_dir():
        raise VidposeError(f"cannot write {folder}: there is no folder {folder.parent}")
