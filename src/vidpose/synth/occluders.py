"""Things that stand or pass between the camera and people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from vidpose.synth.presets import Obstacles
from vidpose.synth.state import Camera, Solid

# A surface is a grid of this many quads a side, so that its vertices can carry a pattern.
_CELLS = 6


@dataclass(frozen=True, eq=False)
class Occluder:
    """A thing that moves evenly and may sway.

    Attributes:
        shape: The thing where it is at ``meets``.
        meets: When it is in the way, seconds.
        velocity: Metres a second.
        sway: How far it swings in each direction, metres.
        rhythm: Swings a second.
    """

    shape: Solid
    meets: float
    velocity: Float[np.ndarray, "3"]
    sway: Float[np.ndarray, "3"]
    rhythm: float

    def at(self, seconds: float) -> Solid:
        """The thing at one moment."""
        later = seconds - self.meets
        shift = self.velocity * later + self.sway * np.sin(2 * np.pi * self.rhythm * later)
        return Solid(self.shape.vertices + shift, self.shape.faces, self.shape.colours)


def in_the_way(
    rng: np.random.Generator,
    mix: Obstacles,
    camera: Camera,
    person: Float[np.ndarray, "3"],
    height: float,
    meets: float,
) -> Occluder:
    """Something that hides a part of somebody at one time.

    Args:
        rng: Where it is drawn from.
        mix: What may be drawn.
        camera: As it is at that time.
        person: Middle of the hips at that time, metres.
        height: Of the person, metres.
        meets: That time, seconds.
    """
    part = rng.uniform(0.45, 0.85)
    width = height * rng.uniform(*mix.cover) * part
    hidden = person + np.array([0, 0, rng.uniform(-0.45, 0.45) * height])
    hidden = hidden + camera.rotation[0] * rng.normal(0, 0.12) * height
    place = camera.position + (hidden - camera.position) * part
    kind = mix.kinds[rng.integers(len(mix.kinds))]
    shape = _shape(rng, kind, width)
    # What stands on the ground does not fly.
    if kind in ("pole", "crate"):
        bottom = shape.vertices[:, 2].min()
        top = max(place[2], 0.2) if kind == "crate" else max(4.0, 2 * place[2])
        shape.vertices[:, 2] = (shape.vertices[:, 2] - bottom) / -(2 * bottom) * top
        place[2] = 0
    speed = rng.uniform(*mix.speed) * part * rng.choice([-1, 1]) * (rng.random() < 0.5)
    velocity = camera.rotation[0] * np.array([1.0, 1.0, 0.0]) * speed
    if kind == "ball":
        velocity = velocity + np.array([0, 0, rng.uniform(-0.5, 0.5)]) * part
    loose = kind in ("leaves", "ball")
    sway = rng.uniform(-0.06, 0.06, 3) if loose else np.zeros(3)
    moved = Solid(shape.vertices + place, shape.faces, shape.colours)
    return Occluder(moved, meets, velocity, sway, rng.uniform(0.3, 1.2))


def _shape(rng: np.random.Generator, kind: str, width: float) -> Solid:
    """A thing around the origin, facing the camera, ``width`` metres across."""
    if kind == "pole":
        return _coloured(rng, *_tube(width * 0.35, 1.0))
    if kind == "ball":
        return _coloured(rng, *_globe(width * 0.5))
    if kind == "leaves":
        return _leaves(rng, width)
    thick = 0.04 if kind == "board" else width * rng.uniform(0.4, 1)
    sides = np.array([width, thick, width * rng.uniform(0.6, 2.2)])
    turned = _about_z(rng.uniform(-0.6, 0.6))
    if kind == "board":
        turned = turned @ _about_y(rng.uniform(-0.8, 0.8))
    vertices, faces = _box(sides)
    return _coloured(rng, vertices @ turned.T, faces)


def _coloured(
    rng: np.random.Generator, vertices: Float[np.ndarray, "vertex 3"], faces: Int[np.ndarray, "f 3"]
) -> Solid:
    """One colour, two in stripes, or a mottled one."""
    # Things are mostly grey and brown.
    grey, strong = rng.uniform(0.08, 0.9, (2, 1)), rng.uniform(0, 0.7, (2, 1))
    first, second = grey + (rng.uniform(0, 1, (2, 3)) - grey) * strong
    style = rng.integers(3)
    if style == 0:
        share = np.zeros(len(vertices))
    elif style == 1:
        along = vertices @ rng.normal(size=3)
        share = (np.sin(along * rng.uniform(8, 40)) > 0).astype(np.float64)
    else:
        share = rng.random(len(vertices)) * rng.uniform(0.2, 1)
    colours = first + (second - first) * share[:, None]
    return Solid(vertices, faces, colours)


def _grid(rows: int, columns: int) -> Int[np.ndarray, "face 3"]:
    """Triangles of a sheet of (rows + 1) x (columns + 1) vertices."""
    corner = (np.arange(rows)[:, None] * (columns + 1) + np.arange(columns)).ravel()
    below = corner + columns + 1
    first = np.stack([corner, below, corner + 1], axis=-1)
    second = np.stack([corner + 1, below, below + 1], axis=-1)
    return np.concatenate([first, second])


def _sheet(rows: int, columns: int) -> Float[np.ndarray, "vertex 2"]:
    """The vertices of `_grid` in [0, 1] x [0, 1]."""
    v, u = np.meshgrid(np.linspace(0, 1, rows + 1), np.linspace(0, 1, columns + 1), indexing="ij")
    return np.stack([u.ravel(), v.ravel()], axis=-1)


def _box(sides: Float[np.ndarray, "3"]) -> tuple[np.ndarray, np.ndarray]:
    sheet = _sheet(_CELLS, _CELLS) - 0.5
    vertices: list[np.ndarray] = []
    faces: list[np.ndarray] = []
    for axis in range(3):
        for end in (-0.5, 0.5):
            side = np.insert(sheet, axis, end, axis=1)
            faces.append(_grid(_CELLS, _CELLS) + len(sheet) * len(vertices))
            vertices.append(side * sides)
    return np.concatenate(vertices), np.concatenate(faces)


def _tube(radius: float, half_height: float) -> tuple[np.ndarray, np.ndarray]:
    sheet = _sheet(12, 12)
    angle = 2 * np.pi * sheet[:, 0]
    height = (2 * sheet[:, 1] - 1) * half_height
    round_it = np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=-1)
    return round_it, _grid(12, 12)


def _globe(radius: float) -> tuple[np.ndarray, np.ndarray]:
    sheet = _sheet(10, 16)
    east, north = 2 * np.pi * sheet[:, 0], np.pi * (sheet[:, 1] - 0.5)
    ring = np.cos(north)
    points = np.stack([ring * np.cos(east), ring * np.sin(east), np.sin(north)], axis=-1)
    return radius * points, _grid(10, 16)


def _leaves(rng: np.random.Generator, width: float) -> Solid:
    """Small cards around a point, each turned its own way."""
    count = int(rng.integers(14, 40))
    corners = np.array([[-0.5, 0, 0], [0, 0, -1], [0.5, 0, 0], [0, 0, 1]]) * 0.5
    size = width * rng.uniform(0.15, 0.4, count)
    places = rng.normal(0, 0.35, (count, 3)) * width * np.array([1, 0.4, 1])
    turns = [_about_z(a) @ _about_y(b) for a, b in rng.uniform(-1.2, 1.2, (count, 2))]
    cards = [corners * s @ t.T + p for s, t, p in zip(size, turns, places, strict=True)]
    faces = np.array([[0, 1, 2], [0, 2, 3]]) + 4 * np.arange(count)[:, None, None]
    green = np.array([rng.uniform(0.1, 0.6), rng.uniform(0.3, 0.7), rng.uniform(0.05, 0.3)])
    colours = np.repeat(np.clip(green * rng.uniform(0.6, 1.3, (count, 1)), 0, 1), 4, axis=0)
    return Solid(np.concatenate(cards), faces.reshape(-1, 3), colours)


def _about_z(radians: float) -> Float[np.ndarray, "3 3"]:
    c, s = np.cos(radians), np.sin(radians)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def _about_y(radians: float) -> Float[np.ndarray, "3 3"]:
    c, s = np.cos(radians), np.sin(radians)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
