"""`vidpose info`: versions and devices, for a report of a problem."""

import platform
from importlib.metadata import version


def info() -> None:
    """Print the versions and devices that matter when something goes wrong."""
    import torch

    import vidpose

    print(f"vidpose {vidpose.__version__}, Python {platform.python_version()}")
    print(f"{platform.system()} {platform.release()}, {platform.machine()}")
    for package in ("torch", "numpy", "scipy", "av", "opencv-python-headless", "safetensors"):
        print(f"{package} {version(package)}")
    devices = ["cpu", *(f"cuda:{i} {torch.cuda.get_device_name(i)}" for i in _cuda())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    print(f"devices: {', '.join(devices)}; {torch.get_num_threads()} CPU threads")


def _cuda() -> range:
    import torch

    return range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
