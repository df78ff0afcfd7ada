import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import Float
from synth_stage import LIGHT, camera, first_hit, skin, upright, wall

from vidpose.datasets.labels import HIDDEN, NOT_LABELLED, VISIBLE, SequenceLabels
from vidpose.errors import VidposeError
from vidpose.skeleton import BODY19, COCO17, POSETRACK15
from vidpose.synth.cast import KitWardrobe, PlainWardrobe
from vidpose.synth.kit import Kit
from vidpose.synth.labels import FEWEST_SEEN, Seen, label
from vidpose.synth.plain import plain_figure
from vidpose.synth.presets import PRESETS, Preset
from vidpose.synth.renderer import SOLID, Renderer
from vidpose.synth.repertoire import Repertoire
from vidpose.synth.scene import sample_scene
from vidpose.synth.shoot import Shoot
from vidpose.synth.skinning import joints
from vidpose.synth.state import Camera, Moment, PersonState, Solid
from vidpose.synth.visibility import DEPTH, Visibility

pytest.importorskip("moderngl")
CAST = (plain_figure(0), plain_figure(1))
VIEW = camera(240, 180, 380)


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    try:
        opened = Renderer(240, 180, dict(enumerate(CAST)))
    except VidposeError as error:
        pytest.skip(str(error))
    with opened:
        yield opened


def look(renderer: Renderer, *people: PersonState, solids: tuple[Solid, ...] = ()) -> list[Seen]:
    moment = Moment(VIEW, people, LIGHT, solids)
    return list(label(CAST, moment, *renderer.surfaces(moment)))


def disc(middle: Float[np.ndarray, "3"], radius: float) -> Solid:
    """A round marker across the view."""
    angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    rim = middle + radius * np.stack([np.cos(angles), 0 * angles, np.sin(angles)], axis=1)
    row = np.arange(90)
    faces = np.stack([np.full(90, 90), row, (row + 1) % 90], axis=1)
    return Solid(np.vstack([rim, middle]), faces, np.ones((91, 3)))


def test_nobody_gives_no_labels(renderer: Renderer) -> None:
    assert look(renderer) == []


def test_labels_are_where_a_marker_at_the_joint_is_drawn(renderer: Renderer) -> None:
    state = upright(CAST[0])
    (seen,) = look(renderer, state)
    for joint, point in joints(CAST[0], CAST[0].pose(state)).items():
        marked = Moment(VIEW, (), LIGHT, (disc(point, 0.3),))
        rows, columns = np.nonzero(renderer.surfaces(marked)[1] == SOLID)
        xy = seen.labels.keypoints[BODY19.index(joint)]
        # Indices of pixels: the centre of the top left one is (0, 0).
        assert xy == pytest.approx((columns.mean(), rows.mean()), abs=0.1)


def test_what_is_outside_is_not_labelled_and_what_is_hidden_is(renderer: Renderer) -> None:
    (seen,) = look(
        renderer, upright(CAST[0], at=(0.75, 0)), solids=(wall((-1, 2), (-1, 0.7), -1.0),)
    )
    by_kind = dict(zip(BODY19.joints, seen.visibility, strict=True))
    labelled = dict(zip(BODY19.joints, seen.labels.visibility, strict=True))
    assert by_kind["left_wrist"] == Visibility.OUTSIDE
    assert labelled["left_wrist"] == NOT_LABELLED
    assert (seen.labels.keypoints[BODY19.index("left_wrist")] == 0).all()
    assert by_kind["right_knee"] == Visibility.OCCLUDER
    assert labelled["right_knee"] == HIDDEN
    assert labelled["right_hip"] == VISIBLE


def test_somebody_of_whom_hardly_anything_is_seen_is_left_out(renderer: Renderer) -> None:
    state = upright(CAST[0])
    for top, expected in ((2.5, 0), (1.2, 1)):
        seen = look(renderer, state, solids=(wall((-2, 2), (-1, top), -1.0),))
        assert len(seen) == expected
    picked = SequenceLabels("", BODY19, ()).in_skeleton(POSETRACK15)
    assert picked.skeleton == POSETRACK15
    (person,) = seen
    counted = [BODY19.index(joint) for joint in POSETRACK15.joints]
    assert (person.visibility[counted] == Visibility.VISIBLE).sum() >= FEWEST_SEEN


def test_both_skeletons_are_parts_of_the_labels() -> None:
    for skeleton in (COCO17, POSETRACK15):
        assert set(skeleton.joints) <= set(BODY19.joints)
        for joint in skeleton.joints:
            sigma = skeleton.sigmas[skeleton.index(joint)]
            assert BODY19.sigmas[BODY19.index(joint)] == pytest.approx(sigma)


def test_the_box_is_the_extent_of_what_is_seen_and_labelled(renderer: Renderer) -> None:
    state = upright(CAST[1], 1, at=(0.3, 0))
    moment = Moment(VIEW, (state,), LIGHT, (wall((-1, 1), (-1, 0.7), -1.0),))
    depth, owner = renderer.surfaces(moment)
    (seen,) = label(CAST, moment, depth, owner)
    rows, columns = np.nonzero(owner == 2)
    xy = seen.labels.keypoints[seen.labels.labelled]
    expected = [
        min(columns.min(), xy[:, 0].min()),
        min(rows.min(), xy[:, 1].min()),
        max(columns.max(), xy[:, 0].max()),
        max(rows.max(), xy[:, 1].max()),
    ]
    assert seen.labels.box == pytest.approx(expected)
    # The feet are behind the wall.
    assert expected[3] > rows.max() + 10


def test_a_head_box_is_as_posetracks_and_does_not_shrink_when_the_head_nods(
    renderer: Renderer,
) -> None:
    top, bottom = (BODY19.index(joint) for joint in ("head_top", "head_bottom"))
    upwards = upright(CAST[0])
    # Bent forwards by a right angle: the top of the head points to the camera.
    nod = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0.0]])
    bowed = replace(upwards, rotations=nod @ upwards.rotations)
    sizes, lengths = [], []
    for state in (upwards, bowed):
        (seen,) = look(renderer, state)
        box, xy = seen.labels.head_box, seen.labels.keypoints
        assert box is not None
        points = list(joints(CAST[0], CAST[0].pose(state)).values())
        _, depth = pinhole(VIEW, (points[top] + points[bottom]) / 2)
        sizes.append(np.hypot(*(box[2:] - box[:2])) * depth)
        lengths.append(np.linalg.norm(xy[top] - xy[bottom]) * depth)
    # 1 / 0.7 in all of PoseTrack2018's files; a head leans forwards a little.
    assert sizes[0] / lengths[0] == pytest.approx(1 / 0.7, rel=0.04)
    assert sizes[1] == pytest.approx(sizes[0], rel=1e-6)
    assert lengths[1] < 0.7 * lengths[0]


@pytest.mark.parametrize("seed", (1, 2, 4))
def test_visibility_in_scenes_agrees_with_rays_against_every_triangle(
    renderer: Renderer, seed: int
) -> None:
    preset = Preset(**(dict(PRESETS["default"]) | {"size": (96, 128), "frames": 2}))
    scene = sample_scene(seed, preset, PlainWardrobe(), Repertoire())
    moment = scene.moments(1)[0]
    surfaces = [(solid.vertices[solid.faces], SOLID) for solid in moment.solids]
    for state in moment.people:
        figure = scene.cast[state.track_id]
        vertices, start = skin(figure, figure.pose(state)), 0
        for part in figure.parts:
            surfaces.append((vertices[start:][part.faces], state.track_id))
            start += len(part.vertices)
    with Shoot(scene) as shoot:
        seen = shoot.seen(1)
    assert seen
    for each in seen:
        labels = each.labels
        figure = scene.cast[labels.track_id]
        (state,) = (p for p in moment.people if p.track_id == labels.track_id)
        points = np.einsum("jbk,bik->ji", figure.joint_weights, figure.pose(state))
        for joint, point in enumerate(points):
            (x, y), distance = pinhole(moment.camera, point)
            inside = distance > 0 and 0 <= x < 128 and 0 <= y < 96
            if not inside:
                assert labels.visibility[joint] == NOT_LABELLED
                continue
            assert labels.keypoints[joint] == pytest.approx((x - 0.5, y - 0.5), abs=1e-6)
            first, who = min(
                (first_hit(faces, moment.camera, int(x), int(y)), who) for faces, who in surfaces
            )
            slack = DEPTH[joint] * figure.height if who == labels.track_id else 0.0
            # A renderer's arithmetic has seven digits.
            if abs(distance - first - slack) > 1e-4:
                assert (labels.visibility[joint] == VISIBLE) == (distance - first <= slack)


def pinhole(view: Camera, point: Float[np.ndarray, "3"]) -> tuple[tuple[float, float], float]:
    right, down, forward = view.rotation
    away = point - view.position
    depth = float(forward @ away)
    height, width = view.size
    x = width / 2 + view.focal * float(right @ away) / depth
    return (x, height / 2 + view.focal * float(down @ away) / depth), depth


@pytest.mark.skipif("VIDPOSE_SHARED" not in os.environ, reason="VIDPOSE_SHARED is not set")
def test_joints_of_a_kits_people_are_means_of_their_posed_vertices(renderer: Renderer) -> None:
    folder = Path(os.environ["VIDPOSE_SHARED"]) / "data/synth_kit"
    if not folder.exists():
        pytest.skip("the kit is not there")
    kit = Kit(folder)
    scene = sample_scene(5, PRESETS["clean"], KitWardrobe(kit, "train"), Repertoire())
    moment = scene.moments(3)[0]
    with Shoot(scene) as shoot:
        seen = shoot.seen(3)[0]
    track_id = seen.labels.track_id
    identity = int(scene.cast[track_id].name.split()[0])
    posed = posed_body(folder, identity, moment.people[track_id])
    body = np.load(folder / "body.npz")
    for joint, name in enumerate(BODY19.joints):
        if not seen.labels.labelled[joint]:
            continue
        start, stop = body["kp_ptr"][body["kp_names"].tolist().index(name) :][:2]
        weights = body["kp_weight"][start:stop].astype(float)
        xy, _ = pinhole(moment.camera, weights @ posed[body["kp_index"][start:stop]])
        assert seen.labels.keypoints[joint] == pytest.approx(np.array(xy) - 0.5, abs=0.1)


def posed_body(folder: Path, identity: int, state: PersonState) -> Float[np.ndarray, "vertex 3"]:
    """Linear blend skinning of the whole body as the kit defines it, bone by bone."""
    body, people = np.load(folder / "body.npz"), np.load(folder / "identities.npz")
    rest = people["rest_q"][identity] * people["rest_step"][identity].astype(float)
    rest += people["rest_lo"][identity]
    heads = people["bone_head"][identity].astype(float)
    turns = state.rotations[body["bone_driver"]]
    hips = [body["bone_names"].tolist().index(f"upperleg01.{side}") for side in "LR"]
    places = np.empty_like(heads)
    places[0] = state.midhip - turns[0] @ (heads[hips].mean(axis=0) - heads[0])
    for bone, parent in enumerate(body["bone_parent"].tolist()):
        if bone:
            places[bone] = places[parent] + turns[parent] @ (heads[bone] - heads[parent])
    weights = body["skin_weight"].astype(float)
    weights /= weights.sum(axis=1, keepdims=True)
    posed = np.zeros_like(rest)
    for column in range(weights.shape[1]):
        bones = body["skin_index"][:, column]
        moved = np.einsum("vij,vj->vi", turns[bones], rest - heads[bones]) + places[bones]
        posed += weights[:, column, None] * moved
    return posed
