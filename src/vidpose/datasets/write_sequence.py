"""Sequences written one by one into a folder that reads as PoseTrack2018."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

import cv2
import numpy as np
from jaxtyping import UInt8

from vidpose.atomic import staged
from vidpose.datasets.labels import FrameLabels, PersonLabels, SequenceLabels
from vidpose.datasets.write_posetrack18 import posetrack18_document
from vidpose.errors import VidposeError

_JPEG_QUALITY = 95


class SequenceWriter:
    """One sequence, pictures and labels, there after the ``with`` block whole or not at all.

    Writes ``images/SPLIT/NAME/000000.jpg`` and so on, and ``annotations/SPLIT/NAME.json``. A block
    that ends without `labels`, or by an exception, leaves nothing.

    Args:
        root: Folder of the dataset; made if it is not there.
        split: ``train``, ``val`` or ``test``.
        name: The sequence, e.g. ``000012_walk``: PoseTrack's image ids are made of its number.
        overwrite: Replace a sequence of this name.

    Attributes:
        labels: To be set before the block ends; frames by the names that `add` gave.

    Raises:
        VidposeError: The sequence is there already, or the folder cannot be written.
    """

    def __init__(self, root: Path, split: str, name: str, overwrite: bool = False) -> None:
        self.labels: SequenceLabels | None = None
        self._annotation = root / "annotations" / split / f"{name}.json"
        self._folder = root / "images" / split / name
        self._inside = f"images/{split}/{name}"
        if self._annotation.exists() and not overwrite:
            raise VidposeError(
                f"{self._annotation} exists; add --overwrite, or give another folder"
            )
        self._count = 0
        self._temporary = self._folder.with_name(f".{name}.{uuid4().hex}.part")

    def add(self, picture: UInt8[np.ndarray, "h w 3"]) -> FrameLabels:
        """Writes the next picture (RGB); returns its frame, in which nobody is labelled yet."""
        file = f"{self._count:06d}.jpg"
        height, width = picture.shape[:2]
        frame = FrameLabels(
            self._count, f"{self._inside}/{file}", labelled=False, size=(width, height)
        )
        options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
        _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)
        try:
            (self._temporary / file).write_bytes(data.tobytes())
        except OSError as error:
            raise VidposeError(f"cannot write {self._folder}: {error.strerror}") from error
        self._count += 1
        return frame

    def __enter__(self) -> Self:
        try:
            self._annotation.parent.mkdir(parents=True, exist_ok=True)
            self._temporary.mkdir(parents=True)
        except OSError as error:
            raise VidposeError(f"cannot write {self._folder}: {error.strerror}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None and self.labels is not None:
                self._publish(self.labels)
        finally:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def _publish(self, labels: SequenceLabels) -> None:
        frames = tuple(
            replace(frame, people=tuple(_rounded(person) for person in frame.people))
            for frame in labels.frames
        )
        document = posetrack18_document(replace(labels, frames=frames))
        try:
            # Labels come last: what has labels is whole.
            self._annotation.unlink(missing_ok=True)
            shutil.rmtree(self._folder, ignore_errors=True)
            self._temporary.rename(self._folder)
        except OSError as error:
            raise VidposeError(f"cannot write {self._folder}: {error.strerror}") from error
        with staged(self._annotation) as temporary:
            temporary.write_text(json.dumps(document, allow_nan=False) + "\n", encoding="utf-8")


def _rounded(person: PersonLabels) -> PersonLabels:
    """To hundredths of a pixel, which keeps files small."""
    box = None if person.box is None else np.asarray(person.box, np.float64).round(2)
    return replace(person, keypoints=person.keypoints.round(2), box=box)
