"""The stages composed: frames in, tracked poses out, one key frame at a time."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from vidpose.detect.base import Detector
from vidpose.geometry import box_coverage, box_size, oks
from vidpose.poses import FramePoses, Person
from vidpose.track import Track, Tracker
from vidpose.video import Frame
from vidpose.windows import Clip, ClipEstimator, Pose, Subject, clips

# A box of which another person's box covers this much is a crop that may hold two people.
_CROWDED = 0.2
# A joint carried over from an earlier frame says half as much as one seen now.
_STALE = 0.5
# A person whom the detector missed is kept while the pose network is this sure, on average.
_SEEN = 0.3
# Two poses this similar (OKS) are one person.
_SAME = 0.7


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
        for key, clip in clips(frames, self.estimator.model.offsets):
            yield key, FramePoses(index=key.index, pts=key.pts, people=self._people(key, clip))

    def _people(self, key: Frame, clip: Clip) -> tuple[Person, ...]:
        if key.index % self.detect_every == 0:
            tracks = self.tracker.update(self.detector(key), key.pts)
        else:
            tracks = self.tracker.carry(key.pts)
        poses = self.estimator(clip, subjects(tracks))
        people = []
        sigmas = np.array(self.estimator.model.skeleton.sigmas)
        kept = credible(tracks, poses, sigmas)
        for track, pose, keep in zip(tracks, poses, kept, strict=True):
            if not keep:
                self.tracker.drop(track.id)
                continue
            self.tracker.correct(track.id, pose.keypoints, pose.scores)
            people.append(
                Person(
                    id=track.id,
                    score=track.score,
                    box=track.box,
                    keypoints=pose.keypoints,
                    keypoint_scores=pose.scores,
                )
            )
        return tuple(sorted(people, key=lambda person: person.id))


def subjects(tracks: Sequence[Track]) -> list[Subject]:
    """Who is to be estimated, with how far the detector's joints are to be trusted.

    Alone in a crop, a person is found by the network itself, and the detector's joints lead it as
    far as the detector was sure of them. Where another person covers part of the box they are all
    that tells the two apart, and are trusted in full.
    """
    boxes = np.array([track.box for track in tracks]).reshape(-1, 4)
    crowded = box_coverage(boxes) > _CROWDED
    people = []
    for track, shared in zip(tracks, crowded, strict=True):
        trust = track.keypoint_scores
        if trust is not None:
            trust = np.ones_like(trust) if shared else np.asarray(trust)
            trust = trust if track.detected else trust * _STALE
        people.append(Subject(track.id, track.box, track.keypoints, trust))
    return people


def credible(tracks: Sequence[Track], poses: Sequence[Pose], sigmas: np.ndarray) -> list[bool]:
    """Which tracks are people: not a place that a person has left, nor a person counted twice.

    Somebody whom the detector found in this frame is always kept. Somebody whom it missed is kept
    if the pose network is sure of the pose and nobody else has the same one.
    """
    order = sorted(
        range(len(tracks)), key=lambda i: (not tracks[i].detected, -tracks[i].score, tracks[i].id)
    )
    kept = [False] * len(tracks)
    for i in order:
        kept[i] = tracks[i].detected or (
            float(poses[i].scores.mean()) >= _SEEN
            and not any(kept[j] and _same(poses[i], poses[j], tracks[j], sigmas) for j in order)
        )
    return kept


def _same(a: Pose, b: Pose, track: Track, sigmas: np.ndarray) -> bool:
    area = np.prod(box_size(track.box[None]), axis=-1)
    return bool(oks(a.keypoints[None], b.keypoints[None], area, sigmas)[0, 0] > _SAME)
