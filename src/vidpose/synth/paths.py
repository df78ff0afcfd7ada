"""Where people go on the ground, so that they pass each other in front of the camera.

The ground is seen from above: x to the right of the picture, y away from the camera.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from vidpose.synth.contact import Contact
from vidpose.synth.figure import Figure
from vidpose.synth.motion import RATE, Motion, rotations_at, to_matrices
from vidpose.synth.state import PersonState


@dataclass(frozen=True, eq=False)
class Way:
    """A motion laid on the ground for somebody.

    Attributes:
        motion: What is done.
        leg_length: Of the person, metres.
        contact: Where the person touches the ground.
        places: Metres, at each sample of the motion.
        headings: Radians from -y to the left, at each sample.
    """

    motion: Motion
    leg_length: float
    contact: Contact
    places: Float[np.ndarray, "sample 2"]
    headings: Float[np.ndarray, " sample"]

    def placed(self, sample: int, place: Float[np.ndarray, "2"], heading: float) -> Way:
        """The same way, moved and turned so that it leads through ``place`` at ``sample``."""
        angle = heading - self.headings[sample]
        moved = (self.places - self.places[sample]) @ _turn(np.array(angle)).T + place
        return replace(self, places=moved, headings=self.headings + angle)

    def at(self, seconds: Float[np.ndarray, " time"], track_id: int) -> list[PersonState]:
        """The person at some times, on the ground; held at both ends of the motion."""
        samples = np.clip(seconds * RATE, 0, len(self.motion) - 1)
        local = to_matrices(rotations_at(self.motion.quaternions, samples))
        grid = np.arange(len(self.motion))
        heading = np.interp(samples, grid, self.headings)
        turn = np.zeros((len(samples), 1, 3, 3))
        turn[:, 0, :2, :2] = _turn(heading)
        turn[:, 0, 2, 2] = 1
        x, y = (np.interp(samples, grid, self.places[:, axis]) for axis in range(2))
        lift = np.interp(samples, grid, self.motion.lift)
        z = self.contact.height(local) + lift * self.leg_length
        hips = np.stack([x, y, z], axis=-1)
        return [
            PersonState(track_id, rotations, midhip)
            for rotations, midhip in zip(turn @ local, hips, strict=True)
        ]


def lay(motion: Motion, figure: Figure, bend: float) -> Way:
    """The motion from the origin towards -y.

    Args:
        motion: At least one sample.
        figure: Who does it.
        bend: How much the way bends to the left, radians a metre.
    """
    steps = motion.steps * figure.leg_length
    turns = motion.turns + bend * np.linalg.norm(steps, axis=-1)
    headings = np.concatenate([[0.0], np.cumsum(turns[:-1])])
    moves = np.einsum("tij,tj->ti", _turn(headings), steps)
    places = np.concatenate([np.zeros((1, 2)), np.cumsum(moves[:-1], axis=0)])
    return Way(motion, figure.leg_length, Contact(figure), places, headings)


def nearest(ways: list[Way], way: Way) -> float:
    """Smallest distance in metres from ``way`` to any of ``ways`` at the same time; inf if none."""
    gaps = [np.linalg.norm(other.places - way.places, axis=-1).min() for other in ways]
    return float(min(gaps, default=np.inf))


def _turn(radians: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n 2 2"]:
    cosine, sine = np.cos(radians), np.sin(radians)
    return np.stack([np.stack([cosine, -sine], -1), np.stack([sine, cosine], -1)], -2)
