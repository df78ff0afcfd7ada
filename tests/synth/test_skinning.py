from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synth_stage import bent, skin

from vidpose.synth.figure import JOINTS
from vidpose.synth.plain import plain_figure
from vidpose.synth.rig import DRIVER
from vidpose.synth.skinning import joint_weights, joints, normals, strongest
from vidpose.synth.state import PersonState

FIGURE = plain_figure(3)


def test_the_rest_pose_leaves_every_vertex_where_it_is() -> None:
    rest = PersonState(0, np.tile(np.eye(3), (22, 1, 1)), FIGURE.midhip)
    vertices = skin(FIGURE, FIGURE.pose(rest))
    expected = np.concatenate([part.vertices for part in FIGURE.parts])
    np.testing.assert_allclose(vertices, expected, atol=1e-12)


@given(st.integers(0, 2**32 - 1))
def test_the_middle_of_the_hips_comes_to_where_it_is_wanted(seed: int) -> None:
    rng = np.random.default_rng(seed)
    midhip = rng.normal(0, 3, 3)
    transforms = FIGURE.pose(PersonState(0, bent(rng), midhip))
    posed = joints(FIGURE, transforms)
    np.testing.assert_allclose((posed["left_hip"] + posed["right_hip"]) / 2, midhip, atol=1e-9)


@given(st.integers(0, 2**32 - 1))
def test_bones_stay_together_and_keep_their_lengths(seed: int) -> None:
    rng = np.random.default_rng(seed)
    transforms = FIGURE.pose(PersonState(0, bent(rng, 60), np.zeros(3)))
    for bone, parent in enumerate(FIGURE.bone_parent[1:], start=1):
        joint = np.append(FIGURE.bone_head[bone], 1)
        np.testing.assert_allclose(transforms[bone] @ joint, transforms[parent] @ joint, atol=1e-9)
    posed = joints(FIGURE, transforms)
    thigh = np.linalg.norm(posed["left_hip"] - posed["left_knee"])
    rest = FIGURE.bone_head[[DRIVER["upperleg_l"], DRIVER["lowerleg_l"]]]
    assert thigh == pytest.approx(np.linalg.norm(rest[0] - rest[1]))


def test_skinning_is_the_weighted_sum_over_bones() -> None:
    rng = np.random.default_rng(0)
    transforms = FIGURE.pose(PersonState(0, bent(rng), rng.normal(size=3)))
    part = FIGURE.parts[0]
    mixed = rng.dirichlet(np.ones(8), len(part.vertices))
    bones = rng.integers(0, 22, (len(part.vertices), 8))
    weighted = replace(part, skin_index=bones, skin_weight=mixed)
    found = skin(replace(FIGURE, parts=(weighted,)), transforms)
    for vertex in range(0, len(found), 17):
        expected = np.zeros(3)
        for bone, weight in zip(bones[vertex], mixed[vertex], strict=True):
            matrix = transforms[bone]
            expected += weight * (matrix[:, :3] @ part.vertices[vertex] + matrix[:, 3])
        np.testing.assert_allclose(found[vertex], expected, atol=1e-12)


def test_joints_summed_beforehand_are_means_of_posed_vertices() -> None:
    rng = np.random.default_rng(1)
    vertices, weights = rng.normal(size=(40, 3)), rng.dirichlet(np.ones(5), 40)
    rows = np.zeros((len(JOINTS), 40))
    rows[:, 5:25] = rng.dirichlet(np.ones(20), len(JOINTS))
    transforms = rng.normal(size=(5, 3, 4))
    summed = np.einsum("jbk,bik->ji", joint_weights(rows, vertices, weights), transforms)
    posed = np.zeros_like(vertices)
    for vertex, share in enumerate(weights):
        for weight, matrix in zip(share, transforms, strict=True):
            posed[vertex] += weight * (matrix[:, :3] @ vertices[vertex] + matrix[:, 3])
    np.testing.assert_allclose(summed, rows @ posed, atol=1e-12)


def test_the_strongest_bones_keep_all_weights_when_there_are_few() -> None:
    weights = np.array([[0, 0.25, 0.75], [1.0, 0, 0]])
    index, share = strongest(weights)
    assert index.shape == share.shape == (2, 8)
    np.testing.assert_array_equal(index[:, :2], [[2, 1], [0, 0]])
    np.testing.assert_allclose(share[:, :2], [[0.75, 0.25], [1.0, 0.0]])
    assert not index[:, 2:].any() and not share[:, 2:].any()


def test_normals_point_where_triangles_turn_left_and_are_nothing_without_triangles() -> None:
    vertices = np.array([[0.0, 0, 0], [2, 0, 0], [0, 3, 0], [9, 9, 9]])
    found = normals(vertices, np.array([[0, 1, 2]]))
    np.testing.assert_allclose(found, [[0, 0, 1]] * 3 + [[0, 0, 0]])


def test_plain_figures_differ_and_repeat() -> None:
    again = plain_figure(3)
    assert again.height == FIGURE.height != plain_figure(4).height
    for part, same in zip(FIGURE.parts, again.parts, strict=True):
        np.testing.assert_array_equal(part.texture, same.texture)


@pytest.mark.parametrize("seed", range(4))
def test_the_surface_of_a_plain_figure_is_closed_around_its_joints(seed: int) -> None:
    figure = plain_figure(seed)
    for part in figure.parts:
        a, b, c = np.moveaxis(part.vertices[part.faces], 1, 0)
        assert np.einsum("fx,fx->", a, np.cross(b, c)) > 0, f"{part.name} is inside out"
        np.testing.assert_allclose(np.linalg.norm(part.normals, axis=1), 1)
    posed = joints(figure, np.tile(np.eye(3, 4), (22, 1, 1)))
    assert posed["left_wrist"][0] > 0 > posed["right_wrist"][0]
    assert posed["nose"][1] < posed["left_ear"][1]
    assert posed["head_top"][2] > posed["head_bottom"][2] > posed["left_hip"][2]
