"""Where networks run."""

import torch

from vidpose.errors import VidposeError

# Others, such as meta, hold tensors but compute nothing here.
_KINDS = ("cpu", "cuda", "mps")


def pick_device(name: str) -> torch.device:
    """The device of that name; ``auto`` is the first accelerator there is, else the CPU.

    Raises:
        VidposeError: There is no such device in this machine, or for this build of torch.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        if device.type not in _KINDS:
            raise RuntimeError(f"nothing here runs on {device.type}")
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise VidposeError(
            f"device {name!r} cannot be used here; choose from auto, cpu, cuda, mps, as far as "
            "`vidpose info` lists them"
        ) from error
    return device
