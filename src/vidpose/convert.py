"""Poses of one skeleton expressed in the joints of another.

A joint that both skeletons have is copied by name. A joint that only the target has is made from
joints of the source where a recipe below says how: always a fixed linear mix, so that a whole
conversion is one matrix.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float

from vidpose.skeleton import Skeleton

_SHOULDERS = ("left_shoulder", "right_shoulder")
_EARS = ("left_ear", "right_ear")
_HIPS = ("left_hip", "right_hip")

# How far head_top lies along the line from mid-shoulder to mid-ear. Least absolute error, in head
# sizes, over 2,800 renderings of 56 bodies in walking, running and other captured motion, seen from
# all sides and from 10 degrees below to 30 above; hair of 2.5 cm included. Median error 0.11 head
# sizes, 98 % within 0.5. A line through the nose reaches 0.53 and 43 %: the nose is in front of
# the axis of the head, the ears are on it.
HEAD_TOP_ALONG_EARS = 1.74
# head_bottom (the base of the neck) lies here on the line from mid-shoulder to head_top: the mean
# over labelled people of PoseTrack18.
HEAD_BOTTOM_ALONG_HEAD_TOP = 0.22
# Medians over JHMDB's training clips; quartiles 0.28 to 0.47 and 0.74 to 0.80.
NECK_ALONG_FACE = 0.38
BELLY_ALONG_HIPS = 0.77


def _along(start: tuple[str, ...], end: tuple[str, ...], part: float) -> dict[str, float]:
    weights = {joint: (1 - part) / len(start) for joint in start}
    return weights | {joint: part / len(end) for joint in end}


_RECIPES: dict[str, dict[str, float]] = {
    "head_top": _along(_SHOULDERS, _EARS, HEAD_TOP_ALONG_EARS),
    "head_bottom": _along(_SHOULDERS, _EARS, HEAD_BOTTOM_ALONG_HEAD_TOP * HEAD_TOP_ALONG_EARS),
    # Penn Action's head is as far from the shoulders as the ears are: 0.39 and 0.40 torso lengths.
    "head": {"left_ear": 0.5, "right_ear": 0.5},
    "face": {"nose": 1.0},
    "neck": _along(_SHOULDERS, ("nose",), NECK_ALONG_FACE),
    "belly": _along(_SHOULDERS, _HIPS, BELLY_ALONG_HIPS),
}


@lru_cache
def mixing_matrix(source: Skeleton, target: Skeleton) -> Float[np.ndarray, "target source"]:
    """The weights with which joints of ``source`` make each joint of ``target``.

    Returns:
        Rows that sum to 1, or to 0 for a joint that cannot be made. Read-only.
    """
    matrix = np.zeros((len(target), len(source)), dtype=np.float32)
    for row, joint in enumerate(target.joints):
        recipe = {joint: 1.0} if joint in source.joints else _RECIPES.get(joint, {})
        if recipe.keys() <= set(source.joints):
            for parent, weight in recipe.items():
                matrix[row, source.index(parent)] = weight
    matrix.setflags(write=False)
    return matrix


def convert(
    keypoints: Float[np.ndarray, "*n source 2"],
    scores: Float[np.ndarray, "*n source"],
    source: Skeleton,
    target: Skeleton,
) -> tuple[Float[np.ndarray, "*n target 2"], Float[np.ndarray, "*n target"]]:
    """Express poses of ``source`` in the joints of ``target``.

    A made-up joint gets the mean score of the joints it is made from (the far ear of a profile is
    often unsure and should not sink the head), but 0 if one of them has score 0, which means that
    it is not there.

    Args:
        keypoints: x, y of each joint, in any linear coordinates.
        scores: Confidence of each joint in [0, 1].
        source: The skeleton of the arguments.
        target: The skeleton of the result.

    Returns:
        Keypoints and scores as float32. A joint that ``source`` cannot give is (0, 0) with score 0.
        The arguments themselves if the skeletons are equal.

    Raises:
        ValueError: The arrays do not have the joints of ``source``.
    """
    if source == target:
        return keypoints, scores
    matrix = mixing_matrix(source, target)
    parents = matrix != 0
    count = np.maximum(parents.sum(axis=1), 1)
    # The place of a joint that is not there may be no number, which would be one of all joints.
    placed = np.isfinite(keypoints).all(axis=-1)
    there = (placed & (scores > 0)).astype(np.float32) @ parents.T == count
    mean = scores @ (parents / count[:, None]).T
    mixed = matrix @ np.where(placed[..., None], keypoints, 0.0)
    return mixed.astype(np.float32), np.where(there, mean, 0.0).astype(np.float32)
