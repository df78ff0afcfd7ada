"""What a synthetic frame shows, as numbers: no pictures, no GPU.

The world is in metres, right-handed, z up; the ground is z = 0. A person in the rest pose faces -y,
with x to the person's left.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera.

    Attributes:
        rotation: World directions to camera directions: x right, y down, z forward.
        position: Of the pinhole, world metres.
        focal: Focal length in pixels.
        size: Height and width of the picture in pixels; the axis meets its middle.
    """

    rotation: Float[np.ndarray, "3 3"]
    position: Float[np.ndarray, "3"]
    focal: float
    size: tuple[int, int]

    def project(
        self, points: Float[np.ndarray, "*n 3"]
    ) -> tuple[Float[np.ndarray, "*n 2"], Float[np.ndarray, "*n"]]:
        """Pixels (x, y) and depth in metres along the axis; behind the camera depth is <= 0.

        Pixel coordinates are continuous: the picture spans [0, w] x [0, h], the centre of the top
        left pixel is (0.5, 0.5).
        """
        seen = (points - self.position) @ self.rotation.T
        depth = seen[..., 2]
        middle = np.array([self.size[1], self.size[0]]) / 2
        safe = np.where(np.abs(depth) < 1e-6, 1e-6, depth)
        return seen[..., :2] / safe[..., None] * self.focal + middle, depth


@dataclass(frozen=True, eq=False)
class PersonState:
    """One person at one moment.

    Attributes:
        track_id: Who this is, within the scene.
        rotations: World rotation of each driver bone relative to the rest pose.
        midhip: Middle of the hips, world metres.
    """

    track_id: int
    rotations: Float[np.ndarray, "driver 3 3"]
    midhip: Float[np.ndarray, "3"]


@dataclass(frozen=True, eq=False)
class Solid:
    """A thing that is no person: an occluder, in world coordinates at one moment.

    Attributes:
        vertices: World metres.
        faces: Triangles, drawn from both sides.
        colours: RGB in [0, 1] of each vertex.
    """

    vertices: Float[np.ndarray, "vertex 3"]
    faces: Int[np.ndarray, "face 3"]
    colours: Float[np.ndarray, "vertex 3"]


@dataclass(frozen=True, eq=False)
class Light:
    """A distant light and what comes from everywhere.

    Attributes:
        direction: Unit vector from the scene to the light, world.
        colour: RGB of the distant light, about 1.
        ambient: RGB of the light from everywhere, 0 to 1.
    """

    direction: Float[np.ndarray, "3"]
    colour: Float[np.ndarray, "3"]
    ambient: Float[np.ndarray, "3"]


@dataclass(frozen=True, eq=False)
class Moment:
    """Everything that can be seen at one moment, a sub-frame of a blurred frame or a whole one.

    Attributes:
        camera: From where.
        people: By whatever order; ids are those of the scene's cast.
        solids: Occluders.
        light: Of all people and solids.
    """

    camera: Camera
    people: tuple[PersonState, ...]
    light: Light
    solids: tuple[Solid, ...] = field(default=())
