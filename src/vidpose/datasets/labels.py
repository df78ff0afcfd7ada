"""Labels of people in sequences of frames: what every reader yields and every metric compares.

Labels are the truth, written by people or a renderer, or predictions read from a submission; both
have the same form, so that one reader serves training and evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from jaxtyping import Float, Int, UInt8

from vidpose.geometry import Box
from vidpose.skeleton import Skeleton

# Visibility of a joint, as COCO counts it.
NOT_LABELLED, HIDDEN, VISIBLE = 0, 1, 2


class Images(Protocol):
    """The pictures of a sequence, by position; a folder, a video file or a renderer."""

    def __len__(self) -> int:
        """Number of frames, labelled or not."""
        ...

    def __getitem__(self, index: int) -> UInt8[np.ndarray, "h w 3"]:
        """The RGB picture at ``index``, from 0.

        Raises:
            VidposeError: It cannot be read.
        """
        ...


@dataclass(frozen=True, eq=False)
class PersonLabels:
    """One person in one frame.

    Attributes:
        track_id: Whom these labels are of, within the sequence; negative where the file does not
            tell, and then nobody knows of two such labels whether they are one person.
        keypoints: x, y of each joint in pixels of the frame, in the skeleton's order; (0, 0) where
            the joint is not labelled. Float64: metrics have thresholds that count the boundary in.
        visibility: `NOT_LABELLED`, `HIDDEN` or `VISIBLE` of each joint. Formats that do not tell
            hidden from visible give `VISIBLE`.
        box: The person, pixels of the frame; None if the format has none and no joint is labelled.
        head_box: The head, which scales PCKh; None where the format has none.
        score: Confidence that this is a person; 1 for truth.
        keypoint_scores: Confidence of each joint, of predictions, in any range; NaN where the file
            has none. None for truth.
        crowd: Whether this is a group labelled as one, which no metric and no training counts.
        area: Pixels inside the person's outline; None where no outline is known.
    """

    track_id: int
    keypoints: Float[np.ndarray, "joint 2"]
    visibility: Int[np.ndarray, " joint"]
    box: Box | None = None
    head_box: Box | None = None
    score: float = 1.0
    keypoint_scores: Float[np.ndarray, " joint"] | None = None
    crowd: bool = False
    area: float | None = None

    @property
    def labelled(self) -> Int[np.ndarray, " joint"]:
        """Which joints are labelled, as booleans."""
        return self.visibility > NOT_LABELLED


@dataclass(frozen=True, eq=False)
class FrameLabels:
    """The people of one frame.

    Attributes:
        index: Position among the pictures of the sequence, from 0.
        name: The picture's file as the annotation names it, e.g.
            ``images/val/000342_mpii_test/000000.jpg``.
        people: Everybody in the file's order, people without a labelled joint included.
        labelled: Whether somebody looked at this frame: no people in it then means an empty frame.
        ignore: Polygons in which nothing is counted, pixels of the frame.
        size: Width and height in pixels where the file says.
        image_id: The picture's number in formats that have numbers.
    """

    index: int
    name: str
    people: tuple[PersonLabels, ...] = ()
    labelled: bool = True
    ignore: tuple[Float[np.ndarray, "point 2"], ...] = ()
    size: tuple[int, int] | None = None
    image_id: int | None = None


@dataclass(frozen=True, eq=False)
class SequenceLabels:
    """The labels of one sequence, a video or a still.

    Attributes:
        name: The sequence, e.g. ``000342_mpii_test``; unique within a dataset.
        skeleton: The joints of everybody in it.
        frames: In rising order of ``index``; frames without labels may be left out.
        images: The pictures; None where only the labels are read.
    """

    name: str
    skeleton: Skeleton
    frames: tuple[FrameLabels, ...]
    images: Images | None = None

    def in_skeleton(self, skeleton: Skeleton) -> SequenceLabels:
        """The same labels in the joints of ``skeleton``, matched by name.

        No joint is made up from others: one that this sequence does not label is `NOT_LABELLED`.
        """
        if skeleton == self.skeleton:
            return self
        source = [
            self.skeleton.joints.index(joint) if joint in self.skeleton.joints else -1
            for joint in skeleton.joints
        ]
        frames = tuple(
            replace(frame, people=tuple(_pick(person, source) for person in frame.people))
            for frame in self.frames
        )
        return replace(self, skeleton=skeleton, frames=frames)


def _pick(person: PersonLabels, source: Sequence[int]) -> PersonLabels:
    there = np.array(source) >= 0
    scores = person.keypoint_scores
    return replace(
        person,
        keypoints=np.where(there[:, None], person.keypoints[source], 0.0),
        visibility=np.where(there, person.visibility[source], NOT_LABELLED),
        keypoint_scores=None if scores is None else np.where(there, scores[source], np.nan),
    )
