from itertools import permutations

import numpy as np
import pytest

from vidpose.evaluation.assignment import assign


def best(allowed: np.ndarray, cost: np.ndarray) -> tuple[int, float]:
    """The most pairs of all assignments, and the least cost of so many."""
    outcomes = []
    for columns in permutations(range(len(cost))):
        pairs = [(row, column) for row, column in enumerate(columns) if allowed[row, column]]
        outcomes.append((-len(pairs), sum(cost[pair] for pair in pairs)))
    count, total = min(outcomes)
    return -count, total


def test_one_more_pair_is_worth_any_cost() -> None:
    # A chain: who takes the near ones leaves the ends alone.
    allowed = np.eye(3, dtype=bool) | np.eye(3, k=-1, dtype=bool)
    cost = np.where(np.eye(3, dtype=bool), 0.5, 0.01)
    assert best(allowed, cost) == (3, 1.5)
    chosen = assign(allowed[..., None], cost[..., None])[..., 0]
    np.testing.assert_array_equal(chosen, np.eye(3, dtype=bool))


def test_each_joint_has_the_best_of_all_assignments() -> None:
    generator = np.random.default_rng(0)
    allowed = generator.random((4, 4, 40)) < 0.5
    cost = generator.uniform(0, 0.5, allowed.shape)
    chosen = assign(allowed, cost)
    assert not (chosen & ~allowed).any()
    assert max(chosen.sum(axis=0).max(), chosen.sum(axis=1).max()) == 1
    for joint in range(allowed.shape[-1]):
        pairs, total = best(allowed[..., joint], cost[..., joint])
        assert chosen[..., joint].sum() == pairs
        assert cost[chosen[..., joint], joint].sum() == pytest.approx(total)
