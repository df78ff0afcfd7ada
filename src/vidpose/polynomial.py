"""Weighted least squares: a polynomial in time through the places of each joint."""

import numpy as np
from jaxtyping import Bool, Float

# Of sums of squares, which are exact to about 16 digits.
_RIDGE = 1e-12


class Fit:
    """The polynomials of some joints, and how far off another sighting at time 0 may be.

    Args:
        times: Of the sightings, at most 1 from 0; more of them than ``order``.
        places: Of every joint then.
        weights: How much each counts, above 0.
        order: Degree of the polynomials.

    Attributes:
        place: Values of the polynomials at time 0.
        unsure: Their variances, in those of a sighting of average weight: below 1 amid frames at
            even steps, about 3 at their end, and without bound where all but a few far frames have
            next to no weight.
    """

    def __init__(
        self,
        times: Float[np.ndarray, "n"],
        places: Float[np.ndarray, "n joint 2"],
        weights: Float[np.ndarray, "n joint"],
        order: int,
    ) -> None:
        # At 0 the value is the constant term; about one of the places pixels are few.
        self._powers = np.vander(times, order + 1, increasing=True)
        self._moves = places.astype(np.float64) - places[0]
        self._weights = weights
        weighted = weights.T[:, None] * self._powers.T
        normal = weighted @ self._powers
        # Times may be as good as equal: of the polynomials that fit alike the flattest is taken.
        ridge = _RIDGE * normal.trace(axis1=1, axis2=2)
        inverse = np.linalg.inv(normal + ridge[:, None, None] * np.eye(order + 1))
        self._terms = inverse @ (weighted @ self._moves.swapaxes(0, 1))
        self.place = np.asarray(places[0] + self._terms[:, 0], dtype=np.float32)
        self.unsure = weights.mean(0) * inverse[:, 0, 0]

    def strays(
        self, places: Float[np.ndarray, "joint 2"], errors: float, least: float
    ) -> Bool[np.ndarray, " joint"]:
        """Which sightings at time 0, not among those fitted, are too far from the polynomials.

        The bound is that of a regression's prediction interval: the spread of those fitted, wider
        by what is not known of the polynomial. The sighting counts as sure as they are on average:
        a low score of its own does not excuse it.

        Args:
            places: Of every joint.
            errors: So many standard errors are too far.
            least: And so many pixels.
        """
        count, terms = self._powers.shape
        usual = self._weights.mean(0)
        off = np.square(self._moves - np.tensordot(self._powers, self._terms, (1, 1))).sum(-1)
        variance = (self._weights * off).sum(0) / usual / (count - terms)
        distance = np.linalg.norm(places - self.place, axis=-1)
        too_far = distance > errors * np.sqrt(variance * (1 + self.unsure))
        return np.asarray(too_far & (distance > least))
