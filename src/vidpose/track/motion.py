"""Where a person's box goes between two looks at it: a Kalman filter in real time.

Each of the four numbers of a box (centre x, y, width, height) is followed on its own as a value and
its rate of change. The centre has inertia: its rate is pushed by random accelerations and fades, so
that somebody unseen glides to a stop instead of leaving the picture. The size has no inertia, only
a random walk, since an arm that is stretched out says nothing about the next frame. Time is in
seconds and noise in heights of the box, so frame rate and resolution do not matter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

# Heights of the box, per second where it is a change. A walker crosses 0.8 heights in a second.
_FIRST_SPEED = 1.5
_ACCELERATION = np.array([1.2, 1.2, 0.0, 0.0])
_SIZE_DRIFT = np.array([0.0, 0.0, 0.3, 0.3])
_SEEN = np.array([0.04, 0.04, 0.08, 0.08])
# Seconds until the speed of somebody unseen has fallen to 1/e.
_FADE = 1.5


@dataclass(frozen=True)
class Motion:
    """What is believed about one box at one time; `predict` and `update` give new beliefs.

    Kalman, "A New Approach to Linear Filtering and Prediction Problems", 1960, with the state of
    SORT (Bewley 2016) made symmetric. As noise grows with the true length of a gap, the update that
    ends it also corrects the speed over it: what OC-SORT (Cao 2023) adds to filters that count
    frames is already there.

    Attributes:
        mean: Value (pixels) and rate (pixels per second) of centre x, centre y, width, height.
        covariance: Of value and rate; the four quantities are independent.
    """

    mean: Float[np.ndarray, "4 2"]
    covariance: Float[np.ndarray, "4 2 2"]

    @staticmethod
    def start(box: Float[np.ndarray, "4"]) -> Motion:
        """The belief after the first look at a person: a place, and any walking speed."""
        mean = np.zeros((4, 2))
        mean[:, 0] = _centre_size(box)
        covariance = np.zeros((4, 2, 2))
        height = max(mean[3, 0], 1.0)
        covariance[:, 0, 0] = (_SEEN * height) ** 2
        covariance[:2, 1, 1] = (_FIRST_SPEED * height) ** 2
        return Motion(mean, covariance)

    @property
    def centre(self) -> Float[np.ndarray, "2"]:
        """Centre of the box in pixels."""
        return self.mean[:2, 0]

    @property
    def height(self) -> float:
        """Height of the box in pixels, at least 1: the unit of all noise and distances."""
        return max(float(self.mean[3, 0]), 1.0)

    @property
    def box(self) -> Float[np.ndarray, "4"]:
        """The box as x1, y1, x2, y2 in pixels."""
        half = np.maximum(self.mean[2:, 0], 0.0) / 2
        return np.concatenate([self.centre - half, self.centre + half])

    def predict(self, seconds: float) -> Motion:
        r"""The belief ``seconds`` (>= 0) later: :math:`Fx` and :math:`FPF^T + Q`.

        The rate decays as :math:`e^{-t/\tau}`, the value moves by its integral; :math:`Q` is that
        of white acceleration over the time span.
        """
        decay = math.exp(-seconds / _FADE)
        transition = np.array([[1.0, _FADE * (1.0 - decay)], [0.0, decay]])
        pushed = np.array([[seconds**3 / 3, seconds**2 / 2], [seconds**2 / 2, seconds]])
        noise = (_ACCELERATION**2)[:, None, None] * pushed
        noise[:, 0, 0] += _SIZE_DRIFT**2 * seconds
        return Motion(
            self.mean @ transition.T,
            transition @ self.covariance @ transition.T + noise * self.height**2,
        )

    def update(self, box: Float[np.ndarray, "4"], doubt: float = 1.0) -> Motion:
        """The belief after ``box`` (x1, y1, x2, y2 in pixels) was seen.

        Args:
            box: The box seen.
            doubt: How many times less exact than usual the box is.
        """
        return self._observe(_centre_size(box), (_SEEN * self.height * doubt) ** 2)

    def update_centre(self, centre: Float[np.ndarray, "2"]) -> Motion:
        """The belief after only the place was seen, by x, y of the box's centre in pixels."""
        variance = (_SEEN * self.height) ** 2
        variance[2:] = np.inf
        return self._observe(np.append(centre, self.mean[2:, 0]), variance)

    def _observe(self, values: Float[np.ndarray, "4"], variance: Float[np.ndarray, "4"]) -> Motion:
        gain = self.covariance[:, :, 0] / (self.covariance[:, 0, 0] + variance)[:, None]
        surprise = values - self.mean[:, 0]
        return Motion(
            self.mean + gain * surprise[:, None],
            self.covariance - gain[:, :, None] * self.covariance[:, None, 0, :],
        )


def _centre_size(box: Float[np.ndarray, "4"]) -> Float[np.ndarray, "4"]:
    low, high = box[:2], box[2:]
    return np.concatenate([(low + high) / 2, np.maximum(high - low, 0.0)])
