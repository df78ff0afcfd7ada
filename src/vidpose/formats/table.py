"""CSV: one row a joint, for spreadsheets and data frames."""

import csv

from vidpose.formats.base import Writer
from vidpose.poses import FramePoses


class TableWriter(Writer):
    """``frame, pts, id, joint, x, y, score``; a frame without people has no rows."""

    file_name = "poses.csv"

    def _begin(self) -> None:
        self._rows = csv.writer(self._file, lineterminator="\n")
        self._rows.writerow(("frame", "pts", "id", "joint", "x", "y", "score"))

    def write(self, frame: FramePoses) -> None:
        """Append a frame."""
        joints = self.header.skeleton.joints
        record = frame.model_dump()
        for person in record["people"]:
            place = (record["index"], record["pts"], person["id"])
            measured = zip(joints, person["keypoints"], person["keypoint_scores"], strict=True)
            self._rows.writerows((*place, joint, *xy, score) for joint, xy, score in measured)
