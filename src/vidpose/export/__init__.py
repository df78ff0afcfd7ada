"""Models as graphs, and the runtimes that run them.

A model is exported as two graphs, ``encode`` and ``aggregate``, in one folder with a manifest that
says what they are and how far their answers are from torch's:

    >>> from vidpose import export  # doctest: +SKIP
    >>> export.installed()  # the formats that can be run here, the fastest first
    ('openvino', 'onnx')
    >>> manifest = export.export(model, "openvino", folder, precision="bf16")
    >>> manifest.parity.median, manifest.trusted
    >>> exported = export.load(folder, threads=1)  # a RuntimeModel: a PoseModel like any other
    >>> vidpose.estimate("clip.mp4", model=exported)

``FORMATS["openvino"].precisions`` are those that a format has. `pick` is what ``vidpose run
--runtime`` does: a model by name in the fastest runtime, exported once into the user's cache.
"""

from vidpose.export.choice import RUNTIMES, Runtime, pick, pick_detector, runtime_of
from vidpose.export.formats import FORMATS, installed
from vidpose.export.manifest import Accuracy, Manifest, Parity
from vidpose.export.runtime import RuntimeModel, load
from vidpose.export.session import Precision
from vidpose.export.write import export

__all__ = [
    "FORMATS",
    "RUNTIMES",
    "Accuracy",
    "Manifest",
    "Parity",
    "Precision",
    "Runtime",
    "RuntimeModel",
    "export",
    "installed",
    "load",
    "pick",
    "pick_detector",
    "runtime_of",
]
