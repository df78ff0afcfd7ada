"""`vidpose export`: a model as graphs for other runtimes."""

import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def export(
    model: str,
    *,
    format: Literal["onnx", "openvino"],  # noqa: A002 - the name of the option
    precision: Literal["fp32", "bf16", "int8"] = "fp32",
    calibrate: Path | None = None,
    check: Path | None = None,
    out: Annotated[Path | None, Parameter(["--out", "-o"])] = None,
    overwrite: bool = False,
) -> None:
    """Write a model as two graphs that run without torch, and say how far they are from torch.

    The folder can be given as --model to vidpose run and vidpose predict.

    Args:
        model: Pose model: a name of `vidpose models`, or a checkpoint file.
        format: Of the graphs, and whose runtime runs them.
        precision: Of the arithmetic: bf16 for openvino, on processors that have it; int8 wants
            --calibrate.
        calibrate: A video with people, for int8.
        check: A folder in PoseTrack18's layout: its val split is scored with torch and with the
            export, which may lose 0.5 mAP.
        out: The folder (MODEL-FORMAT-PRECISION in the current one if not given).
        overwrite: Replace an exported folder.
    """
    from vidpose import export as exporting
    from vidpose.models.registry import load

    folder = out or Path(f"{Path(model).stem}-{format}-{precision}")
    about = exporting.export(
        load(model),
        format,
        folder,
        precision=precision,
        calibrate=calibrate,
        check=check,
        overwrite=overwrite,
    )
    seen = about.parity
    print(f"{model} for {format} in {precision}: {about.verdict}")
    print(
        f"  {seen.clips} clips, coordinates against torch in parts of the crop: median "
        f"{seen.median:.1e}, 99 % within {seen.p99:.1e}, largest {seen.largest:.1e}; scores "
        f"within {seen.score:.1e}"
    )
    if about.accuracy is not None:
        was, became = about.accuracy.before, about.accuracy.after
        print(f"  mAP {was:.2f} with torch, {became:.2f} exported: {about.accuracy.data}")
    print(f"  {folder}")
    if not about.trusted:
        print(
            f"vidpose: warning: {about.verdict}: this export is never picked unasked",
            file=sys.stderr,
        )
