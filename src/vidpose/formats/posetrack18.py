"""The PoseTrack18 layout, for its evaluation tools.

People are written in PoseTrack's 15 joints, in 17 slots of which the two ears stay zero.
"""

import re
from pathlib import PurePath
from typing import Any

import numpy as np

from vidpose.convert import convert
from vidpose.formats.coco import CocoLayoutWriter, bbox_of
from vidpose.poses import FramePoses, Person
from vidpose.skeleton import POSETRACK15

# The ears' slots stand between the three joints of the head and the limbs.
_EARS = (3, 3)
SLOTS = (*POSETRACK15.joints[:3], "left_ear", "right_ear", *POSETRACK15.joints[3:])
# Joints of COCO that PoseTrack does not label; labels that we write have them beside the slots.
FACE = ("left_eye", "right_eye", "left_ear", "right_ear")


class PoseTrack18Writer(CocoLayoutWriter):
    """PoseTrack18 predictions of one sequence.

    The score of a joint is its own times that of the person, as the published systems write it. A
    joint that the source's skeleton cannot give is (0, 0) with v = 0, which means not predicted.
    Image ids follow PoseTrack's rule where the source is named as a PoseTrack sequence is
    (``003418_mpii_test``), so that they agree with those of the ground truth.
    """

    file_name = "posetrack18.json"

    def _begin(self) -> None:
        self._source = self.header.skeleton.skeleton()
        sequence = re.match(r"(\d{6})_", PurePath(self.header.source).name)
        self._vid_id = sequence[1] if sequence else "000000"
        super()._begin()

    def category(self) -> dict[str, Any]:
        """Person, with the names of the 17 slots and the 1-based edges between them."""
        edges = [[SLOTS.index(a) + 1, SLOTS.index(b) + 1] for a, b in POSETRACK15.edges]
        return {
            "supercategory": "person",
            "id": 1,
            "name": "person",
            "keypoints": SLOTS,
            "skeleton": edges,
        }

    def image(self, frame: FramePoses) -> dict[str, Any]:
        """One frame; its id is 1, six digits of the sequence, four of the frame."""
        image_id = int(f"1{self._vid_id}0000") + frame.index
        return {
            "is_labeled": True,
            "nframes": None,
            "frame_id": image_id,
            "vid_id": self._vid_id,
            "id": image_id,
            **self.picture(frame),
        }

    def complete(self, image: dict[str, Any]) -> dict[str, Any]:
        """The record with the number of frames of the sequence."""
        return image | {"nframes": self.frame_count}

    def annotation(self, person: Person) -> dict[str, Any]:
        """One person; v is 1 for a predicted joint, else 0."""
        keypoints, scores = convert(
            person.keypoints, person.keypoint_scores, self._source, POSETRACK15
        )
        there = scores > 0
        rows = np.column_stack([np.where(there[:, None], keypoints, 0), there]).astype(np.float64)
        slots = np.insert(np.round(rows, 3), _EARS, 0.0, axis=0)
        joint_scores = np.insert(scores.astype(np.float64) * person.score, _EARS, 0.0)
        return {
            "category_id": 1,
            "track_id": person.id,
            "bbox": bbox_of(person),
            "iscrowd": False,
            "num_keypoints": int(there.sum()),
            "keypoints": [number for x, y, v in slots.tolist() for number in (x, y, int(v))],
            "scores": np.round(joint_scores, 4).tolist(),
            "score": round(person.score, 4),
        }
