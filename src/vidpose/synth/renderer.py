"""Draws a moment with moderngl over EGL, on a GPU or in software."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from jaxtyping import Float, Int, UInt8

from vidpose.synth.figure import Figure
from vidpose.synth.gpu import BONES, VIEW, Mesh, context
from vidpose.synth.shaders import MAX_BONES
from vidpose.synth.skinning import joints
from vidpose.synth.state import Camera, Moment, PersonState

# What is nearer than the first or farther than the second is not drawn, metres.
NEAR, FAR = 0.05, 200.0
# Owners; a person's is 1 + the track id.
NOTHING, SOLID = 0, -1
# Balls around joints that shade the ground, `shaders.BALLS` of them: radii in heights of people.
_BALLS = {
    "head_top": 0.06, "left_shoulder": 0.08, "right_shoulder": 0.08, "left_hip": 0.08,
    "right_hip": 0.08, "left_elbow": 0.035, "right_elbow": 0.035, "left_wrist": 0.035,
    "right_wrist": 0.035, "left_knee": 0.05, "right_knee": 0.05, "left_ankle": 0.045,
    "right_ankle": 0.045,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Drawn:
    """What a moment looks like.

    Attributes:
        image: RGB.
        depth: Metres along the axis of the camera to what the centre of each pixel shows; inf where
            it shows the background.
        owner: What that is: 1 + the track id of a person, `SOLID` or `NOTHING`.
    """

    image: UInt8[np.ndarray, "h w 3"]
    depth: Float[np.ndarray, "h w"]
    owner: Int[np.ndarray, "h w"]


class Renderer:
    """Draws the moments of one cast at one size; to be closed, or used in a ``with``.

    The same moment gives the same bytes on the same device.

    Attributes:
        device: The name of the GPU, or of the software that stands in for one.

    Args:
        height: Of the picture, pixels.
        width: Of the picture, pixels.
        figures: The cast by track id.
        samples: A pixel's colour is the mean of ``samples`` x ``samples`` spots.

    Raises:
        VidposeError: moderngl or EGL is missing.
    """

    def __init__(
        self, height: int, width: int, figures: Mapping[int, Figure], samples: int = 2
    ) -> None:
        self._size = height, width
        self._figures = dict(figures)
        self._samples = samples
        self._gl, self._programs = gl, programs = context()
        fine = width * samples, height * samples
        with gl:
            self.device: str = gl.info["GL_RENDERER"]
            self._fine = gl.texture(fine, 4)
            self._colour = gl.framebuffer([self._fine], gl.depth_renderbuffer(fine))
            self._label = gl.framebuffer(
                [gl.texture((width, height), 2, dtype="f4")], gl.depth_renderbuffer((width, height))
            )
            self._picture = gl.framebuffer([gl.texture((width, height), 3, alignment=1)])
            self._background = gl.texture((width, height), 3, alignment=1)
            self._view = gl.buffer(reserve=5 * 16)
            self._meshes = {
                track_id: [Mesh(gl, programs, part) for part in figure.parts]
                for track_id, figure in figures.items()
            }
            self._bones = {track_id: gl.buffer(reserve=48 * MAX_BONES) for track_id in figures}
            corners = gl.buffer(np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]], "f4"))
            self._whole = gl.vertex_array(programs.picture, [(corners, "2f", "position")])
            self._ground_corners = gl.buffer(reserve=4 * 8)
            self._ground = gl.vertex_array(
                programs.shadow, [(self._ground_corners, "2f", "position")]
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Frees what the GPU holds; the renderer cannot be used any more."""
        gl = self.__dict__.get("_gl")
        if gl is not None:
            self.__dict__.clear()
            with gl:
                gl.gc()

    def draw(self, moment: Moment, background: UInt8[np.ndarray, "h w 3"] | None = None) -> Drawn:
        """The picture, and what each of its pixels shows."""
        return Drawn(self.image(moment, background), *self.surfaces(moment))

    def image(
        self, moment: Moment, background: UInt8[np.ndarray, "h w 3"] | None = None
    ) -> UInt8[np.ndarray, "h w 3"]:
        """The picture alone, for the sub-frames of a blurred one.

        Args:
            moment: The people of it are of the cast.
            background: What lies behind; black if None.
        """
        height, width = self._size
        if background is None:
            background = np.zeros((height, width, 3), np.uint8)
        if background.shape != (height, width, 3) or background.dtype != np.uint8:
            raise ValueError(f"a background of {background.shape}, {background.dtype}")
        gl = self._gl
        with gl:
            self._set(moment)
            self._colour.use()
            self._colour.clear()
            self._shade_ground(moment)
            gl.enable_only(gl.DEPTH_TEST)
            for person in moment.people:
                self._bones[person.track_id].bind_to_uniform_block(BONES)
                for mesh in self._meshes[person.track_id]:
                    mesh.draw_colour()
            self._draw_solids(moment, self._programs.solid_colour)
            self._picture.use()
            gl.enable_only(gl.NOTHING)
            self._background.write(np.ascontiguousarray(background))
            self._fine.use(0)
            self._background.use(1)
            self._programs.picture["count"] = self._samples
            self._whole.render(gl.TRIANGLE_STRIP)
            pixels = self._picture.read(components=3, alignment=1)
        return np.frombuffer(pixels, np.uint8).reshape(height, width, 3).copy()

    def surfaces(self, moment: Moment) -> tuple[Float[np.ndarray, "h w"], Int[np.ndarray, "h w"]]:
        """`Drawn.depth` and `Drawn.owner` alone."""
        gl = self._gl
        with gl:
            self._set(moment)
            self._label.use()
            self._label.clear(np.inf)
            gl.enable_only(gl.DEPTH_TEST)
            for number, person in enumerate(moment.people, start=1):
                self._bones[person.track_id].bind_to_uniform_block(BONES)
                for mesh in self._meshes[person.track_id]:
                    mesh.draw_label(number)
            self._draw_solids(moment, self._programs.solid_label)
            read = self._label.read(components=2, dtype="f4")
        label = np.frombuffer(read, "f4").reshape(*self._size, 2)
        owners = np.array([NOTHING, *(1 + person.track_id for person in moment.people), SOLID])
        return label[..., 0].copy(), owners[label[..., 1].astype(np.int64)]

    def _set(self, moment: Moment) -> None:
        """Hands the GPU the camera, the light and where every bone is."""
        camera, light = moment.camera, moment.light
        if camera.size != self._size:
            raise ValueError(f"a camera of {camera.size} for a picture of {self._size}")
        for person in moment.people:
            if person.track_id not in self._figures:
                raise ValueError(f"no figure of track id {person.track_id} in the cast")
        view = np.zeros((5, 4), "f4")
        view[0] = (
            2 * camera.focal / camera.size[1],
            2 * camera.focal / camera.size[0],
            (FAR + NEAR) / (FAR - NEAR),
            -2 * FAR * NEAR / (FAR - NEAR),
        )
        view[1, :3] = camera.rotation @ light.direction
        view[2, :3] = camera.rotation @ (0, 0, 1)
        view[3, :3], view[4, :3] = light.colour, light.ambient
        self._view.write(view)
        self._view.bind_to_uniform_block(VIEW)
        for person in moment.people:
            transforms = _to_camera(camera, self._figures[person.track_id].pose(person))
            self._bones[person.track_id].write(transforms.astype("f4").tobytes())

    def _draw_solids(self, moment: Moment, program: Any) -> None:
        camera = moment.camera
        for solid in moment.solids:
            if not len(solid.faces):
                continue
            places = (solid.vertices - camera.position) @ camera.rotation.T
            vertices = np.concatenate([places, _linear(solid.colours)], axis=1)
            buffer = self._gl.buffer(vertices.astype("f4").tobytes())
            faces = self._gl.buffer(solid.faces.astype("i4").tobytes())
            array = self._gl.vertex_array(
                program, [(buffer, "3f 3f", "position", "colour")], faces, skip_errors=True
            )
            if "owner" in program:
                program["owner"] = SOLID
            array.render()
        self._gl.gc()

    def _shade_ground(self, moment: Moment) -> None:
        """Darkens the ground around each person, by the alpha alone."""
        gl, program = self._gl, self._programs.shadow
        gl.enable_only(gl.BLEND)
        gl.blend_func = gl.ONE, gl.ONE_MINUS_SRC_ALPHA
        to_camera = _to_camera(moment.camera, np.eye(3, 4))
        program["to_camera"].write(np.ascontiguousarray(to_camera.T, "f4").tobytes())
        for person in moment.people:
            balls = self._balls(person)
            reach = np.array([balls[:, :2].min(0) - 1, balls[:, :2].max(0) + 1])
            corners = [(x, y) for y in reach[:, 1] for x in reach[:, 0]]
            self._ground_corners.write(np.array(corners, "f4").tobytes())
            program["balls"].write(balls.astype("f4").tobytes())
            self._ground.render(gl.TRIANGLE_STRIP)

    def _balls(self, person: PersonState) -> Float[np.ndarray, "ball 4"]:
        """Centres and radii of the balls that shade the ground."""
        figure = self._figures[person.track_id]
        points = joints(figure, figure.pose(person))
        return np.array(
            [(*points[joint], radius * figure.height) for joint, radius in _BALLS.items()]
        )


def _to_camera(
    camera: Camera, transforms: Float[np.ndarray, "*n 3 4"]
) -> Float[np.ndarray, "*n 3 4"]:
    """Transforms into the world as transforms into the camera."""
    moved = transforms - np.pad(camera.position[:, None], ((0, 0), (3, 0)))
    turned: Float[np.ndarray, "*n 3 4"] = camera.rotation @ moved
    return turned


def _linear(colours: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
    """Linear light of sRGB colours in [0, 1]."""
    return np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
