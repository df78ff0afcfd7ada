"""COCO's metric: figures known by hand, parity with its tool on a file, and what is refused."""

import io
import json
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vidpose import extras
from vidpose.datasets.coco import parse_coco
from vidpose.datasets.coco_results import coco_results
from vidpose.datasets.labels import (
    NOT_LABELLED,
    VISIBLE,
    FrameLabels,
    PersonLabels,
    SequenceLabels,
)
from vidpose.datasets.write_coco import coco_document
from vidpose.datasets.write_posetrack18 import posetrack18_document
from vidpose.errors import VidposeError
from vidpose.evaluation.inputs import read_coco
from vidpose.evaluation.oks_ap import FIGURES, check_truth, oks_ap
from vidpose.skeleton import BODY19, COCO17, POSETRACK15

pytest.importorskip("pycocotools")

JOINTS = len(COCO17)
POSE = np.column_stack([np.arange(JOINTS) * 5.0 + 100, np.arange(JOINTS) * 9.0 + 100])
SIDE = 200.0


def person(
    offset: float = 0.0, score: float | None = None, area: float | None = SIDE**2, joints: int = 17
) -> PersonLabels:
    """Somebody whose joints are ``offset`` pixels off, the first ``joints`` of them."""
    there = np.arange(JOINTS) < joints
    return PersonLabels(
        track_id=0,
        keypoints=np.where(there[:, None], POSE + [offset, 0], 0.0),
        visibility=np.where(there, VISIBLE, NOT_LABELLED),
        box=np.array([50.0, 50.0, 50.0 + SIDE, 50.0 + SIDE]),
        keypoint_scores=None if score is None else np.full(JOINTS, score),
        area=area,
    )


def stills(*people: tuple[PersonLabels, ...]) -> list[SequenceLabels]:
    return [
        SequenceLabels(f"{n:03d}", COCO17, (FrameLabels(0, f"{n:03d}.jpg", each, image_id=7 + n),))
        for n, each in enumerate(people)
    ]


def off_by(similarity: float, area: float = SIDE**2) -> float:
    """How far all joints are to be off for about this OKS: found by halving."""
    sigmas = np.array(COCO17.sigmas)
    low, high = 0.0, 300.0
    for _ in range(60):
        middle = (low + high) / 2
        oks = np.exp(-(middle**2) / (2 * (2 * sigmas) ** 2 * area)).mean()
        low, high = (middle, high) if oks > similarity else (low, middle)
    return low


def test_the_truth_itself_is_perfect() -> None:
    figures = oks_ap(stills((person(),), ()), stills((person(score=0.9),), ()))
    assert tuple(figures) == FIGURES
    assert figures["AP"] == pytest.approx(100) and figures["AR"] == pytest.approx(100)
    assert figures["AP large"] == pytest.approx(100) and np.isnan(figures["AP medium"])


@pytest.mark.parametrize(("similarity", "passed"), [(0.97, 10), (0.72, 5), (0.51, 1), (0.49, 0)])
def test_ap_counts_the_similarities_that_are_reached(similarity: float, passed: int) -> None:
    answer = stills((person(off_by(similarity), score=0.5),))
    assert oks_ap(stills((person(),)), answer)["AP"] == pytest.approx(10 * passed)


def test_the_outlines_area_scales_distances_and_without_one_the_boxs() -> None:
    """Half the area makes an OKS of 0.72 one of 0.52 or so: fewer similarities are reached."""
    answer = stills((person(off_by(0.72), score=0.5),))
    half = oks_ap(stills((person(area=SIDE**2 / 2),)), answer)["AP"]
    assert half < oks_ap(stills((person(area=None),)), answer)["AP"] == pytest.approx(50)


def test_a_person_is_ranked_by_the_mean_of_its_joints_scores() -> None:
    right, wrong = person(score=0.6), replace(person(90, score=0.5), score=0.99)
    truth = stills((person(),))
    assert oks_ap(truth, stills((wrong, right)))["AP"] == pytest.approx(100)
    above = replace(wrong, keypoint_scores=np.full(JOINTS, 0.7))
    assert oks_ap(truth, stills((above, right)))["AP"] == pytest.approx(50)


def test_without_predictions_everything_is_zero() -> None:
    nothing = replace(person(score=0.5), visibility=np.full(JOINTS, NOT_LABELLED))
    for answer in (stills(()), stills((nothing,))):
        figures = oks_ap(stills((person(),)), answer)
        # Nobody is of medium size: there is no figure, as with a wrong answer.
        assert {name for name, value in figures.items() if np.isnan(value)} == {
            "AP medium",
            "AR medium",
        }
        assert {value for value in figures.values() if not np.isnan(value)} == {0.0}


@pytest.mark.parametrize("joints", [1, JOINTS])
def test_joints_that_are_no_numbers_are_wrong(joints: int) -> None:
    far = POSE + 1000
    far[:joints] = np.nan
    figures = oks_ap(stills((person(),)), stills((replace(person(score=0.5), keypoints=far),)))
    assert figures["AP"] == figures["AR"] == 0


def document(seed: int) -> dict[str, Any]:
    """COCO's layout with crowds, people without joints, and all sizes."""
    random = np.random.default_rng(seed)
    annotations = []
    for number in range(40):
        side = random.uniform(20, 250)
        joints = random.uniform(0, side, (JOINTS, 2)) + random.uniform(0, 300, 2)
        flags = random.integers(0, 3, JOINTS) * (number % 7 > 0)
        rows = np.column_stack([joints * (flags > 0)[:, None], flags]).round(2)
        low = joints.min(0)
        annotations.append(
            {
                "id": number + 1,
                "image_id": 3 + number // 5,
                "category_id": 1,
                "keypoints": rows.ravel().tolist(),
                "num_keypoints": int((flags > 0).sum()),
                "bbox": [*low.tolist(), *(joints.max(0) - low).tolist()],
                "area": float(0.5 * side**2),
                "iscrowd": int(number % 11 == 5),
            }
        )
    images = [
        # Names and numbers are in different orders.
        {"id": 3 + n, "file_name": f"{9 - n:012d}.jpg", "width": 640, "height": 480}
        for n in range(8)
    ]
    category = {"id": 1, "name": "person", "keypoints": list(COCO17.joints), "skeleton": []}
    return {"images": images, "annotations": annotations, "categories": [category]}


def results(truth: dict[str, Any], seed: int) -> list[dict[str, Any]]:
    """People near those of the truth, some of them twice, and some who are nowhere."""
    random = np.random.default_rng(seed)
    found = []
    for each in truth["annotations"]:
        for _ in range(int(random.integers(0, 3))):
            rows = np.array(each["keypoints"]).reshape(-1, 3)
            rows[:, :2] += random.normal(0, 0.05 * np.sqrt(each["area"]), (JOINTS, 2))
            rows[:, 2] = 1
            found.append(
                {
                    "image_id": each["image_id"],
                    "category_id": 1,
                    "keypoints": rows.ravel().tolist(),
                    # Many are equal, between which the order of images decides.
                    "score": float(random.integers(1, 4)) / 4,
                }
            )
    return found


@pytest.mark.parametrize("seed", range(3))
def test_files_have_the_figures_of_cocos_own_tool(tmp_path: Path, seed: int) -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth = document(seed)
    for name, content in (("truth", truth), ("found", results(truth, seed))):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    with redirect_stdout(io.StringIO()):
        known = COCO(tmp_path / "truth.json")
        evaluation = COCOeval(known, known.loadRes(str(tmp_path / "found.json")), "keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    ours = oks_ap(*read_coco(tmp_path / "truth.json", tmp_path / "found.json"))
    assert 5 < ours["AP"] < 95
    np.testing.assert_allclose(list(ours.values()), 100 * evaluation.stats, atol=1e-9)


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    truth = parse_coco(document(0), tmp_path / "truth.json")
    (tmp_path / "truth.json").write_text(json.dumps(document(0)))
    answers = [
        replace(
            each,
            frames=tuple(
                replace(f, people=tuple(replace(p, crowd=False, score=0.25) for p in f.people))
                for f in each.frames
            ),
        )
        for each in truth
    ]
    (tmp_path / "found.json").write_text(json.dumps(coco_results(answers)))
    _, again = read_coco(tmp_path / "truth.json", tmp_path / "found.json")
    for before, after in zip(answers, again, strict=True):
        kept = [each for each in before.frames[0].people if each.labelled.any()]
        assert [each.score for each in after.frames[0].people] == [0.25] * len(kept)
        for one, other in zip(kept, after.frames[0].people, strict=True):
            np.testing.assert_array_equal(one.keypoints, other.keypoints)


def test_slots_of_posetrack_are_read_as_they_were_written(tmp_path: Path) -> None:
    poses = np.random.default_rng(0).uniform(0, 300, (15, 2))
    somebody = PersonLabels(0, poses, np.full(15, VISIBLE), score=0.5)
    frame = FrameLabels(0, "images/val/a/000000.jpg", (somebody,), image_id=10_000_000)
    truth = [SequenceLabels("a", POSETRACK15, (frame,))]
    for name, content in (("truth", coco_document(truth)), ("found", coco_results(truth))):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    assert len(coco_results(truth)[0]["keypoints"]) == 51
    mine, theirs = read_coco(tmp_path / "truth.json", tmp_path / "found.json")
    np.testing.assert_array_equal(theirs[0].frames[0].people[0].keypoints, poses)
    assert oks_ap(mine, theirs)["AP"] == pytest.approx(100)


def test_scores_of_people_rank_them_where_joints_have_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "truth.json").write_text(json.dumps(document(0)))
    for score, warned in ((0.5, False), (None, True)):
        found = document(0)
        if score is not None:
            for record in found["annotations"]:
                record["score"] = score
        (tmp_path / "found.json").write_text(json.dumps(found))
        read_coco(tmp_path / "truth.json", tmp_path / "found.json")
        assert ("have no scores" in caplog.text) == warned


def test_images_without_a_number_of_their_own_are_refused() -> None:
    twice = stills((person(),)) * 2
    with pytest.raises(VidposeError, match=r"000.jpg has the number 7 too"):
        coco_results(twice)


@pytest.mark.parametrize("area", [-1.0, 0.0, 1e11])
def test_an_area_that_is_none_is_not_used(tmp_path: Path, area: float) -> None:
    odd = document(0)
    odd["annotations"][0]["area"] = area
    people = [
        each
        for sequence in parse_coco(odd, tmp_path)
        for frame in sequence.frames
        for each in frame.people
    ]
    assert [each.area is None for each in people].count(True) == 1


def one(image_id: int = 3, numbers: int = 51) -> dict[str, Any]:
    return {"image_id": image_id, "category_id": 1, "keypoints": [1.0] * numbers, "score": 0.5}


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([one(image_id=99)], r"found.json: \[0\] is of image 99, which the ground truth lacks"),
        ([one(), one(numbers=45)], r"\[1\].keypoints has 45 numbers, expected 51 for 17 joints"),
        ([{"image_id": 3}], r"found.json.*category_id"),
        ([{**one(), "score": None}], r"found.json.*score"),
        ([{**one(), "category_id": 2}], "nobody is of category 1, .*; category_id is 2"),
        ("text", "found.json"),
    ],
)
def test_results_that_do_not_fit_are_refused(tmp_path: Path, found: object, message: str) -> None:
    (tmp_path / "truth.json").write_text(json.dumps(document(0)))
    (tmp_path / "found.json").write_text(json.dumps(found))
    with pytest.raises(VidposeError, match=message):
        read_coco(tmp_path / "truth.json", tmp_path / "found.json")


def test_people_may_have_another_number_in_the_truth(tmp_path: Path) -> None:
    """Of which the results that vidpose writes know nothing."""
    truth = document(0)
    for record in (*truth["categories"], *truth["annotations"]):
        record["id" if "keypoints" not in record or "name" in record else "category_id"] = 5
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    for number in (1, 5):
        (tmp_path / "found.json").write_text(json.dumps([one() | {"category_id": number}]))
        _, found = read_coco(tmp_path / "truth.json", tmp_path / "found.json")
        assert sum(len(frame.people) for each in found for frame in each.frames) == 1


def test_faces_beside_the_category_have_no_place_in_results(tmp_path: Path) -> None:
    poses = np.random.default_rng(0).uniform(0, 300, (len(BODY19), 2))
    somebody = PersonLabels(0, poses, np.full(len(BODY19), VISIBLE), score=0.5)
    frame = FrameLabels(0, "images/val/a/000000.jpg", (somebody,), image_id=10_000_000)
    sequence = SequenceLabels("a", BODY19, (frame,))
    (tmp_path / "truth.json").write_text(json.dumps(posetrack18_document(sequence)))
    (tmp_path / "found.json").write_text("[]")
    with pytest.raises(VidposeError, match=r"left_eye beside its category's 17 .*data convert"):
        read_coco(tmp_path / "truth.json", tmp_path / "found.json")


def test_other_categories_are_nobody(tmp_path: Path) -> None:
    (tmp_path / "truth.json").write_text(json.dumps(document(0)))
    (tmp_path / "found.json").write_text(json.dumps([one() | {"category_id": 2}, one()]))
    _, found = read_coco(tmp_path / "truth.json", tmp_path / "found.json")
    assert sum(len(frame.people) for each in found for frame in each.frames) == 1


def test_a_truth_that_cannot_be_judged_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = replace(person(), crowd=True)
    for nobody in ([], stills(()), stills((person(joints=0), crowd))):
        with pytest.raises(VidposeError, match="nobody is annotated"):
            check_truth(nobody)
    other = SequenceLabels("other", POSETRACK15, ())
    with pytest.raises(VidposeError, match="2 skeletons"):
        check_truth([*stills((person(),)), other])
    with pytest.raises(VidposeError, match="sequence 000 more than once"):
        check_truth(stills((person(),)) * 2)
    with pytest.raises(VidposeError, match="lack sequence 001"):
        oks_ap(stills((person(),), ()), stills(()))
    monkeypatch.setattr(extras, "find_spec", lambda _: None)
    with pytest.raises(
        VidposeError, match=r"the package pycocotools: pip install 'vidpose\[coco\]'"
    ):
        check_truth(stills((person(),)))
