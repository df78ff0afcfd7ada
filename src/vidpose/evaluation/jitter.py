"""How much tracked poses tremble, and whether they come late: figures that need no labels."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment

from vidpose.geometry import box_area, box_size
from vidpose.poses import Person, Poses

# Joints count from this score on (exclusive).
CONFIDENT = 0.3
# Accelerations are per square of one frame at this rate, whatever the rate of the clip.
FRAME_RATE = 30.0
# Two boxes of a larger IoU in the same frame are the same person.
_SAME = 0.5
# Motion below this, in box sides a frame, is rounding.
_STILL = 1e-5


@dataclass(frozen=True)
class _Track:
    """What was seen of one person, frame by frame; ``side`` is the longer one of the box."""

    index: Int[np.ndarray, " n"]
    pts: Float[np.ndarray, " n"]
    box: Float[np.ndarray, "n 4"]
    side: Float[np.ndarray, "n 1"]
    keypoints: Float[np.ndarray, "n joint 2"]
    scores: Float[np.ndarray, "n joint"]


def accelerations(poses: Poses, min_score: float = CONFIDENT) -> dict[int, Float[np.ndarray, " _"]]:
    """The acceleration of every confident joint in every three successive frames, by track.

    It is the second difference of the place over the three times, as a length: in longer sides of
    the person's box (that of the middle frame) per (1/30 s)^2. At 30 frames/s that is
    ``|x[t + 1] - 2 x[t] + x[t - 1]| / side``. It contains the person's own motion; a ratio of two
    results of one clip tells how much more one of them trembles.

    Args:
        poses: Of one source; people who were filled in are not looked at.
        min_score: A joint is confident if its score is above it in all three frames.

    Returns:
        For each id, one number a joint and triple, in no particular order; maybe none.
    """
    found = {}
    for id_, track in _tracks(poses).items():
        step = np.diff(track.pts)
        follows = (np.diff(track.index) == 1) & (step > 0)
        velocity = np.diff(track.keypoints, axis=0) / np.where(follows, step, 1.0)[:, None, None]
        span = np.where(follows[:-1] & follows[1:], (step[:-1] + step[1:]) / 2, 1.0)
        length = np.linalg.norm(np.diff(velocity, axis=0), axis=-1) / span[:, None]
        sure = track.scores > min_score
        counted = (sure[:-2] & sure[1:-1] & sure[2:]) & (follows[:-1] & follows[1:])[:, None]
        counted &= track.side[1:-1] > 0
        relative = length / np.maximum(track.side[1:-1], 1e-6) / FRAME_RATE**2
        found[id_] = relative[counted]
    return found


def lag(first: Poses, second: Poses, longest: int = 15, min_score: float = CONFIDENT) -> int | None:
    """By how many frames ``second`` comes after ``first``, two results of one clip.

    It is where the cross-correlation of the joints' velocities is greatest, summed over the joints
    that both have by name and over the people whom both found (their boxes overlap; ids play no
    part). Each joint's mean velocity is taken off first: steady motion looks the same at any lag.

    Args:
        first: The reference.
        second: Of the same frames.
        longest: Lags of up to this many frames, either way, are tried.
        min_score: A velocity counts if the joint's score is above it in both frames.

    Returns:
        Frames, negative where ``second`` is early; the one nearest to 0 where several are as good.
        None if no common joint of a common person moves.
    """
    joints = [name for name in first.skeleton.joints if name in second.skeleton.joints]
    columns = [[poses.skeleton.index(name) for name in joints] for poses in (first, second)]
    lags = sorted(range(-longest, longest + 1), key=abs)
    correlation = np.zeros(len(lags))
    for a, b in _same_people(list(_tracks(first).values()), list(_tracks(second).values())):
        end = int(max(a.index[-1], b.index[-1])) + 1
        moves_a = _velocities(a, end, min_score)[:, columns[0]]
        moves_b = _velocities(b, end, min_score)[:, columns[1]]
        for place, by in enumerate(lags):
            early, late = (moves_a, moves_b) if by >= 0 else (moves_b, moves_a)
            kept = max(end - abs(by), 0)
            correlation[place] += (early[:kept] * late[end - kept :]).sum()
    return lags[int(correlation.argmax())] if correlation.max() > 0 else None


def _tracks(poses: Poses) -> dict[int, _Track]:
    seen: dict[int, list[tuple[int, float, Person]]] = defaultdict(list)
    for frame in poses:
        for person in frame.people:
            if not person.filled:
                seen[person.id].append((frame.index, frame.pts, person))
    tracks = {}
    for id_, rows in seen.items():
        index, pts, people = zip(*rows, strict=True)
        box = np.stack([person.box for person in people]).astype(np.float64)
        tracks[id_] = _Track(
            np.array(index),
            np.array(pts),
            box,
            box_size(box).max(axis=1, keepdims=True),
            np.stack([person.keypoints for person in people]).astype(np.float64),
            np.stack([person.keypoint_scores for person in people]),
        )
    return tracks


def _same_people(first: list[_Track], second: list[_Track]) -> list[tuple[_Track, _Track]]:
    """Pairs of tracks, each used once, with the most frames in which their boxes agree."""
    agree = np.array([[_agreement(a, b) for b in second] for a in first])
    if not agree.size:
        return []
    pairs = zip(*linear_sum_assignment(agree, maximize=True), strict=True)
    return [(first[i], second[j]) for i, j in pairs if agree[i, j] > 0]


def _agreement(a: _Track, b: _Track) -> int:
    """The number of frames in which the boxes of two tracks are the same person's."""
    _, rows_a, rows_b = np.intersect1d(a.index, b.index, return_indices=True)
    box_a, box_b = a.box[rows_a], b.box[rows_b]
    common = box_size(
        np.concatenate(
            [np.maximum(box_a[:, :2], box_b[:, :2]), np.minimum(box_a[:, 2:], box_b[:, 2:])], axis=1
        )
    ).prod(axis=1)
    return int((common > _SAME * (box_area(box_a) + box_area(box_b) - common)).sum())


def _velocities(track: _Track, end: int, min_score: float) -> Float[np.ndarray, "frame joint 2"]:
    """Box sides a frame less their mean, by the frame that begins the step; 0 where unknown."""
    sure = track.scores > min_score
    follows = (np.diff(track.index) == 1)[:, None] & (track.side[:-1] > 0)
    known = (sure[:-1] & sure[1:] & follows)[..., None]
    steps = np.diff(track.keypoints, axis=0) / np.maximum(track.side[:-1, :, None], 1e-6)
    mean = (steps * known).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    steps = np.where(known, steps - mean, 0.0)
    steps[np.abs(steps) < _STILL] = 0.0
    moves = np.zeros((end, *steps.shape[1:]))
    moves[track.index[:-1]] = steps
    return moves
