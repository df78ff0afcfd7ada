"""People across frames: which detection is whom, and where somebody is who was not detected."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import linear_sum_assignment

from vidpose.detect.base import Detections
from vidpose.geometry import box_centre, box_iou, box_size
from vidpose.motion import Motion

# Clocks that stand still or run backwards count as this many seconds.
_TICK = 1e-3
# A detection that holds this much of somebody else who was not detected may be the other one, or
# both in one box: it says this much less about where the one is that it was matched with, and as a
# box it is not used if it is this much larger than expected.
_HELD, _SHARED_DOUBT, _SWOLLEN = 0.5, 6.0, 1.3
# In a match the pose counts this many times as much as the box, which every limb makes wider; and
# whoever was not found last time must agree this much better to take somebody's detection.
_POSE_WEIGHT, _HANDICAP = 3.0, 0.2
# The cost of a pair that cannot be a match; of all others it is below.
_IMPOSSIBLE = 2.0
# Added to the OKS sigmas, which are those of careful annotators and not of a detector.
_BLUR = 0.05
# Joints that show how far a person moved: how sure, and how many of them.
_SURE, _ENOUGH = 0.2, 3
# Seconds for which a limb keeps its direction, and over which its speed is averaged.
_SWING_FADE, _SWING_DELAY = 0.3, 0.03


@dataclass(frozen=True)
class Track:
    """A person in one frame.

    Attributes:
        id: From 1; never used again for somebody else.
        box: ``x1, y1, x2, y2`` in pixels of the frame.
        score: Confidence that it is a person, in [0, 1]; falls while nobody is detected there.
        keypoints: The joints in pixels of the frame as the detector gave them, else the latest
            known pose moved along with the box; None if no pose was ever known.
        keypoint_scores: Confidence of each joint in [0, 1]; None together with ``keypoints``.
        detected: Whether a detection of this frame is this person.
    """

    id: int
    box: Float[np.ndarray, "4"]
    score: float
    keypoints: Float[np.ndarray, "joint 2"] | None
    keypoint_scores: Float[np.ndarray, " joint"] | None
    detected: bool


@dataclass(frozen=True)
class _Pose:
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

    def then(self, later: _Pose) -> _Pose:
        """The later pose, with the swing that it and this one show."""
        seconds = later.time - self.time
        if seconds <= 0:
            return replace(later, swing=self.swing)
        surprise = later.keypoints - self.at(later.centre, later.time)
        sure = np.minimum(self.scores, later.scores) >= _SURE
        learnt = surprise * sure[:, None] / (seconds + _SWING_DELAY)
        return replace(later, swing=self.swing * math.exp(-seconds / _SWING_FADE) + learnt)

    def centre_with(self, later: _Pose) -> Float[np.ndarray, "2"] | None:
        """Where the centre is in a later pose: limbs swing, so the median joint tells.

        None if too few joints are sure in both poses.
        """
        sure = np.minimum(self.scores, later.scores) >= _SURE
        if sure.sum() < _ENOUGH:
            return None
        moved = np.median(later.keypoints[sure] - self.keypoints[sure], axis=0)
        return np.asarray(self.centre + moved)


@dataclass
class _Person:
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
    pose: _Pose | None = None
    anchor: _Pose | None = None
    missed: float | None = None
    detected: bool = True
    dropped: bool = False

    def move(self, seconds: float) -> None:
        self.motion = self.motion.predict(seconds)
        self.box = self.motion.box
        self.detected = False

    def unseen(self, now: float) -> float:
        return 0.0 if self.missed is None else now - self.missed

    def found(self, detections: Detections, row: int, now: float, shared: bool) -> None:
        box = np.asarray(detections.boxes[row], dtype=np.float64)
        self.motion = self.motion.update(box, _SHARED_DOUBT if shared else 1.0)
        swollen = shared and _area(box) > _SWOLLEN * _area(self.box)
        self.box = self.motion.box if swollen else box
        self.score = float(detections.scores[row])
        self.measured, self.missed = now, None
        self.detected, self.dropped = True, False
        self.take_pose(detections, row, now)

    def pose_now(self, keypoints: np.ndarray, scores: np.ndarray, now: float) -> _Pose:
        pose = _Pose(
            np.asarray(keypoints, float), np.asarray(scores, float), self.motion.centre, now
        )
        return pose if self.pose is None else self.pose.then(pose)

    def take_pose(self, detections: Detections, row: int, now: float) -> None:
        if detections.keypoints is None or detections.keypoint_scores is None:
            return
        self.pose = self.anchor = self.pose_now(
            detections.keypoints[row], detections.keypoint_scores[row], now
        )


class Tracker:
    """Gives detections of successive frames the ids of people.

    Two rounds as in ByteTrack (Zhang 2022): confident detections are matched with everybody known,
    then weak ones with whoever is left; only confident ones can be somebody new. A match costs
    little if the pose (OKS), the box (IoU) and the centre agree with what the motion of the person
    predicts, and is impossible beyond a reach that grows with the time since the person was last
    seen. Appearance is not looked at: of two people who cross, motion and pose tell who is who.
    The order of detections in a frame has no influence.

    Call `update` or `carry` once a frame, in order, then `correct` or `drop` for its tracks.
    """

    def __init__(
        self,
        sigmas: Sequence[float],
        *,
        weak: float = 0.1,
        confident: float = 0.2,
        birth: float = 0.2,
        coast: float = 0.25,
        max_gap: float = 1.0,
        duplicate: float = 0.7,
        reach: float = 0.75,
        reach_speed: float = 2.0,
    ) -> None:
        """Start with nobody.

        Args:
            sigmas: Per-joint constants of the OKS, for the joints of detections and corrections.
            weak: Score in [0, 1] from which a detection can be somebody known.
            confident: Score from which it is matched in the first round.
            birth: Score from which it can be somebody new.
            coast: Seconds for which a person who is not detected is still returned.
            max_gap: Seconds after which a person who is not detected is forgotten.
            duplicate: OKS or IoU with a returned track from which a detection is nobody new.
            reach: Farthest distance between a predicted and a detected centre, in box heights.
            reach_speed: Growth of that distance, in box heights per second unseen (at most
                ``max_gap`` of them).
        """
        self._sigmas = np.hypot(np.asarray(sigmas, dtype=np.float64), _BLUR)
        self._weak, self._confident, self._birth = weak, confident, birth
        self._coast, self._max_gap = coast, max_gap
        self._duplicate = duplicate
        self._reach, self._reach_speed = reach, reach_speed
        self._people: dict[int, _Person] = {}
        self._born = 0
        self._now = 0.0
        self._pts: float | None = None

    def update(self, detections: Detections, pts: float) -> list[Track]:
        """The people of a frame on which the detector ran.

        Args:
            detections: What it found; may be empty.
            pts: Time of the frame in seconds.

        Returns:
            Those detected, and those missed for at most ``coast`` seconds; by ascending id.
        """
        self._advance(pts)
        detections = _in_fixed_order(detections)
        matches = self._matches(detections)
        alone = [person.box for person in self._people.values() if person.id not in matches]
        shared = _held(alone, detections.boxes)
        for person in self._people.values():
            if person.id in matches:
                row = matches[person.id]
                person.found(detections, row, self._now, bool(shared[row]))
            elif person.missed is None:
                person.missed = self._now
        self._bear(detections, set(matches.values()))
        return self._tracks()

    def carry(self, pts: float) -> list[Track]:
        """The people of a frame on which the detector did not run, moved to the time ``pts``."""
        self._advance(pts)
        return self._tracks()

    def correct(
        self,
        track_id: int,
        keypoints: Float[np.ndarray, "joint 2"],
        keypoint_scores: Float[np.ndarray, " joint"],
    ) -> None:
        """Tell the pose that was found in the box of a track of this frame.

        It is what later detections are compared with. Where the track was not detected it also
        moves the track, unless another person covers the box: the pose may then be the other's.

        Args:
            track_id: Whose pose; a track that `update` or `carry` has just returned.
            keypoints: Joints in pixels of the frame.
            keypoint_scores: Confidence of each joint in [0, 1].

        Raises:
            KeyError: Nobody of that id is known.
        """
        person = self._people[track_id]
        if self._covered(person):
            return
        pose = person.pose_now(keypoints, keypoint_scores, self._now)
        if person.detected or person.anchor is None:
            person.pose = person.anchor = pose
            return
        centre = person.anchor.centre_with(pose)
        if centre is not None:
            person.motion = person.motion.update_centre(centre)
            person.measured = self._now
        person.pose = person.pose_now(keypoints, keypoint_scores, self._now)

    def drop(self, track_id: int) -> None:
        """Tell that a track is nobody, or a second track of somebody.

        It is not returned again unless a detection within ``max_gap`` seconds is this person: who
        is hidden behind somebody else looks just like a duplicate.

        Raises:
            KeyError: Nobody of that id is known.
        """
        person = self._people[track_id]
        person.dropped = True
        person.missed = self._now if person.missed is None else person.missed

    def _advance(self, pts: float) -> None:
        seconds = _TICK if self._pts is None else max(_TICK, pts - self._pts)
        self._pts = pts
        self._now += seconds
        self._people = {
            key: person
            for key, person in self._people.items()
            if person.unseen(self._now) <= self._max_gap
        }
        for person in self._people.values():
            person.move(seconds)

    def _matches(self, detections: Detections) -> dict[int, int]:
        """The row of each person's detection, by id; without those who have none."""
        scores = np.asarray(detections.scores)
        sure = scores >= self._confident
        matches: dict[int, int] = {}
        for offered in (np.flatnonzero(sure), np.flatnonzero(~sure & (scores >= self._weak))):
            people = [person for person in self._people.values() if person.id not in matches]
            if people and len(offered):
                cost = self._cost(people, detections[offered])
                for i, j in zip(*linear_sum_assignment(cost), strict=True):
                    if cost[i, j] < _IMPOSSIBLE:
                        matches[people[i].id] = int(offered[j])
        return matches

    def _cost(self, people: list[_Person], detections: Detections) -> Float[np.ndarray, "n m"]:
        """1 - the weighted mean of OKS, IoU and nearness."""
        boxes = np.stack([person.box for person in people])
        centres = box_centre(boxes)
        heights = np.array([person.motion.height for person in people])
        away = centres[:, None] - box_centre(detections.boxes)[None]
        distance = np.hypot(away[..., 0], away[..., 1]) / heights[:, None]
        unseen = self._now - np.array([person.measured for person in people])
        agreement = box_iou(boxes, detections.boxes) + np.exp(-distance)
        oks, known = self._oks(people, detections)
        agreement = (agreement + _POSE_WEIGHT * oks) / (2 + _POSE_WEIGHT * known)
        missed = np.array([person.missed is not None for person in people])
        agreement -= _HANDICAP * missed[:, None]
        reach = self._reach + self._reach_speed * np.minimum(unseen, self._max_gap)
        return np.where(distance <= reach[:, None], 1 - agreement, _IMPOSSIBLE)

    def _oks(
        self, people: list[_Person], detections: Detections
    ) -> tuple[Float[np.ndarray, "n m"], Bool[np.ndarray, "n m"]]:
        """OKS with the predicted poses, 0 where one is unknown, and where none is.

        Both sides say how sure they are of a joint, so its weight is the product of both scores.
        """
        shape = (len(people), len(detections))
        if detections.keypoints is None or detections.keypoint_scores is None:
            return np.zeros(shape), np.zeros(shape, dtype=bool)
        joints = np.zeros((len(people), len(self._sigmas), 2))
        scores = np.zeros((len(people), len(self._sigmas)))
        for i, person in enumerate(people):
            if person.pose is not None:
                joints[i] = person.pose.at(person.motion.centre, self._now)
                scores[i] = person.pose.scores
        weights = scores[:, None] * detections.keypoint_scores[None]
        total = weights.sum(axis=-1)
        areas = np.array([max(_area(p.box), 1.0) for p in people])
        squared = ((joints[:, None] - detections.keypoints[None]) ** 2).sum(axis=-1)
        scale = 2 * areas[:, None, None] * (2 * self._sigmas) ** 2
        similar = (np.exp(-squared / scale) * weights).sum(axis=-1)
        known = total > 0
        return np.divide(similar, total, out=np.zeros(shape), where=known), known

    def _bear(self, detections: Detections, taken: set[int]) -> None:
        for row in np.flatnonzero(np.asarray(detections.scores) >= self._birth):
            if row in taken:
                continue
            offered = detections[np.array([row])]
            shown = [person for person in self._people.values() if self._shown(person)]
            if shown:
                iou = box_iou(np.stack([person.box for person in shown]), offered.boxes)
                if max(iou.max(), self._oks(shown, offered)[0].max()) >= self._duplicate:
                    continue
            self._born += 1
            box = np.asarray(offered.boxes[0], dtype=np.float64)
            score = float(offered.scores[0])
            person = _Person(self._born, Motion.start(box), box, score, self._now)
            person.take_pose(offered, 0, self._now)
            self._people[person.id] = person

    def _shown(self, person: _Person) -> bool:
        return not person.dropped and person.unseen(self._now) <= self._coast

    def _covered(self, person: _Person) -> bool:
        others = [p.box for p in self._people.values() if p is not person and self._shown(p)]
        return bool(others) and bool(_held([person.box], np.stack(others)).any())

    def _tracks(self) -> list[Track]:
        return [self._track(p) for p in self._people.values() if self._shown(p)]

    def _track(self, person: _Person) -> Track:
        pose, keypoints, scores = person.pose, None, None
        if pose is not None:
            keypoints = pose.at(person.motion.centre, self._now).astype(np.float32)
            scores = pose.scores.astype(np.float32)
        fading = 1 - person.unseen(self._now) / self._max_gap
        box = person.box.astype(np.float32)
        return Track(person.id, box, person.score * fading, keypoints, scores, person.detected)


def _in_fixed_order(detections: Detections) -> Detections:
    """The most confident first, ties by place, so that the order they came in cannot matter."""

    def key(row: int) -> tuple[object, ...]:
        joints = b"" if detections.keypoints is None else detections.keypoints[row].tobytes()
        return (-float(detections.scores[row]), detections.boxes[row].tolist(), joints)

    return detections[np.array(sorted(range(len(detections)), key=key), dtype=np.int64)]


def _area(box: Float[np.ndarray, "4"]) -> float:
    return float(np.prod(box_size(box)))


def _held(
    boxes: Sequence[Float[np.ndarray, "4"]], holders: Float[np.ndarray, "m 4"]
) -> Bool[np.ndarray, " m"]:
    """Which of ``holders`` cover most of one of ``boxes``."""
    held = np.reshape(boxes, (-1, 1, 4))
    low = np.maximum(held[..., :2], holders[:, :2])
    high = np.minimum(held[..., 2:], holders[:, 2:])
    common = np.prod(np.maximum(high - low, 0.0), axis=-1)
    area = np.maximum(np.prod(box_size(held), axis=-1), 1e-6)
    return np.asarray((common >= _HELD * area).any(axis=0))
