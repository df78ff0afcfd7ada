"""`vidpose import`: the file of a published model into one of ours."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vidpose.errors import VidposeError


def import_checkpoint(
    checkpoint: Path,
    *,
    out: Annotated[Path | None, Parameter(["--out", "-o"])] = None,
    overwrite: bool = False,
) -> None:
    """Turn the authors' checkpoint of DSTA into one that --model takes.

    Known is the released DSTA (ResNet-50, three frames, 256x192, PoseTrack2017). Checkpoints of
    backbones need no import: recipes take them as model.backbone_weights. Nothing of the file is
    executed.

    Args:
        checkpoint: Their file, .pth or .safetensors.
        out: Our file (NAME.safetensors in the current folder if not given).
        overwrite: Replace a file that exists.
    """
    from vidpose.backbones.checkpoints import read
    from vidpose.models import registry
    from vidpose.models.dsta.released import RELEASED, load_released

    target = out or Path(f"{checkpoint.stem}.safetensors")
    if target.exists() and not overwrite:
        raise VidposeError(f"{target} exists; add --overwrite, or name another file with -o")
    model = load_released(read(checkpoint), str(checkpoint))
    registry.save(model, RELEASED, target)
    offsets = ", ".join(f"{offset:+d}" if offset else "0" for offset in model.offsets)
    print(f"{checkpoint}: DSTA as released, frames {offsets}, {len(model.skeleton)} joints")
    print(f"  {target}")
