from collections.abc import Iterator

import numpy as np
import pytest
from jaxtyping import Float
from synth_stage import LIGHT, bent, camera, first_hit, skin, upright, wall

from vidpose.errors import VidposeError
from vidpose.synth.figure import JOINTS
from vidpose.synth.plain import plain_figure
from vidpose.synth.renderer import SOLID, Renderer
from vidpose.synth.skinning import joints
from vidpose.synth.state import Moment, PersonState
from vidpose.synth.visibility import DEPTH, Visibility, visibility

pytest.importorskip("moderngl")
CAST = {0: plain_figure(0), 5: plain_figure(1)}


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    try:
        opened = Renderer(240, 180, CAST)
    except VidposeError as error:
        pytest.skip(str(error))
    with opened:
        yield opened


VIEW = camera(240, 180, 380)


def points_of(state: PersonState) -> Float[np.ndarray, "joint 3"]:
    figure = CAST[state.track_id]
    return np.stack(list(joints(figure, figure.pose(state)).values()))


def look(renderer: Renderer, moment: Moment, state: PersonState) -> dict[str, Visibility]:
    """The visibility of one person's joints, by name."""
    depth, owner = renderer.surfaces(moment)
    height = CAST[state.track_id].height
    seen = visibility(points_of(state), state.track_id, height, moment.camera, depth, owner)
    return {joint: Visibility(value) for joint, value in zip(JOINTS, seen, strict=True)}


def test_of_somebody_who_faces_the_camera_all_joints_are_seen(renderer: Renderer) -> None:
    state = upright(CAST[0])
    seen = look(renderer, Moment(VIEW, (state,), LIGHT), state)
    assert set(seen.values()) == {Visibility.VISIBLE}


def test_the_back_of_the_head_hides_the_face(renderer: Renderer) -> None:
    state = upright(CAST[0], turn=np.pi)
    seen = look(renderer, Moment(VIEW, (state,), LIGHT), state)
    hidden = {joint for joint, value in seen.items() if value == Visibility.SELF}
    assert hidden == {"nose", "left_eye", "right_eye"}


def test_from_the_side_the_body_hides_what_is_behind_it(renderer: Renderer) -> None:
    state = upright(CAST[0], turn=np.pi / 2)
    seen = look(renderer, Moment(VIEW, (state,), LIGHT), state)
    assert seen["left_hip"] == seen["left_shoulder"] == Visibility.SELF
    assert seen["right_hip"] == seen["right_shoulder"] == Visibility.VISIBLE


def test_somebody_in_front_hides_and_somebody_behind_does_not(renderer: Renderer) -> None:
    front, back = upright(CAST[0], 0, (0, -1)), upright(CAST[5], 5, (0, 1))
    moment = Moment(VIEW, (front, back), LIGHT)
    assert set(look(renderer, moment, front).values()) == {Visibility.VISIBLE}
    seen = look(renderer, moment, back)
    assert seen["left_hip"] == seen["nose"] == Visibility.OTHERS


def test_a_solid_is_an_occluder_only_in_front(renderer: Renderer) -> None:
    state = upright(CAST[0])
    for y, expected in ((-1.0, Visibility.OCCLUDER), (1.0, Visibility.VISIBLE)):
        moment = Moment(VIEW, (state,), LIGHT, (wall((-1, 1), (-1, 0.7), y),))
        seen = look(renderer, moment, state)
        assert seen["left_ankle"] == seen["right_knee"] == expected
        assert seen["left_hip"] == Visibility.VISIBLE


def test_outside_is_beside_the_picture_and_behind_the_camera(renderer: Renderer) -> None:
    state = upright(CAST[0], at=(0.75, 0))
    seen = look(renderer, Moment(VIEW, (state,), LIGHT), state)
    assert seen["left_wrist"] == Visibility.OUTSIDE != seen["right_hip"]
    behind = upright(CAST[0], at=(0, -9))
    seen = look(renderer, Moment(VIEW, (behind,), LIGHT), behind)
    assert set(seen.values()) == {Visibility.OUTSIDE}


def test_a_point_that_is_nowhere_is_outside() -> None:
    points = np.full((len(JOINTS), 3), np.nan)
    depth = np.full(VIEW.size, np.inf)
    seen = visibility(points, 0, 1.7, VIEW, depth, np.zeros(VIEW.size, int))
    assert set(seen) == {Visibility.OUTSIDE}


@pytest.mark.parametrize("seed", range(6))
def test_it_agrees_with_rays_against_every_triangle(renderer: Renderer, seed: int) -> None:
    rng = np.random.default_rng(seed)
    people = tuple(
        PersonState(track_id, bent(rng), np.array([*rng.normal(0, 0.3, 2), 0.9]))
        for track_id in CAST
    )
    solids = (wall((-0.5, 0.1), (0.2, 1.0), -0.8),)
    moment = Moment(VIEW, people, LIGHT, solids)
    found = [list(look(renderer, moment, state).values()) for state in people]
    expected = [by_rays(moment, state) for state in people]
    assert found == expected
    assert len(set(np.ravel(found))) >= 3


def by_rays(moment: Moment, person: PersonState) -> list[Visibility]:
    """The visibility of a person's joints, joint by joint and triangle by triangle."""
    surfaces = [(solid.vertices[solid.faces], SOLID) for solid in moment.solids]
    for state in moment.people:
        figure = CAST[state.track_id]
        vertices, start = skin(figure, figure.pose(state)), 0
        for part in figure.parts:
            surfaces.append((vertices[start:][part.faces], state.track_id))
            start += len(part.vertices)
    height, width = moment.camera.size
    answer = []
    for point, thickness in zip(points_of(person), DEPTH, strict=True):
        (x, y), distance = moment.camera.project(point)
        if distance <= 0 or not (0 <= x < width and 0 <= y < height):
            answer.append(Visibility.OUTSIDE)
            continue
        hits = [(first_hit(faces, moment.camera, int(x), int(y)), who) for faces, who in surfaces]
        first, who = min(hits)
        if first >= distance:
            answer.append(Visibility.VISIBLE)
        elif who == SOLID:
            answer.append(Visibility.OCCLUDER)
        elif who != person.track_id:
            answer.append(Visibility.OTHERS)
        elif distance - first > thickness * CAST[who].height:
            answer.append(Visibility.SELF)
        else:
            answer.append(Visibility.VISIBLE)
    return answer
