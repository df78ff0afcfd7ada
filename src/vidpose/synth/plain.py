"""The built-in figure: a person of rounded limbs, for whom no kit is needed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from jaxtyping import Float, Int, UInt8

from vidpose.synth.figure import JOINTS, Figure, Part
from vidpose.synth.rig import DRIVER, DRIVER_PARENT, DRIVERS, REST_HEAD
from vidpose.synth.skinning import INFLUENCES

# Everything here is in leg lengths, from the middle of the hips, as in `rig`.
_SOLE, _CROWN = -1.1, 0.985
_SKULL = (0.0, -0.08, 0.855)
_SEGMENTS, _CAP_RINGS = 12, 4


@dataclass(frozen=True)
class _Limb:
    """A rounded limb of one bone: a ball at each end and what lies between.

    Attributes:
        driver: The bone.
        texture: Which of the figure's textures.
        start: One end.
        end: The other.
        radius: At the start and at the end.
        wide: How much wider than deep it is, along x.
    """

    driver: str
    texture: str
    start: tuple[float, float, float]
    end: tuple[float, float, float]
    radius: tuple[float, float]
    wide: float = 1.0


_CENTRE = (
    _Limb("pelvis", "trousers", (0, -0.01, -0.03), (0, -0.01, 0.08), (0.13, 0.13), 1.5),
    _Limb("spine_low", "shirt", (0, -0.01, 0.07), (0, 0.0, 0.2), (0.125, 0.12), 1.45),
    _Limb("spine_mid", "shirt", (0, 0.0, 0.2), (0, 0.0, 0.32), (0.12, 0.13), 1.5),
    _Limb("spine_up", "shirt", (0, 0.0, 0.32), (0, -0.01, 0.52), (0.13, 0.12), 1.65),
    _Limb("neck", "skin", (0, 0.0, 0.6), (0, -0.05, 0.78), (0.06, 0.055)),
    _Limb("head", "skin", (0, -0.085, 0.8), _SKULL, (0.09, 0.105), 0.9),
    _Limb("head", "hair", (0, -0.055, 0.86), (0, -0.065, 0.885), (0.11, 0.1), 0.95),
    _Limb("head", "skin", (0, -0.185, 0.815), (0, -0.17, 0.84), (0.018, 0.012)),
)
_LEFT = (
    _Limb("head", "eye", (0.036, -0.168, 0.842), (0.037, -0.168, 0.842), (0.016, 0.016)),
    _Limb("head", "skin", (0.092, -0.07, 0.81), (0.094, -0.07, 0.835), (0.018, 0.022), 0.6),
    _Limb("clavicle", "shirt", (0.06, -0.015, 0.58), (0.2, -0.021, 0.57), (0.075, 0.08)),
    _Limb("upperarm", "shirt", (0.217, -0.021, 0.572), (0.33, -0.025, 0.447), (0.075, 0.062)),
    _Limb("upperarm", "skin", (0.3, -0.024, 0.48), (0.433, -0.029, 0.331), (0.055, 0.045)),
    _Limb("lowerarm", "skin", (0.433, -0.029, 0.331), (0.584, -0.224, 0.18), (0.046, 0.033)),
    _Limb("hand", "skin", (0.584, -0.224, 0.18), (0.64, -0.3, 0.1), (0.033, 0.04)),
    _Limb("hand", "skin", (0.64, -0.3, 0.1), (0.66, -0.36, 0.03), (0.035, 0.022)),
    _Limb("upperleg", "trousers", (0.125, -0.005, -0.01), (0.18, -0.041, -0.463), (0.125, 0.078)),
    _Limb("lowerleg", "trousers", (0.18, -0.041, -0.463), (0.23, -0.005, -0.98), (0.08, 0.052)),
    _Limb("foot", "shoes", (0.232, 0.005, -1.04), (0.205, -0.15, -1.06), (0.06, 0.045)),
    _Limb("toe", "shoes", (0.205, -0.16, -1.06), (0.21, -0.24, -1.068), (0.045, 0.034)),
)
_SKIN = ((236, 188, 160), (214, 160, 126), (168, 116, 82), (110, 72, 50), (74, 48, 36))
_PATTERNS = ("plain", "stripes", "checks")
# Joints that are where a bone starts, and those that are elsewhere on one.
_AT_BONE = {
    "shoulder": "upperarm", "elbow": "lowerarm", "wrist": "hand", "hip": "upperleg",
    "knee": "lowerleg", "ankle": "foot",
}  # fmt: skip
_ON_BONE = {
    "nose": ("head", (0, -0.199, 0.818)),
    "eye": ("head", (0.037, -0.178, 0.842)),
    "ear": ("head", (0.098, -0.07, 0.822)),
    "head_top": ("head", (0, -0.08, 0.97)),
    "head_bottom": ("neck", (0, -0.015, 0.665)),
}


def plain_figure(seed: int) -> Figure:
    """A person of rounded limbs; the seed decides size, girth, colours and patterns."""
    rng = np.random.default_rng(seed)
    leg = float(rng.uniform(0.7, 0.95))
    girth = float(rng.uniform(0.85, 1.2))
    textures = {
        "skin": _texture(rng, _SKIN[rng.integers(len(_SKIN))], "plain"),
        "hair": _texture(rng, rng.uniform(10, 140) * np.array([1, 0.8, 0.6]), "plain"),
        "eye": _texture(rng, (20, 20, 20), "plain"),
        "shirt": _texture(rng, rng.uniform(20, 235, 3), _PATTERNS[rng.integers(3)]),
        "trousers": _texture(rng, rng.uniform(20, 180, 3), _PATTERNS[rng.integers(3)]),
        "shoes": _texture(rng, rng.uniform(20, 235, 3), "plain"),
    }
    limbs = (*_CENTRE, *(_sided(limb, side) for limb in _LEFT for side in (1, -1)))
    parts = tuple(
        _part(name, [limb for limb in limbs if limb.texture == name], leg, girth, texture)
        for name, texture in textures.items()
    )
    return Figure(
        name=f"plain {seed}",
        parts=parts,
        bone_head=REST_HEAD * leg,
        bone_parent=DRIVER_PARENT,
        bone_driver=np.arange(len(DRIVERS)),
        midhip=np.zeros(3),
        leg_length=leg,
        height=(_CROWN - _SOLE) * leg,
        joint_weights=_joint_weights(leg),
    )


def _sided(limb: _Limb, side: int) -> _Limb:
    """A limb of the left side as that of the left (1) or the right (-1) side."""
    suffix = "_l" if side > 0 else "_r"
    driver = limb.driver if limb.driver in DRIVER else limb.driver + suffix
    start, end = ((side * x, y, z) for x, y, z in (limb.start, limb.end))
    return replace(limb, driver=driver, start=start, end=end)


def _part(
    name: str, limbs: list[_Limb], leg: float, girth: float, texture: UInt8[np.ndarray, "h w 4"]
) -> Part:
    pieces = [_rounded(limb, 1 if limb.driver == "head" else girth) for limb in limbs]
    counts = [len(vertices) for vertices, _ in pieces]
    vertices, outwards = (np.concatenate(both) for both in zip(*pieces, strict=True))
    starts = np.cumsum([0, *counts[:-1]])
    index = np.zeros((len(vertices), INFLUENCES), dtype=np.int64)
    index[:, 0] = np.repeat([DRIVER[limb.driver] for limb in limbs], counts)
    return Part(
        name=name,
        vertices=vertices * leg,
        normals=outwards,
        uv=np.tile(_GRID_UV, (len(limbs), 1)),
        faces=np.concatenate([_GRID_FACES + start for start in starts]),
        skin_index=index,
        skin_weight=np.eye(1, INFLUENCES).repeat(len(vertices), axis=0),
        texture=texture,
    )


def _grid() -> tuple[
    Float[np.ndarray, "vertex 2"], Float[np.ndarray, "vertex 2"], Int[np.ndarray, "face 3"]
]:
    """A sphere cut at its equator, as angles, texture coordinates and triangles.

    The angles are (around, from the start's pole); the equator is there twice, for a cylinder
    between the halves.
    """
    half = np.linspace(0, np.pi / 2, _CAP_RINGS + 1)
    polar = np.concatenate([half, np.pi - half[::-1]])
    around = np.linspace(0, 2 * np.pi, _SEGMENTS + 1)
    rows, columns = len(polar), len(around)
    angles = np.stack(np.meshgrid(around, polar), axis=2).reshape(-1, 2)
    uv = np.stack(np.meshgrid(around / (2 * np.pi), np.linspace(0, 1, rows)), axis=2)
    corner = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = corner[:-1, :-1], corner[:-1, 1:], corner[1:, :-1], corner[1:, 1:]
    faces = np.stack([a, b, c, b, d, c], axis=2).reshape(-1, 3)
    return angles, uv.reshape(-1, 2), faces


_GRID_ANGLES, _GRID_UV, _GRID_FACES = _grid()


def _rounded(
    limb: _Limb, girth: float
) -> tuple[Float[np.ndarray, "vertex 3"], Float[np.ndarray, "vertex 3"]]:
    """Vertices of a limb in leg lengths, and their unit normals."""
    start, end = np.array(limb.start), np.array(limb.end)
    axis = (end - start) / np.linalg.norm(end - start)
    side = np.cross(axis, (0, 1, 0))
    side /= np.linalg.norm(side)
    front = np.cross(axis, side)
    around, polar = _GRID_ANGLES.T
    outwards = (
        np.sin(polar)[:, None] * (np.cos(around)[:, None] * side + np.sin(around)[:, None] * front)
        - np.cos(polar)[:, None] * axis
    )
    at_end = np.arange(len(polar)) >= len(polar) // 2
    centre = np.where(at_end[:, None], end, start)
    radius = np.where(at_end, limb.radius[1], limb.radius[0]) * girth
    shape = np.array([limb.wide, 1, 1])
    normals = outwards / shape
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return centre + radius[:, None] * outwards * shape, normals


def _joint_weights(leg: float) -> Float[np.ndarray, "joint bone 4"]:
    """Each joint as a point of one bone."""
    weights = np.zeros((len(JOINTS), len(DRIVERS), 4))
    for row, joint in zip(weights, JOINTS, strict=True):
        side, _, name = joint.partition("_")
        if name in _AT_BONE:
            driver = DRIVER[f"{_AT_BONE[name]}_{side[0]}"]
            place = REST_HEAD[driver]
        else:
            bone, point = _ON_BONE[name if name in _ON_BONE else joint]
            driver, place = DRIVER[bone], np.array(point)
            if side == "right":
                place = place * (-1, 1, 1)
        row[driver] = *(place * leg), 1
    return weights


def _texture(
    rng: np.random.Generator, colour: npt.ArrayLike, pattern: str
) -> UInt8[np.ndarray, "64 64 4"]:
    y, x = np.indices((64, 64)) // 8 % 2
    dark = {"plain": 0, "stripes": y, "checks": x ^ y}[pattern]
    shade = (1 - 0.4 * np.asarray(dark)) * rng.normal(1, 0.03, (64, 64))
    rgba = np.full((64, 64, 4), 255, np.uint8)
    rgba[..., :3] = (shade[..., None] * np.asarray(colour, float)).clip(0, 255)
    return rgba
