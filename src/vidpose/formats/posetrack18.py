"""The PoseTrack18 layout, for its evaluation tools.

People are written in PoseTrack's 15 joints, in 17 slots of which the two ears stay zero.
"""

from pathlib import PurePath
from typing import Any

import numpy as np
from jaxtyping import Float

from vidpose.convert import convert
from vidpose.formats.coco import CocoLayoutWriter, bbox_of
from vidpose.formats.posetrack_ids import image_id, video_id
from vidpose.poses import FramePoses, Person
from vidpose.skeleton import POSETRACK15

# The ears' slots stand between the three joints of the head and the limbs.
SLOTS = (*POSETRACK15.joints[:3], "left_ear", "right_ear", *POSETRACK15.joints[3:])
# Joints of COCO that PoseTrack does not label; labels that we write have them beside the slots.
FACE = ("left_eye", "right_eye", "left_ear", "right_ear")
# Person, with the names of the slots and the 1-based edges between them.
CATEGORY = {
    "supercategory": "person",
    "id": 1,
    "name": "person",
    "keypoints": list(SLOTS),
    "skeleton": [[SLOTS.index(a) + 1, SLOTS.index(b) + 1] for a, b in POSETRACK15.edges],
}

_SLOT_OF = [SLOTS.index(joint) for joint in POSETRACK15.joints]


def in_slots(values: Float[np.ndarray, "15 column"]) -> Float[np.ndarray, "17 column"]:
    """A row a joint of `POSETRACK15`, in the order of the 17 slots, zeros for the ears."""
    slots = np.zeros((len(SLOTS), values.shape[1]))
    slots[_SLOT_OF] = values
    return slots


class PoseTrack18Writer(CocoLayoutWriter):
    """PoseTrack18 predictions of one sequence.

    The score of a joint is its own times that of the person, as the published systems write it. A
    joint that the source's skeleton cannot give is (0, 0) with v = 0, which means not predicted.
    Image ids follow PoseTrack's rule (`vidpose.formats.posetrack_ids`), so that they agree with
    those of the ground truth where the source is named as its sequence (``003418_mpii_test``).
    """

    file_name = "posetrack18.json"

    def _begin(self) -> None:
        self._source = self.header.skeleton.skeleton()
        self._sequence = PurePath(self.header.source).name
        super()._begin()

    def category(self) -> dict[str, Any]:
        """Person with the 17 slots."""
        return CATEGORY

    def image(self, frame: FramePoses) -> dict[str, Any]:
        """One frame with an id by PoseTrack's rule."""
        number = image_id(self._sequence, frame.index)
        return {
            "is_labeled": True,
            "nframes": None,
            "frame_id": number,
            "vid_id": video_id(self._sequence),
            "id": number,
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
        slots = in_slots(np.round(rows, 3))
        joint_scores = in_slots(scores.astype(np.float64)[:, None] * person.score)[:, 0]
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
