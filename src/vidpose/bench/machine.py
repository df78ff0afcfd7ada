"""What a measurement was made on, and how fast that is at best."""

import os
import platform
from collections.abc import Callable
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict

from vidpose import extras

PACKAGES = ("vidpose", "torch", "numpy", "onnxruntime", "openvino", "nncf")


class Machine(BaseModel):
    """Where figures come from.

    Attributes:
        processor: Its name.
        cores: Logical ones.
        accelerator: Its name, if one is measured.
        system: Operating system and Python.
        load: Processes that wanted to run, mean of the last minute, when measuring began.
        versions: Of the packages that matter.
    """

    model_config = ConfigDict(frozen=True)

    processor: str
    cores: int
    accelerator: str | None
    system: str
    load: float | None
    versions: dict[str, str]


def machine(device: torch.device) -> Machine:
    """This machine, now."""
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        accelerator=_accelerator(device),
        system=f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        versions=extras.versions(PACKAGES),
    )


def _accelerator(device: torch.device) -> str | None:
    if device.type != "cuda" or not torch.cuda.is_available():
        return None
    return torch.cuda.get_device_name(device)


def _processor() -> str:
    """The name that Linux has for it; elsewhere what Python knows."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def kernels(device: torch.device) -> dict[str, tuple[int, Callable[[], object]]]:
    """Large f32 kernels that come near the peak, by name: their multiply-accumulates and a call.

    More than one, because no library is good at all of them: MKL's matrix product reaches half of
    what oneDNN's convolution does on processors that are not Intel's.
    """
    # What fills a core for milliseconds fills a GPU with its many cores hardly at all.
    side, batch = (8192, 64) if device.type == "cuda" else (1024, 1)
    channels, cells = 512, 32
    a, b = torch.rand(2, side, side, device=device)
    maps = torch.rand(batch, channels, cells, cells, device=device)
    maps = maps.contiguous(memory_format=torch.channels_last)
    convolution = torch.nn.Conv2d(channels, channels, 3, padding=1, bias=False, device=device)
    convolution = convolution.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return {
        f"matrix product {side}": (side**3, lambda: a @ b),
        f"3x3 convolution {channels}": (
            batch * 9 * channels**2 * cells**2,
            lambda: convolution(maps),
        ),
    }
