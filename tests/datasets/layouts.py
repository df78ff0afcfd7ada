"""Datasets in miniature, in the structure of the original downloads."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.io import savemat

SLOTS = (
    *("nose", "head_bottom", "head_top", "left_ear", "right_ear"),
    *("left_shoulder", "right_shoulder", "left_elbow", "right_elbow"),
    *("left_wrist", "right_wrist", "left_hip", "right_hip"),
    *("left_knee", "right_knee", "left_ankle", "right_ankle"),
)
SIZE = (48, 32)


def picture(path: Path, brightness: int = 0, size: tuple[int, int] = SIZE) -> None:
    """A picture of one grey, which says which one it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.full((size[1], size[0], 3), brightness, dtype=np.uint8)
    assert cv2.imwrite(str(path), image)


def write_json(path: Path, document: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def posetrack18_document(
    sequence: str, frames: int = 3, split: str = "val", first: int = 0
) -> dict[str, Any]:
    """A person in every frame; joint k of frame t is at (k + 1, t + 1)."""
    base = 10_000_000_000 + int(sequence.split("_")[0]) * 10_000
    numbers = range(first, first + frames)
    return {
        "images": [
            {
                "id": base + n,
                "frame_id": base + n,
                "vid_id": sequence.split("_")[0],
                "nframes": frames,
                "file_name": f"images/{split}/{sequence}/{n:06d}.jpg",
                "is_labeled": True,
                "width": SIZE[0],
                "height": SIZE[1],
            }
            for n in numbers
        ],
        "annotations": [
            {
                "id": (base + n) * 100,
                "image_id": base + n,
                "track_id": 7,
                "category_id": 1,
                "bbox": [1.0, 1.0, 17.5, 20.0],
                "bbox_head": [1.0, 1.0, 3.0, 4.0],
                "keypoints": [
                    value
                    for k, name in enumerate(SLOTS)
                    for value in ((0, 0, 0) if "ear" in name else (k + 1, n + 1, 1))
                ],
                "scores": [],
            }
            for n in numbers
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": list(SLOTS), "skeleton": []}],
    }


def posetrack18(root: Path, sequence: str = "000342_mpii_test", split: str = "val") -> Path:
    write_json(root / "annotations" / split / f"{sequence}.json", posetrack18_document(sequence))
    for n in range(5):  # two more than are annotated
        picture(root / "images" / split / sequence / f"{n:06d}.jpg", 40 * n)
    return root


def posetrack21(root: Path, sequence: str = "000342_mpii_test", split: str = "val") -> Path:
    posetrack18(root, sequence, split)
    (root / "annotations").rename(root / "posetrack_data")
    return root


def posetrack17(root: Path, first: int = 1, missing: int = 0) -> Path:
    """Annolist; the pictures start at ``first``, the annotations ``missing`` + 1 later."""
    folder = "bonn_5sec/000342_mpii"
    frames = [
        {
            "image": [{"name": f"{folder}/{n:08d}.jpg"}],
            "imgnum": [n],
            "is_labeled": [1],
            "annorect": [
                {
                    "track_id": [3],
                    "x1": [5.5],
                    "y1": [6.5],
                    "x2": [9.5],
                    "y2": [10.5],
                    "annopoints": [
                        {"point": [{"id": [13], "x": [n], "y": [2.5], "is_visible": [1]}]}
                    ],
                }
            ],
        }
        for n in range(first + missing + 1, first + missing + 4)
    ]
    name = "000342_mpii_relpath_5sec_testsub.json"
    write_json(root / "annotations" / "val" / name, {"annolist": frames})
    for n in range(first, first + missing + 6):
        picture(root / "images" / folder / f"{n:08d}.jpg", 5 * n)
    return root


def coco_document(names: tuple[str, ...], joints: tuple[str, ...]) -> dict[str, Any]:
    """One person in each of the images but the last, which is empty."""
    return {
        "images": [
            {"id": 100 + n, "file_name": name, "width": SIZE[0], "height": SIZE[1]}
            for n, name in enumerate(names)
        ],
        "annotations": [
            {
                "id": n + 1,
                "image_id": 100 + n,
                "category_id": 1,
                "bbox": [2, 3, 10, 20],
                "area": 150.0,
                "iscrowd": 0,
                "num_keypoints": len(joints),
                "keypoints": [v for k in range(len(joints)) for v in (k + 1, k + 2, k % 3)],
            }
            for n in range(len(names) - 1)
        ],
        "categories": [
            {"id": 1, "name": "person", "keypoints": list(joints), "skeleton": [[1, 2], [0, 99]]}
        ],
    }


def coco(root: Path, joints: tuple[str, ...], split: str = "val") -> Path:
    names = tuple(f"{number:012d}.jpg" for number in (139, 285, 632))
    write_json(
        root / "annotations" / f"person_keypoints_{split}2017.json", coco_document(names, joints)
    )
    for n, name in enumerate(names):
        picture(root / f"{split}2017" / name, 50 * n)
    return root


def penn(root: Path, frames: int = 2, train: int = 1, clip: str = "0001") -> Path:
    """Joint k of frame t is at (10 k + 1, t + 1), counted from 1; the last joint is not seen."""
    x = np.tile(10.0 * np.arange(13) + 1, (frames, 1))
    y = np.tile(np.arange(frames)[:, None] + 1.0, (1, 13))
    visible = np.ones((frames, 13), dtype=np.uint8)
    visible[:, -1] = 0
    (root / "labels").mkdir(parents=True, exist_ok=True)
    label = {
        "action": "bowl",
        "pose": "front",
        "x": x,
        "y": y,
        "visibility": visible,
        "train": train,
        "bbox": np.tile([11.0, 21.0, 31.0, 41.0], (max(frames - 1, 1), 1)),
        "dimensions": [SIZE[1], SIZE[0], frames],
        "nframes": frames,
    }
    savemat(root / "labels" / f"{clip}.mat", label)
    for t in range(frames):
        picture(root / "frames" / clip / f"{t + 1:06d}.jpg", 20 * t)
    return root


def jhmdb(root: Path, frames: int = 2, mask: bool = True) -> Path:
    """Two clips of an action, the first for training in split 1, the second for tests."""
    for clip in ("april_catch", "bob_catch"):
        positions = np.zeros((2, 15, frames))
        positions[0] = (np.arange(15) + 1.0)[:, None]
        positions[1] = np.arange(frames) + 1.0
        folder = root / "joint_positions" / "catch" / clip
        folder.mkdir(parents=True)
        savemat(folder / "joint_positions.mat", {"pos_img": positions})
        for t in range(frames):
            picture(root / "Rename_Images" / "catch" / clip / f"{t + 1:05d}.png", 20 * t)
    if mask:
        part = np.zeros((SIZE[1], SIZE[0], frames), dtype=np.uint8)
        part[4:10, 6:20, 0] = 1
        folder = root / "puppet_mask" / "catch" / "april_catch"
        folder.mkdir(parents=True)
        savemat(folder / "puppet_mask.mat", {"part_mask": part})
    (root / "splits").mkdir()
    lines = "april_catch.avi 1 \nbob_catch.avi 2 \nnobody_catch.avi 0 \n"
    (root / "splits" / "catch_test_split1.txt").write_text(lines)
    return root


def lsp(root: Path, count: int = 4, extended: bool = False) -> Path:
    """Joint k of picture n is at (k + 1, n + 1), counted from 1; the flag of joint 0 is 0."""
    joints = np.ones((3, 14, count))
    joints[0] = (np.arange(14) + 1.0)[:, None]
    joints[1] = np.arange(count) + 1.0
    joints[2, 0] = 0
    root.mkdir(parents=True, exist_ok=True)
    savemat(root / "joints.mat", {"joints": joints.transpose(1, 0, 2) if extended else joints})
    for n in range(count):
        name = f"im{n + 1:05d}.jpg" if extended else f"im{n + 1:04d}.jpg"
        picture(root / "images" / name, 30 * n)
    return root
