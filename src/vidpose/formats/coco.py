"""The COCO keypoints layout: lists of images, annotations and categories."""

import json
from abc import abstractmethod
from tempfile import TemporaryFile
from typing import Any

import numpy as np

from vidpose.formats.base import Writer
from vidpose.geometry import box_size
from vidpose.poses import FramePoses, Person


class CocoLayoutWriter(Writer):
    """What COCO and its relatives share: three lists, of which two grow with the video.

    The annotations go straight to the file. The images wait in a temporary file, because some
    relatives write the number of frames, which nobody knows before the end, into each.
    """

    @abstractmethod
    def category(self) -> dict[str, Any]:
        """The record of the one category, person."""

    @abstractmethod
    def image(self, frame: FramePoses) -> dict[str, Any]:
        """The record of a frame, as far as it is known when the frame is written."""

    @abstractmethod
    def annotation(self, person: Person) -> dict[str, Any]:
        """The record of a person without ``id`` and ``image_id``."""

    def complete(self, image: dict[str, Any]) -> dict[str, Any]:
        """The record of a frame once the last frame is written."""
        return image

    def picture(self, frame: FramePoses) -> dict[str, Any]:
        """The name and size of a frame's image; a video's frames are named by their index."""
        return {
            "file_name": frame.name or f"{frame.index:06d}.jpg",
            "width": frame.width or self.header.width,
            "height": frame.height or self.header.height,
        }

    def _begin(self) -> None:
        self._images = TemporaryFile(  # noqa: SIM115 - closed by _release
            "w+", encoding="utf-8", dir=self.path.parent
        )
        self.frame_count = 0
        self._annotation_count = 0
        self._file.write(f'{{"categories":[\n{_line(self.category())}],\n"annotations":[')

    def write(self, frame: FramePoses) -> None:
        """Append a frame."""
        image = self.image(frame)
        self._images.write(_line(image))
        self.frame_count += 1
        for person in frame.people:
            # From 1, since COCO's evaluation takes an annotation of id 0 for none at all.
            self._annotation_count += 1
            place = {"id": self._annotation_count, "image_id": image["id"]}
            separator = "\n" if self._annotation_count == 1 else ","
            self._file.write(separator + _line(place | self.annotation(person)))

    def _finish(self) -> None:
        self._file.write('],\n"images":[\n')
        self._images.seek(0)
        for number, line in enumerate(self._images):
            self._file.write(("," if number else "") + _line(self.complete(json.loads(line))))
        self._file.write("]}\n")

    def _release(self) -> None:
        self._images.close()
        super()._release()


class CocoWriter(CocoLayoutWriter):
    """COCO keypoints, with ``score``, ``keypoint_scores`` and ``track_id`` beside COCO's fields.

    The category lists the joints of the source's own skeleton, whichever that is.
    """

    file_name = "coco.json"

    def category(self) -> dict[str, Any]:
        """Person, with the joint names and the 1-based edges."""
        skeleton = self.header.skeleton.skeleton()
        return {
            "id": 1,
            "name": "person",
            "supercategory": "person",
            "keypoints": skeleton.joints,
            "skeleton": (skeleton.edge_indices + 1).tolist(),
        }

    def image(self, frame: FramePoses) -> dict[str, Any]:
        """One frame; its id is the frame's index."""
        return {"id": frame.index, **self.picture(frame)}

    def annotation(self, person: Person) -> dict[str, Any]:
        """One person; every joint counts as visible (v = 2), for a model always says where."""
        record = person.model_dump()
        bbox = bbox_of(person)
        return {
            "category_id": 1,
            "track_id": person.id,
            "bbox": bbox,
            "area": round(bbox[2] * bbox[3], 3),
            "iscrowd": 0,
            "num_keypoints": len(person.keypoints),
            "keypoints": [number for xy in record["keypoints"] for number in (*xy, 2)],
            "score": record["score"],
            "keypoint_scores": record["keypoint_scores"],
        }


def bbox_of(person: Person) -> list[float]:
    """The box as x, y, width, height in pixels of the frame, to a thousandth."""
    box = person.box.astype(np.float64)
    numbers: list[float] = np.round(np.concatenate([box[:2], box_size(box)]), 3).tolist()
    return numbers


def _line(record: dict[str, Any]) -> str:
    return json.dumps(record) + "\n"
