"""What every detector returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float, Int

from vidpose.convert import convert
from vidpose.frame import Frame
from vidpose.skeleton import COCO17, Skeleton


@dataclass(frozen=True)
class Detections:
    """The people found in one frame, in no particular order.

    Attributes:
        boxes: ``x1, y1, x2, y2`` in pixels of the frame.
        scores: Confidence that each is a person, in [0, 1].
        keypoints: COCO's 17 joints in pixels of the frame where the detector gives them, else None.
            A joint of score 0 was not seen, and its place means nothing; one whose place is not
            finite is taken as not seen.
        keypoint_scores: Confidence of each joint in [0, 1]; None together with ``keypoints``.

    Raises:
        ValueError: A box is not finite or ends before it begins, or a score is not in [0, 1].
    """

    boxes: Float[np.ndarray, "n 4"]
    scores: Float[np.ndarray, " n"]
    keypoints: Float[np.ndarray, "n joint 2"] | None = None
    keypoint_scores: Float[np.ndarray, "n joint"] | None = None

    def __post_init__(self) -> None:
        if not np.isfinite(self.boxes).all():
            raise ValueError("a detector gave boxes that are not finite")
        if (self.boxes[:, 2:] < self.boxes[:, :2]).any():
            raise ValueError("a detector gave boxes with x2 < x1 or y2 < y1")
        if not ((self.scores >= 0) & (self.scores <= 1)).all():
            raise ValueError("a detector gave scores that are not in [0, 1]")
        if self.keypoints is None or self.keypoint_scores is None:
            return
        placed = np.isfinite(self.keypoints).all(axis=-1)
        if not placed.all():
            object.__setattr__(self, "keypoints", np.where(placed[..., None], self.keypoints, 0.0))
            object.__setattr__(self, "keypoint_scores", np.where(placed, self.keypoint_scores, 0.0))

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, rows: Int[np.ndarray, " m"]) -> Detections:
        """The detections of ``rows``, in that order."""
        return Detections(
            self.boxes[rows],
            self.scores[rows],
            None if self.keypoints is None else self.keypoints[rows],
            None if self.keypoint_scores is None else self.keypoint_scores[rows],
        )

    def in_skeleton(self, skeleton: Skeleton) -> Detections:
        """The same people with the joints of ``skeleton``; what it has beyond COCO's is derived."""
        if self.keypoints is None or self.keypoint_scores is None or skeleton == COCO17:
            return self
        keypoints, scores = convert(self.keypoints, self.keypoint_scores, COCO17, skeleton)
        return Detections(self.boxes, self.scores, keypoints, scores)


class Detector(Protocol):
    """Finds people in a frame."""

    @property
    def name(self) -> str:
        """How results name it."""
        ...

    def __call__(self, frame: Frame) -> Detections:
        """The people of ``frame``."""
        ...
