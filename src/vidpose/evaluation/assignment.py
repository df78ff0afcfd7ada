"""One-to-one assignments for every joint of a frame at once."""

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import linear_sum_assignment


def assign(
    allowed: Bool[np.ndarray, "a b joint"],
    cost: Float[np.ndarray, "a b joint"],
    most_pairs: bool = True,
) -> Bool[np.ndarray, "a b joint"]:
    """Which of the allowed pairs are made, each side once, for each joint by itself.

    Args:
        allowed: Which pairs may be made.
        cost: Of an allowed pair, finite; not read elsewhere.
        most_pairs: Make as many pairs as possible at the least total cost; else the pairs of the
            least total cost, all costs being below 0.
    """
    chosen = allowed.copy()
    # Mostly nobody competes for a joint; only the joints in dispute need a solver.
    disputed = (allowed.sum(axis=0) > 1).any(axis=0) | (allowed.sum(axis=1) > 1).any(axis=0)
    for joint in np.flatnonzero(disputed):
        able = allowed[..., joint]
        # Dearer than all pairs together, so that one more pair is always worth it.
        dearest = 2 * min(able.shape) * np.abs(cost[..., joint][able]).max() + 1
        forbidden = dearest if most_pairs else 0.0
        rows, columns = linear_sum_assignment(np.where(able, cost[..., joint], forbidden))
        chosen[..., joint] = False
        chosen[rows, columns, joint] = able[rows, columns]
    return chosen


def dense(tracks: list[np.ndarray]) -> tuple[int, list[np.ndarray]]:
    """How many different ids there are, and the same ids numbered from 0."""
    ids, numbers = np.unique(np.concatenate([np.zeros(0, int), *tracks]), return_inverse=True)
    ends = np.cumsum([len(each) for each in tracks])
    return len(ids), np.split(numbers, ends)[:-1]
