"""Linear blend skinning: v' = sum_k w_k M_k (v, 1), with M_k the transforms of `Figure.pose`."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from vidpose.synth.figure import JOINTS, Figure

# Most bones that move one vertex.
INFLUENCES = 8


def joints(
    figure: Figure, transforms: Float[np.ndarray, "bone 3 4"]
) -> dict[str, Float[np.ndarray, "3"]]:
    """World positions of `figure.JOINTS`."""
    points = np.einsum("jbk,bik->ji", figure.joint_weights, transforms)
    return dict(zip(JOINTS, points, strict=True))


def joint_weights(
    rows: Float[np.ndarray, "joint vertex"],
    vertices: Float[np.ndarray, "vertex 3"],
    weights: Float[np.ndarray, "vertex bone"],
) -> Float[np.ndarray, "joint bone 4"]:
    """Joints that are weighted means of posed vertices, as sums over bones.

    Skinning is linear in the transforms, so that the mean over vertices can be taken beforehand:
    sum_v r_v sum_b w_vb M_b (v, 1) = sum_b M_b sum_v r_v w_vb (v, 1).

    Args:
        rows: Share of each vertex in each joint.
        vertices: Rest positions.
        weights: Share of each bone in each vertex.
    """
    used = np.flatnonzero(rows.any(axis=0))
    homogeneous = np.pad(vertices[used], ((0, 0), (0, 1)), constant_values=1)
    moved = weights[used, :, None] * homogeneous[:, None]
    return np.tensordot(rows[:, used], moved, axes=1)


def strongest(
    weights: Float[np.ndarray, "vertex bone"],
) -> tuple[Int[np.ndarray, "vertex 8"], Float[np.ndarray, "vertex 8"]]:
    """The bones that move each vertex and their shares, strongest first, sum 1."""
    missing = max(0, INFLUENCES - weights.shape[1])
    padded = np.pad(weights, ((0, 0), (0, missing)))
    index = np.argsort(-padded, axis=1, kind="stable")[:, :INFLUENCES]
    share = np.take_along_axis(padded, index, axis=1)
    index[share == 0] = 0
    return index, share / share.sum(1, keepdims=True)


def normals(
    vertices: Float[np.ndarray, "vertex 3"], faces: Int[np.ndarray, "face 3"]
) -> Float[np.ndarray, "vertex 3"]:
    """Unit normals of vertices: the mean of the adjoining triangles, weighted by their areas.

    A vertex of no triangle has the normal 0.
    """
    a, b, c = np.moveaxis(vertices[faces], 1, 0)
    across = np.cross(b - a, c - a)
    summed = np.stack(
        [
            np.bincount(faces.ravel(), np.repeat(across[:, axis], 3), minlength=len(vertices))
            for axis in range(3)
        ],
        axis=1,
    )
    length = np.linalg.norm(summed, axis=1, keepdims=True)
    return np.divide(summed, length, out=np.zeros_like(summed), where=length > 0)
