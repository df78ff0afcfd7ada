"""Clothed people from a kit: a folder of body shapes, garments and textures (docs/synth.md)."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from vidpose.errors import VidposeError
from vidpose.image_files import read_rgba
from vidpose.synth.archive import read_arrays
from vidpose.synth.bones import RigidBones
from vidpose.synth.dress import Garment, Worn, drawn_faces, per_corner, put_on, tucked
from vidpose.synth.figure import JOINTS, Figure, Part
from vidpose.synth.outfits import SLOTS, Outfit, Split, combinations, dyed
from vidpose.synth.rig import DRIVERS
from vidpose.synth.skinning import joint_weights, normals, strongest

_BODY = (
    "faces", "uv", "uv_faces", "eye_face_ids", "eye_uv", "skin_index", "skin_weight", "bone_names",
    "bone_parent", "driver_names", "bone_driver", "kp_names", "kp_ptr", "kp_index", "kp_weight",
)  # fmt: skip
_PEOPLE = (
    "rest_q", "rest_lo", "rest_step", "bone_head", "leg_length", "height", "ancestry",
    "skin_texture", "split",
)  # fmt: skip
_MOTIONS = (
    "quat", "midhip", "clip_name", "clip_start", "clip_len", "clip_source", "clip_split",
    "clip_max_step_deg", "ref_leg_length", "fps", "driver_names",
)  # fmt: skip
_GARMENT = (
    "kind", "tris", "uv", "uv_tris", "bind_index", "bind_weight", "bind_offset", "scale_ref",
    "scale_den", "skin_index", "skin_weight", "hide_vertices", "textures",
)  # fmt: skip
_GLOSS = {
    "skin": 0.1, "eyes": 0.6, "suit": 0.03, "shoes": 0.25, "hair": 0.15, "hat": 0.03, "eyebrow": 0
}  # fmt: skip
_DARK_EYES = ("eye_brown", "eye_dark")
_EYES = (*_DARK_EYES, "eye_blue", "eye_green", "eye_grey")


class Kit:
    """The people and clothes of a kit; files are read when they are first needed.

    Args:
        folder: The kit.

    Raises:
        VidposeError: Here or later, when a file of the kit is missing or is not what it should be.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not (self.folder / "body.npz").is_file():
            raise VidposeError(
                f"{self.folder} is no kit for synthetic people: it has no body.npz "
                "(docs/synth.md says what a kit is)"
            )
        self._garments: dict[str, Garment] = {}

    def identities(self, split: Split) -> tuple[int, ...]:
        """Numbers of the people of a split."""
        return tuple(np.flatnonzero(self._people["split"] == split).tolist())

    def outfits(self, split: Split) -> tuple[Outfit, ...]:
        """Every combination of the garments of a split; the two splits share no garment.

        Colours are as made; ``dataclasses.replace(outfit, hue=...)`` varies them.
        """
        return combinations(self._kinds, split)

    @cached_property
    def motions(self) -> dict[str, np.ndarray]:
        """The captured motion as the kit stores it.

        ``quat`` (frame, driver, 4) holds world rotations relative to the rest pose as w, x, y, z;
        ``midhip`` (frame, 3) metres for legs of ``ref_leg_length``; clip i is ``clip_len[i]``
        frames from ``clip_start[i]``, at ``fps``, of the split ``clip_split[i]``.
        """
        path = self.folder / "motions.npz"
        motions = read_arrays(path, _MOTIONS)
        _check_drivers(motions["driver_names"], path)
        return motions

    def figure(self, identity: int, outfit: Outfit) -> Figure:
        """A person of the kit, dressed.

        Raises:
            VidposeError: The kit has no such person or garment.
        """
        people = self._people
        if not 0 <= identity < len(people["rest_q"]):
            last = len(people["rest_q"]) - 1
            raise VidposeError(f"{self.folder} has people 0 to {last}, no {identity}")
        rest = people["rest_q"][identity] * people["rest_step"][identity].astype(float)
        rest += people["rest_lo"][identity]
        suit, shoes, hair, eyebrows = (
            put_on(self._garment(getattr(outfit, slot), slot), rest)
            for slot in ("suit", "shoes", "hair", "eyebrows")
        )
        under = replace(shoes, vertices=tucked(shoes.vertices, shoes.normals, suit))
        parts = [
            *self._bare(identity, rest, suit, shoes, hair),
            self._worn(suit, identity, outfit),
            *(self._worn(worn, identity) for worn in (under, hair, eyebrows)),
        ]
        head = people["bone_head"][identity].astype(float)
        names = self._body["bone_names"].tolist()
        hips = [names.index(f"upperleg01.{side}") for side in "LR"]
        return Figure(
            name=f"{identity} {outfit.suit} {outfit.shoes} {outfit.hair}",
            parts=tuple(parts),
            bone_head=head[self._rigid.first],
            bone_parent=self._rigid.parent,
            bone_driver=self._rigid.driver,
            midhip=head[hips].mean(axis=0),
            leg_length=float(people["leg_length"][identity]),
            height=float(people["height"][identity]),
            joint_weights=joint_weights(self._joint_rows, rest, self._body_weights),
        )

    def _bare(
        self, identity: int, rest: Float[np.ndarray, "body 3"], suit: Worn, *others: Worn
    ) -> tuple[Part, Part]:
        """Skin that no garment covers, and the eyes."""
        body, people = self._body, self._people
        outwards = normals(rest, body["faces"])
        skin = tucked(rest, outwards, suit)
        textures = self.folder / "textures"
        eyes = np.zeros(len(body["faces"]), dtype=bool)
        eyes[body["eye_face_ids"]] = True
        garments = [worn.garment for worn in (suit, *others)]
        seen = drawn_faces(body["faces"], len(rest), garments) & ~eyes

        def part(
            name: str,
            faces: Int[np.ndarray, "face 3"],
            uv_faces: Int[np.ndarray, "face 3"],
            uv: Float[np.ndarray, "corner 2"],
            texture: Path,
        ) -> Part:
            vertex, corner, triangles = per_corner(faces, uv_faces)
            index, weight = strongest(self._body_weights[vertex])
            return Part(
                name, skin[vertex], outwards[vertex], downwards(uv)[corner], triangles, index,
                weight, read_rgba(texture), gloss=_GLOSS[name],
            )  # fmt: skip

        eye_corners = np.arange(3 * eyes.sum()).reshape(-1, 3)
        eye_uv = np.empty((len(body["faces"]), 3, 2))
        eye_uv[body["eye_face_ids"]] = body["eye_uv"]
        colours = _EYES if people["ancestry"][identity] == "caucasian" else _DARK_EYES
        eye = textures / "eyes" / f"{colours[identity // 2 % len(colours)]}.jpg"
        hide = textures / "skins" / str(people["skin_texture"][identity])
        return (
            part("skin", body["faces"][seen], body["uv_faces"][seen], body["uv"], hide),
            part("eyes", body["faces"][eyes], eye_corners, eye_uv[eyes].reshape(-1, 2), eye),
        )

    def _worn(self, worn: Worn, identity: int, dye: Outfit | None = None) -> Part:
        garment = worn.garment
        vertex, corner, faces = per_corner(garment.faces, garment.uv_faces)
        index, weight = strongest(self._rigid.reduce(garment.skin_index, garment.skin_weight))
        file = garment.textures[identity // 2 % len(garment.textures)]
        texture = read_rgba(self.folder / "textures" / "garments" / file)
        return Part(
            garment.kind,
            worn.vertices[vertex],
            worn.normals[vertex],
            garment.uv[corner],
            faces,
            index[vertex],
            weight[vertex],
            texture if dye is None else dyed(texture, dye),
            cutout=bool((texture[..., 3] < 255).any()),
            gloss=_GLOSS[garment.kind],
        )

    @cached_property
    def _body(self) -> dict[str, np.ndarray]:
        path = self.folder / "body.npz"
        body = read_arrays(path, _BODY)
        _check_drivers(body["driver_names"], path)
        vertices, bones = len(body["skin_index"]), len(body["bone_names"])
        _check_indices(
            path,
            {
                "faces": (body["faces"], vertices),
                "uv_faces": (body["uv_faces"], len(body["uv"])),
                "skin_index": (body["skin_index"], bones),
                "kp_index": (body["kp_index"], vertices),
                "eye_face_ids": (body["eye_face_ids"], len(body["faces"])),
            },
        )
        return body

    @cached_property
    def _people(self) -> dict[str, np.ndarray]:
        path = self.folder / "identities.npz"
        people = read_arrays(path, _PEOPLE)
        vertices, bones = len(self._body["skin_index"]), len(self._body["bone_names"])
        found = people["rest_q"].shape[1], people["bone_head"].shape[1]
        if found != (vertices, bones):
            raise VidposeError(
                f"{path} has people of {found[0]} vertices and {found[1]} bones, "
                f"body.npz beside it {vertices} and {bones}: they are not of one kit"
            )
        return people

    @cached_property
    def _rigid(self) -> RigidBones:
        return RigidBones(self._body["bone_parent"], self._body["bone_driver"])

    @cached_property
    def _body_weights(self) -> Float[np.ndarray, "body bone"]:
        return self._rigid.reduce(self._body["skin_index"], self._body["skin_weight"])

    @cached_property
    def _joint_rows(self) -> Float[np.ndarray, "joint body"]:
        body = self._body
        names = body["kp_names"].tolist()
        rows = np.zeros((len(JOINTS), len(body["skin_index"])))
        for row, joint in zip(rows, JOINTS, strict=True):
            if joint not in names:
                raise VidposeError(f"{self.folder / 'body.npz'} has no keypoint {joint!r}")
            start, stop = body["kp_ptr"][names.index(joint) :][:2]
            row[body["kp_index"][start:stop]] = body["kp_weight"][start:stop]
        return rows

    @cached_property
    def _kinds(self) -> dict[str, str]:
        """The kind of each garment by name."""
        files = sorted((self.folder / "garments").glob("*.npz"))
        kinds = {file: str(read_arrays(file, ("kind",))["kind"]) for file in files}
        for file, kind in kinds.items():
            if kind not in SLOTS:
                raise VidposeError(f"{file} is a garment of kind {kind!r}, not {', '.join(SLOTS)}")
        return {file.stem: kind for file, kind in kinds.items()}

    def _garment(self, name: str, slot: str) -> Garment:
        if SLOTS.get(self._kinds.get(name, "")) != slot:
            raise VidposeError(f"{self.folder / 'garments'} has no {slot} {name!r}")
        if name not in self._garments:
            path = self.folder / "garments" / f"{name}.npz"
            garment = read_garment(path)
            _check_indices(
                path,
                {
                    "tris": (garment.faces, len(garment.bind_index)),
                    "uv_tris": (garment.uv_faces, len(garment.uv)),
                    "bind_index": (garment.bind_index, len(self._body["skin_index"])),
                    "scale_ref": (garment.scale_ref, len(self._body["skin_index"])),
                    "hide_vertices": (garment.hidden, len(self._body["skin_index"])),
                    "skin_index": (garment.skin_index, len(self._body["bone_names"])),
                },
            )
            self._garments[name] = garment
        return self._garments[name]


def read_garment(path: Path) -> Garment:
    """A garment from its file.

    Raises:
        VidposeError: It cannot be read.
    """
    a = read_arrays(path, _GARMENT)
    return Garment(
        path.stem, str(a["kind"]), a["tris"], downwards(a["uv"]), a["uv_tris"], a["bind_index"],
        a["bind_weight"], a["bind_offset"], a["scale_ref"], a["scale_den"], a["skin_index"],
        a["skin_weight"], a["hide_vertices"], tuple(a["textures"].tolist()),
    )  # fmt: skip


def downwards(uv: Float[np.ndarray, "corner 2"]) -> Float[np.ndarray, "corner 2"]:
    """Texture coordinates with v up as ones with v down, and back."""
    return uv * (1, -1) + (0, 1)


def _check_drivers(names: np.ndarray, path: Path) -> None:
    if tuple(names.tolist()) != DRIVERS:
        raise VidposeError(f"{path} has other driver bones than expected: {', '.join(names)}")


def _check_indices(path: Path, arrays: dict[str, tuple[np.ndarray, int]]) -> None:
    for key, (index, count) in arrays.items():
        if index.size and not 0 <= index.min() <= index.max() < count:
            raise VidposeError(
                f"{path}: array {key!r} counts up to {index.max()} where there are {count}; "
                "the file is damaged or of another kit"
            )
