"""Smooth random motion of a view: pan, zoom and rotation as slow waves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

# Largest pan of most clips, in sizes of the person a frame, and of those that move fast.
_SLOW, _FAST = (0.002, 0.04), (0.04, 0.12)
_FAST_PART = 0.3
# Rates of zoom (logarithm) and turn (radians) a frame, in units of the pan's: a pan of 4 % a frame
# comes with at most 2 % of zoom and 1.7 degrees.
_ZOOM, _TURN = 0.5, 0.75
# How far a clip goes from its middle: pan in sizes of the person, zoom as a logarithm, radians.
_REACH = np.array([0.4, 0.4, 0.25, 0.35])
# In frames; a hand-held camera and a person before it sway about this slowly.
_PERIODS = (10.0, 48.0)
_WAVES = 3


class Drift(NamedTuple):
    """Waves that add up to pan (x, y), zoom and turn.

    Attributes:
        amplitude: Of each wave.
        period: In frames.
        phase: In radians.
        middle: Subtracted, so that a clip moves about where it looks.
    """

    amplitude: Float[np.ndarray, "wave 4"]
    period: Float[np.ndarray, "wave 4"]
    phase: Float[np.ndarray, "wave 4"]
    middle: Float[np.ndarray, " 4"]

    def at(self, times: Float[np.ndarray, " time"]) -> Float[np.ndarray, "time 4"]:
        """Pan (x, y, in sizes of the person), zoom (logarithm) and turn (radians).

        Args:
            times: In frames.
        """
        angles = 2 * np.pi * times[:, None, None] / self.period + self.phase
        return np.asarray((self.amplitude * np.sin(angles)).sum(axis=1) - self.middle)


def draw_drift(rng: np.random.Generator, frames: int) -> Drift:
    """A motion whose fastest moment in a clip of ``frames`` has a drawn speed.

    A motion that would go too far to keep the person in view is slower.
    """
    pan = rng.uniform(*(_FAST if rng.random() < _FAST_PART else _SLOW))
    speed = pan * np.array([1.0, 1.0, rng.uniform(0, _ZOOM), rng.uniform(0, _TURN)])
    shape = (_WAVES, len(speed))
    period = rng.uniform(*_PERIODS, shape)
    amplitude = rng.standard_normal(shape) * period
    wave = Drift(amplitude, period, rng.uniform(0, 2 * np.pi, shape), np.zeros(len(speed)))

    times = np.linspace(0, frames - 1, 4 * frames)
    path = wave.at(times)
    middle = (path.max(axis=0) + path.min(axis=0)) / 2
    extent = np.ptp(path, axis=0) / 2
    angles = 2 * np.pi * times[:, None, None] / period + wave.phase
    rates = amplitude * np.cos(angles) * 2 * np.pi / period
    rate = np.abs(rates.sum(axis=1)).max(axis=0)
    # x and y keep their proportion: it is the pan as a whole that has the speed.
    rate[:2], extent[:2] = np.hypot(*rate[:2]), np.hypot(*extent[:2])
    scale = np.minimum(speed / rate, _REACH / np.maximum(extent, 1e-9))
    return Drift(amplitude * scale, period, wave.phase, middle * scale)
