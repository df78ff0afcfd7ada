"""Results to write: plain ones, and any that the records allow."""

import numpy as np
from hypothesis import strategies as st

from vidpose.poses import FramePoses, Header, Person, Poses, SkeletonRecord
from vidpose.skeleton import COCO17, SKELETONS, Skeleton


def header(skeleton: Skeleton = COCO17, source: str = "clip.mp4") -> Header:
    return Header(source=source, width=640, height=360, skeleton=SkeletonRecord.of(skeleton))


def person(number: int, joints: int = 17, seed: int = 0) -> Person:
    rng = np.random.default_rng((number, seed))
    return Person(
        id=number,
        score=float(rng.uniform(0.3, 1)),
        box=rng.uniform(0, 300, 4).cumsum(),
        keypoints=rng.uniform(1, 640, (joints, 2)),
        keypoint_scores=rng.uniform(0.1, 1, joints),
    )


def frame(index: int, people: int = 2, joints: int = 17) -> FramePoses:
    crowd = tuple(person(number, joints, seed=index) for number in range(people))
    return FramePoses(index=index, pts=index / 30, people=crowd)


def poses(people: list[int], skeleton: Skeleton = COCO17, source: str = "clip.mp4") -> Poses:
    """One frame for each number of people."""
    frames = tuple(frame(index, count, len(skeleton)) for index, count in enumerate(people))
    return Poses(header=header(skeleton, source), frames=frames)


_PIXELS = st.floats(-1000, 5000, width=32)
_SCORES = st.floats(0, 1, width=32)
_SIZES = st.integers(1, 10_000)


@st.composite
def any_person(draw: st.DrawFn, number: int, joints: int) -> Person:
    pairs = draw(st.lists(st.tuples(_PIXELS, _PIXELS), min_size=joints, max_size=joints))
    return Person(
        id=number,
        score=draw(st.floats(0, 1)),
        box=draw(st.lists(_PIXELS, min_size=4, max_size=4)),
        keypoints=pairs,
        keypoint_scores=draw(st.lists(_SCORES, min_size=joints, max_size=joints)),
    )


@st.composite
def any_poses(draw: st.DrawFn) -> Poses:
    skeleton = draw(st.sampled_from(list(SKELETONS.values())))
    indices = sorted(draw(st.sets(st.integers(0, 10**6), max_size=3)))
    frames = []
    for index in indices:
        ids = draw(st.lists(st.integers(0, 10**6), max_size=2, unique=True))
        people = tuple(draw(any_person(number, len(skeleton))) for number in ids)
        width, height = draw(st.just((None, None)) | st.tuples(_SIZES, _SIZES))
        frames.append(
            FramePoses(
                index=index,
                pts=draw(st.floats(-10, 1e5)),
                people=people,
                name=draw(st.none() | st.text(max_size=8)),
                width=width,
                height=height,
            )
        )
    head = Header(
        source=draw(st.text(max_size=8)),
        width=draw(_SIZES),
        height=draw(_SIZES),
        fps=draw(st.none() | st.floats(1, 240)),
        skeleton=SkeletonRecord.of(skeleton),
        model=draw(st.text(max_size=8)),
    )
    return Poses(header=head, frames=tuple(frames))
