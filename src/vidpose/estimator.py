"""Poses of the people of a key frame, with a cache of encoded frames."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from vidpose.backbones.base import Features
from vidpose.frame import Frame
from vidpose.geometry import Box, crop, crop_to_image, image_to_crop
from vidpose.models.base import PoseModel, PoseOutput
from vidpose.windows import Clip, HeldWindow, Mode, alike

# Crops of a call: on a GPU more gain nothing, and those of a crowd's clips may not fit into it.
_AT_ONCE = 32


@dataclass(frozen=True)
class Subject:
    """A person to be estimated in a key frame.

    Attributes:
        id: Whose features may be shared between key frames.
        box: The person's box in the key frame, pixels.
        keypoints: Where the detector saw the model's joints, pixels; None if it did not.
        keypoint_scores: Its confidence of each joint, in [0, 1].
    """

    id: int
    box: Box
    keypoints: Float[np.ndarray, "joint 2"] | None = None
    keypoint_scores: Float[np.ndarray, " joint"] | None = None


@dataclass(frozen=True)
class Pose:
    """A person's joints in pixels of the frame, and their scores in [0, 1]."""

    keypoints: Float[np.ndarray, "joint 2"]
    scores: Float[np.ndarray, " joint"]


class _Seen(NamedTuple):
    """A frame, the window that somebody was seen through, and the features of what was seen."""

    frame: Frame
    window: Box
    features: Features


@dataclass
class _Encoded:
    """What is remembered of one person: the present window, and the frames that were seen."""

    held: HeldWindow
    window: Box | None = None
    seen: dict[int, _Seen] = field(default_factory=dict)

    def of(self, frame: Frame) -> _Seen | None:
        """What is known of ``frame``; an index alone could be that of another video's frame."""
        known = self.seen.get(frame.index)
        return known if known is not None and known.frame is frame else None


class ClipEstimator:
    """Poses of the people of a key frame, by a `PoseModel`, with a cache of encoded frames.

    Args:
        model: Any pose model; moved nowhere, run where its parameters are.
        mode: How the crop box follows the person.

    Attributes:
        encoded: Crops encoded so far.
        answered: Poses given so far.
    """

    def __init__(self, model: PoseModel, mode: Mode = "exact") -> None:
        self.model = model
        # Without neighbours there is nothing that a held window could share.
        self._alone = len(model.offsets) == 1
        self._carries = mode == "hold" and model.portable and not self._alone
        self._fresh = mode == "exact" or self._alone or self._carries
        self.encoded = 0
        self.answered = 0
        self._people: dict[int, _Encoded] = {}
        self._clip: Clip = ()
        self._crops = torch.empty((0, *model.crop.size, 3), dtype=torch.uint8)

    @torch.inference_mode()
    def __call__(self, clip: Clip, people: Sequence[Subject]) -> list[Pose]:
        """The pose of each of ``people`` in the key frame of ``clip``.

        Args:
            clip: Frames at the model's offsets.
            people: Who is in the key frame; the answer has the same order.
        """
        self._forget(clip, people)
        self._clip = clip
        if not people:
            return []
        windows = [self._window(person) for person in people]
        features = self._features(clip, people)
        output = self.model.aggregate(features, self._prior(people, windows))
        xy_norm, scores = _sound(output)
        self.answered += len(people)
        return [
            Pose(crop_to_image(xy, self.model.crop.affine(window)), score)
            for xy, score, window in zip(
                xy_norm * self.model.crop.size[::-1], scores, windows, strict=True
            )
        ]

    @property
    def passes(self) -> float | None:
        """Crops encoded for each pose so far, the measure of what ``hold`` saves.

        None before the first pose, and of a model without neighbours, which always needs one.
        """
        return None if self._alone or not self.answered else self.encoded / self.answered

    def window_of(self, person_id: int) -> Box:
        """Through which window somebody was seen in the last clip.

        Args:
            person_id: Of one of its people.
        """
        window = self._people[person_id].window
        assert window is not None
        return window

    def crops_of(self, person_id: int) -> UInt8[np.ndarray, "frame h w 3"]:
        """What the model was shown of somebody in the last clip, for a closer look.

        Args:
            person_id: Of one of its people.
        """
        affine = self.model.crop.affine(self.window_of(person_id))
        crops = np.empty((len(self._clip), *self.model.crop.size, 3), dtype=np.uint8)
        for out, frame in zip(crops, self._clip, strict=True):
            crop(frame.image, affine, out)
        return crops

    def _forget(self, clip: Clip, people: Sequence[Subject]) -> None:
        """Drop people who left, and frames that no later clip can contain."""
        present = {person.id for person in people}
        self._people = {id_: kept for id_, kept in self._people.items() if id_ in present}
        oldest = min(frame.index for frame in clip)
        for kept in self._people.values():
            kept.seen = {i: kept.seen[i] for i in kept.seen if i >= oldest}

    def _window(self, person: Subject) -> Box:
        """The crop window of ``person``; frames seen through another are dropped, or carried on."""
        kept = self._people.setdefault(person.id, _Encoded(HeldWindow(self.model.crop)))
        box = person.box
        window = self.model.crop.window(box) if self._fresh else kept.held.update(box)
        if self._carries:
            key = self._clip[self.model.key]
            known = kept.of(key)
            if known is not None and not alike(known.window, window):
                del kept.seen[key.index]
        elif kept.window is None or not np.array_equal(window, kept.window):
            kept.seen = {}
        kept.window = window
        return window

    def _features(self, clip: Clip, people: Sequence[Subject]) -> Features:
        """Levels ``[person, frame, ...]`` of everybody's clip; what the cache lacks is encoded."""
        everybody = [self._people[person.id] for person in people]
        if self._alone:
            # No later clip contains this frame: there is nothing to keep and to stack.
            encoded = self._encode([(kept, clip[0]) for kept in everybody])
            return encoded.map(lambda level: level[:, None])
        missing: list[tuple[_Encoded, Frame]] = []
        for kept in everybody:
            unseen = {frame.index: frame for frame in clip if kept.of(frame) is None}
            missing += [(kept, frame) for frame in unseen.values()]
        if missing:
            encoded = self._encode(missing)
            for row, (kept, frame) in enumerate(missing):
                assert kept.window is not None
                of_frame = encoded.map(itemgetter(row))
                kept.seen[frame.index] = _Seen(frame, kept.window, of_frame)
        # Stacked in one go, which keeps channels_last; stacked twice all would be copied out of it.
        rows = [(kept, kept.seen[frame.index]) for kept in everybody for frame in clip]
        features = Features.stack([known.features for _, known in rows], 0)
        if self._carries:
            features = self._moved(features, rows)
        shape = len(people), len(clip)
        return features.map(lambda level: level.unflatten(0, shape))

    def _moved(self, features: Features, rows: Sequence[tuple[_Encoded, _Seen]]) -> Features:
        """Features of frames as if all had been seen through their person's present window."""
        before = np.stack([known.window for _, known in rows])
        now = np.stack([kept.window for kept, _ in rows if kept.window is not None])
        size = now[:, 2:] - now[:, :2]
        scale = (before[:, 2] - before[:, 0]) / size[:, 0]
        shift = (before[:, :2] - now[:, :2]) / size
        device = self.model.device
        return self.model.moved(
            features, torch.from_numpy(scale).to(device), torch.from_numpy(shift).to(device)
        )

    def _encode(self, seen: Sequence[tuple[_Encoded, Frame]]) -> Features:
        """Levels ``[n, ...]`` of what is seen through people's windows."""
        crops = self._room_for(len(seen))
        for out, (kept, frame) in zip(crops.numpy(), seen, strict=True):
            assert kept.window is not None
            crop(frame.image, self.model.crop.affine(kept.window), out)
        self.encoded += len(seen)
        parts = [self.model.encode(part) for part in self._to_device(crops).split(_AT_ONCE)]
        return parts[0] if len(parts) == 1 else Features.join(parts)

    def _room_for(self, count: int) -> UInt8[Tensor, "n h w 3"]:
        """Memory for crops that the next call uses again: fresh pages cost more than the copy."""
        if count > len(self._crops):
            # Pinned, it is copied to a GPU while the CPU goes on; poses are waited for before the
            # next call writes here.
            pinned = self.model.device.type == "cuda"
            shape = (count, *self.model.crop.size, 3)
            self._crops = torch.empty(shape, dtype=torch.uint8, pin_memory=pinned)
        return self._crops[:count]

    def _prior(self, people: Sequence[Subject], windows: Sequence[Box]) -> Tensor | None:
        if not self.model.uses_prior:
            return None
        prior = np.zeros((len(people), len(self.model.skeleton), 3), dtype=np.float32)
        for row, person, window in zip(prior, people, windows, strict=True):
            if person.keypoints is not None and person.keypoint_scores is not None:
                affine = self.model.crop.affine(window)
                row[:, :2] = image_to_crop(person.keypoints, affine) / self.model.crop.size[::-1]
                row[:, 2] = person.keypoint_scores
        return torch.from_numpy(prior).to(self.model.device)

    def _to_device(self, crops: UInt8[Tensor, "n h w 3"]) -> UInt8[Tensor, "n 3 h w"]:
        # The permuted view of [n, h, w, 3] is channels_last in memory: nothing is copied.
        return crops.to(self.model.device, non_blocking=True).permute(0, 3, 1, 2)


def _sound(
    output: PoseOutput,
) -> tuple[Float[np.ndarray, "batch joint 2"], Float[np.ndarray, "batch joint"]]:
    """Joints and scores that a file can hold: a joint that is not a number was not found."""
    xy_norm = output.xy_norm.float().cpu().numpy()
    scores = output.score.float().cpu().numpy()
    found = np.isfinite(xy_norm).all(axis=-1) & np.isfinite(scores)
    middle = np.full_like(xy_norm, 0.5)
    return (
        np.where(found[..., None], xy_norm, middle),
        np.where(found, np.clip(scores, 0.0, 1.0), 0.0),
    )
