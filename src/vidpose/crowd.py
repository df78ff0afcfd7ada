"""Several people in one crop: whom the detector's joints lead to, and whose a joint is.

A pose network answers for one person a crop. Where two people share a crop it may answer for the
wrong one, wholly or for a limb; the detector, which saw both at once, then decides.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from vidpose.estimator import Pose, Subject
from vidpose.geometry import box_area, box_coverage, oks
from vidpose.track import Track

# Fitted on labelled training stills and on pairs of people cut from them and laid over each other.
# A box of which another person's box covers this much is a crop that may hold two people.
_CROWDED = 0.2
# From this score on a joint of the detector is trusted in full.
_SURE = 2 / 3
# Two joints this similar (one joint's OKS) are the same joint of the same person.
_SAME_JOINT = 0.5

# Two poses this similar (OKS) are one person.
_SAME_PERSON = 0.6
# A joint carried over from an earlier frame says half as much as one seen now.
_STALE = 0.5
# Somebody whom the detector missed is kept while the pose network is this sure, on average; less
# will do for somebody whom the detector was not asked about, or found with a score below `_FAIR`.
_SEEN, _GLIMPSED = 0.3, 0.2
_FAIR = 0.2


def subjects(tracks: Sequence[Track]) -> list[Subject]:
    """Who is to be estimated, with how far the detector's joints are to be trusted.

    Alone in a crop, a person is found by the network itself, and the detector's joints lead it as
    far as the detector was sure of them. Where another person covers part of the box they are all
    that tells the two apart, and are trusted in full.
    """
    boxes = np.array([track.box for track in tracks]).reshape(-1, 4)
    crowded = box_coverage(boxes) > _CROWDED
    people = []
    for track, shared in zip(tracks, crowded, strict=True):
        trust = track.keypoint_scores
        if trust is not None:
            full = trust > 0 if shared else trust >= _SURE
            trust = np.where(full, 1.0, trust / _SURE)
            trust = trust if track.detected else trust * _STALE
        people.append(Subject(track.id, track.box, track.keypoints, trust))
    return people


def settle(
    tracks: Sequence[Track], poses: Sequence[Pose], sigmas: Float[np.ndarray, " joint"]
) -> list[Pose]:
    """Give every joint that two people claim to the one whose detection it fits better.

    A joint is claimed twice if both answers put it in the same place although the detector saw it
    in two. The other person gets the joint where the detector saw it, with the detector's score.

    Args:
        tracks: With the joints the detector saw; those without any neither win nor lose.
        poses: The network's answers, in the order of ``tracks``.
        sigmas: Per-joint constants of the OKS.
    """
    rivals = [i for i, track in enumerate(tracks) if track.keypoints is not None]
    if len(rivals) < 2:
        return list(poses)
    seen = np.stack([np.asarray(tracks[i].keypoints) for i in rivals])
    seen_scores = np.stack([np.asarray(tracks[i].keypoint_scores) for i in rivals])
    answered = np.stack([poses[i].keypoints for i in rivals])
    areas = box_area(np.stack([tracks[i].box for i in rivals]))
    scale = 2 * np.minimum(areas[:, None], areas[None])[..., None] * (2 * sigmas) ** 2 + 1e-6

    known = (seen_scores[:, None] > 0) & (seen_scores[None] > 0)
    claimed_twice = (_gaps(answered) < scale * _LIMIT) & (_gaps(seen) >= scale * _LIMIT) & known
    misfit = ((answered - seen) ** 2).sum(axis=-1)
    # [person, rival, joint]; nobody is a rival of oneself, because the gap of both is 0.
    lost = (claimed_twice & (misfit[:, None] > misfit[None])).any(axis=1)
    settled = list(poses)
    for row, i in enumerate(rivals):
        fallback = seen_scores[row] if tracks[i].detected else np.zeros_like(seen_scores[row])
        settled[i] = Pose(
            np.where(lost[row, :, None], seen[row], poses[i].keypoints),
            np.where(lost[row], fallback, poses[i].scores),
        )
    return settled


# exp(-gap / scale) > _SAME_JOINT is gap < scale * _LIMIT.
_LIMIT = -np.log(_SAME_JOINT)


def _gaps(keypoints: Float[np.ndarray, "n joint 2"]) -> Float[np.ndarray, "n n joint"]:
    return ((keypoints[:, None] - keypoints[None]) ** 2).sum(axis=-1)


def people(
    tracks: Sequence[Track], poses: Sequence[Pose], sigmas: Float[np.ndarray, " joint"]
) -> list[bool]:
    """Which tracks are people: not places that somebody has left, and nobody counted twice.

    Of two tracks with one pose the one with the lower id stays: it was there first.
    """
    areas = np.array([box_area(track.box) for track in tracks])
    joints = np.array([pose.keypoints for pose in poses]).reshape(len(poses), len(sigmas), 2)
    same = oks(joints, joints, areas, sigmas) > _SAME_PERSON
    kept = [credible(track, pose) for track, pose in zip(tracks, poses, strict=True)]
    for i in sorted(range(len(tracks)), key=lambda i: tracks[i].id):
        kept[i] = kept[i] and not any(
            kept[j] and same[i, j] and tracks[j].id < tracks[i].id for j in range(len(tracks))
        )
    return kept


def credible(track: Track, pose: Pose) -> bool:
    """Whether a track is a person: not a place that somebody has left.

    Somebody whom the detector found with a fair score is; anybody else is if the pose network is
    sure enough. A joint that another person was given counts against it, so that somebody hidden
    is not seen in the one in front.
    """
    if track.detected and track.score >= _FAIR:
        return True
    return float(pose.scores.mean()) >= (_SEEN if track.missed else _GLIMPSED)
