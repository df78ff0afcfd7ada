"""Peer: MediaPipe Pose 0.10.14 "full", with the weights of its wheel, tracking one person.

Frames are decoded beforehand. Before the clock runs, the first frame is processed, where the person
is detected; then every frame that follows is a tracked one. A unit is a frame with a pose. It runs
threads of its own that cannot be limited: CPU time counts all of them.
"""

import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import version

import cv2
import mediapipe  # type: ignore[import-not-found]
import numpy as np
from protocol import Offer, serve

START = 10  # somebody is there from here on


def read(path: str) -> list[np.ndarray]:
    """RGB frames of a clip."""
    video, frames = cv2.VideoCapture(path), []
    while (read := video.read())[0]:
        frames.append(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB))
    return frames[START:]


def load(path: str) -> Offer:
    """The tracker and the frames of the clip."""
    frames = read(path)
    pose = mediapipe.solutions.pose.Pose(static_image_mode=False, model_complexity=1)

    def tracked(times: int) -> Callable[[], int]:
        shown = frames[: times + 1]
        pose.reset()
        pose.process(shown[0])

        def timed() -> int:
            return sum(pose.process(frame).pose_landmarks is not None for frame in shown[1:])

        return timed

    return Offer({"mediapipe": version("mediapipe")}, {"full, a tracked frame": tracked})


if __name__ == "__main__":
    serve(partial(load, *sys.argv[1:]))
