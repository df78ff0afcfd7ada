"""poses.json: the round trip, the schema, and files that are something else."""

import json
import math
from codecs import BOM_UTF8
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from pose_samples import any_poses, poses

from vidpose import formats
from vidpose.errors import VidposeError
from vidpose.poses import FramePoses, Poses
from vidpose.refine import fill_gaps, smooth

SCHEMA = Path(__file__).parents[2] / "docs" / "poses.schema.json"


@settings(max_examples=40, deadline=None)
@given(any_poses())
def test_what_is_written_is_read_to_the_written_precision(written: Poses) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "poses.json"
        written.save(path)
        jsonschema.validate(json.loads(path.read_text("utf-8")), Poses.json_schema())
        read = Poses.load(path)
    assert read.header == written.header
    assert [frame.index for frame in read] == [frame.index for frame in written]
    for got, want in zip(read, written, strict=True):
        assert math.isclose(got.pts, want.pts, abs_tol=5.1e-7)
        assert (got.name, got.width, got.height) == (want.name, want.width, want.height)
        assert [person.id for person in got.people] == [person.id for person in want.people]
        for one, other in zip(got.people, want.people, strict=True):
            # A thousandth of a pixel and float32's own step at 5000, half of each.
            np.testing.assert_allclose(one.box, other.box, rtol=0, atol=5e-4 + 2.5e-4)
            np.testing.assert_allclose(one.keypoints, other.keypoints, rtol=0, atol=5e-4 + 2.5e-4)
            np.testing.assert_allclose(
                one.keypoint_scores, other.keypoint_scores, rtol=0, atol=5.1e-5
            )
            assert math.isclose(one.score, other.score, abs_tol=5.1e-5)


def test_the_documented_schema_is_the_programs() -> None:
    assert json.loads(SCHEMA.read_text("utf-8")) == Poses.json_schema(), (
        "run: python -m vidpose schema > docs/poses.schema.json"
    )


@pytest.mark.parametrize("people", [[], [0], [0, 0], [2, 0, 1]])
def test_files_follow_the_documented_schema(people: list[int], tmp_path: Path) -> None:
    poses(people).save(tmp_path / "poses.json")
    document = json.loads((tmp_path / "poses.json").read_text("utf-8"))
    jsonschema.validate(document, json.loads(SCHEMA.read_text("utf-8")))
    assert [len(frame["people"]) for frame in document["frames"]] == people


def test_rounded_values_are_read_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "poses.json"
    poses([2, 0, 1]).save(path)
    rounded = Poses.load(path)
    rounded.save(path)
    assert Poses.load(path) == rounded


def test_names_and_sizes_of_images_are_written_where_there_are_such(tmp_path: Path) -> None:
    frames = (
        FramePoses(index=0, pts=0.0),
        FramePoses(index=1, pts=0.5, name="b.png", width=64, height=48),
    )
    written = poses([]).model_copy(update={"frames": frames})
    written.save(tmp_path / "poses.json")
    document = json.loads((tmp_path / "poses.json").read_text("utf-8"))
    jsonschema.validate(document, Poses.json_schema())
    plain = {"index": 0, "pts": 0.0, "people": []}
    own = {"index": 1, "pts": 0.5, "people": [], "name": "b.png", "width": 64, "height": 48}
    assert document["frames"] == [plain, own]
    assert Poses.load(tmp_path / "poses.json") == written


def test_what_refining_adds_is_written_where_there_is_such_and_read_again(tmp_path: Path) -> None:
    written = smooth(fill_gaps(poses([1, 0, 1, 2])))
    written.save(tmp_path / "poses.json")
    document = json.loads((tmp_path / "poses.json").read_text("utf-8"))
    jsonschema.validate(document, Poses.json_schema())
    own = {"id", "score", "box", "keypoints", "keypoint_scores"}
    added = [[set(person) - own for person in frame["people"]] for frame in document["frames"]]
    raw = {"keypoints_raw"}
    assert added == [[raw], [{*raw, "filled"}], [raw], [raw, raw]]
    read = Poses.load(tmp_path / "poses.json")
    for got, want in zip(read, written, strict=True):
        for one, other in zip(got.people, want.people, strict=True):
            assert one.filled is other.filled
            assert one.keypoints_raw is not None and other.keypoints_raw is not None
            np.testing.assert_allclose(one.keypoints_raw, other.keypoints_raw, atol=1e-3)


def test_without_refining_a_person_is_written_as_before(tmp_path: Path) -> None:
    poses([1]).save(tmp_path / "poses.json")
    (frame,) = json.loads((tmp_path / "poses.json").read_text("utf-8"))["frames"]
    assert list(frame["people"][0]) == ["id", "score", "box", "keypoints", "keypoint_scores"]


def test_one_frame_is_one_line(tmp_path: Path) -> None:
    poses([2, 0, 1]).save(tmp_path / "poses.json")
    lines = (tmp_path / "poses.json").read_text("utf-8").splitlines()
    frames = [json.loads(line.removesuffix(",")) for line in lines if line.startswith('{"index"')]
    assert [frame["index"] for frame in frames] == [0, 1, 2]


Change = Callable[[dict[str, Any]], object]


def first(document: dict[str, Any]) -> dict[str, Any]:
    person: dict[str, Any] = document["frames"][1]["people"][0]
    return person


MISFITS: dict[str, tuple[Change, str]] = {
    "version": (
        lambda d: d["header"].update(schema_version="2.0"),
        r"has schema version '2\.0', this vidpose reads '1\.0'",
    ),
    "no version": (lambda d: d["header"].pop("schema_version"), "has schema version None"),
    "no header": (lambda d: d.pop("header"), "not vidpose poses"),
    "no frames": (lambda d: d.pop("frames"), "not vidpose poses"),
    "box": (lambda d: first(d).update(box=[1, 2, 3]), r"frames\[1\]\.people\[0\]\.box: .*4 numb"),
    "words": (lambda d: first(d).update(box=list("abcd")), r"people\[0\]\.box: expected numbers"),
    "numerals": (lambda d: first(d).update(box=list("1234")), r"\.box: expected numbers"),
    "ragged": (lambda d: first(d).update(keypoints=[[1, 2], [3]]), r"\.keypoints: expected numb"),
    "null": (lambda d: first(d).update(keypoints=None), r"\.keypoints: expected numbers"),
    "huge": (lambda d: first(d).update(box=[0, 0, 1e300, 1]), r"\.box: expected finite"),
    "score": (lambda d: first(d)["keypoint_scores"].__setitem__(0, 1.5), "from 0 to 1"),
    "person score": (lambda d: first(d).update(score=-1), r"people\[0\]\.score: .*greater"),
    "fewer scores": (lambda d: first(d)["keypoint_scores"].pop(), r"people\[0\]: 17 keypoints but"),
    "unknown field": (lambda d: first(d).update(mood="good"), r"people\[0\]\.mood: Extra"),
    "twins": (lambda d: d["frames"][1]["people"].append(first(d)), r"frames\[1\]: .*one id"),
    "order": (lambda d: d["frames"].reverse(), "frame 0 follows frame 1"),
    "edges": (
        lambda d: d["header"]["skeleton"]["edges"].append(["nose", "tail"]),
        r"header\.skeleton: .*unknown joints \['tail'\]",
    ),
    "joints": (
        lambda d: first(d).update(keypoints=[[1, 2]], keypoint_scores=[1]),
        "1 keypoints, but skeleton coco17 has 17 joints",
    ),
}


@pytest.mark.parametrize("name", MISFITS)
def test_a_misfit_is_one_line_that_says_where(name: str, tmp_path: Path) -> None:
    path = tmp_path / "poses.json"
    poses([0, 1]).save(path)
    document = json.loads(path.read_text("utf-8"))
    change, message = MISFITS[name]
    change(document)
    path.write_text(json.dumps(document), "utf-8")
    with pytest.raises(VidposeError, match=message) as caught:
        formats.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "poses.json"
    poses([0, 1]).save(path)
    plain = formats.load(path)
    path.write_bytes(BOM_UTF8 + path.read_bytes())
    assert formats.load(path) == plain


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not JSON"),
        (b'{"header": ', "is not JSON: EOF .* line 1 column 11"),
        (b"frame,pts,id\n", "is not JSON"),
        (b'{"frames": [NaN]}', "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[1, 2]", "is JSON but not vidpose poses"),
        (b"null", "is JSON but not vidpose poses"),
        (b'{"images": [], "annotations": []}', "is JSON but not vidpose poses"),
        (b'{"header": 1, "frames": []}', "is JSON but not vidpose poses"),
    ],
)
def test_other_files_are_refused_in_one_line(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_bytes(content)
    with pytest.raises(VidposeError, match=message) as caught:
        formats.load(path)
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(VidposeError, match=r"no such file: .*none\.json"):
        formats.load(tmp_path / "none.json")
    with pytest.raises(VidposeError, match="is a folder"):
        formats.load(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(VidposeError, match="cannot read"):
        formats.load(tmp_path / "file" / "poses.json")
