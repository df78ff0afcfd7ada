"""Peer: rtmlib with ONNX Runtime on a random ViTPose-S: crop, network and decoding of one person.

rtmlib has no option for threads; its session is replaced by one that has a single thread.
"""

import sys
from functools import partial
from importlib.metadata import version

import cv2
import onnxruntime
from protocol import Offer, repeat, serve
from rtmlib import ViTPose  # type: ignore[import-not-found]

BOX = [300, 100, 460, 420]  # pixels: its place costs nothing, its size little


def load(clip: str, graph: str) -> Offer:
    """The network and a frame of the clip."""
    frame = cv2.VideoCapture(clip).read()[1]
    cv2.setNumThreads(1)
    pose = ViTPose(graph, model_input_size=(192, 256), backend="onnxruntime", device="cpu")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    pose.session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return Offer(
        {"rtmlib": version("rtmlib"), "onnxruntime": onnxruntime.__version__},
        {"ViTPose-small": repeat(lambda: pose(frame, bboxes=[BOX]))},
    )


if __name__ == "__main__":
    serve(partial(load, *sys.argv[1:]))
