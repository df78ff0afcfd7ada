"""Scripted people: stick figures that walk on given paths, and what a detector would say of them.

A scene is ground truth; `Scene.detect` adds a detector's faults to one moment of it. `ids_of` plays
a scene to a tracker and says which id each person had, so that `switches` can count the mistakes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from vidpose.detect.base import Detections
from vidpose.geometry import box_iou
from vidpose.skeleton import COCO17
from vidpose.track import Track, Tracker

# x, y of each COCO joint of somebody who stands, in heights, from the middle of the body.
STANDING = np.array(
    [
        [0.00, -0.43], [0.02, -0.45], [-0.02, -0.45], [0.04, -0.44], [-0.04, -0.44],
        [0.11, -0.32], [-0.11, -0.32], [0.14, -0.15], [-0.14, -0.15], [0.15, 0.00],
        [-0.15, 0.00], [0.07, 0.00], [-0.07, 0.00], [0.07, 0.23], [-0.07, 0.23],
        [0.07, 0.46], [-0.07, 0.46],
    ]
)  # fmt: skip
# How far each joint swings to the side in a stride, in heights; opposite sides swing oppositely.
SWING = np.zeros(17)
SWING[[7, 9, 13, 15]] = [-0.06, -0.12, 0.07, 0.16]
SWING[[8, 10, 14, 16]] = [0.06, 0.12, -0.07, -0.16]

Place = tuple[float, float]

# A height of people, in pixels.
H = 300.0


@dataclass(frozen=True)
class Actor:
    """Somebody whose middle is at ``path(t)``, in pixels, at ``t`` seconds."""

    path: Callable[[float], Place]
    height: float = H
    strides: float = 1.0
    phase: float = 0.0

    def pose(self, t: float) -> Float[np.ndarray, "17 2"]:
        joints = STANDING.copy()
        joints[:, 0] += SWING * np.sin(2 * np.pi * (self.strides * t + self.phase))
        return np.asarray(joints * self.height + np.array(self.path(t)))


def box_of(pose: Float[np.ndarray, "17 2"]) -> Float[np.ndarray, "4"]:
    margin = 0.05 * np.ptp(pose[:, 1])
    return np.concatenate([pose.min(axis=0) - margin, pose.max(axis=0) + margin])


def walk(x: float, speed: float, y: float = 400.0) -> Callable[[float], Place]:
    """Along a line, ``speed`` in pixels per second."""
    return lambda t: (x + speed * t, y)


def never(t: float) -> frozenset[int]:
    return frozenset()


def between(start: float, end: float, *who: int) -> Callable[[float], frozenset[int]]:
    return lambda t: frozenset(who) if start - 1e-6 <= t < end - 1e-6 else frozenset()


@dataclass(frozen=True)
class Scene:
    """People, and when the detector misses some or sees some as one.

    Attributes:
        noise: Standard deviation of joints and box edges, in heights.
    """

    actors: tuple[Actor, ...]
    absent: Callable[[float], frozenset[int]] = never
    merged: Callable[[float], frozenset[int]] = never
    noise: float = 0.02
    joints: bool = True

    def detect(self, t: float, rng: np.random.Generator) -> tuple[Detections, list[int | None]]:
        """What the detector says in shuffled order, and whom each row shows; None is several."""
        absent, merged = self.absent(t), self.merged(t)
        groups = [[i] for i in range(len(self.actors)) if i not in absent | merged]
        groups += [sorted(merged)] if merged else []
        groups = [groups[i] for i in rng.permutation(len(groups))]
        poses = np.zeros((len(groups), 17, 2))
        boxes = np.zeros((len(groups), 4))
        for row, group in enumerate(groups):
            shown = [self.actors[i].pose(t) for i in group]
            sd = self.noise * self.actors[group[0]].height
            # A merged person has joints of everybody in it.
            owner = rng.integers(len(shown), size=17)
            poses[row] = np.stack(shown)[owner, np.arange(17)] + rng.normal(0, sd, (17, 2))
            boxes[row] = box_of(np.concatenate(shown)) + rng.normal(0, sd, 4)
        scores = rng.uniform(0.25, 0.6, len(groups))
        whom = [group[0] if len(group) == 1 else None for group in groups]
        if not self.joints:
            return Detections(boxes, scores), whom
        return Detections(boxes, scores, poses, np.full(poses.shape[:2], 0.8)), whom


@dataclass
class Story:
    """What a tracker made of a scene: for each actor the id in every frame it was detected in."""

    ids: list[list[int]]
    frames: list[list[Track]] = field(default_factory=list)

    def switches(self) -> int:
        """How often somebody's id changed."""
        return sum(a != b for ids in self.ids for a, b in pairwise(ids))


def play(
    scene: Scene, tracker: Tracker, times: Iterable[float], seed: int = 0, every: int = 1
) -> Story:
    """Show a scene to a tracker, with the detector on each ``every``-th frame.

    With ``every`` > 1 the true pose of whoever is in front in a track's box corrects the track on
    each frame, as a pose network would.
    """
    rng = np.random.default_rng(seed)
    story = Story([[] for _ in scene.actors])
    for number, t in enumerate(times):
        if number % every:
            tracks = tracker.carry(t)
        else:
            detections, whom = scene.detect(t, rng)
            tracks = tracker.update(detections, t)
            for row, actor in enumerate(whom):
                if actor is not None:
                    story.ids[actor].append(_id_of(detections, row, tracks))
        if every > 1:
            _correct(scene, tracker, tracks, t, rng)
        story.frames.append(tracks)
    return story


def _id_of(detections: Detections, row: int, tracks: list[Track]) -> int:
    """The id of the track that took a detection: it has the very same joints or box; 0: none."""
    for track in tracks:
        if detections.keypoints is None or track.keypoints is None:
            same = np.array_equal(track.box, detections.boxes[row].astype(np.float32))
        else:
            same = np.array_equal(track.keypoints, detections.keypoints[row].astype(np.float32))
        if same:
            return track.id
    return 0


def _correct(
    scene: Scene, tracker: Tracker, tracks: list[Track], t: float, rng: np.random.Generator
) -> None:
    poses = [actor.pose(t) for actor in scene.actors]
    boxes = np.stack([box_of(pose) for pose in poses])
    for track in tracks:
        overlap = box_iou(track.box[None], boxes)[0]
        # Of several people in one crop a pose network shows the one in front.
        seen = int(np.argmax(overlap > 0.6)) if (overlap > 0.6).any() else int(overlap.argmax())
        pose = poses[seen] + rng.normal(0, 0.01 * scene.actors[seen].height, (17, 2))
        tracker.correct(track.id, pose, np.full(17, 0.9))


def times(seconds: float, fps: float) -> list[float]:
    return [i / fps for i in range(round(seconds * fps) + 1)]


def new_tracker() -> Tracker:
    return Tracker(COCO17.sigmas)


def boxes(*rows: list[float], score: float = 0.5) -> Detections:
    return Detections(np.array(rows, dtype=float), np.full(len(rows), score))


def ids(tracks: list[Track]) -> list[int]:
    return [track.id for track in tracks]


def crossing(
    left: float, right: float, small: float = 1.0, depth: float = 0.0
) -> tuple[Actor, ...]:
    """Two who meet at t = 2; speeds in heights per second towards each other, the second behind."""
    behind = Actor(walk(900 + 2 * right * H, -right * H, 400 + depth * H), small * H, 1.2, 0.3)
    return Actor(walk(900 - 2 * left * H, left * H), H), behind
