"""How high somebody's hips are when the body rests on the ground."""

from __future__ import annotations

from itertools import product

import numpy as np
from jaxtyping import Float

from vidpose.synth.figure import Figure

# In which directions the outermost points of each limb are kept.
_DIRECTIONS = np.array([d for d in product((-1.0, 0.0, 1.0), repeat=3) if any(d)])


class Contact:
    """The points of a dressed figure that can be its lowest, shoes included, hair not.

    Args:
        figure: Whose.
    """

    def __init__(self, figure: Figure) -> None:
        points, bones, weights = [], [], []
        for part in figure.parts:
            if part.cutout:
                continue
            strongest = part.skin_index[np.arange(len(part.vertices)), part.skin_weight.argmax(1)]
            rows = np.unique(
                np.concatenate([_outermost(part.vertices, strongest == b) for b in set(strongest)])
            )
            points.append(part.vertices[rows])
            bones.append(part.skin_index[rows])
            weights.append(part.skin_weight[rows])
        self._figure = figure
        self._points = np.concatenate(points)
        self._bones = np.concatenate(bones)
        self._weights = np.concatenate(weights)

    def height(self, rotations: Float[np.ndarray, "time driver 3 3"]) -> Float[np.ndarray, " time"]:
        """How far the middle of the hips is above the lowest point, metres."""
        figure = self._figure
        turns = rotations[:, figure.bone_driver]
        # Only heights are needed: the last row of every rotation.
        up = turns[:, :, 2]
        heads = np.empty(turns.shape[:2])
        heads[:, 0] = -up[:, 0] @ (figure.midhip - figure.bone_head[0])
        for bone, parent in enumerate(figure.bone_parent[1:], start=1):
            offset = figure.bone_head[bone] - figure.bone_head[parent]
            heads[:, bone] = heads[:, parent] + up[:, parent] @ offset
        shifts = heads - np.einsum("tbj,bj->tb", up, figure.bone_head)
        mixed_up = np.einsum("pk,tpkj->tpj", self._weights, up[:, self._bones])
        mixed_shift = np.einsum("pk,tpk->tp", self._weights, shifts[:, self._bones])
        heights = np.einsum("tpj,pj->tp", mixed_up, self._points) + mixed_shift
        return -heights.min(axis=1)


def _outermost(vertices: Float[np.ndarray, "vertex 3"], chosen: np.ndarray) -> np.ndarray:
    rows = np.flatnonzero(chosen)
    return rows[np.argmax(vertices[rows] @ _DIRECTIONS.T, axis=0)]
