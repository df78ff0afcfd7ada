"""Which detection is whom."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import linear_sum_assignment

from vidpose.detect.base import Detections
from vidpose.geometry import box_area, box_intersection, box_iou
from vidpose.track.association import IMPOSSIBLE, cost, in_fixed_order, pose_similarity
from vidpose.track.motion import Motion
from vidpose.track.person import Remembered

# Clocks that stand still or run backwards count as this many seconds.
_TICK = 1e-3
# A box that holds this much of somebody else's may be the other one, or both.
_HELD = 0.5
# A weak detection is somebody new if the detector's last look had one that overlaps it so (IoU).
_AGAIN = 0.3
# Added to the OKS sigmas, which are those of careful annotators and not of a detector.
_BLUR = 0.05


@dataclass(frozen=True)
class Track:
    """A person in one frame.

    Attributes:
        id: From 1; never used again for somebody else.
        box: ``x1, y1, x2, y2`` in pixels of the frame.
        score: Confidence that it is a person, in [0, 1]; falls while nobody is detected there.
        keypoints: The joints in pixels of the frame. Of somebody detected they are as the detector
            gave them, or None if it gave none; of others the latest known pose, moved along with
            the box.
        keypoint_scores: Confidence of each joint in [0, 1]; None together with ``keypoints``.
        detected: Whether a detection of this frame is this person.
        missed: Whether the detector, when it last ran, did not find the person.
    """

    id: int
    box: Float[np.ndarray, "4"]
    score: float
    keypoints: Float[np.ndarray, "joint 2"] | None
    keypoint_scores: Float[np.ndarray, " joint"] | None
    detected: bool
    missed: bool = False


class Tracker:
    """Gives detections of successive frames the ids of people.

    Two rounds as in ByteTrack (Zhang 2022): confident detections are matched with everybody known,
    then weak ones with whoever is left; unlike there, a weak one can be somebody new, the second
    time. A match costs little if the pose (OKS), the box (IoU) and the centre agree with what the
    motion of the person predicts, and is impossible beyond a reach that grows with the time since
    the person was last seen. Appearance is not looked at: of two people who cross, motion and pose
    tell who is who. The order of detections in a frame has no influence.

    Call `update` or `carry` once a frame, in order, then `correct` or `drop` for its tracks.
    """

    def __init__(
        self,
        sigmas: Sequence[float],
        *,
        weak: float = 0.1,
        confident: float = 0.2,
        birth: float = 0.12,
        coast: float = 1.0,
        max_gap: float = 1.5,
        duplicate: float = 0.7,
        reach: float = 0.75,
        reach_speed: float = 2.0,
    ) -> None:
        """Start with nobody.

        Args:
            sigmas: Per-joint constants of the OKS, for the joints of detections and corrections.
            weak: Score in [0, 1] from which a detection can be somebody known.
            confident: Score from which it is matched in the first round.
            birth: Score from which it can be somebody new: at once from ``confident`` on and in the
                first frame, else when it is there a second time.
            coast: Seconds for which a person who is not detected is still returned.
            max_gap: Seconds after which a person who is not detected is forgotten.
            duplicate: OKS or IoU with a returned track from which a detection is nobody new.
            reach: Farthest distance between a predicted and a detected centre, in box heights.
            reach_speed: Growth of that distance, in box heights per second unseen (at most
                ``max_gap`` of them).

        Raises:
            ValueError: ``max_gap`` is not above 0.
        """
        if not max_gap > 0:
            raise ValueError(f"max_gap is {max_gap}: it is a time in seconds, above 0")
        self._sigmas = np.hypot(np.asarray(sigmas, dtype=np.float64), _BLUR)
        self._weak, self._confident, self._birth = weak, confident, birth
        self._coast, self._max_gap = coast, max_gap
        self._duplicate = duplicate
        self._reach, self._reach_speed = reach, reach_speed
        self._people: dict[int, Remembered] = {}
        self._waiting = np.zeros((0, 4))
        self._first = True
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
        detections = in_fixed_order(detections)
        matches = self._matches(detections)
        alone = [person.box for person in self._people.values() if person.id not in matches]
        shared = _holders(alone, detections.boxes)
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
                costs = cost(
                    people,
                    detections[offered],
                    now=self._now,
                    sigmas=self._sigmas,
                    reach=self._reach,
                    reach_speed=self._reach_speed,
                    max_gap=self._max_gap,
                )
                for i, j in zip(*linear_sum_assignment(costs), strict=True):
                    if costs[i, j] < IMPOSSIBLE:
                        matches[people[i].id] = int(offered[j])
        return matches

    def _bear(self, detections: Detections, taken: set[int]) -> None:
        """Give an id to every detection of somebody new.

        A weak detection waits for a second one in the same place: MultiPose sees a person in a
        coat stand for a frame, not for two. In the first frame there is nothing to wait for.
        """
        waiting = []
        for row in map(int, np.flatnonzero(np.asarray(detections.scores) >= self._birth)):
            box = np.asarray(detections.boxes[row], dtype=np.float64)
            if row in taken or self._is_duplicate(detections, row):
                continue
            again = (box_iou(self._waiting, box[None]) >= _AGAIN).any()
            if not (self._first or again or detections.scores[row] >= self._confident):
                waiting.append(box)
                continue
            self._born += 1
            score = float(detections.scores[row])
            person = Remembered(self._born, Motion.start(box), box, score, self._now)
            person.take_pose(detections, row, self._now)
            self._people[person.id] = person
        self._waiting = np.array(waiting).reshape(-1, 4)
        self._first = False

    def _is_duplicate(self, detections: Detections, row: int) -> bool:
        shown = [person for person in self._people.values() if self._shown(person)]
        if not shown:
            return False
        offered = detections[np.array([row])]
        iou = box_iou(np.stack([person.box for person in shown]), offered.boxes)
        similar, _ = pose_similarity(shown, offered, now=self._now, sigmas=self._sigmas)
        return bool(max(iou.max(), similar.max()) >= self._duplicate)

    def _shown(self, person: Remembered) -> bool:
        return not person.dropped and person.unseen(self._now) <= self._coast

    def _covered(self, person: Remembered) -> bool:
        others = [p.box for p in self._people.values() if p is not person and self._shown(p)]
        return bool(others) and bool(_holders([person.box], np.stack(others)).any())

    def _tracks(self) -> list[Track]:
        return [self._track(p) for p in self._people.values() if self._shown(p)]

    def _track(self, person: Remembered) -> Track:
        pose, keypoints, scores = person.pose, None, None
        if pose is not None and not (person.detected and pose.time < self._now):
            keypoints = pose.at(person.motion.centre, self._now).astype(np.float32)
            scores = pose.scores.astype(np.float32)
        fading = 1 - person.unseen(self._now) / self._max_gap
        box = person.box.astype(np.float32)
        return Track(
            person.id,
            box,
            person.score * fading,
            keypoints,
            scores,
            person.detected,
            missed=person.missed is not None,
        )


def _holders(
    boxes: Sequence[Float[np.ndarray, "4"]], holders: Float[np.ndarray, "m 4"]
) -> Bool[np.ndarray, " m"]:
    """Which of ``holders`` cover most of one of ``boxes``."""
    held = np.reshape(boxes, (-1, 4))
    area = np.maximum(box_area(held), 1e-6)
    covered = box_intersection(held, holders) >= _HELD * area[:, None]
    return np.asarray(covered.any(axis=0))
