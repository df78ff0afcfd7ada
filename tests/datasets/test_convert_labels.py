import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layouts import SLOTS, coco_document, posetrack17, posetrack18_document, write_json

from vidpose.datasets.conversion import convert_labels, read_labels, sequence_files
from vidpose.datasets.labels import FrameLabels, PersonLabels, SequenceLabels
from vidpose.datasets.posetrack17 import parse_posetrack17
from vidpose.datasets.posetrack18 import parse_posetrack18
from vidpose.datasets.write_posetrack17 import posetrack17_document
from vidpose.datasets.write_posetrack18 import posetrack18_document as written18
from vidpose.errors import VidposeError
from vidpose.evaluation.posetrack import evaluate
from vidpose.skeleton import COCO17, POSETRACK15

pixels = st.floats(0.001, 4000, allow_nan=False)
scores = st.floats(0, 1)


@st.composite
def people(draw: st.DrawFn, predicted: bool) -> PersonLabels:
    visibility = np.array(draw(st.lists(st.integers(0, 2), min_size=15, max_size=15)))
    points = np.array(draw(st.lists(pixels, min_size=30, max_size=30))).reshape(15, 2)
    found = np.array(draw(st.lists(scores, min_size=15, max_size=15)))
    there = visibility > 0
    head = np.sort(np.array(draw(st.lists(pixels, min_size=4, max_size=4))).reshape(2, 2), axis=0)
    return PersonLabels(
        track_id=draw(st.integers(0, 9999)),
        keypoints=np.where(there[:, None], points, 0.0),
        visibility=visibility,
        head_box=None if predicted or draw(st.booleans()) else head.reshape(4),
        score=draw(scores) if predicted else 1.0,
        keypoint_scores=np.where(there, found, np.nan) if predicted and there.any() else None,
    )


@st.composite
def sequences(draw: st.DrawFn) -> SequenceLabels:
    predicted = draw(st.booleans())
    polygons = st.lists(st.lists(pixels, min_size=6, max_size=6), max_size=2)
    frames = tuple(
        FrameLabels(
            index=index,
            name=f"images/val/000342_mpii_test/{index + 1:08d}.jpg",
            people=tuple(draw(st.lists(people(predicted), max_size=2))),
            labelled=draw(st.booleans()),
            ignore=tuple(np.array(each).reshape(3, 2) for each in draw(polygons)),
        )
        for index in range(draw(st.integers(0, 3)))
    )
    return SequenceLabels("000342_mpii_test", POSETRACK15, frames)


def through(document: dict[str, object]) -> object:
    return json.loads(json.dumps(document, allow_nan=False))


def assert_same(a: SequenceLabels, b: SequenceLabels, names: bool = True) -> None:
    assert len(a.frames) == len(b.frames)
    for one, two in zip(a.frames, b.frames, strict=True):
        assert one.labelled == two.labelled
        assert one.name == two.name or not names
        assert [each.tolist() for each in one.ignore] == [each.tolist() for each in two.ignore]
        for p, q in zip(one.people, two.people, strict=True):
            assert (p.track_id, p.score) == (q.track_id, q.score)
            assert np.array_equal(p.keypoints, q.keypoints)
            assert np.array_equal(p.visibility, q.visibility)
            assert (p.keypoint_scores is None) == (q.keypoint_scores is None)
            if p.keypoint_scores is not None and q.keypoint_scores is not None:
                there = p.labelled
                assert np.array_equal(p.keypoint_scores[there], q.keypoint_scores[there])
            assert (p.head_box is None) == (q.head_box is None)
            if p.head_box is not None and q.head_box is not None:
                # PoseTrack2018 keeps the size instead of the corner: one rounding.
                assert np.allclose(p.head_box, q.head_box, rtol=1e-15, atol=1e-12)


@given(sequences())
def test_seventeen_to_eighteen_to_seventeen_loses_nothing(sequence: SequenceLabels) -> None:
    path = Path("x.json")
    seventeen = parse_posetrack17(through(posetrack17_document(sequence)), path)
    assert_same(sequence, seventeen)
    eighteen = parse_posetrack18(through(written18(seventeen)), path)
    assert len(eighteen) == (len(sequence.frames) > 0)
    if eighteen:
        assert_same(sequence, eighteen[0])
        back = parse_posetrack17(through(posetrack17_document(eighteen[0])), path)
        assert_same(sequence, back)


def test_eighteen_to_seventeen_to_eighteen_can_be_evaluated(tmp_path: Path) -> None:
    source = write_json(
        tmp_path / "000342_mpii_test.json", posetrack18_document("000342_mpii_test")
    )
    convert_labels(source, tmp_path / "17", "posetrack17")
    convert_labels(tmp_path / "17", tmp_path / "18", "posetrack18")
    before, after = read_labels(source), read_labels(tmp_path / "18")
    assert after[0].frames[0].name.endswith("/00000001.jpg")
    assert [frame.index for frame in after[0].frames] == [0, 1, 2]
    assert evaluate(before, after).result.ap.mean == 100


def test_every_person_of_a_crowded_frame_has_an_id_of_its_own() -> None:
    somebody = PersonLabels(0, np.ones((15, 2)), np.full(15, 2))
    frames = tuple(FrameLabels(n, f"{n:06d}.jpg", (somebody,) * 130) for n in range(2))
    document = written18(SequenceLabels("000001_mpii_test", POSETRACK15, frames))
    assert len({each["id"] for each in document["annotations"]}) == 260


def test_the_official_fields_of_posetrack18_are_written(tmp_path: Path) -> None:
    source = write_json(
        tmp_path / "000342_mpii_test.json", posetrack18_document("000342_mpii_test")
    )
    convert_labels(source, tmp_path / "out", "posetrack18")
    written = json.loads((tmp_path / "out" / source.name).read_text())
    truth = json.loads(source.read_text())
    assert written["images"] == truth["images"]
    for ours, theirs in zip(written["annotations"], truth["annotations"], strict=True):
        assert ours == theirs | {"iscrowd": False}
    assert written["categories"][0]["keypoints"] == list(SLOTS)


def test_posetrack17_in_18_gets_ids_by_posetracks_rule(tmp_path: Path) -> None:
    root = posetrack17(tmp_path)
    convert_labels(root / "annotations/val", tmp_path / "out", "posetrack18")
    (file,) = (tmp_path / "out").iterdir()
    assert file.name == "000342_mpii_relpath_5sec_testsub.json"
    document = json.loads(file.read_text())
    assert [image["id"] for image in document["images"]] == [10003420001, 10003420002, 10003420003]
    assert document["images"][0]["vid_id"] == "000342"
    assert document["images"][0]["file_name"] == "bonn_5sec/000342_mpii/00000002.jpg"
    assert document["annotations"][0]["bbox_head"] == [5.5, 6.5, 4.0, 4.0]


def test_posetrack_as_coco_has_seventeen_slots_and_labelled_frames_only(tmp_path: Path) -> None:
    document = posetrack18_document("000342_mpii_test")
    document["images"][1]["is_labeled"] = False
    source = write_json(tmp_path / "000342_mpii_test.json", document)
    done = convert_labels(source, tmp_path / "train.json", "coco")
    assert (done.files, done.sequences) == (1, 1)
    written = json.loads((tmp_path / "train.json").read_text())
    assert len(written["images"]) == 2
    person = written["annotations"][0]
    assert person["keypoints"][9:15] == [0, 0, 0, 0, 0, 0]
    assert person["keypoints"][15:18] == [6, 1, 2]
    assert (person["num_keypoints"], person["area"], person["id"]) == (15, 350.0, 1)


def test_coco_to_coco_keeps_joints_and_boxes(tmp_path: Path) -> None:
    document = coco_document(("a.jpg", "b.jpg"), COCO17.joints)
    source = write_json(tmp_path / "in.json", document)
    convert_labels(source, tmp_path / "out.json", "coco")
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["images"] == document["images"]
    assert written["categories"][0]["keypoints"] == list(COCO17.joints)
    person = written["annotations"][0]
    assert person["bbox"] == document["annotations"][0]["bbox"]
    assert person["keypoints"][3:9] == [2, 3, 1, 3, 4, 2]
    assert person["keypoints"][:3] == [0, 0, 0]


def test_coco_to_coco_keeps_one_score_a_person(tmp_path: Path) -> None:
    document = coco_document(("a.jpg", "b.jpg"), COCO17.joints)
    document["annotations"][0]["score"] = 0.25
    source = write_json(tmp_path / "in.json", document)
    convert_labels(source, tmp_path / "out.json", "coco")
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["annotations"][0]["score"] == 0.25
    assert all("keypoint_scores" not in person for person in written["annotations"])


@pytest.mark.parametrize("layout", ["coco", "posetrack18"])
def test_a_score_without_bounds_is_refused_before_anything_is_written(
    tmp_path: Path, layout: str
) -> None:
    document = coco_document(("a.jpg", "b.jpg"), COCO17.joints)
    document["annotations"][0]["score"] = 12345
    source = tmp_path / "in.json"
    source.write_text(json.dumps(document).replace("12345", "1e999"))
    with pytest.raises(VidposeError, match=r"score.*finite"):
        convert_labels(source, tmp_path / "out.json", layout)
    assert not (tmp_path / "out.json").exists()


def test_joints_that_the_source_does_not_have_are_not_made_up(tmp_path: Path) -> None:
    source = write_json(tmp_path / "s.json", coco_document(("1.jpg", "2.jpg"), COCO17.joints))
    convert_labels(source, tmp_path / "out", "posetrack18")
    first = json.loads((tmp_path / "out" / "1.json").read_text())
    head_top = 3 * SLOTS.index("head_top")
    assert first["annotations"][0]["keypoints"][head_top : head_top + 3] == [0, 0, 0]


def test_existing_files_are_kept_unless_overwriting_is_asked_for(tmp_path: Path) -> None:
    source = posetrack17(tmp_path) / "annotations/val"
    out = tmp_path / "out"
    out.mkdir()
    old = out / "000342_mpii_relpath_5sec_testsub.json"
    old.write_text("old")
    with pytest.raises(VidposeError, match="--overwrite"):
        convert_labels(source, out, "posetrack18")
    assert [path.read_text() for path in out.iterdir()] == ["old"]
    convert_labels(source, out, "posetrack18", overwrite=True)
    assert [path.name for path in out.iterdir()] == [old.name]
    assert "images" in json.loads(old.read_text())


def test_nothing_is_written_if_one_file_is_broken(tmp_path: Path) -> None:
    source = posetrack17(tmp_path) / "annotations/val"
    (source / "zzz.json").write_text('{"annolist": [{}]}')
    with pytest.raises(VidposeError, match=r"zzz\.json"):
        convert_labels(source, tmp_path / "new/out", "posetrack18")
    assert not (tmp_path / "new").exists()


def test_a_failed_write_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    source = posetrack17(tmp_path) / "annotations/val"
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(VidposeError, match="No space left"):
        convert_labels(source, tmp_path / "new/out", "posetrack18")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("out", "layout", "message"),
    [
        ("folder", "coco", r"name\.json"),
        ("one.json", "posetrack18", "2 sequences"),
        ("out", "posetrack20", "posetrack17, posetrack18, coco"),
    ],
)
def test_an_impossible_place_or_layout_is_refused(
    tmp_path: Path, out: str, layout: str, message: str
) -> None:
    for name in ("000001_mpii_test", "000002_mpii_test"):
        write_json(tmp_path / "in" / f"{name}.json", posetrack18_document(name))
    with pytest.raises(VidposeError, match=message):
        convert_labels(tmp_path / "in", tmp_path / out, layout)


def test_a_folder_without_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VidposeError, match=r"no \.json"):
        convert_labels(tmp_path, tmp_path / "out", "posetrack18")


@pytest.mark.parametrize("name", ["../../evil", "..", "a/b", "a\\b", "/abs", "a\0b"])
def test_the_file_of_a_sequence_never_leaves_its_folder(tmp_path: Path, name: str) -> None:
    (file,) = sequence_files([SequenceLabels(name, POSETRACK15, ())], tmp_path)
    assert file.resolve().parent == tmp_path.resolve() and file.suffix == ".json"


def test_two_sequences_with_one_file_are_refused(tmp_path: Path) -> None:
    two = [SequenceLabels(name, POSETRACK15, ()) for name in ("a/b", "a_b")]
    with pytest.raises(VidposeError, match=r"a_b\.json: two sequences"):
        sequence_files(two, tmp_path)


@pytest.mark.parametrize("layout", ["posetrack17", "coco"])
def test_a_file_without_images_is_refused(tmp_path: Path, layout: str) -> None:
    source = write_json(tmp_path / "empty.json", {"images": [], "annotations": []})
    with pytest.raises(VidposeError, match="not one image"):
        convert_labels(source, tmp_path / "out.json", layout)


@pytest.mark.parametrize("kind", ["gt", "pred"])
def test_oracles_of_one_content_become_each_other(tmp_path: Path, kind: str) -> None:
    shared = os.environ.get("VIDPOSE_SHARED")
    if shared is None:
        pytest.skip("VIDPOSE_SHARED is not set: the oracles are not there")
    oracles = Path(shared) / "oracles/posetrack_ap"
    eighteen, seventeen = oracles / "case_02_ignore18" / kind, oracles / "case_03_ignore17" / kind
    convert_labels(eighteen, tmp_path / "as17", "posetrack17")
    convert_labels(seventeen, tmp_path / "as18", "posetrack18")
    for converted, official in (("as17", seventeen), ("as18", eighteen)):
        for ours, theirs in zip(
            read_labels(tmp_path / converted), read_labels(official), strict=True
        ):
            assert ours.name == theirs.name
            assert_same(ours, theirs, names=converted == "as17")
