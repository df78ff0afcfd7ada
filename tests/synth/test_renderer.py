import hashlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synth_stage import LIGHT, bent, camera, first_hit, skin, upright, wall

from vidpose.errors import VidposeError
from vidpose.synth.gpu import context
from vidpose.synth.plain import plain_figure
from vidpose.synth.renderer import NOTHING, SOLID, Renderer
from vidpose.synth.state import Camera, Light, Moment, PersonState, Solid

pytest.importorskip("moderngl")
CAST = {7: plain_figure(0), 1000: plain_figure(1)}


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    try:
        opened = Renderer(120, 90, CAST)
    except VidposeError as error:
        pytest.skip(str(error))
    with opened:
        yield opened


def test_an_empty_moment_is_the_background_to_the_byte(renderer: Renderer) -> None:
    background = np.random.default_rng(0).integers(0, 256, (120, 90, 3), dtype=np.uint8)
    drawn = renderer.draw(Moment(camera(), (), LIGHT), background)
    np.testing.assert_array_equal(drawn.image, background)
    assert np.isinf(drawn.depth).all()
    assert (drawn.owner == NOTHING).all()


def test_without_a_background_it_is_black(renderer: Renderer) -> None:
    assert not renderer.image(Moment(camera(), (), LIGHT)).any()


def test_the_picture_can_be_written_to(renderer: Renderer) -> None:
    renderer.image(Moment(camera(), (), LIGHT))[:] = 1


@pytest.mark.parametrize("seed", range(8))
def test_the_silhouette_is_that_of_the_projected_vertices(renderer: Renderer, seed: int) -> None:
    rng = np.random.default_rng(seed)
    track_id = int(rng.choice(list(CAST)))
    state = PersonState(track_id, bent(rng), np.array([*rng.normal(0, 0.1, 2), 1.0]))
    view = camera(focal=rng.uniform(120, 170), distance=rng.uniform(4, 5))
    figure = CAST[track_id]
    points, _ = view.project(skin(figure, figure.pose(state)))
    y, x = np.nonzero(renderer.surfaces(Moment(view, (state,), LIGHT))[1] == 1 + track_id)
    found = [x.min(), y.min(), x.max() + 1, y.max() + 1]
    expected = np.concatenate([points.min(axis=0), points.max(axis=0)])
    expected = expected.clip(0, [90, 120, 90, 120])
    np.testing.assert_allclose(found, expected, atol=1.5)


def test_depth_and_owner_are_those_of_the_first_triangle_on_each_ray(renderer: Renderer) -> None:
    rng = np.random.default_rng(5)
    view = camera()
    people = (upright(CAST[7], 7, (0.1, 0)), upright(CAST[1000], 1000, (-0.1, 0.5), 1.0))
    box = wall((-0.4, 0.05), (0.2, 0.9), -0.6)
    depth, owner = renderer.surfaces(Moment(view, people, LIGHT, (box,)))
    surfaces = [(box.vertices[box.faces], SOLID)]
    for state in people:
        figure = CAST[state.track_id]
        vertices, start = skin(figure, figure.pose(state)), 0
        for part in figure.parts:
            surfaces.append((vertices[start:][part.faces], 1 + state.track_id))
            start += len(part.vertices)
    seen = set()
    for x, y in rng.integers((25, 10), (65, 110), (150, 2)):
        hits = [(first_hit(triangles, view, x, y), who) for triangles, who in surfaces]
        expected, who = min(hits)
        assert owner[y, x] == (who if np.isfinite(expected) else NOTHING)
        assert depth[y, x] == pytest.approx(expected, abs=1e-4)
        seen.add(owner[y, x])
    assert seen == {NOTHING, SOLID, 8, 1001}


def test_who_is_nearer_hides_the_other_in_any_order(renderer: Renderer) -> None:
    near, far = upright(CAST[7], 7, (0, -1)), upright(CAST[1000], 1000, (0, 1))
    one = renderer.draw(Moment(camera(), (near, far), LIGHT))
    other = renderer.draw(Moment(camera(), (far, near), LIGHT))
    np.testing.assert_array_equal(one.image, other.image)
    np.testing.assert_array_equal(one.owner, other.owner)
    alone = renderer.surfaces(Moment(camera(), (near,), LIGHT))[1]
    np.testing.assert_array_equal(one.owner == 8, alone == 8)
    assert (one.owner == 1001).any()


def test_nobody_is_seen_behind_the_camera(renderer: Renderer) -> None:
    behind = upright(CAST[7], 7, (0, -9))
    assert not renderer.surfaces(Moment(camera(), (behind,), LIGHT))[1].any()


def test_the_first_row_is_the_top_and_the_first_column_the_left(renderer: Renderer) -> None:
    moment = Moment(camera(), (), LIGHT, (wall((-2, 0), (1, 3), 0),))
    depth, owner = renderer.surfaces(moment)
    expected = np.zeros((120, 90), int)
    expected[:60, :45] = SOLID
    np.testing.assert_array_equal(owner, expected)
    np.testing.assert_allclose(depth[:60, :45], 4, rtol=1e-6)
    image = renderer.image(moment)
    assert image[:60, :45].any(axis=2).all() and not image[60:].any() and not image[:, 45:].any()


@pytest.mark.parametrize("colour", [0.0, 0.02, 0.25, 0.5, 0.9, 1.0])
def test_a_colour_in_full_ambient_light_is_kept(renderer: Renderer, colour: float) -> None:
    corners = np.array([[-9.0, -9, 0], [9, -9, 0], [-9, 9, 0], [9, 9, 0]])
    ground = Solid(corners, np.array([[0, 1, 2], [1, 2, 3]]), np.full((4, 3), colour))
    down = Camera(np.diag([1.0, -1, -1]), np.array([0, 0, 3.0]), 200.0, (120, 90))
    light = Light(np.array([0, 0, 1.0]), np.zeros(3), np.ones(3))
    image = renderer.image(Moment(down, (), light, (ground,)))
    np.testing.assert_allclose(image, 255 * colour, atol=1.01)


def test_more_samples_smooth_the_outline() -> None:
    state = upright(CAST[7], 7)
    shades = []
    for samples in (1, 3):
        with Renderer(120, 90, CAST, samples) as opened:
            white = np.full((120, 90, 3), 255, np.uint8)
            light = Light(LIGHT.direction, np.zeros(3), np.zeros(3))
            image = opened.image(Moment(camera(), (state,), light), white)[:60]
            shades.append(len(np.unique(image)))
    # Without light people are black: between black and white there are only outlines.
    assert shades[0] == 2 < shades[1]


def test_the_ground_is_darker_under_the_feet(renderer: Renderer) -> None:
    white = np.full((120, 90, 3), 255, np.uint8)
    above = Camera(np.diag([1.0, -1, -1]), np.array([0, 0, 8.0]), 200.0, (120, 90))
    drawn = renderer.draw(Moment(above, (upright(CAST[7], 7),), LIGHT), white)
    around = (drawn.owner == NOTHING) & (drawn.image < 255).any(axis=2)
    assert around.sum() > 100
    assert (drawn.image[0] == 255).all()


def test_renderers_do_not_disturb_each_other(renderer: Renderer) -> None:
    moment = Moment(camera(), (upright(CAST[7], 7),), LIGHT)
    before = renderer.image(moment)
    with Renderer(60, 40, {7: CAST[1000]}) as other:
        other.image(Moment(camera(60, 40), (upright(CAST[1000], 7),), LIGHT))
        np.testing.assert_array_equal(renderer.image(moment), before)
    np.testing.assert_array_equal(renderer.image(moment), before)


def test_a_renderer_frees_what_it_held_and_closes_twice() -> None:
    with Renderer(60, 40, CAST) as opened:
        gl = opened._gl
        assert opened.device
        opened.image(Moment(camera(60, 40), (upright(CAST[7], 7),), LIGHT))
        opened.close()
        assert not gl.objects
    assert context()[0] is gl


def test_what_does_not_fit_is_refused(renderer: Renderer) -> None:
    with pytest.raises(ValueError, match="camera"):
        renderer.image(Moment(camera(100, 90), (), LIGHT))
    with pytest.raises(ValueError, match="background"):
        renderer.image(Moment(camera(), (), LIGHT), np.zeros((90, 120, 3), np.uint8))
    with pytest.raises(ValueError, match="no figure of track id 3"):
        renderer.image(Moment(camera(), (replace(upright(CAST[7]), track_id=3),), LIGHT))


def test_a_solid_without_triangles_shows_nothing(renderer: Renderer) -> None:
    nothing = Solid(np.zeros((0, 3)), np.zeros((0, 3), int), np.zeros((0, 3)))
    assert not renderer.surfaces(Moment(camera(), (), LIGHT, (nothing,)))[1].any()


def test_another_process_draws_the_same_bytes(renderer: Renderer) -> None:
    program = "from test_renderer import digest; print(digest())"
    there = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent,
    )
    assert there.stdout.strip() == digest()


def digest() -> str:
    """Of all that is drawn of a moment."""
    with Renderer(120, 90, CAST) as opened:
        solid = wall((0, 1), (0, 1), -1)
        drawn = opened.draw(Moment(camera(), (upright(CAST[7], 7),), LIGHT, (solid,)))
    parts = (drawn.image, drawn.depth, drawn.owner)
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()
