import os
import pickle
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from synth_stage import LIGHT, bent, camera, skin

from vidpose.errors import VidposeError
from vidpose.synth.bones import RigidBones
from vidpose.synth.dress import Garment, per_corner, put_on, tucked
from vidpose.synth.figure import JOINTS
from vidpose.synth.kit import Kit
from vidpose.synth.outfits import Outfit, dyed
from vidpose.synth.renderer import Renderer
from vidpose.synth.rig import DRIVER_PARENT, DRIVERS, REST_HEAD
from vidpose.synth.skinning import joints, normals
from vidpose.synth.state import Moment, PersonState

TETRAHEDRON = np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]], np.uint16)
OUTFIT = Outfit("cloth", "boots", "cap", "brows")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A kit of two people, each two tetrahedra (one is the eye), in four small garments."""
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    rest = np.concatenate([corners, corners + 2]).astype(np.uint16)
    faces = np.concatenate([TETRAHEDRON, TETRAHEDRON + 4])
    one_bone = np.zeros((8, 12))
    one_bone[:, 0] = 1
    names = [*DRIVERS]
    names[DRIVERS.index("upperleg_l")] = "upperleg01.L"
    names[DRIVERS.index("upperleg_r")] = "upperleg01.R"
    np.savez(
        tmp_path / "body.npz", faces=faces, uv=np.zeros((1, 2)), uv_faces=faces * 0,
        eye_face_ids=np.arange(4, 8), eye_uv=np.zeros((4, 3, 2)), bone_names=names,
        skin_index=np.zeros((8, 12), np.uint8), skin_weight=one_bone, bone_parent=DRIVER_PARENT,
        driver_names=DRIVERS, bone_driver=np.arange(22), kp_names=JOINTS,
        kp_ptr=np.arange(len(JOINTS) + 1), kp_index=np.arange(len(JOINTS)) % 8,
        kp_weight=np.ones(len(JOINTS)),
    )  # fmt: skip
    np.savez(
        tmp_path / "identities.npz", rest_q=np.stack([rest, rest]), rest_lo=np.zeros((2, 3)),
        rest_step=np.array([[0.5] * 3, [1] * 3]), bone_head=np.stack([REST_HEAD] * 2),
        leg_length=np.ones(2), height=np.full(2, 2.0), ancestry=["asian", "caucasian"],
        skin_texture=["skin.jpg"] * 2, split=["train", "val"],
    )  # fmt: skip
    garments, textures = tmp_path / "garments", tmp_path / "textures"
    for made in (garments, textures / "skins", textures / "eyes", textures / "garments"):
        made.mkdir(parents=True)
    kinds = {"cloth": "suit", "boots": "shoes", "cap": "hat", "brows": "eyebrow"}
    kinds |= {"male_casualsuit05": "suit", "shoes01": "shoes", "bob02": "hair"}
    for name, kind in (kinds | {"eyebrow010": "eyebrow"}).items():
        write(garments / f"{name}.npz", garment_arrays(kind))
    picture = np.full((4, 4, 3), 90, np.uint8)
    for place in ("skins/skin.jpg", "garments/cloth.jpg"):
        cv2.imwrite(str(textures / place), picture)
    for colour in ("brown", "dark", "blue", "green", "grey"):
        cv2.imwrite(str(textures / "eyes" / f"eye_{colour}.jpg"), picture)
    return tmp_path


def write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    np.savez(path, allow_pickle=False, **arrays)


def garment_arrays(kind: str) -> dict[str, np.ndarray]:
    """A tetrahedron that sits on the first four vertices of the body, a little larger."""
    return {
        "kind": np.array(kind), "tris": TETRAHEDRON, "uv": np.zeros((1, 2)),
        "uv_tris": TETRAHEDRON * 0, "bind_index": np.tile(np.arange(4)[:, None], 3),
        "bind_weight": np.tile([1.0, 0, 0], (4, 1)), "bind_offset": np.full((4, 3), 0.1),
        "scale_ref": np.array([[0, 1], [0, 2], [0, 3]]), "scale_den": np.ones(3),
        "skin_index": np.zeros((4, 8), np.uint8), "skin_weight": np.eye(1, 8).repeat(4, 0),
        "hide_vertices": np.array([0, 1, 2]), "textures": np.array(["cloth.jpg"]),
    }  # fmt: skip


def test_a_small_kit_gives_a_figure_that_can_be_drawn(folder: Path) -> None:
    pytest.importorskip("moderngl")
    figure = Kit(folder).figure(0, OUTFIT)
    assert [part.name for part in figure.parts] == [
        "skin", "eyes", "suit", "shoes", "hat", "eyebrow",
    ]  # fmt: skip
    state = PersonState(0, np.tile(np.eye(3), (22, 1, 1)), np.array([0, 0, 1.0]))
    try:
        with Renderer(120, 90, {0: figure}) as renderer:
            assert (renderer.surfaces(Moment(camera(), (state,), LIGHT))[1] == 1).any()
    except VidposeError as error:
        pytest.skip(str(error))


def test_the_splits_share_no_person_and_no_garment(folder: Path) -> None:
    kit = Kit(folder)
    assert kit.identities("train") == (0,)
    assert kit.identities("val") == (1,)
    assert kit.outfits("train") == (OUTFIT,)
    assert kit.outfits("val") == (Outfit("male_casualsuit05", "shoes01", "bob02", "eyebrow010"),)


def test_only_triangles_with_all_corners_covered_are_left_out(folder: Path) -> None:
    skin_part = Kit(folder).figure(0, OUTFIT).parts[0]
    assert len(skin_part.faces) == 3


def test_garments_grow_with_the_body(folder: Path) -> None:
    kit = Kit(folder)
    small, large = (kit.figure(identity, OUTFIT).parts[2].vertices for identity in (0, 1))
    np.testing.assert_allclose(small.min(axis=0), 0.05)
    np.testing.assert_allclose(large.min(axis=0), 0.1)


def test_a_kit_can_be_sent_to_another_process(folder: Path) -> None:
    kit = Kit(folder)
    kit.figure(0, OUTFIT)
    assert pickle.loads(pickle.dumps(kit)).figure(0, OUTFIT).name == kit.figure(0, OUTFIT).name


def test_what_is_no_kit_is_said(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(VidposeError, match=r"is no kit.*body\.npz"):
        Kit(tmp_path / "nowhere")
    kit = Kit(folder)
    with pytest.raises(VidposeError, match="has people 0 to 1, no 2"):
        kit.figure(2, OUTFIT)
    with pytest.raises(VidposeError, match="has no shoes 'cloth'"):
        kit.figure(0, replace(OUTFIT, shoes="cloth"))
    with pytest.raises(VidposeError, match=r"no such file: .*motions\.npz"):
        _ = kit.motions


@pytest.mark.parametrize(
    ("file", "arrays", "message"),
    [
        ("body.npz", {"faces": TETRAHEDRON}, "has no array 'uv'"),
        ("garments/cloth.npz", garment_arrays("sock"), "kind 'sock'"),
        ("garments/cloth.npz", garment_arrays("suit") | {"bind_index": np.full((4, 3), 8)}, "up"),
    ],
)
def test_a_file_that_does_not_fit_is_named(
    folder: Path, file: str, arrays: dict[str, np.ndarray], message: str
) -> None:
    write(folder / file, arrays)
    with pytest.raises(VidposeError, match=f"{Path(file).name}.*{message}"):
        Kit(folder).figure(0, OUTFIT)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 cut"])
@pytest.mark.parametrize("file", ["body.npz", "identities.npz", "garments/boots.npz"])
def test_a_damaged_file_is_named(folder: Path, file: str, content: bytes) -> None:
    (folder / file).write_bytes(content)
    with pytest.raises(VidposeError, match=f"{Path(file).name} is not a readable npz file"):
        Kit(folder).figure(0, OUTFIT)


def test_a_cut_file_is_named(folder: Path) -> None:
    whole = (folder / "body.npz").read_bytes()
    for length in (100, len(whole) // 2, len(whole) - 10):
        (folder / "body.npz").write_bytes(whole[:length])
        with pytest.raises(VidposeError, match=r"body\.npz is not a readable npz file"):
            Kit(folder).figure(0, OUTFIT)


def test_a_texture_that_is_missing_or_no_picture_is_named(folder: Path) -> None:
    picture = folder / "textures" / "garments" / "cloth.jpg"
    picture.write_bytes(b"nothing")
    with pytest.raises(VidposeError, match=r"cloth\.jpg: not an image"):
        Kit(folder).figure(0, OUTFIT)
    picture.unlink()
    with pytest.raises(VidposeError, match=r"cloth\.jpg: cannot be read"):
        Kit(folder).figure(0, OUTFIT)


def test_bones_of_one_driver_become_one_unless_another_is_between() -> None:
    parent, driver = np.array([-1, 0, 1, 2, 1, 4]), np.array([0, 0, 1, 1, 1, 0])
    rigid = RigidBones(parent, driver)
    np.testing.assert_array_equal(rigid.first, [0, 2, 4, 5])
    np.testing.assert_array_equal(rigid.parent, [-1, 0, 0, 2])
    np.testing.assert_array_equal(rigid.driver, [0, 1, 1, 0])
    weights = rigid.reduce(np.array([[1, 0, 3]]), np.array([[0.25, 0.25, 1.5]]))
    np.testing.assert_allclose(weights, [[0.25, 0.75, 0, 0]])


def test_seams_split_vertices_and_keep_triangles() -> None:
    faces, uv_faces = np.array([[0, 1, 2], [2, 1, 3]]), np.array([[0, 1, 2], [2, 4, 3]])
    vertex, corner, triangles = per_corner(faces, uv_faces)
    np.testing.assert_array_equal(vertex[triangles], faces)
    np.testing.assert_array_equal(corner[triangles], uv_faces)
    assert len(vertex) == 5


def plane(count: int = 21, size: float = 0.2) -> tuple[np.ndarray, np.ndarray]:
    """A level square of triangles that look up, around the origin."""
    side = np.linspace(-size, size, count)
    vertices = np.stack([*np.meshgrid(side, side), np.zeros((count, count))], axis=2).reshape(-1, 3)
    corner = np.arange(count * count).reshape(count, count)
    a, b, c, d = corner[:-1, :-1], corner[:-1, 1:], corner[1:, :-1], corner[1:, 1:]
    return vertices, np.stack([a, b, c, b, d, c], axis=2).reshape(-1, 3)


def test_skin_is_tucked_under_cloth_but_not_beside_it() -> None:
    vertices, faces = plane()
    whole = Garment(
        "sheet", "suit", faces, np.zeros((1, 2)), faces * 0, np.tile(np.arange(441)[:, None], 3),
        np.tile([1.0, 0, 0], (441, 1)), np.zeros((441, 3)), np.array([[0, 440]] * 3), np.ones(3),
        np.zeros((441, 8), int), np.eye(1, 8).repeat(441, 0), np.zeros(0, int), (),
    )  # fmt: skip
    cloth = put_on(whole, vertices)
    assert whole.hem.sum() == 80
    skin_points = np.array([[0, 0, 0.01], [0, 0.1, -0.03], [0.2, 0, 0.01], [0, 0, 0.5]])
    up = np.tile([0, 0, 1.0], (4, 1))
    moved = tucked(skin_points, up, cloth)
    assert moved[0, 2] < 0, "what comes through goes under"
    np.testing.assert_array_equal(moved[1:], skin_points[1:])
    np.testing.assert_array_equal(tucked(skin_points, -up, cloth), skin_points)


def test_dye_turns_hues_and_leaves_alpha() -> None:
    red = np.full((2, 2, 4), (200, 0, 0, 77), np.uint8)
    green = dyed(red, replace(OUTFIT, hue=1 / 3))
    np.testing.assert_allclose(green[0, 0], (0, 200, 0, 77), atol=6)
    np.testing.assert_array_equal(dyed(red, OUTFIT), red)
    np.testing.assert_array_equal(dyed(red, replace(OUTFIT, saturation=0))[0, 0], [200] * 3 + [77])
    assert dyed(red, replace(OUTFIT, brightness=5))[0, 0, 0] == 255


@pytest.fixture(scope="module")
def full() -> Kit:
    shared = os.environ.get("VIDPOSE_SHARED")
    if shared is None or not (Path(shared) / "data" / "synth_kit").is_dir():
        pytest.skip("VIDPOSE_SHARED has no data/synth_kit")
    return Kit(Path(shared) / "data" / "synth_kit")


def literal_pose(
    kit: Kit, identity: int, state: PersonState
) -> tuple[np.ndarray, np.ndarray, Mapping[str, np.ndarray]]:
    """All vertices of the bare body, bone by bone as KIT.md says, with all bones and weights."""
    body = np.load(kit.folder / "body.npz")
    people = np.load(kit.folder / "identities.npz")
    rest = people["rest_q"][identity] * people["rest_step"][identity] + people["rest_lo"][identity]
    head = people["bone_head"][identity].astype(float)
    names = body["bone_names"].tolist()
    middle = (head[names.index("upperleg01.L")] + head[names.index("upperleg01.R")]) / 2
    turn = state.rotations[body["bone_driver"]]
    place = np.empty_like(head)
    place[0] = state.midhip - turn[0] @ (middle - head[0])
    for bone in range(1, len(head)):
        above = body["bone_parent"][bone]
        place[bone] = place[above] + turn[above] @ (head[bone] - head[above])
    posed = np.zeros_like(rest, dtype=float)
    weights = body["skin_weight"].astype(float)
    weights /= weights.sum(axis=1, keepdims=True)
    for index, weight in zip(body["skin_index"].T, weights.T, strict=True):
        moved = np.einsum("vij,vj->vi", turn[index], rest - head[index]) + place[index]
        posed += weight[:, None] * moved
    return posed, rest, body


@pytest.mark.parametrize("identity", [0, 57])
def test_the_kit_is_posed_as_its_description_says(full: Kit, identity: int) -> None:
    rng = np.random.default_rng(identity)
    figure = full.figure(identity, full.outfits("train")[identity])
    state = PersonState(0, bent(rng), rng.normal(size=3))
    posed, rest, body = literal_pose(full, identity, state)
    transforms = figure.pose(state)
    found = joints(figure, transforms)
    for row, name in enumerate(body["kp_names"]):
        if name in JOINTS:
            span = slice(*body["kp_ptr"][row : row + 2])
            expected = body["kp_weight"][span] @ posed[body["kp_index"][span]]
            np.testing.assert_allclose(found[name], expected, atol=1e-5)
    bare = skin(replace(figure, parts=figure.parts[1:2]), transforms)
    eyes = body["faces"][body["eye_face_ids"]].ravel()
    np.testing.assert_allclose(bare[figure.parts[1].faces.ravel()], posed[eyes], atol=1e-5)
    outwards = normals(rest, body["faces"])
    assert outwards[body["kp_index"][:1]][0, 1] < 0, "the nose points forwards"


def test_the_full_kit_keeps_whole_garments_for_testing(full: Kit) -> None:
    train, val = full.outfits("train"), full.outfits("val")
    for slot in ("suit", "shoes", "hair", "eyebrows"):
        worn = [{getattr(outfit, slot) for outfit in outfits} for outfits in (train, val)]
        assert worn[0] and worn[1] and not worn[0] & worn[1]
    assert not set(full.identities("train")) & set(full.identities("val"))
    assert len(full.identities("train")) + len(full.identities("val")) == 64


def test_the_silhouette_of_the_full_kit_is_that_of_the_projected_vertices(full: Kit) -> None:
    pytest.importorskip("moderngl")
    rng = np.random.default_rng(4)
    figure = full.figure(full.identities("val")[0], full.outfits("val")[0])
    motions = full.motions
    try:
        renderer = Renderer(384, 288, {0: figure})
    except VidposeError as error:
        pytest.skip(str(error))
    view = camera(384, 288, 420)
    with renderer:
        for frame in rng.integers(len(motions["quat"]), size=6):
            rotations = Rotation.from_quat(motions["quat"][frame], scalar_first=True).as_matrix()
            state = PersonState(0, rotations, np.array([0, 0, 1.0]))
            _, owner = renderer.surfaces(Moment(view, (state,), LIGHT))
            opaque = replace(figure, parts=tuple(p for p in figure.parts if not p.cutout))
            points, _ = view.project(skin(opaque, figure.pose(state)))
            y, x = np.nonzero(owner)
            found = np.array([x.min(), y.min(), x.max() + 1, y.max() + 1])
            least = np.concatenate([points.min(axis=0), points.max(axis=0)])
            points, _ = view.project(skin(figure, figure.pose(state)))
            most = np.concatenate([points.min(axis=0), points.max(axis=0)])
            assert (
                np.abs(found - np.clip(found, np.minimum(least, most), np.maximum(least, most)))
                <= 1.5
            ).all()
