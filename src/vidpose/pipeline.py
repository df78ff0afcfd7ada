"""The stages composed: frames in, tracked poses out, one key frame at a time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from vidpose.crowd import people, settle, subjects
from vidpose.detect.base import Detector
from vidpose.estimator import ClipEstimator
from vidpose.frame import Frame
from vidpose.poses import FramePoses, Person
from vidpose.track import Tracker
from vidpose.windows import Clip, clips


@dataclass
class Pipeline:
    """Detection, tracking and pose estimation of successive key frames.

    Everything happens at the time of the key frame, when its look-ahead has arrived: a pose can so
    carry its person's box into the next key frame, whatever the offsets of the model.

    Attributes:
        detector: Finds people in a frame.
        tracker: Gives them ids.
        estimator: Gives their poses.
        detect_every: The detector runs on every n-th frame; between, boxes are carried by poses.
    """

    detector: Detector
    tracker: Tracker
    estimator: ClipEstimator
    detect_every: int = 1

    def __call__(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, FramePoses]]:
        """Each frame of ``frames``, in order, with its people."""
        usual: tuple[int, ...] | None = None
        for key, clip in clips(frames, self.estimator.model.offsets):
            usual = usual or key.image.shape
            height, width = key.image.shape[:2]
            own = key.image.shape != usual
            yield (
                key,
                FramePoses(
                    index=key.index,
                    pts=key.pts,
                    people=self._people(key, clip),
                    name=key.name,
                    width=width if own else None,
                    height=height if own else None,
                ),
            )

    def _people(self, key: Frame, clip: Clip) -> tuple[Person, ...]:
        if key.index % self.detect_every == 0:
            seen = self.detector(key).in_skeleton(self.estimator.model.skeleton)
            tracks = self.tracker.update(seen, key.pts)
        else:
            tracks = self.tracker.carry(key.pts)
        sigmas = np.array(self.estimator.model.skeleton.sigmas)
        poses = settle(tracks, self.estimator(clip, subjects(tracks)), sigmas)
        found = []
        for track, pose, real in zip(tracks, poses, people(tracks, poses, sigmas), strict=True):
            if real:
                found.append((track, pose))
            else:
                self.tracker.drop(track.id)
        # Only now, as poses that are no people would stand in the way of those that are.
        for track, pose in found:
            self.tracker.correct(track.id, pose.keypoints, pose.scores)
        return tuple(
            Person(
                id=track.id,
                score=track.score,
                box=track.box,
                keypoints=pose.keypoints,
                keypoint_scores=pose.scores,
            )
            for track, pose in found
        )
