import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vidpose.datasets.passing import draw_passing

WHITE = np.full((40, 60, 3), 255, np.uint8)
BLACK = np.zeros((80, 80, 3), np.uint8)


@given(st.integers(0, 1000), st.floats(-3, 3))
def test_what_is_covered_is_what_is_painted_over(seed: int, time: float) -> None:
    passing = draw_passing(np.random.default_rng(seed), WHITE, 60.0, 0.0, np.array([40.0, 40.0]))
    painted = passing.over(BLACK, time)[..., 0]
    y, x = np.mgrid[0:80, 0:80]
    points = np.column_stack([x.ravel(), y.ravel()]).astype(float)
    covered = passing.covers(points, time).reshape(80, 80)
    # On the outline, which is a pixel or two wide, the two round differently.
    sure = (painted < 20) | (painted > 235)
    disagree = (covered != (painted > 127)) & sure
    assert disagree.mean() < 0.005


def test_it_is_where_it_should_be_when_it_should_and_moves_on() -> None:
    place = np.array([40.0, 40.0])
    for seed in range(20):
        passing = draw_passing(np.random.default_rng(seed), WHITE, 30.0, 5.0, place)
        later = 1000.0
        assert not passing.covers(place[None], later).any()
        assert (passing.over(BLACK, later) == 0).all()
        painted = passing.over(BLACK, 5.0)[..., 0].astype(float)
        middle = np.array([(painted * grid).sum() for grid in np.mgrid[0:80, 0:80][::-1]])
        assert np.linalg.norm(middle / painted.sum() - place) < 8


def test_a_picture_smaller_than_the_piece_is_enough() -> None:
    dot = np.full((1, 1, 3), 200, np.uint8)
    passing = draw_passing(np.random.default_rng(0), dot, 50.0, 0.0, np.array([40.0, 40.0]))
    assert passing.over(BLACK, 0.0).max() == 200
