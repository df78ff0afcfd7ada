"""Predictions over an annotated sequence, by the protocol of the papers.

Top-down and one person at a time: each box is extended, enlarged and cropped from the key frame and
its neighbours (mode ``exact``), and the model's answer is the person's pose. As in the published
systems a joint's score is multiplied by that of its box, no box is suppressed and nothing is
flipped, unless the model is a `vidpose.flip_test.FlipTest`.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from vidpose.convert import convert
from vidpose.datasets.boxes import PersonBox, PersonBoxes
from vidpose.datasets.labels import (
    NOT_LABELLED,
    VISIBLE,
    FrameLabels,
    Images,
    PersonLabels,
    SequenceLabels,
)
from vidpose.errors import VidposeError
from vidpose.estimator import ClipEstimator, Pose, Subject
from vidpose.frame import Frame
from vidpose.models.base import PoseModel
from vidpose.skeleton import POSETRACK15, Skeleton
from vidpose.windows import Clip

# Key frames whose pictures are read while the model works on earlier ones.
_READ_AHEAD = 2


def predict(
    model: PoseModel,
    sequence: SequenceLabels,
    boxes: PersonBoxes,
    skeleton: Skeleton = POSETRACK15,
) -> SequenceLabels:
    """The model's answers for every box of the labelled frames of ``sequence``.

    Args:
        model: In evaluation mode, on any device.
        sequence: With its pictures; of its labels only which frames are labelled is looked at.
        boxes: Of this sequence, others are ignored. A box without a track id gets its place in the
            frame as one, which serves the AP but no tracking metric.
        skeleton: Of the answers. Joints that the model's lacks are made from its others where
            `vidpose.convert` knows how, and left out elsewhere.

    Returns:
        Predictions; the frames are those of ``sequence``, and those without labels are empty.

    Raises:
        VidposeError: The sequence has no pictures, or one of them cannot be read.
    """
    if sequence.images is None:
        raise VidposeError(f"{sequence.name}: there are labels but no pictures to look at")
    estimator = ClipEstimator(model)
    found: dict[int, tuple[PersonLabels, ...]] = {}
    labelled = [frame.index for frame in sequence.frames if frame.labelled]
    keys = [index for index in labelled if boxes.of(sequence.name, index)]
    for key, clip in _clips(sequence.images, keys, model.offsets):
        of_frame = boxes.of(sequence.name, key)
        subjects = [Subject(i, person.box) for i, person in enumerate(of_frame)]
        poses = estimator(clip, subjects)
        found[key] = tuple(
            _labels(pose, person, number, model.skeleton, skeleton)
            for number, (pose, person) in enumerate(zip(poses, of_frame, strict=True))
        )
    frames = tuple(
        FrameLabels(
            frame.index,
            frame.name,
            found.get(frame.index, ()),
            labelled=frame.labelled,
            size=frame.size,
            image_id=frame.image_id,
        )
        for frame in sequence.frames
    )
    return SequenceLabels(sequence.name, skeleton, frames)


def _labels(
    pose: Pose, person: PersonBox, number: int, models: Skeleton, skeleton: Skeleton
) -> PersonLabels:
    keypoints, scores = convert(pose.keypoints, pose.scores, models, skeleton)
    there = scores > 0
    return PersonLabels(
        track_id=number if person.track_id is None else person.track_id,
        keypoints=np.where(there[:, None], keypoints, 0.0).astype(np.float64),
        visibility=np.where(there, VISIBLE, NOT_LABELLED),
        box=person.box,
        score=person.score,
        keypoint_scores=np.where(there, scores.astype(np.float64) * person.score, np.nan),
    )


def _clips(
    images: Images, keys: Sequence[int], offsets: Sequence[int]
) -> Iterator[tuple[int, Clip]]:
    """Each key frame's index and clip; pictures are read once, ahead, by a thread."""
    last = len(images) - 1
    wanted = [[min(max(key + offset, 0), last) for offset in offsets] for key in keys]
    read: dict[int, Future[Frame]] = {}

    def ask(index: int, pool: ThreadPoolExecutor) -> None:
        if index not in read:
            read[index] = pool.submit(lambda: Frame(index, 0.0, images[index]))

    with ThreadPoolExecutor(1) as pool:
        ahead = deque(wanted)
        try:
            for position, (key, clip) in enumerate(zip(keys, wanted, strict=True)):
                while ahead and len(wanted) - len(ahead) <= position + _READ_AHEAD:
                    for index in ahead.popleft():
                        ask(index, pool)
                yield key, tuple(read[index].result() for index in clip)
                read = {index: read[index] for index in read if index >= clip[0]}
        finally:
            pool.shutdown(cancel_futures=True)
