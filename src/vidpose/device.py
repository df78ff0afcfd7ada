"""Where networks run."""

import logging

import torch

from vidpose.errors import VidposeError

_log = logging.getLogger(__name__)

# Others, such as meta, hold tensors but compute nothing here.
_KINDS = ("cpu", "cuda", "mps")


def pick_device(name: str) -> torch.device:
    """The device of that name; ``auto`` is the first accelerator that computes, else the CPU.

    Raises:
        VidposeError: There is no such device in this machine, or for this build of torch.
    """
    if name == "auto":
        return _accelerator() or torch.device("cpu")
    try:
        device = torch.device(name)
        if device.type not in _KINDS:
            raise RuntimeError(f"nothing here runs on {device.type}")
        _try_out(device)
    except (RuntimeError, AssertionError) as error:
        raise VidposeError(
            f"device {name!r} cannot be used here; choose from auto, cpu, cuda, mps, as far as "
            "`vidpose info` lists them"
        ) from error
    return device


def _accelerator() -> torch.device | None:
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    for kind in (kind for kind, available in there.items() if available):
        device = torch.device(kind)
        try:
            _try_out(device)
        except RuntimeError as error:
            _log.warning("the %s device is not used: %s", kind, str(error).partition("\n")[0])
        else:
            return device
    return None


def _try_out(device: torch.device) -> None:
    """Compute something: a GPU may be there that this build of torch has no code for, or be full.

    Raises:
        RuntimeError, AssertionError: It fails.
    """
    torch.ones(1, device=device).add_(1).item()
