"""What the two layouts with records of images have in common."""

import json
from pathlib import Path

import pytest
from pose_samples import header

from vidpose import formats
from vidpose.poses import FramePoses, Poses


@pytest.mark.parametrize("layout", ["coco", "posetrack18"])
def test_images_have_their_own_names_and_sizes(tmp_path: Path, layout: str) -> None:
    frames = (
        FramePoses(index=0, pts=0.0, name="a.png"),
        FramePoses(index=1, pts=0.0, name="b.png", width=64, height=48),
        FramePoses(index=2, pts=0.0, width=48, height=64),
    )
    formats.save(Poses(header=header(), frames=frames), tmp_path / "file.json", layout)
    images = json.loads((tmp_path / "file.json").read_text(encoding="utf-8"))["images"]
    facts = [(image["file_name"], image["width"], image["height"]) for image in images]
    assert facts == [("a.png", 640, 360), ("b.png", 64, 48), ("000002.jpg", 48, 64)]
