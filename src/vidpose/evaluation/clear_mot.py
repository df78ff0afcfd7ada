"""Tracking by CLEAR MOT, for each joint by itself, as poseval counts it.

K. Bernardin and R. Stiefelhagen, Evaluating Multiple Object Tracking Performance, 2008.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from vidpose.evaluation.assignment import assign, dense
from vidpose.evaluation.matching import MatchedFrame


@dataclass(frozen=True, eq=False)
class MotCounts:
    """What was counted, of each joint; the counts of sequences add up.

    Attributes:
        objects: Annotated joints.
        matches: Found under the identity they last had.
        switches: Found under another.
        misses: Not found.
        false_positives: Predicted joints of nobody.
        distance: Sum over those found, in head sizes.
        repeated: Distances that py-motmetrics lists once more, under another name: where a track
            is handed from one person to another, or a person to a track that is new.
    """

    objects: Int[np.ndarray, " joint"]
    matches: Int[np.ndarray, " joint"]
    switches: Int[np.ndarray, " joint"]
    misses: Int[np.ndarray, " joint"]
    false_positives: Int[np.ndarray, " joint"]
    distance: Float[np.ndarray, " joint"]
    repeated: Float[np.ndarray, " joint"]

    def __add__(self, other: MotCounts) -> MotCounts:
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return MotCounts(*(mine + yours for mine, yours in pairs))

    @classmethod
    def nothing(cls, joints: int) -> MotCounts:
        """No frame."""
        none, far = np.zeros(joints, dtype=int), np.zeros(joints)
        return cls(none, none, none, none, none, far, far)

    @property
    def detections(self) -> Int[np.ndarray, " joint"]:
        """Joints found, under whatever identity."""
        return self.matches + self.switches

    @property
    def mota(self) -> Float[np.ndarray, " joint"]:
        """1 - (misses + switches + false positives) / objects; NaN without objects."""
        return 1 - _ratio(self.misses + self.switches + self.false_positives, self.objects)

    @property
    def motp(self) -> Float[np.ndarray, " joint"]:
        """1 - the mean distance of what was found; 0 if nothing was, NaN without objects.

        `repeated` distances count too: it is poseval's figure without the pairs that were only
        possible, which the tool also sums with py-motmetrics 1.4.
        """
        return self._precision_of(self.distance + self.repeated)

    @property
    def motp_once(self) -> Float[np.ndarray, " joint"]:
        """The same with each distance once, as CLEAR MOT defines it."""
        return self._precision_of(self.distance)

    def _precision_of(self, distance: Float[np.ndarray, " joint"]) -> Float[np.ndarray, " joint"]:
        value = 1 - distance / np.maximum(self.detections, 1)
        found = np.where(self.detections > 0, value, 0.0)
        return np.where(self.objects > 0, found, np.nan)

    @property
    def precision(self) -> Float[np.ndarray, " joint"]:
        """The part of predicted joints that is of somebody; NaN without objects or predictions."""
        value = _ratio(self.detections, self.detections + self.false_positives)
        return np.where(self.objects > 0, value, np.nan)

    @property
    def recall(self) -> Float[np.ndarray, " joint"]:
        """The part of objects that is found; NaN without objects."""
        return _ratio(self.detections, self.objects)


def clear_mot(frames: Sequence[MatchedFrame], joints: int) -> MotCounts:
    """Count one sequence.

    A joint found in the frame before keeps its track while the two stay within the threshold; the
    others are assigned at the least total distance. Two customs of poseval are followed: the last
    frame is left out (a sequence of one frame counts nothing; the tool stops there), and a frame
    in which either side has nobody counts one object, one miss and one false positive of each
    joint.
    """
    frames = frames[:-1]
    persons, truth_ids = dense([frame.pair.truth.tracks for frame in frames])
    tracks, track_ids = dense([frame.pair.predictions.tracks for frame in frames])
    history = _History(np.full((persons, joints), -1), np.full((tracks, joints), -1))
    counts = nothing = MotCounts.nothing(joints)
    one = np.ones(joints, dtype=int)
    one_sided = replace(nothing, objects=one, misses=one, false_positives=one)
    for frame, truth, track in zip(frames, truth_ids, track_ids, strict=True):
        counts += one_sided if frame.pair.one_sided else _count(frame, truth, track, history)
    return counts


@dataclass(frozen=True, eq=False)
class _History:
    """For each joint the track a person was last found under, and whom a track last went to."""

    track: Int[np.ndarray, "person joint"]
    person: Int[np.ndarray, "track joint"]


def _count(
    frame: MatchedFrame,
    truth: Int[np.ndarray, " truth"],
    track: Int[np.ndarray, " prediction"],
    history: _History,
) -> MotCounts:
    """Count one frame and note in ``history`` who was found."""
    before = history.track[truth]
    kept = frame.hit & (track[:, None, None] == before)
    # Two people may have had one track one after the other: the first in the file keeps it.
    kept &= np.cumsum(kept, axis=1) == 1
    free = frame.hit & ~kept.any(axis=0) & ~kept.any(axis=1)[:, None]
    new = assign(free, frame.distance)
    row, column, joint = np.nonzero(new)
    last, owner = before[column, joint], history.person[track[row], joint]
    switched, handed = last >= 0, (owner >= 0) & (owner != truth[column])
    # The names of py-motmetrics; what is handed over is a transfer.
    ascend, migrate = switched & (owner < 0), handed & ~switched
    times = ascend.astype(int) + handed + migrate
    history.track[truth[column], joint] = track[row]
    history.person[track[row], joint] = truth[column]
    joints = before.shape[1]
    found = kept | new
    detections, objects = found.sum(axis=(0, 1)), frame.pair.truth.there.sum(axis=0)
    switches = np.bincount(joint[switched], minlength=joints)
    return MotCounts(
        objects,
        detections - switches,
        switches,
        objects - detections,
        frame.pair.predictions.there.sum(axis=0) - detections,
        np.where(found, frame.distance, 0.0).sum(axis=(0, 1)),
        np.bincount(joint, weights=times * frame.distance[new], minlength=joints),
    )


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
