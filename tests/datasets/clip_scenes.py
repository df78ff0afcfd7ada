"""Sequences whose pictures show where the joints are."""

from collections.abc import Sequence

import numpy as np

from vidpose.datasets.labels import FrameLabels, PersonLabels, SequenceLabels
from vidpose.skeleton import POSETRACK15

SIZE = (200, 160)
# The joints that are painted, one in each of red, green and blue.
PAINTED = ("left_wrist", "nose", "right_wrist")
PAINTED_AT = [POSETRACK15.index(joint) for joint in PAINTED]

_POSE = {
    "head_top": (0, -60),
    "nose": (3, -48),
    "head_bottom": (0, -38),
    "shoulder": (18, -35),
    "elbow": (30, -12),
    "wrist": (26, 8),
    "hip": (11, 10),
    "knee": (14, 38),
    "ankle": (12, 65),
}


class Pictures:
    """Pictures in memory that count how often each is read."""

    def __init__(self, pictures: Sequence[np.ndarray]) -> None:
        self.pictures = pictures
        self.reads: list[int] = []

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> np.ndarray:
        assert 0 <= index < len(self.pictures)
        self.reads.append(index)
        return self.pictures[index]


def pose_at(x: float, y: float) -> np.ndarray:
    """A standing person seen from the front: the left hand is to the right in the picture."""
    points = []
    for joint in POSETRACK15.joints:
        side, _, part = joint.partition("_")
        dx, dy = _POSE[part if side in ("left", "right") else joint]
        points.append((x - dx if side == "right" else x + dx, y + dy))
    return np.array(points, dtype=np.float64)


def person_at(x: float, y: float, track_id: int = 0) -> PersonLabels:
    keypoints = pose_at(x, y)
    box = np.concatenate([keypoints.min(axis=0), keypoints.max(axis=0)])
    return PersonLabels(track_id, keypoints, np.full(15, 2), box)


def picture_of(keypoints: np.ndarray) -> np.ndarray:
    """A soft dot at each painted joint, in its own channel; black otherwise."""
    width, height = SIZE
    y, x = np.mgrid[:height, :width]
    dots = [
        255 * np.exp(-((x - joint[0]) ** 2 + (y - joint[1]) ** 2) / (2 * 3.0**2))
        for joint in keypoints[PAINTED_AT]
    ]
    return np.stack(dots, axis=-1).round().astype(np.uint8)


def walk(frames: int = 7, name: str = "walk") -> SequenceLabels:
    """One person, track 0, who walks to the right through pictures that show three joints."""
    people = [person_at(90 + 5.3 * t, 82 - 1.1 * t) for t in range(frames)]
    return SequenceLabels(
        name,
        POSETRACK15,
        tuple(
            FrameLabels(t, f"images/{name}/{t:06}.jpg", (person,), size=SIZE)
            for t, person in enumerate(people)
        ),
        Pictures([picture_of(person.keypoints) for person in people]),
    )
