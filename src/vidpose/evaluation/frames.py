"""What is left of truth and predictions after the filters that every PoseTrack metric shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Int

from vidpose.datasets.labels import FrameLabels, SequenceLabels
from vidpose.errors import VidposeError
from vidpose.evaluation.polygons import strictly_inside

# PoseTrack's head boxes are larger than the heads: the size of a head is this part of the diagonal.
HEAD_OF_DIAGONAL = 0.6
# The score of a joint that comes without one.
NO_SCORE = -9999.0


class Protocol(StrEnum):
    """Whose rules are followed.

    Attributes:
        POSETRACK17: The tool poseval, which scored PoseTrack2017.
        POSETRACK18: The same; the layout of files is told by their content.
        POSETRACK21: The kit of PoseTrack21.
    """

    POSETRACK17 = "posetrack17"
    POSETRACK18 = "posetrack18"
    POSETRACK21 = "posetrack21"


@dataclass(frozen=True, eq=False)
class People:
    """Everybody of one side in one frame who has a joint.

    Attributes:
        keypoints: x, y in pixels of the frame; anything where a joint is not there.
        there: Whether the joint is annotated, or predicted.
        tracks: Track ids.
        scores: Confidence of each joint; `NO_SCORE` where there is none.
        heads: Head sizes in pixels; NaN where there is no head box.
    """

    keypoints: Float[np.ndarray, "person joint 2"]
    there: Bool[np.ndarray, "person joint"]
    tracks: Int[np.ndarray, " person"]
    scores: Float[np.ndarray, "person joint"]
    heads: Float[np.ndarray, " person"]

    def __len__(self) -> int:
        return len(self.tracks)

    def __getitem__(self, which: slice | Bool[np.ndarray, " person"]) -> People:
        return People(
            self.keypoints[which],
            self.there[which],
            self.tracks[which],
            self.scores[which],
            self.heads[which],
        )


@dataclass(frozen=True, eq=False)
class FramePair:
    """A frame that counts: its truth and its predictions after the filters.

    Attributes:
        name: The picture's file.
        truth: Whom to find.
        predictions: Who was found.
        one_sided: Whether a side has nobody in the eyes of poseval, which counts such a frame apart
            in tracking. Somebody without a joint is nobody there in a PoseTrack2017 file; in
            others only if the frame has ignored regions.
    """

    name: str
    truth: People
    predictions: People
    one_sided: bool


def frame_pairs(
    truth: SequenceLabels, predictions: SequenceLabels, protocol: Protocol
) -> list[FramePair]:
    """The frames of a sequence that count, in order, without what does not count in them.

    poseval keeps the frames in which somebody is annotated, even without any joint; PoseTrack21
    those that are labelled. Joints strictly inside an ignored region go, of either side, then
    people without a joint. In PoseTrack21 a joint is there if x > 0 and y > 0. Whether a person is
    a crowd plays no part.

    Args:
        truth: The annotation.
        predictions: Frames in the same order; both in one skeleton.
        protocol: Whose rules.

    Raises:
        VidposeError: Somebody annotated in a frame with predictions has no head box.
    """
    kit = protocol is Protocol.POSETRACK21
    both = list(zip(truth.frames, predictions.frames, strict=True))
    kept = [pair for pair in both if (pair[0].labelled if kit else pair[0].people)]
    annotated = [frame for frame, _ in kept]
    ignore = [frame.ignore for frame in annotated]
    truth_people = _people(annotated, ignore, kit, len(truth.skeleton))
    predicted_people = _people([frame for _, frame in kept], ignore, kit, len(truth.skeleton))
    pairs = []
    for (frame, answer), real, found in zip(kept, truth_people, predicted_people, strict=True):
        if len(found) and np.isnan(real.heads).any():
            track = real.tracks[np.isnan(real.heads)][0]
            raise VidposeError(
                f"{truth.name}, {frame.name}: the person with track id {track} has no head box, "
                f"which scales the distances (bbox_head; x1, y1, x2, y2 in PoseTrack17); COCO, "
                f"LSP, Penn and JHMDB have none: in a recipe data.protocol: coco needs none"
            )
        both_sides = _somebody(frame, real, frame) and _somebody(answer, found, frame)
        # poseval never sees such a frame, which its custom would have count as wrong.
        nobody = kit and not len(real) and not len(found)
        one_sided = not (both_sides or nobody)
        pairs.append(FramePair(frame.name, real, found, one_sided))
    return pairs


def _somebody(frame: FrameLabels, left: People, annotated: FrameLabels) -> bool:
    # Only the layouts of PoseTrack2018 and later number their pictures.
    jointless = frame.image_id is not None and not annotated.ignore and bool(frame.people)
    return len(left) > 0 or jointless


def _people(
    frames: Sequence[FrameLabels],
    ignore: Sequence[Sequence[Float[np.ndarray, "corner 2"]]],
    kit: bool,
    joints: int,
) -> list[People]:
    """The people of each frame. All at once: a sequence is few arrays, its frames are many."""
    everybody = [person for frame in frames for person in frame.people]
    ends = np.cumsum([0, *(len(frame.people) for frame in frames)])
    keypoints = np.array([person.keypoints for person in everybody], dtype=np.float64)
    keypoints = keypoints.reshape(-1, joints, 2)
    there = np.array([person.labelled for person in everybody], dtype=bool).reshape(-1, joints)
    if kit:
        there &= (keypoints > 0).all(axis=-1)
    for (start, end), polygons in zip(pairwise(ends), ignore, strict=True):
        for polygon in polygons:
            there[start:end] &= ~strictly_inside(keypoints[start:end], polygon)
    none = np.full(joints, np.nan)
    scores = np.array(
        [none if each.keypoint_scores is None else each.keypoint_scores for each in everybody],
        dtype=np.float64,
    ).reshape(-1, joints)
    unknown = np.full(4, np.nan)
    boxes = np.array(
        [unknown if each.head_box is None else each.head_box for each in everybody],
        dtype=np.float64,
    ).reshape(-1, 4)
    people = People(
        keypoints,
        there,
        np.array([person.track_id for person in everybody], dtype=np.int64),
        np.where(np.isnan(scores), NO_SCORE, scores),
        # As the official tools: the corners of a head box may be swapped.
        HEAD_OF_DIAGONAL * np.linalg.norm(boxes[:, 2:] - boxes[:, :2], axis=-1),
    )
    some = np.any(there, axis=1)
    people, ends = people[some], np.concatenate([[0], np.cumsum(some)])[ends]
    return [people[start:end] for start, end in pairwise(ends)]
