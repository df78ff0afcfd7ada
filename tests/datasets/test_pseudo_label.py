from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vidpose.datasets.labels import SequenceLabels
from vidpose.datasets.pseudo_label import label_clip
from vidpose.datasets.registry import read
from vidpose.datasets.teacher import Opinion
from vidpose.datasets.write_sequence import write_sequence
from vidpose.frame import Frame
from vidpose.poses import FramePoses, Person
from vidpose.skeleton import BODY19, COCO17

SIZE = (120, 160)
BOX = np.array([10.0, 10.0, 70.0, 110.0])
JOINTS = np.column_stack([np.linspace(15, 65, 17), np.linspace(15, 105, 17)])
NAME = "000000_clip"


class Model:
    skeleton = COCO17


class Told:
    """A teacher that is told what it says: sure of all joints but some."""

    model = Model()

    def __init__(self, unsure: tuple[str, ...] = ()) -> None:
        self.sure = np.array([joint not in unsure for joint in COCO17.joints])
        self.asked = 0

    def __call__(self, image: np.ndarray, box: np.ndarray) -> Opinion:
        self.asked += 1
        return Opinion(JOINTS, self.sure)


def somebody(number: int = 0, **changes: object) -> Person:
    fields: dict[str, object] = {
        "id": number,
        "score": 0.9,
        "box": BOX,
        "keypoints": JOINTS,
        "keypoint_scores": np.full(17, 0.9),
    }
    return Person.model_validate(fields | changes)


def video(
    count: int, people: tuple[Person, ...] = (somebody(),), size: tuple[int, int] = SIZE
) -> Iterator[tuple[Frame, FramePoses]]:
    for index in range(count):
        image = np.full((*size, 3), 10 * index, np.uint8)
        yield Frame(index, index / 25, image), FramePoses(index=index, pts=0.0, people=people)


def labelled(
    root: Path, frames: Iterator[tuple[Frame, FramePoses]], teacher: Told, **options: int
) -> SequenceLabels:
    with write_sequence(root, "train", NAME) as writer:
        for _ in label_clip(frames, teacher, writer, NAME, **options):  # type: ignore[arg-type]
            pass
    (sequence,) = read("posetrack18", root, "train")
    return sequence.in_skeleton(BODY19)


def test_sure_joints_are_labelled_and_others_are_not(tmp_path: Path) -> None:
    sequence = labelled(tmp_path, video(3), Told(unsure=("nose", "left_wrist")))
    assert len(sequence.frames) == 3
    for frame in sequence.frames:
        (person,) = frame.people
        unlabelled = {BODY19.joints[i] for i in np.flatnonzero(~person.labelled)}
        assert unlabelled == {"nose", "left_wrist", "head_top", "head_bottom"}
        rows = np.flatnonzero(person.labelled)
        np.testing.assert_allclose(person.keypoints[rows], JOINTS[rows], atol=0.01)
        np.testing.assert_allclose(np.asarray(person.box), BOX, atol=0.01)


def test_joints_where_the_pipeline_says_otherwise_are_not_labelled(tmp_path: Path) -> None:
    elsewhere = JOINTS.copy()
    elsewhere[COCO17.index("left_ankle")] += 0.2 * np.sqrt(60 * 100)
    sequence = labelled(tmp_path, video(1, (somebody(keypoints=elsewhere),)), Told())
    (person,) = sequence.frames[0].people
    assert not person.labelled[BODY19.index("left_ankle")]
    assert person.labelled.sum() == 16


def test_small_people_are_not_asked_about_and_unsure_ones_left_out(tmp_path: Path) -> None:
    small = somebody(1, box=np.array([10.0, 10.0, 50.0, 80.0]))
    teacher = Told(unsure=COCO17.joints[:10])
    sequence = labelled(tmp_path, video(2, (somebody(), small)), teacher)
    assert teacher.asked == 2
    assert [frame.people for frame in sequence.frames] == [(), ()]
    assert all(frame.labelled for frame in sequence.frames)


def test_of_every_nth_frame_only_that_one_is_labelled(tmp_path: Path) -> None:
    sequence = labelled(tmp_path, video(5), Told(), every=2)
    assert [frame.labelled for frame in sequence.frames] == [True, False, True, False, True]
    assert [len(frame.people) for frame in sequence.frames] == [1, 0, 1, 0, 1]


def test_a_clip_ends_after_enough_frames_with_people(tmp_path: Path) -> None:
    empty = ((frame, FramePoses(index=frame.index, pts=0.0)) for frame, _ in video(3))
    later = (
        (Frame(frame.index + 3, 0.0, frame.image), poses.model_copy(update={"index": 3}))
        for frame, poses in video(9)
    )
    both = iter([*empty, *later])
    sequence = labelled(tmp_path, both, Told(), most=2)
    assert [len(frame.people) for frame in sequence.frames] == [0, 0, 0, 1, 1]


def test_labels_follow_pictures_that_are_reduced(tmp_path: Path) -> None:
    sequence = labelled(tmp_path, video(1, size=(960, 1280)), Told())
    assert sequence.images is not None
    assert sequence.images[0].shape == (480, 640, 3)
    (person,) = sequence.frames[0].people
    expected = (JOINTS + 0.5) / 2 - 0.5
    np.testing.assert_allclose(person.keypoints[person.labelled], expected, atol=0.01)
