"""Drawings: on the person, and never a crash."""

import numpy as np
import pytest

from vidpose.drawing import draw, id_colour, score_colour
from vidpose.poses import Person
from vidpose.skeleton import COCO17


def person(keypoints: np.ndarray, scores: float = 1.0, person_id: int = 1) -> Person:
    return Person(
        id=person_id,
        score=1.0,
        box=np.array([0.0, 0, 100, 200]),
        keypoints=keypoints,
        keypoint_scores=np.full(len(keypoints), scores),
    )


GREY = np.full((240, 320, 3), 90, np.uint8)


def test_nobody_changes_nothing() -> None:
    np.testing.assert_array_equal(draw(GREY, [], COCO17), GREY)


def test_unsure_joints_are_left_out() -> None:
    spread = np.random.default_rng(0).uniform(20, 200, (17, 2))
    np.testing.assert_array_equal(draw(GREY, [person(spread, 0.1)], COCO17), GREY)


@pytest.mark.parametrize("place", [-1e9, -5.0, 1e9, 239.9])
@pytest.mark.parametrize("shape", [(1, 1), (240, 320), (7, 1000)])
def test_joints_anywhere_and_images_of_any_size(place: float, shape: tuple[int, int]) -> None:
    image = np.zeros((*shape, 3), np.uint8)
    assert draw(image, [person(np.full((17, 2), place))], COCO17).shape == image.shape


def test_the_frame_itself_is_not_drawn_on() -> None:
    image = GREY.copy()
    draw(image, [person(np.random.default_rng(0).uniform(20, 200, (17, 2)))], COCO17)
    np.testing.assert_array_equal(image, GREY)


def test_a_joint_has_the_colour_of_its_confidence_at_its_place() -> None:
    keypoints = np.full((17, 2), -1000.0)
    keypoints[0] = 100, 120
    canvas = draw(GREY, [person(keypoints, 1.0)], COCO17)
    assert canvas[120, 100].tolist() == list(score_colour(1.0))
    assert draw(GREY, [person(keypoints, 0.5)], COCO17)[120, 100].tolist() == [255, 255, 0]


def test_a_bone_has_the_colour_of_the_id() -> None:
    keypoints = np.full((17, 2), -1000.0)
    keypoints[COCO17.index("left_hip")] = 40, 60
    keypoints[COCO17.index("left_knee")] = 40, 200
    canvas = draw(GREY, [person(keypoints, person_id=5)], COCO17)
    assert canvas[130, 40].tolist() == list(id_colour(5))


def test_neighbouring_ids_differ() -> None:
    colours = np.array([id_colour(i) for i in range(30)])
    assert (np.abs(np.diff(colours, axis=0)).max(axis=1) > 40).all()
