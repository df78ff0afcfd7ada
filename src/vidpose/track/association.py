"""How well detections agree with the people that are remembered."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from vidpose.detect.base import Detections
from vidpose.geometry import box_area, box_centre, box_iou
from vidpose.track.person import Remembered

# In a match the pose counts this many times as much as the box, which every limb makes wider; and
# whoever was not found last time must agree this much better to take somebody's detection.
_POSE_WEIGHT, _HANDICAP = 3.0, 0.2
# The cost of a pair that cannot be a match; of all others it is below.
IMPOSSIBLE = 2.0


def cost(
    people: Sequence[Remembered],
    detections: Detections,
    *,
    now: float,
    sigmas: Float[np.ndarray, " joint"],
    reach: float,
    reach_speed: float,
    max_gap: float,
) -> Float[np.ndarray, "n m"]:
    """1 - the weighted mean of OKS, IoU and nearness; `IMPOSSIBLE` beyond a person's reach.

    The reach grows with the time since the person's place was last measured.
    """
    boxes = np.stack([person.box for person in people])
    centres = box_centre(boxes)
    heights = np.array([person.motion.height for person in people])
    away = centres[:, None] - box_centre(detections.boxes)[None]
    distance = np.hypot(away[..., 0], away[..., 1]) / heights[:, None]
    unseen = now - np.array([person.measured for person in people])
    agreement = box_iou(boxes, detections.boxes) + np.exp(-distance)
    oks, known = pose_similarity(people, detections, now=now, sigmas=sigmas)
    agreement = (agreement + _POSE_WEIGHT * oks) / (2 + _POSE_WEIGHT * known)
    missed = np.array([person.missed is not None for person in people])
    agreement -= _HANDICAP * missed[:, None]
    limit = reach + reach_speed * np.minimum(unseen, max_gap)
    return np.where(distance <= limit[:, None], 1 - agreement, IMPOSSIBLE)


def pose_similarity(
    people: Sequence[Remembered],
    detections: Detections,
    *,
    now: float,
    sigmas: Float[np.ndarray, " joint"],
) -> tuple[Float[np.ndarray, "n m"], Bool[np.ndarray, "n m"]]:
    """OKS with the predicted poses, 0 where one is unknown, and where none is.

    Both sides say how sure they are of a joint, so its weight is the product of both scores.
    """
    shape = (len(people), len(detections))
    if detections.keypoints is None or detections.keypoint_scores is None:
        return np.zeros(shape), np.zeros(shape, dtype=bool)
    joints = np.zeros((len(people), len(sigmas), 2))
    scores = np.zeros((len(people), len(sigmas)))
    for i, person in enumerate(people):
        if person.pose is not None:
            joints[i] = person.pose.at(person.motion.centre, now)
            scores[i] = person.pose.scores
    weights = scores[:, None] * detections.keypoint_scores[None]
    total = weights.sum(axis=-1)
    areas = np.array([max(box_area(p.box), 1.0) for p in people])
    squared = ((joints[:, None] - detections.keypoints[None]) ** 2).sum(axis=-1)
    scale = 2 * areas[:, None, None] * (2 * sigmas) ** 2
    similar = (np.exp(-squared / scale) * weights).sum(axis=-1)
    known = total > 0
    return np.divide(similar, total, out=np.zeros(shape), where=known), known


def in_fixed_order(detections: Detections) -> Detections:
    """The most confident first, ties by place, so that the order they came in cannot matter."""

    def key(row: int) -> tuple[object, ...]:
        joints = b"" if detections.keypoints is None else detections.keypoints[row].tobytes()
        return (-float(detections.scores[row]), detections.boxes[row].tolist(), joints)

    return detections[np.array(sorted(range(len(detections)), key=key), dtype=np.int64)]
