"""Garments of a kit: fitted to a body, and what of the body they cover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import cKDTree

from vidpose.synth.skinning import normals

# Metres: how far under the cloth what it covers is kept, how far above it something still is what
# comes through, and how far from the cloth's vertices it is looked for.
_UNDER, _OVER, _NEAR = 0.008, 0.025, 0.05


@dataclass(frozen=True, eq=False)
class Garment:
    """Anything worn, hair too; fits every identity of the kit.

    Attributes:
        name: File name without the ending.
        kind: suit, shoes, hat, hair or eyebrow.
        faces: Triangles of its vertices.
        uv: Texture coordinates, v down.
        uv_faces: Triangles of texture coordinates, corner by corner those of ``faces``.
        bind_index: Three vertices of the body for each vertex of the garment.
        bind_weight: Their shares; they may be negative.
        bind_offset: What is added, in units of the body's size along each axis.
        scale_ref: Two vertices for each axis, whose distance along it is the body's size.
        scale_den: That distance on the body for which ``bind_offset`` is in metres.
        skin_index: Bones of the kit that move each vertex.
        skin_weight: Their shares.
        hidden: Vertices of the body that it covers.
        textures: File names, any of which fits.
    """

    name: str
    kind: str
    faces: Int[np.ndarray, "face 3"]
    uv: Float[np.ndarray, "corner 2"]
    uv_faces: Int[np.ndarray, "face 3"]
    bind_index: Int[np.ndarray, "vertex 3"]
    bind_weight: Float[np.ndarray, "vertex 3"]
    bind_offset: Float[np.ndarray, "vertex 3"]
    scale_ref: Int[np.ndarray, "3 2"]
    scale_den: Float[np.ndarray, "3"]
    skin_index: Int[np.ndarray, "vertex bone"]
    skin_weight: Float[np.ndarray, "vertex bone"]
    hidden: Int[np.ndarray, " covered"]
    textures: tuple[str, ...]

    @cached_property
    def hem(self) -> Bool[np.ndarray, " vertex"]:
        """Which vertices are on an open edge: an edge of one triangle only."""
        vertices = len(self.bind_index)
        edges = np.sort(self.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).astype(np.int64), axis=1)
        unique, count = np.unique(edges @ (vertices, 1), return_counts=True)
        at_edge = np.zeros(vertices, dtype=bool)
        at_edge[np.concatenate(np.divmod(unique[count == 1], vertices))] = True
        return at_edge

    def fit(self, body: Float[np.ndarray, "body 3"]) -> Float[np.ndarray, "vertex 3"]:
        """Rest vertices of the garment on a body with the rest vertices ``body``."""
        axis = np.arange(3)
        near, far = body[self.scale_ref[:, 0], axis], body[self.scale_ref[:, 1], axis]
        size = np.abs(near - far) / self.scale_den
        on_body = np.einsum("vc,vcx->vx", self.bind_weight, body[self.bind_index])
        return on_body + self.bind_offset * size


def drawn_faces(
    faces: Int[np.ndarray, "face 3"], vertex_count: int, garments: Sequence[Garment]
) -> Bool[np.ndarray, " face"]:
    """Which triangles of the body can be seen: not all corners are covered."""
    covered = np.zeros(vertex_count, dtype=bool)
    for garment in garments:
        covered[garment.hidden] = True
    return ~covered[faces].all(axis=1)


def per_corner(
    faces: Int[np.ndarray, "face 3"], uv_faces: Int[np.ndarray, "face 3"]
) -> tuple[Int[np.ndarray, " vertex"], Int[np.ndarray, " vertex"], Int[np.ndarray, "face 3"]]:
    """Splits vertices at the seams of the texture, so that one index serves both.

    Returns:
        For each new vertex the old one, for each its texture coordinate, and the triangles of new
        vertices; only what ``faces`` uses.
    """
    corners = int(uv_faces.max(initial=0)) + 1
    pairs = faces.ravel().astype(np.int64) * corners + uv_faces.ravel()
    unique, inverse = np.unique(pairs, return_inverse=True)
    return unique // corners, unique % corners, inverse.reshape(-1, 3)


@dataclass(frozen=True, eq=False)
class Worn:
    """A garment on somebody.

    Attributes:
        garment: Which.
        vertices: At rest, metres.
        normals: Unit, outwards.
    """

    garment: Garment
    vertices: Float[np.ndarray, "vertex 3"]
    normals: Float[np.ndarray, "vertex 3"]


def put_on(garment: Garment, body: Float[np.ndarray, "body 3"]) -> Worn:
    """The garment on a body with the rest vertices ``body``."""
    fitted = garment.fit(body)
    return Worn(garment, fitted, normals(fitted, garment.faces))


def tucked(
    vertices: Float[np.ndarray, "vertex 3"], outwards: Float[np.ndarray, "vertex 3"], cloth: Worn
) -> Float[np.ndarray, "vertex 3"]:
    """``vertices`` with those that come through the cloth, or nearly do, pushed back under it.

    What lies next to an open edge of the cloth stays where it is: it is seen beside the cloth.

    Args:
        vertices: Of the skin or of a garment worn under the cloth.
        outwards: Their normals.
        cloth: The garment on top.
    """
    found, nearest = cKDTree(cloth.vertices).query(vertices, k=4, distance_upper_bound=_NEAR)
    nearest = np.minimum(nearest, len(cloth.vertices) - 1)
    # A hem is folded inwards: of the cloth only the side that faces as the skin does is asked.
    alike = np.einsum("vkx,vx->vk", cloth.normals[nearest], outwards) > 0.3
    usable = alike & np.isfinite(found)
    row, choice = np.arange(len(vertices)), usable.argmax(axis=1)
    on = nearest[row, choice]
    height = np.einsum("vx,vx->v", vertices - cloth.vertices[on], cloth.normals[on])
    covered = usable[row, choice] & ~cloth.garment.hem[on] & (height < _OVER)
    push = np.where(covered, np.maximum(height + _UNDER, 0), 0)
    return vertices - push[:, None] * cloth.normals[on]
