"""What the tests of the renderer put before the camera."""

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from vidpose.synth.figure import Figure
from vidpose.synth.rig import DRIVER_PARENT, DRIVERS
from vidpose.synth.state import Camera, Light, PersonState, Solid

LIGHT = Light(np.array([0.48, -0.6, 0.64]), np.full(3, 0.7), np.full(3, 0.35))
# Looking along +y: the picture's x is the world's, its y is down.
FORWARDS = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])


def camera(
    height: int = 120, width: int = 90, focal: float = 200.0, distance: float = 4.0
) -> Camera:
    """Level, a metre above the ground, before people who face it."""
    return Camera(FORWARDS, np.array([0, -distance, 1.0]), focal, (height, width))


def upright(
    figure: Figure, track_id: int = 0, at: tuple[float, float] = (0, 0), turn: float = 0
) -> PersonState:
    """Somebody in the rest pose, turned to the left by ``turn`` radians."""
    rotation = Rotation.from_euler("z", turn).as_matrix()
    height = 1.1 * figure.leg_length
    return PersonState(track_id, np.tile(rotation, (22, 1, 1)), np.array([*at, height]))


def bent(rng: np.random.Generator, degrees: float = 25) -> Float[np.ndarray, "22 3 3"]:
    """Rotations of all drivers, each joint bent at random."""
    local = Rotation.from_rotvec(np.radians(rng.normal(0, degrees, (len(DRIVERS), 3)))).as_matrix()
    world = np.empty_like(local)
    for driver, parent in enumerate(DRIVER_PARENT):
        world[driver] = local[driver] if parent < 0 else world[parent] @ local[driver]
    return world


def skin(
    figure: Figure, transforms: Float[np.ndarray, "bone 3 4"]
) -> Float[np.ndarray, "vertex 3"]:
    """World positions of the vertices of all parts, one part after the other."""
    places = []
    for part in figure.parts:
        blended = np.einsum("vk,vkij->vij", part.skin_weight, transforms[part.skin_index])
        turned = np.einsum("vij,vj->vi", blended[..., :3], part.vertices)
        places.append(turned + blended[..., 3])
    return np.concatenate(places)


def wall(x: tuple[float, float], z: tuple[float, float], y: float, colour: float = 0.5) -> Solid:
    """An upright rectangle across the view."""
    corners = np.array([(a, y, b) for a in x for b in z])
    return Solid(corners, np.array([[0, 1, 2], [1, 2, 3]]), np.full((4, 3), colour))


def first_hit(triangles: Float[np.ndarray, "face 3 3"], view: Camera, x: int, y: int) -> float:
    """Depth of the first triangle that the ray through the middle of a pixel meets."""
    height, width = view.size
    along = np.array([(x + 0.5 - width / 2) / view.focal, (y + 0.5 - height / 2) / view.focal, 1])
    a, b, c = np.moveaxis((triangles - view.position) @ view.rotation.T, 1, 0)
    volumes = [np.cross(p, q) @ along for p, q in ((a, b), (b, c), (c, a))]
    inside = np.all(np.greater_equal(volumes, 0), axis=0) | np.all(
        np.less_equal(volumes, 0), axis=0
    )
    normal = np.cross(b - a, c - a)
    facing = normal @ along
    hit = inside & (facing != 0)
    depth = np.einsum("fx,fx->f", a, normal)[hit] / facing[hit]
    return float(depth[depth > 0].min(initial=np.inf))
