"""The records: what they accept, what they refuse."""

import json
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from vidpose.poses import FramePoses, Header, Person, Poses, SkeletonRecord
from vidpose.skeleton import COCO17, SKELETONS, Skeleton


def person(**changed: Any) -> Person:
    fields = {
        "id": 0,
        "score": 0.5,
        "box": [0, 0, 10, 20],
        "keypoints": np.zeros((17, 2)),
        "keypoint_scores": np.zeros(17),
    }
    return Person(**(fields | changed))


def header(**changed: Any) -> Header:
    fields = {"source": "a.mp4", "width": 4, "height": 3, "skeleton": SkeletonRecord.of(COCO17)}
    return Header(**(fields | changed))


def test_no_frames_and_no_people_are_results() -> None:
    assert list(Poses(header=header())) == []
    empty = Poses(header=header(), frames=(FramePoses(index=0, pts=0.0),))
    assert [frame.people for frame in empty] == [()]
    assert len(empty) == 1


def test_arrays_are_float32_copies() -> None:
    keypoints = np.full((17, 2), 3.0, np.float32)
    one = person(keypoints=keypoints, box=(1, 2, 3, 4))
    keypoints[:] = 0
    assert one.keypoints.dtype == one.box.dtype == np.float32
    assert (one.keypoints == 3).all()


def test_a_skeleton_without_joints_is_possible() -> None:
    assert person(keypoints=[], keypoint_scores=[]).keypoints.shape == (0, 2)


def test_numbers_are_written_rounded() -> None:
    one = person(score=0.123456, box=[0.12345, 0, 1 / 3, 1000.0006])
    record = json.loads(one.model_dump_json())
    assert record["score"] == 0.1235
    assert record["box"] == [0.123, 0.0, 0.333, 1000.001]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"id": -1}, "greater than or equal to 0"),
        ({"score": float("nan")}, "score"),
        ({"score": 1.1}, "less than or equal to 1"),
        ({"box": []}, "expected 4 numbers, got 0 numbers"),
        ({"box": np.zeros((4, 1))}, "expected 4 numbers, got 4 x 1 numbers"),
        ({"box": 3}, "expected 4 numbers, got one number"),
        ({"box": [0, 0, 1, float("inf")]}, "finite"),
        ({"box": [0, 0, 1, 1e39]}, "finite"),
        ({"box": [0, 0, 1, None]}, "expected numbers"),
        ({"keypoints": np.zeros((17, 3))}, "expected any x 2 numbers, got 17 x 3 numbers"),
        ({"keypoints": [[], []]}, "expected any x 2 numbers, got 2 x 0 numbers"),
        ({"keypoints": np.full((17, 2), np.nan)}, "finite"),
        ({"keypoint_scores": np.full(17, 1.01)}, "from 0 to 1"),
        ({"keypoint_scores": np.full(17, -0.01)}, "from 0 to 1"),
        ({"keypoint_scores": np.zeros(16)}, "17 keypoints but 16 keypoint_scores"),
        ({"keypoints_raw": np.zeros((16, 2))}, "17 keypoints but 16 keypoints_raw"),
        ({"keypoints_raw": np.zeros((17, 3))}, "expected any x 2 numbers"),
        ({"filled": False}, "filled"),
    ],
)
def test_people_that_make_no_sense_are_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        person(**changed)


def test_frames_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValidationError, match="two people of one id"):
        FramePoses(index=0, pts=0.0, people=(person(id=1), person(id=1)))
    with pytest.raises(ValidationError, match="pts"):
        FramePoses(index=0, pts=float("nan"))
    with pytest.raises(ValidationError, match="frame 0 has a width or a height without the other"):
        FramePoses(index=0, pts=0.0, width=4)


@pytest.mark.parametrize("indices", [(1, 0), (2, 2)])
def test_frames_come_in_order_and_once(indices: tuple[int, int]) -> None:
    frames = tuple(FramePoses(index=index, pts=0.0) for index in indices)
    with pytest.raises(ValidationError, match=f"frame {indices[1]} follows frame {indices[0]}"):
        Poses(header=header(), frames=frames)


def test_people_have_the_joints_of_the_header() -> None:
    frame = FramePoses(index=0, pts=0.0, people=(person(keypoints=[[1, 2]], keypoint_scores=[1]),))
    with pytest.raises(ValidationError, match="1 keypoints, but skeleton coco17 has 17 joints"):
        Poses(header=header(), frames=(frame,))


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_a_skeleton_survives_its_record(skeleton: Skeleton) -> None:
    record = SkeletonRecord.model_validate_json(SkeletonRecord.of(skeleton).model_dump_json())
    assert record.skeleton() == skeleton


def test_a_skeleton_record_must_hold_together() -> None:
    with pytest.raises(ValidationError, match="unknown joints"):
        SkeletonRecord(name="odd", joints=("a",), edges=(("a", "b"),), sigmas=(0.1,))


def test_equal_is_what_holds_equal_values() -> None:
    def result(**changed: Any) -> Poses:
        frame = FramePoses(index=0, pts=0.0, people=(person(**changed),))
        return Poses(header=header(), frames=(frame,))

    one, same = result(), result()
    assert one == same
    assert one.frames[0] == same.frames[0]
    assert one.frames[0].people[0] == same.frames[0].people[0]
    fewer = {"keypoints": np.zeros((16, 2)), "keypoint_scores": np.zeros(16)}
    assert person() != person(**fewer)
    for changed in ({"id": 1}, {"box": [0, 0, 10, 21]}, {"keypoint_scores": np.ones(17)}):
        assert one != result(**changed)
        assert one.frames[0] != result(**changed).frames[0]


def test_a_person_equals_nothing_else() -> None:
    for other in (None, 0, header(), np.zeros(3)):
        assert person().__eq__(other) is NotImplemented
    assert person() != header()


@pytest.mark.parametrize(
    "record", [person(), FramePoses(index=0, pts=0.0), Poses(header=header())], ids=type
)
def test_what_holds_arrays_has_no_hash(record: object) -> None:
    with pytest.raises(TypeError, match=f"unhashable type: '{type(record).__name__}'"):
        hash(record)


def test_the_schema_asks_for_all_that_is_always_written_and_names_units() -> None:
    schema = Poses.json_schema()
    fields = schema["$defs"]["Person"]["properties"]
    at_times = {"keypoints_raw", "filled"}
    assert set(schema["$defs"]["Person"]["required"]) == set(Person.model_fields) - at_times
    assert set(schema["$defs"]["Header"]["required"]) == set(Header.model_fields)
    assert set(schema["$defs"]["FramePoses"]["required"]) == {"index", "pts", "people"}
    assert "file name" in schema["$defs"]["FramePoses"]["properties"]["name"]["description"]
    assert "pixels" in fields["box"]["description"]
    assert "pixels" in fields["keypoints"]["description"]
    assert "seconds" in schema["$defs"]["FramePoses"]["properties"]["pts"]["description"]
    assert (fields["score"]["minimum"], fields["score"]["maximum"]) == (0, 1)
