"""What the renderer keeps on the GPU: the context, the programs, the meshes of people."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

import numpy as np

from vidpose import extras
from vidpose.errors import VidposeError
from vidpose.synth import shaders
from vidpose.synth.figure import Part

# Slots of the uniform blocks.
VIEW, BONES = 0, 1
_SRGB_ALPHA = 0x8C43
_VERTEX = np.dtype(
    [
        ("position", "3f4"),
        ("normal", "3f4"),
        ("uv", "2f4"),
        ("bone_a", "4u1"),
        ("bone_b", "4u1"),
        ("weight_a", "4f4"),
        ("weight_b", "4f4"),
    ]
)
_LAYOUT = "3f4 3f4 2f4 4u1 4u1 4f4 4f4"


def context() -> tuple[Any, Programs]:
    """The moderngl context of this process and the programs in it.

    One context serves all renderers: in software, compiling for a new one takes as long as drawing
    ten pictures. What is made in it is freed by ``gc`` once nothing refers to it.

    Raises:
        VidposeError: moderngl is not installed, or the machine cannot draw.
    """
    return _context(os.getpid())


@lru_cache(maxsize=1)
def _context(process: int) -> tuple[Any, Programs]:
    """Nothing that draws survives a fork, and what a fork inherits would wait for it forever."""
    if _context.cache_info().currsize:
        raise VidposeError(
            "this process was forked from one that had drawn people before: start such processes "
            "by spawn, or draw in them alone"
        )
    extras.need("synth", "drawing people", "moderngl")
    import moderngl

    try:
        gl = moderngl.create_context(require=330, standalone=True, backend="egl")  # type: ignore[arg-type]
    except Exception as error:  # moderngl and glcontext raise bare Exceptions
        raise VidposeError(
            f"no OpenGL 3.3 over EGL on this machine ({error}); "
            "Mesa draws in software: apt-get install libegl1 libgl1-mesa-dri"
        ) from error
    gl.gc_mode = "context_gc"
    return gl, Programs(gl)


class Programs:
    """The compiled programs, by what they draw."""

    def __init__(self, gl: Any) -> None:
        self.colour = [
            self._program(gl, shaders.FIGURE_VERTEX, shaders.figure_colour(cutout))
            for cutout in (False, True)
        ]
        self.label = [
            self._program(gl, shaders.FIGURE_VERTEX, shaders.surface_label(cutout))
            for cutout in (False, True)
        ]
        self.solid_colour = self._program(gl, shaders.SOLID_VERTEX, shaders.SOLID_COLOUR)
        self.solid_label = self._program(gl, shaders.SOLID_VERTEX, shaders.surface_label(False))
        self.shadow = self._program(gl, shaders.SHADOW_VERTEX, shaders.SHADOW_FRAGMENT)
        self.picture = gl.program(shaders.PICTURE_VERTEX, shaders.PICTURE_FRAGMENT)
        self.picture["samples"], self.picture["background"] = 0, 1

    @staticmethod
    def _program(gl: Any, vertex: str, fragment: str) -> Any:
        program = gl.program(vertex, fragment)
        for name, slot in (("View", VIEW), ("Bones", BONES)):
            if name in program:
                program[name].binding = slot
        return program


class Mesh:
    """A part of a figure."""

    def __init__(self, gl: Any, programs: Programs, part: Part) -> None:
        vertices = np.empty(len(part.vertices), _VERTEX)
        vertices["position"], vertices["normal"] = part.vertices, part.normals
        vertices["uv"] = part.uv
        vertices["bone_a"], vertices["bone_b"] = np.split(part.skin_index, 2, axis=1)
        vertices["weight_a"], vertices["weight_b"] = np.split(part.skin_weight, 2, axis=1)
        height, width = part.texture.shape[:2]
        self._texture = gl.texture(
            (width, height), 4, part.texture.tobytes(), internal_format=_SRGB_ALPHA
        )
        self._texture.build_mipmaps()
        self._gloss = part.gloss
        content = [(gl.buffer(vertices.tobytes()), _LAYOUT, *(_VERTEX.names or ()))]
        faces = gl.buffer(part.faces.astype("i4").tobytes())
        # Labels need no normals and mostly no texture: names that a program lacks are passed over.
        self._colour, self._label = (
            gl.vertex_array(kind[part.cutout], content, faces, skip_errors=True)
            for kind in (programs.colour, programs.label)
        )

    def draw_colour(self) -> None:
        """Draws the surface with the bones and the view that are bound."""
        self._texture.use(0)
        self._colour.program["gloss"] = self._gloss
        self._colour.render()

    def draw_label(self, owner: int) -> None:
        """Draws the depth and ``owner``."""
        self._texture.use(0)
        self._label.program["owner"] = owner
        self._label.render()
