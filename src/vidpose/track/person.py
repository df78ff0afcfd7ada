"""What is remembered of one person: motion, and the latest poses."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from vidpose.detect.base import Detections
from vidpose.geometry import box_area
from vidpose.track.motion import Motion

# A detection that also holds somebody else says this much less about where a person is, and as a
# box it is not used if it is this much larger than expected.
_SHARED_DOUBT, _SWOLLEN = 6.0, 1.3
# Joints that show how far a person moved: how sure, and how many of them.
_SURE, _ENOUGH = 0.2, 3
# Seconds for which a limb keeps its direction, and over which its speed is averaged.
_SWING_FADE, _SWING_DELAY = 0.3, 0.03


@dataclass(frozen=True)
class TimedPose:
    """Joints at a time, where the centre of the person's box was then, and how the joints swing.

    ``swing`` is in pixels per second with respect to the centre. Legs that pass each other look
    alike; which way they swing tells two people apart who stand in one place.
    """

    keypoints: Float[np.ndarray, "joint 2"]
    scores: Float[np.ndarray, " joint"]
    centre: Float[np.ndarray, "2"]
    time: float
    swing: Float[np.ndarray, "joint 2"] | float = 0.0

    def at(self, centre: Float[np.ndarray, "2"], time: float) -> Float[np.ndarray, "joint 2"]:
        """The joints when the person has moved to ``centre``."""
        seconds = _SWING_FADE * (1 - math.exp((self.time - time) / _SWING_FADE))
        return np.asarray(self.keypoints + (centre - self.centre) + seconds * self.swing)

    def then(self, later: TimedPose) -> TimedPose:
        """The later pose, with the swing that it and this one show."""
        seconds = later.time - self.time
        if seconds <= 0:
            return replace(later, swing=self.swing)
        surprise = later.keypoints - self.at(later.centre, later.time)
        sure = np.minimum(self.scores, later.scores) >= _SURE
        learnt = surprise * sure[:, None] / (seconds + _SWING_DELAY)
        return replace(later, swing=self.swing * math.exp(-seconds / _SWING_FADE) + learnt)

    def centre_with(self, later: TimedPose) -> Float[np.ndarray, "2"] | None:
        """Where the centre is in a later pose: limbs swing, so the median joint tells.

        None if too few joints are sure in both poses.
        """
        sure = np.minimum(self.scores, later.scores) >= _SURE
        if sure.sum() < _ENOUGH:
            return None
        moved = np.median(later.keypoints[sure] - self.keypoints[sure], axis=0)
        return np.asarray(self.centre + moved)


@dataclass
class Remembered:
    """All that is remembered of one person.

    ``anchor`` is the pose at the latest detection, the one moment when a pose and a box are known
    to belong together. ``measured`` is when the place was last measured, ``missed`` when the
    detector first failed to find the person.
    """

    id: int
    motion: Motion
    box: Float[np.ndarray, "4"]
    score: float
    measured: float
    pose: TimedPose | None = None
    anchor: TimedPose | None = None
    missed: float | None = None
    detected: bool = True
    dropped: bool = False

    def move(self, seconds: float) -> None:
        """Let time pass without a detection."""
        self.motion = self.motion.predict(seconds)
        self.box = self.motion.box
        self.detected = False

    def unseen(self, now: float) -> float:
        """Seconds since the detector first failed to find the person; 0 if it did not fail."""
        return 0.0 if self.missed is None else now - self.missed

    def found(self, detections: Detections, row: int, now: float, shared: bool) -> None:
        """Take the detection of ``row``; ``shared`` if it also holds somebody undetected."""
        box = np.asarray(detections.boxes[row], dtype=np.float64)
        self.motion = self.motion.update(box, _SHARED_DOUBT if shared else 1.0)
        swollen = shared and box_area(box) > _SWOLLEN * box_area(self.box)
        self.box = self.motion.box if swollen else box
        self.score = float(detections.scores[row])
        self.measured, self.missed = now, None
        self.detected, self.dropped = True, False
        self.take_pose(detections, row, now)

    def pose_now(
        self,
        keypoints: Float[np.ndarray, "joint 2"],
        scores: Float[np.ndarray, " joint"],
        now: float,
    ) -> TimedPose:
        """A pose of this moment, with the swing that it and the latest one show."""
        pose = TimedPose(
            np.asarray(keypoints, float), np.asarray(scores, float), self.motion.centre, now
        )
        return pose if self.pose is None else self.pose.then(pose)

    def take_pose(self, detections: Detections, row: int, now: float) -> None:
        """Remember the pose of a detection, if it has one."""
        if detections.keypoints is None or detections.keypoint_scores is None:
            return
        self.pose = self.anchor = self.pose_now(
            detections.keypoints[row], detections.keypoint_scores[row], now
        )
