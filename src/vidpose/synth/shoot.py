"""A scene as a camera films it: finished pictures, and the labels of everybody in them."""

from __future__ import annotations

from functools import cached_property
from types import TracebackType
from typing import Self

import numpy as np
from jaxtyping import UInt8

from vidpose.datasets.labels import FrameLabels
from vidpose.synth.labels import Seen, label
from vidpose.synth.renderer import Renderer
from vidpose.synth.scene import Scene


class Shoot:
    """The pictures of a scene, rendered when they are asked for (`datasets.labels.Images`).

    A picture is the mean of the sub-frames of the preset's film; labels are those of the middle of
    the time that the shutter is open, and cost one drawing of depth and no picture. Nothing is kept
    but the labels. To be closed, or used in a ``with``.

    Args:
        scene: What is filmed.
        split: The folder in names of pictures.
        name: Of the sequence.
    """

    def __init__(self, scene: Scene, split: str = "train", name: str | None = None) -> None:
        self.scene = scene
        self.name = f"{scene.seed:06d}_synth" if name is None else name
        self._folder = f"images/{split}/{self.name}"
        self._seen: dict[int, tuple[Seen, ...]] = {}

    def __len__(self) -> int:
        return self.scene.frames

    def __getitem__(self, index: int) -> UInt8[np.ndarray, "h w 3"]:
        """The RGB picture at ``index``, from 0.

        Raises:
            VidposeError: This machine cannot render, or a file of the background cannot be read.
        """
        scene, count = self.scene, self.scene.preset.film.subframes
        moments, behind = scene.moments(index, count), scene.backgrounds(index, count)
        pictures = [self._renderer.image(*each) for each in zip(moments, behind, strict=True)]
        return scene.develop(index, pictures)

    def seen(self, index: int) -> tuple[Seen, ...]:
        """Everybody who is labelled in a frame.

        Raises:
            VidposeError: This machine cannot render.
        """
        if index not in self._seen:
            moment = self.scene.moments(index)[0]
            self._seen[index] = label(self.scene.cast, moment, *self._renderer.surfaces(moment))
        return self._seen[index]

    def labels(self, index: int) -> FrameLabels:
        """The same as a frame of `labels.BODY19`."""
        height, width = self.scene.size
        return FrameLabels(
            index=index,
            name=f"{self._folder}/{index:06d}.jpg",
            people=tuple(each.labels for each in self.seen(index)),
            size=(width, height),
        )

    def close(self) -> None:
        """Frees what the GPU holds."""
        if (renderer := self.__dict__.pop("_renderer", None)) is not None:
            renderer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @cached_property
    def _renderer(self) -> Renderer:
        return Renderer(*self.scene.size, dict(enumerate(self.scene.cast)))
