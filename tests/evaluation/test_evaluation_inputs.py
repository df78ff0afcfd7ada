from pathlib import Path

import numpy as np
import pytest
from oracle_cases import labels, load

from vidpose.datasets.labels import NOT_LABELLED, VISIBLE
from vidpose.errors import VidposeError
from vidpose.evaluation.inputs import labels_of, read_both
from vidpose.poses import FramePoses, Header, Person, Poses, SkeletonRecord
from vidpose.skeleton import COCO17, POSETRACK15, Skeleton


def poses(skeleton: Skeleton, scores: np.ndarray) -> Poses:
    header = Header(
        source="clips/000342_mpii_test.mp4",
        width=640,
        height=360,
        skeleton=SkeletonRecord.of(skeleton),
    )
    points = np.arange(2.0 * len(skeleton)).reshape(-1, 2)
    box = np.array([0.0, 0.0, 9.0, 9.0])
    someone = Person(id=5, score=0.5, box=box, keypoints=points, keypoint_scores=scores)
    return Poses(header=header, frames=(FramePoses(index=3, pts=0.1, people=(someone,)),))


def test_our_poses_are_predictions_with_the_score_of_the_person_in_that_of_joints() -> None:
    scores = np.linspace(0.2, 0.9, len(POSETRACK15))
    scores[4] = 0
    found = labels_of(poses(POSETRACK15, scores))
    assert found.name == "000342_mpii_test"
    [frame] = found.frames
    [person] = frame.people
    assert (frame.index, person.track_id) == (3, 5)
    assert person.keypoint_scores is not None
    np.testing.assert_allclose(person.keypoint_scores, scores / 2, rtol=1e-6)
    assert (person.visibility == np.where(scores > 0, VISIBLE, NOT_LABELLED)).all()
    assert person.keypoints[3].tolist() == [6, 7]
    assert person.keypoints[4].tolist() == [0, 0]


def test_joints_of_another_skeleton_are_made_as_the_writers_make_them() -> None:
    found = labels_of(poses(COCO17, np.full(len(COCO17), 0.8)))
    [person] = found.frames[0].people
    assert found.skeleton == POSETRACK15
    assert person.labelled.all()
    assert person.keypoints[POSETRACK15.index("left_hip")].tolist() == [22, 23]


def write(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_text(content)
    return folder


def test_an_empty_folder_and_a_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(VidposeError, match=r"no .json files in the folder .*truth"):
        read_both(write(tmp_path / "truth", {"notes.txt": ""}), tmp_path / "missing.json")
    with pytest.raises(VidposeError, match=r"no such file: .*missing.json"):
        read_both(tmp_path / "missing.json", tmp_path / "truth")


def annotated(name: str) -> str:
    return f'{{"images":[{{"id":1,"file_name":"{name}/000000.jpg"}}],"annotations":[]}}'


def test_names_come_from_the_files_of_two_folders(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", {"a.json": annotated("x"), "b.json": annotated("y")})
    found = write(tmp_path / "found", {"a.json": annotated("p"), "b.json": annotated("q")})
    mine, theirs = read_both(truth, found)
    assert [each.name for each in mine] == [each.name for each in theirs] == ["a", "b"]
    # Against one file of all sequences the folders of the pictures decide.
    mine, theirs = read_both(truth, write(tmp_path / "one", {"merged.json": annotated("x")}))
    assert [each.name for each in theirs] == ["merged"]
    mine, theirs = read_both(truth, tmp_path / "found" / "b.json")
    assert [each.name for each in mine] == ["x", "y"]
    assert [each.name for each in theirs] == ["q"]


def test_one_sequence_belongs_to_one_sequence(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", {"a.json": annotated("x")})
    native = poses(COCO17, np.ones(len(COCO17)))
    file = tmp_path / "poses.json"
    file.write_text(native.model_dump_json(exclude_none=True))
    mine, theirs = read_both(truth, file)
    assert mine[0].name == theirs[0].name == "x"


def test_one_sequence_against_another_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for folder, file, name in (("a", "1", "x"), ("b", "1", "y"), ("c", "2", "x"), ("d", "2", "y")):
        write(tmp_path / folder, {f"{file}.json": annotated(name)})
    read_both(tmp_path / "a", tmp_path / "b")  # one file name
    read_both(tmp_path / "a" / "1.json", tmp_path / "c")  # one folder of pictures
    assert not caplog.messages
    read_both(tmp_path / "a", tmp_path / "d" / "2.json")
    assert caplog.messages == ["the predictions are of y, and the ground truth is of x"]


def test_predictions_without_scores_are_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    people = ",".join(
        f'{{"image_id":1,"keypoints":{[1] * 51},"scores":{scores}}}' for scores in ([], [0.5] * 17)
    )
    truth = write(tmp_path / "truth", {"a.json": annotated("x")})
    found = annotated("x").replace('"annotations":[]', f'"annotations":[{people}]')
    read_both(truth, write(tmp_path / "found", {"a.json": found}))
    assert caplog.messages == ["1 of 2 predicted people have no scores, by which AP ranks them"]


def test_the_oracle_files_have_the_names_of_their_sequences() -> None:
    for case in ("case_01_basic18", "case_03_ignore17"):
        files = load(case)["gt"]
        assert [each.name for each in labels(files)] == [Path(name).stem for name in files]
