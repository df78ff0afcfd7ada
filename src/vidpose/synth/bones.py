"""Bones joined into those that move as one."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int


class RigidBones:
    """The parts of a skeleton that its drivers leave rigid.

    A bone that is turned by the same driver as its parent is at rest relative to the parent, so
    that both have one transform. The kit's 104 bones become 30: the 22 drivers, and four more toes
    a foot.

    Attributes:
        first: Of each rigid bone, the bone nearest the root.
        parent: Of each rigid bone; -1 of the root.
        driver: Of each rigid bone.

    Args:
        parent: Of each bone; parents come first, -1 of the root.
        driver: Of each bone.
    """

    def __init__(self, parent: Int[np.ndarray, " bone"], driver: Int[np.ndarray, " bone"]) -> None:
        joined = (parent >= 0) & (driver == driver[parent])
        self.first = np.flatnonzero(~joined)
        self._of = np.cumsum(~joined) - 1
        for bone in np.flatnonzero(joined):
            self._of[bone] = self._of[parent[bone]]
        above = parent[self.first]
        self.parent = np.where(above < 0, -1, self._of[above])
        self.driver = driver[self.first].astype(np.int64)

    def reduce(
        self, index: Int[np.ndarray, "vertex k"], weight: Float[np.ndarray, "vertex k"]
    ) -> Float[np.ndarray, "vertex rigid"]:
        """Weights of bones as weights of rigid bones, sum 1."""
        count = len(self.first)
        place = np.arange(len(index))[:, None] * count + self._of[index]
        summed = np.bincount(
            place.ravel(), weight.astype(np.float64).ravel(), minlength=len(index) * count
        ).reshape(-1, count)
        return summed / summed.sum(axis=1, keepdims=True)
