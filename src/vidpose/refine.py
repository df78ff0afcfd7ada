"""Tracked poses made better after the fact: jitter smoothed, short gaps filled.

Nothing here looks at pictures, and nobody's joints are mixed with those of another id.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise, repeat
from typing import Literal

import numpy as np
from jaxtyping import Float

from vidpose.errors import VidposeError
from vidpose.polynomial import Fit
from vidpose.poses import FramePoses, Person, Poses

# ``gentle`` is ``savgol`` that moves no joint by more than its `REACH`, but for strays.
Smoothing = Literal["off", "gentle", "savgol"]

# At 30 frames/s motion of up to 4.8 Hz passes (-3 dB), and the second difference of white noise
# falls to 0.22 of what it was. For more frames a second the window may be longer.
WINDOW, ORDER = 7, 2
# The furthest that a joint is moved, in longer sides of the person's box; None sets no bound. With
# this one joints are nearer to the truth on rendered scenes, also in fast motion, where without
# a bound they are farther off than unsmoothed (docs/experiments.md).
REACH: dict[Smoothing, float | None] = {"gentle": 0.015, "savgol": None}
# A joint further than so many standard errors from where the frames around expect it is a stray.
_STRAY = 3.0
# A polynomial with a greater variance than so many sightings have is a guess: at the end of a track
# it is 3 to 5, and greater where all frames near have next to no score.
_GUESSED = 5.0
# Normal equations in powers of time are safe up to here.
_HIGHEST_ORDER = 5
# A joint is never weighed as if its score were lower: a fit needs some weight everywhere.
_LEAST_SCORE = 0.01
# A step in time of more than this many usual ones is a pause.
_PAUSE = 2.5
# What is left of a score where somebody was not seen.
_UNSEEN = 0.5


def smooth(
    poses: Poses, window: int = WINDOW, order: int = ORDER, reach: float | None = None
) -> Poses:
    """Every joint of every track smoothed over time; see `smoothed`.

    Raises:
        VidposeError: The window, the order or the reach makes no sense.
    """
    return poses.model_copy(update={"frames": tuple(smoothed(poses, window, order, reach))})


def smoothed(
    frames: Iterable[FramePoses],
    window: int = WINDOW,
    order: int = ORDER,
    reach: float | None = None,
) -> Iterator[FramePoses]:
    """Smooth while frames arrive: each comes ``window // 2`` frames late.

    A joint's new place is that of a polynomial in time, fitted to its places in the frames within
    half a window. In the midst of a track, with even steps and equal scores, this is the filter of
    Savitzky and Golay (Analytical Chemistry 36, 1964), which `scipy.signal.savgol_filter` has. It
    is fitted here to do three things that a fixed filter cannot:

    - times are the frames' own, so that frame rates may vary;
    - a place weighs as the square of its score, as if half the score meant twice the error: one
      that is not sure is mostly made from its neighbours;
    - at the ends of a track the window is cut off.

    A joint that the other frames only tell from afar stays where it was: the frames around it have
    next to no score, or came at nearly one time.

    A frame without the person ends a track, and so does a missing frame or a pause; a piece of no
    more than ``order + 1`` frames stays as it is. Boxes and scores stay. What was there before is
    kept as `Person.keypoints_raw`, and smoothing starts from that where there is one: it can be
    done again with another window.

    Args:
        frames: Of one source, in order.
        window: Number of frames, odd.
        order: Degree of the polynomial, 0 to 5 and less than ``window``.
        reach: The furthest that a joint is moved, in longer sides of the person's box, so that
            motion too fast for the polynomial stays what it is; None sets no bound. Strays go
            further: a joint beyond the reach, and more than three standard errors, from where the
            other frames' polynomial expects it is put there, whatever its score (it jumped for a
            frame, to the other leg, say). They tell so from five other frames on.

    Raises:
        VidposeError: The window, the order or the reach makes no sense; at once.
    """
    if reach is not None and not reach >= 0:
        raise VidposeError(f"a reach of {reach}: it must be 0 or more")
    if window < 1 or window % 2 == 0:
        raise VidposeError(f"a window of {window} frames: it must be an odd number, 1 or more")
    if not 0 <= order <= min(_HIGHEST_ORDER, window - 1):
        raise VidposeError(
            f"a polynomial of order {order} in a window of {window} frames: it must be from 0 to "
            f"{min(_HIGHEST_ORDER, window - 1)}"
        )
    return _smoothed(frames, window, order, reach)


def fill_gaps(poses: Poses, longest: int = 5) -> Poses:
    """Put people in where a track has a short gap, on a line between the sightings around it.

    Boxes and joints are interpolated in time; scores are half of the lower one of the two
    sightings, and the person is marked as `Person.filled`. A frame that is not in ``poses`` is not
    made. Fill before smoothing, which goes on through what is filled.

    Args:
        poses: Of one source.
        longest: Fill gaps of up to this many frames.

    Raises:
        VidposeError: ``longest`` is negative.
    """
    if longest < 0:
        raise VidposeError(f"gaps of up to {longest} frames: it must be 0 or more")
    sightings: dict[int, list[tuple[int, Person]]] = defaultdict(list)
    for position, frame in enumerate(poses):
        for person in frame.people:
            sightings[person.id].append((position, person))
    added: dict[int, list[Person]] = defaultdict(list)
    for track in sightings.values():
        for (before, last_seen), (after, seen_again) in pairwise(track):
            start, end = poses.frames[before], poses.frames[after]
            if end.index - start.index - 1 > longest:
                continue
            for position in range(before + 1, after):
                # Times that stand still leave nothing to interpolate by.
                if start.pts < (pts := poses.frames[position].pts) < end.pts:
                    part = (pts - start.pts) / (end.pts - start.pts)
                    added[position].append(_between(last_seen, seen_again, part))
    frames = tuple(
        frame.model_copy(update={"people": (*frame.people, *added[position])})
        for position, frame in enumerate(poses)
    )
    return poses.model_copy(update={"frames": frames})


def _between(before: Person, after: Person, part: float) -> Person:
    def mixed(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (1 - part) * a + part * b

    return Person(
        id=before.id,
        score=_UNSEEN * min(before.score, after.score),
        box=mixed(before.box, after.box),
        keypoints=mixed(before.keypoints, after.keypoints),
        keypoint_scores=_UNSEEN * np.minimum(before.keypoint_scores, after.keypoint_scores),
        filled=True,
    )


def _smoothed(
    frames: Iterable[FramePoses], window: int, order: int, reach: float | None
) -> Iterator[FramePoses]:
    half = window // 2
    held: deque[FramePoses | None] = deque(repeat(None, window), maxlen=window)
    for frame in chain(frames, repeat(None, half)):
        held.append(frame)
        key = held[half]
        if key is not None:
            around = _unbroken(list(held), half)
            people = tuple(
                _smoothed_person(person, around, key, order, reach) for person in key.people
            )
            yield key.model_copy(update={"people": people})


def _unbroken(held: Sequence[FramePoses | None], key: int) -> tuple[list[FramePoses], ...]:
    """The frames before (nearest first) and after the key, up to a missing frame or a pause."""
    there = [frame for frame in held if frame is not None]
    usual = float(np.median(np.diff([frame.pts for frame in there]))) if len(there) > 1 else 0.0

    def run(frames: Iterable[FramePoses | None], direction: int) -> list[FramePoses]:
        found: list[FramePoses] = []
        last = held[key]
        for frame in frames:
            if frame is None or last is None or frame.index != last.index + direction:
                break
            if not 0 < direction * (frame.pts - last.pts) <= _PAUSE * usual:
                break
            found.append(frame)
            last = frame
        return found

    return run(reversed(held[:key]), -1), run(held[key + 1 :], 1)


def _smoothed_person(
    person: Person,
    around: Iterable[list[FramePoses]],
    key: FramePoses,
    order: int,
    reach: float | None,
) -> Person:
    seen, times = [person], [0.0]
    for frames in around:
        for frame in frames:
            found = next((each for each in frame.people if each.id == person.id), None)
            if found is None:
                break
            seen.append(found)
            times.append(frame.pts - key.pts)
    raw = np.stack([_raw(each) for each in seen])
    scores = np.stack([each.keypoint_scores for each in seen])
    places = raw[0]
    if len(seen) > order + 1:
        offsets = np.array(times) / np.abs(times).max()
        weights = np.maximum(scores, _LEAST_SCORE).astype(np.float64) ** 2
        places = _where_known(Fit(offsets, raw, weights, order), raw[0])
        if reach is not None:
            bound = reach * max(person.box[2:] - person.box[:2])
            places = _within(bound, raw[0], places)
            if len(seen) > order + 3:
                expected = Fit(offsets[1:], raw[1:], weights[1:], order)
                strays = expected.strays(raw[0], _STRAY, bound)
                places = np.where(strays[:, None], _where_known(expected, places), places)
    return person.model_copy(update={"keypoints": places, "keypoints_raw": raw[0]})


def _where_known(fit: Fit, others: Float[np.ndarray, "joint 2"]) -> Float[np.ndarray, "joint 2"]:
    """Where the polynomials are at time 0; ``others`` where they would be guessed from afar."""
    return np.where((fit.unsure < _GUESSED)[:, None], fit.place, others)


def _within(
    bound: float, raw: Float[np.ndarray, "joint 2"], places: Float[np.ndarray, "joint 2"]
) -> Float[np.ndarray, "joint 2"]:
    """``places``, but none further than ``bound`` pixels from where it was."""
    move = places - raw
    length = np.linalg.norm(move, axis=-1, keepdims=True)
    part = np.divide(bound, length, out=np.ones_like(length), where=length > bound)
    return np.asarray(raw + part * move, dtype=np.float32)


def _raw(person: Person) -> Float[np.ndarray, "joint 2"]:
    return person.keypoints if person.keypoints_raw is None else person.keypoints_raw
