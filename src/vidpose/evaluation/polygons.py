"""Points in polygons."""

import numpy as np
from jaxtyping import Bool, Float


def strictly_inside(
    points: Float[np.ndarray, "*n 2"], polygon: Float[np.ndarray, "corner 2"]
) -> Bool[np.ndarray, "*n"]:
    """Which points lie inside ``polygon`` and not on its outline.

    By the even-odd rule, so any simple polygon will do, convex or not, in either direction, with or
    without its first corner repeated. Fewer than three corners contain nothing.
    """
    start, end = polygon, np.roll(polygon, -1, axis=0)
    x, y = points[..., :1], points[..., 1:]
    across = (end[:, 0] - start[:, 0]) * (y - start[:, 1])
    across = across - (end[:, 1] - start[:, 1]) * (x - start[:, 0])
    low, high = np.minimum(start, end), np.maximum(start, end)
    within = ((points[..., None, :] >= low) & (points[..., None, :] <= high)).all(axis=-1)
    outline = ((across == 0) & within).any(axis=-1)
    # An edge that the ray from the point to the right crosses: it spans y and lies to the right.
    spans = (start[:, 1] > y) != (end[:, 1] > y)
    crossed = spans & ((across > 0) == (end[:, 1] > start[:, 1]))
    return (crossed.sum(axis=-1) % 2 == 1) & ~outline
