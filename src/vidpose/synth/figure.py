"""A person that can be posed and drawn: rest meshes, bones, and where the joints are in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

from vidpose.skeleton import BODY19
from vidpose.synth.state import PersonState

# COCO's joints and the two of PoseTrack that COCO lacks.
JOINTS = BODY19.joints


@dataclass(frozen=True, eq=False)
class Part:
    """One surface of a figure with one texture: the skin, a suit, hair.

    Attributes:
        name: What it is, for people who look at it.
        vertices: Rest positions, metres; x to the person's left, y backwards, z up.
        normals: Unit, outwards.
        uv: Where each vertex lies on the texture, [0, 1], v down.
        faces: Triangles of vertices.
        skin_index: Bones that move each vertex; 0 where the weight is 0.
        skin_weight: Their shares, sum 1.
        texture: RGBA, sRGB.
        cutout: Whether parts of the texture are transparent, as of hair.
        gloss: How strongly the surface mirrors the light, 0 to 1.
    """

    name: str
    vertices: Float[np.ndarray, "vertex 3"]
    normals: Float[np.ndarray, "vertex 3"]
    uv: Float[np.ndarray, "vertex 2"]
    faces: Int[np.ndarray, "face 3"]
    skin_index: Int[np.ndarray, "vertex 8"]
    skin_weight: Float[np.ndarray, "vertex 8"]
    texture: UInt8[np.ndarray, "h w 4"]
    cutout: bool = False
    gloss: float = 0.0


@dataclass(frozen=True, eq=False)
class Figure:
    """One dressed person in the rest pose.

    Attributes:
        name: Identity and outfit in words.
        parts: What is drawn.
        bone_head: Rest position of each bone's joint with its parent, metres.
        bone_parent: Each bone's parent, which precedes it; -1 of the root, bone 0.
        bone_driver: Which of `rig.DRIVERS` turns each bone.
        midhip: Middle of the hips in the rest pose.
        leg_length: Thigh and shin, metres.
        height: Standing, metres.
        joint_weights: Each of `JOINTS` as a sum over bones: the share s of the joint that moves
            with the bone, and s times its rest position, as (x, y, z, s).
    """

    name: str
    parts: tuple[Part, ...]
    bone_head: Float[np.ndarray, "bone 3"]
    bone_parent: Int[np.ndarray, " bone"]
    bone_driver: Int[np.ndarray, " bone"]
    midhip: Float[np.ndarray, "3"]
    leg_length: float
    height: float
    joint_weights: Float[np.ndarray, "joint bone 4"]

    def pose(self, state: PersonState) -> Float[np.ndarray, "bone 3 4"]:
        """How each bone moves points from the rest pose to the world, as (rotation | translation).

        A bone turns about its joint with the parent; the middle of the hips comes to rest at
        ``state.midhip``.
        """
        rotations = np.asarray(state.rotations, float)[self.bone_driver]
        heads = np.empty_like(self.bone_head)
        heads[0] = state.midhip - rotations[0] @ (self.midhip - self.bone_head[0])
        for bone, parent in enumerate(self.bone_parent[1:], start=1):
            heads[bone] = heads[parent] + rotations[parent] @ (
                self.bone_head[bone] - self.bone_head[parent]
            )
        shifts = heads - np.einsum("bij,bj->bi", rotations, self.bone_head)
        return np.concatenate([rotations, shifts[:, :, None]], axis=2)
