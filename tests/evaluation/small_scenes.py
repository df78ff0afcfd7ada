"""Small annotated scenes, and predictions of them, made of arrays."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vidpose.datasets.labels import (
    NOT_LABELLED,
    VISIBLE,
    FrameLabels,
    PersonLabels,
    SequenceLabels,
)
from vidpose.evaluation.frames import Protocol, frame_pairs
from vidpose.evaluation.matching import MatchedFrame, match
from vidpose.skeleton import POSETRACK15

JOINTS = len(POSETRACK15)
# 0.6 of its diagonal is 30 pixels: the threshold of PCKh is 15.
HEAD = np.array([0.0, 0.0, 30.0, 40.0])
POSE = np.column_stack([np.arange(JOINTS) * 5.0 + 100, np.arange(JOINTS) * 20.0 + 100])


def person(
    keypoints: np.ndarray | None = None,
    track: int = 0,
    score: float | None = 0.5,
    there: np.ndarray | None = None,
    head: np.ndarray | None = HEAD,
) -> PersonLabels:
    """Somebody, with every joint unless ``there`` says otherwise."""
    visible = np.ones(JOINTS, dtype=bool) if there is None else there
    points = POSE if keypoints is None else keypoints
    return PersonLabels(
        track_id=track,
        keypoints=np.where(visible[:, None], points, 0.0),
        visibility=np.where(visible, VISIBLE, NOT_LABELLED),
        head_box=head,
        keypoint_scores=None if score is None else np.full(JOINTS, score),
    )


def sequence(
    *frames: Sequence[PersonLabels], name: str = "000001_mpii_test", numbered: bool = False
) -> SequenceLabels:
    """A sequence of frames with these people; ``numbered`` as PoseTrack2018's pictures are."""
    return SequenceLabels(
        name,
        POSETRACK15,
        tuple(
            FrameLabels(
                index,
                f"images/{name}/{index:06d}.jpg",
                tuple(people),
                image_id=index if numbered else None,
            )
            for index, people in enumerate(frames)
        ),
    )


def with_ignored(labels: SequenceLabels, *polygons: np.ndarray) -> SequenceLabels:
    """The same with these polygons in every frame."""
    frames = tuple(replace(frame, ignore=tuple(polygons)) for frame in labels.frames)
    return replace(labels, frames=frames)


def random_scene(
    seed: int, frames: int = 6, people: int = 3, apart: float = 0.0
) -> tuple[SequenceLabels, SequenceLabels]:
    """People ``apart`` pixels, and detections with everything wrong that may be."""
    generator = np.random.default_rng(seed)
    pose = generator.uniform(0, 60, (people, JOINTS, 2)) + 100
    pose += apart * np.arange(people)[:, None, None]
    truth, found = [], []
    ids = generator.permutation(people)
    for _ in range(frames):
        pose = pose + generator.normal(0, 3, pose.shape)
        noisy = pose + generator.normal(0, 8, pose.shape)
        if generator.uniform() < 0.4:
            ids = generator.permutation(people)
        here = generator.uniform(size=people) < 0.85
        seen = generator.uniform(size=people) < 0.85
        joints = generator.uniform(size=(2, people, JOINTS)) < 0.8
        truth.append([person(pose[i], i, there=joints[0, i]) for i in range(people) if here[i]])
        found.append(
            [
                person(noisy[i], int(ids[i]), float(generator.uniform()), there=joints[1, i])
                for i in generator.permutation(people)
                if seen[i]
            ]
        )
    return sequence(*truth), sequence(*found)


def matched(
    truth: SequenceLabels, found: SequenceLabels, protocol: Protocol = Protocol.POSETRACK18
) -> list[MatchedFrame]:
    """The frames that count, matched."""
    return [match(pair) for pair in frame_pairs(truth, found, protocol)]
