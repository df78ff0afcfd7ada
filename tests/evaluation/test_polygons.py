import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vidpose.evaluation.polygons import strictly_inside

SQUARE = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0]])
# A notch from the right to the middle.
CONCAVE = np.array([[0.0, 0.0], [4.0, 0.0], [2.0, 2.0], [4.0, 4.0], [0.0, 4.0]])


def test_a_polygon_without_an_area_contains_nothing() -> None:
    points = np.array([[0.0, 0.0], [1.0, 1.0], [0.5, 0.5]])
    for polygon in (np.zeros((0, 2)), points[:1], points[:2], points):
        assert not strictly_inside(points, polygon).any()


def test_no_points_give_no_answers() -> None:
    assert strictly_inside(np.zeros((0, 2)), SQUARE).shape == (0,)


def test_edges_and_corners_are_outside_in_either_direction() -> None:
    points = np.array([[0.0, 0.0], [4.0, 4.0], [2.0, 0.0], [4.0, 1.0], [0.0, 3.0], [2.0, 4.0]])
    for polygon in (SQUARE, SQUARE[::-1], np.vstack([SQUARE, SQUARE[:1]])):
        assert not strictly_inside(points, polygon).any()
        assert strictly_inside(np.array([[1e-9, 1e-9], [2.0, 2.0]]), polygon).all()


def test_a_ray_through_a_corner_is_counted_once() -> None:
    # The ray to the right of these points meets a corner.
    assert strictly_inside(np.array([[1.0, 2.0]]), CONCAVE).all()
    assert not strictly_inside(np.array([[3.0, 2.0], [-1.0, 2.0], [-1.0, 0.0]]), CONCAVE).any()


@given(st.integers(0, 10_000))
def test_the_winding_number_agrees(seed: int) -> None:
    generator = np.random.default_rng(seed)
    angles = np.sort(generator.uniform(0, 2 * np.pi, generator.integers(3, 9)))
    radii = generator.uniform(0.3, 1, len(angles))
    star = np.column_stack([radii * np.cos(angles), radii * np.sin(angles)])
    points = generator.uniform(-1, 1, (20, 2))
    spokes = star[None] - points[:, None]
    heading = np.arctan2(spokes[..., 1], spokes[..., 0])
    turns = np.diff(heading, axis=1, append=heading[:, :1])
    winding = ((turns + np.pi) % (2 * np.pi) - np.pi).sum(axis=1)
    inside = np.abs(winding) > np.pi
    np.testing.assert_array_equal(strictly_inside(points, star), inside)
