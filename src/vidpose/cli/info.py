"""`vidpose info`: versions and devices, for a report of a problem."""

import platform

_NEEDED = ("torch", "numpy", "scipy", "av", "opencv-python-headless", "safetensors")
_OF_EXTRAS = (
    *("openvino", "onnx", "onnxruntime", "nncf"),
    *("accelerate", "moderngl", "transformers", "pycocotools"),
)


def info() -> None:
    """Print the versions and devices that matter when something goes wrong."""
    import torch

    import vidpose
    from vidpose import extras
    from vidpose.export import formats
    from vidpose.export.choice import cache_folder

    print(f"vidpose {vidpose.__version__}, Python {platform.python_version()}")
    print(f"{platform.system()} {platform.release()}, {platform.machine()}")
    for package in (*_NEEDED, *_OF_EXTRAS):
        print(f"{package} {extras.version(package) or 'not installed'}")
    print(f"runtimes, the fastest first: {', '.join((*formats.installed(), 'torch'))}")
    print(f"what they need is exported once to {cache_folder()}")
    devices = ["cpu", *(f"cuda:{i} {torch.cuda.get_device_name(i)}" for i in _cuda())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    print(f"devices: {', '.join(devices)}; {torch.get_num_threads()} CPU threads")


def _cuda() -> range:
    import torch

    return range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
