"""Human poses from video.

    >>> import vidpose
    >>> for frame in vidpose.stream("clip.mp4"):  # doctest: +SKIP
    ...     print(frame.pts, [person.id for person in frame.people])
    >>> poses = vidpose.estimate("clip.mp4")  # doctest: +SKIP

The public names, and modules such as ``vidpose.export``, are imported when they are first used, so
that ``import vidpose`` is quick.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from vidpose.api import Run, estimate, stream
    from vidpose.drawing import draw
    from vidpose.errors import VidposeError
    from vidpose.models.registry import load
    from vidpose.poses import FramePoses, Person, Poses
    from vidpose.skeleton import COCO17, POSETRACK15, Skeleton

_HOME = {
    "Run": "vidpose.api",
    "estimate": "vidpose.api",
    "stream": "vidpose.api",
    "draw": "vidpose.drawing",
    "VidposeError": "vidpose.errors",
    "load": "vidpose.models.registry",
    "FramePoses": "vidpose.poses",
    "Person": "vidpose.poses",
    "Poses": "vidpose.poses",
    "COCO17": "vidpose.skeleton",
    "POSETRACK15": "vidpose.skeleton",
    "Skeleton": "vidpose.skeleton",
}
__all__ = [
    "COCO17",
    "POSETRACK15",
    "FramePoses",
    "Person",
    "Poses",
    "Run",
    "Skeleton",
    "VidposeError",
    "draw",
    "estimate",
    "load",
    "stream",
]


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    module = f"vidpose.{name}"
    if name.startswith("_") or find_spec(module) is None:
        raise AttributeError(f"module 'vidpose' has no attribute {name!r}")
    return import_module(module)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
