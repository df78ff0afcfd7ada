from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import UInt8

from vidpose.datasets.animate import animate
from vidpose.datasets.labels import (
    HIDDEN,
    NOT_LABELLED,
    VISIBLE,
    FrameLabels,
    PersonLabels,
    SequenceLabels,
)
from vidpose.datasets.moving_still import Scene, Still, draw_scene, moved_box
from vidpose.datasets.passing import Passing
from vidpose.datasets.registry import read
from vidpose.errors import VidposeError
from vidpose.skeleton import BODY19, COCO17, Skeleton

SIZE = (200, 160)
DOTS = np.array([[60, 40], [110, 45], [65, 80], [105, 85], [70, 125], [100, 120], [85, 60]])
BOX = np.array([50.0, 30.0, 120.0, 140.0])


class OnePicture:
    def __init__(self, picture: UInt8[np.ndarray, "h w 3"]) -> None:
        self.picture = picture

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> UInt8[np.ndarray, "h w 3"]:
        return self.picture


def dotted(only: Sequence[int]) -> UInt8[np.ndarray, "h w 3"]:
    """Black, with a white disc of 7 pixels on some of the joints."""
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
    near = [(x - DOTS[i, 0]) ** 2 + (y - DOTS[i, 1]) ** 2 <= 9 for i in only]
    return np.repeat(np.any(near, axis=0)[..., None] * np.uint8(255), 3, axis=2)


def person(skeleton: Skeleton = BODY19, joints: int = len(DOTS), **changes: object) -> PersonLabels:
    keypoints = np.zeros((len(skeleton), 2))
    visibility = np.full(len(skeleton), NOT_LABELLED)
    rows = [skeleton.index(joint) for joint in COCO17.joints[5:][:joints]]
    keypoints[rows], visibility[rows] = DOTS[:joints], VISIBLE
    return replace(PersonLabels(0, keypoints, visibility, BOX), **changes)  # type: ignore[arg-type]


def still(*people: PersonLabels, skeleton: Skeleton = BODY19) -> SequenceLabels:
    frame = FrameLabels(0, "still.jpg", people, size=SIZE)
    return SequenceLabels("still", skeleton, (frame,), OnePicture(dotted(range(len(DOTS)))))


def scene(seed: int, dot: int) -> Scene:
    """A clip of a picture with one dot; nothing blurred, nothing in front."""
    of_dot = Still(OnePicture(dotted([dot])), 0, (person(),), BOX)
    drawn = draw_scene(of_dot, [of_dot], 16, np.random.default_rng(seed))
    return replace(drawn, exposure=0.0, passing=())


def middle_of(picture: UInt8[np.ndarray, "h w 3"]) -> np.ndarray:
    grey = picture[..., 0].astype(float)
    # What surrounds the still is a faint mist of it.
    grey[grey < 100] = 0
    y, x = np.mgrid[0 : grey.shape[0], 0 : grey.shape[1]]
    return np.array([(x * grey).sum(), (y * grey).sum()]) / grey.sum()


@given(st.integers(0, 10_000), st.integers(0, len(DOTS) - 1), st.integers(0, 15))
def test_labels_are_where_the_picture_of_the_joint_is(seed: int, dot: int, time: int) -> None:
    drawn = scene(seed, dot)
    (found,) = drawn.people(time)
    joint = BODY19.index(COCO17.joints[5:][dot])
    place = found.keypoints[joint]
    if found.visibility[joint] and (place > 6).all() and (place < drawn.side - 7).all():
        assert np.linalg.norm(middle_of(drawn.picture(time)) - place) < 0.25


def test_a_smear_has_its_middle_on_the_label() -> None:
    distances, lengths = [], []
    for seed in range(40):
        drawn = scene(seed, 6)
        (found,) = drawn.people(7)
        place = found.keypoints[BODY19.index(COCO17.joints[11])]
        blurred = replace(drawn, exposure=0.8).picture(7)
        lengths.append((blurred[..., 0] > 20).sum() / (drawn.picture(7)[..., 0] > 20).sum())
        if blurred.max() > 150 and (place > 20).all() and (place < drawn.side - 20).all():
            distances.append(np.linalg.norm(middle_of(blurred) - place))
    assert len(distances) > 10
    assert max(distances) < 1.0
    assert max(lengths) > 1.3


def test_a_hidden_joint_stays_labelled_and_one_out_of_view_does_not() -> None:
    drawn = scene(0, 0)
    side = drawn.side
    whole = Passing(
        np.zeros((4 * side, 4 * side, 3), np.uint8),
        np.ones((4 * side, 4 * side), np.float32),
        np.array([side / 2, side / 2]),
        *(np.zeros(2), 0.0, 0.0, 0.0),
    )
    (seen,), (hidden,) = drawn.people(0), replace(drawn, passing=(whole,)).people(0)
    assert set(seen.visibility[seen.labelled]) == {VISIBLE}
    np.testing.assert_array_equal(hidden.labelled, seen.labelled)
    assert set(hidden.visibility[hidden.labelled]) == {HIDDEN}
    np.testing.assert_array_equal(hidden.keypoints, seen.keypoints)

    middle, place = drawn.pivot
    (gone,) = replace(drawn, pivot=(middle, place + [0, side * 0.5])).people(0)
    assert 0 < gone.labelled.sum() < seen.labelled.sum()
    assert (gone.keypoints[~gone.labelled] == 0).all()
    assert replace(drawn, pivot=(middle, place + 3 * side)).people(0) == ()


@given(st.floats(-3, 3), st.floats(0.5, 2))
def test_a_turned_box_holds_the_ellipse_in_it(angle: float, scale: float) -> None:
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    affine = np.array([[cos, -sin, 7.0], [sin, cos, -3.0]])
    turn = np.linspace(0, 2 * np.pi, 721)
    ellipse = [85, 85] + np.column_stack([35 * np.cos(turn), 55 * np.sin(turn)])
    moved = ellipse @ affine[:, :2].T + affine[:, 2]
    expected = np.concatenate([moved.min(axis=0), moved.max(axis=0)])
    np.testing.assert_allclose(moved_box(BOX, affine), expected, atol=0.05)


def test_a_large_picture_gives_frames_of_the_scale_it_is_seen_at() -> None:
    large = np.zeros((1200, 1600, 3), np.uint8)
    of_large = Still(OnePicture(large), 0, (), np.array([300.0, 100.0, 800.0, 1100.0]))
    drawn = draw_scene(of_large, [of_large], 4, np.random.default_rng(0))
    assert drawn.side == 384
    assert drawn.picture(0).shape == (384, 384, 3)


def test_clips_are_read_back_as_posetrack18(tmp_path: Path) -> None:
    source = still(person(COCO17), skeleton=COCO17)
    made = list(animate([source], tmp_path, frames=3, views=2, seed=1))
    found = read("posetrack18", tmp_path, "train")
    assert [each.name for each in found] == ["000000_animated", "000001_animated"]
    for sequence, labels in zip(found, made, strict=True):
        assert len(sequence.frames) == 3
        for frame, expected in zip(sequence.frames, labels.frames, strict=True):
            assert sequence.images is not None
            assert sequence.images[frame.index].shape[:2] == expected.size
            for a, b in zip(frame.people, expected.people, strict=True):
                np.testing.assert_allclose(a.keypoints, b.keypoints, atol=0.005)
                np.testing.assert_array_equal(a.labelled, b.labelled)


def test_the_same_seed_gives_the_same_files_and_another_does_not(tmp_path: Path) -> None:
    contents = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        list(animate([still(person())], tmp_path / name, frames=2, seed=seed))
        files = sorted((tmp_path / name).rglob("*.*"))
        contents.append([path.read_bytes() for path in files if path.is_file()])
    assert contents[0] == contents[1]
    assert contents[0] != contents[2]


def test_whoever_has_three_joints_is_labelled_but_only_the_well_labelled_get_clips(
    tmp_path: Path,
) -> None:
    few, small = person(joints=5), person(box=BOX / 4)
    crowd, two = person(crowd=True), person(joints=2)
    made = list(animate([still(person(), few, small, crowd, two)], tmp_path, frames=1))
    assert len(made) == 1
    people = made[0].frames[0].people
    assert {each.track_id for each in people} >= {0, 1, 3}
    assert 4 not in {each.track_id for each in people}
    assert [each.crowd for each in people if each.track_id == 3] == [True]


def test_nobody_to_show_is_said(tmp_path: Path) -> None:
    for nobody in ([], [still()], [still(person(joints=2))], [still(person(box=None))]):
        with pytest.raises(VidposeError, match="nobody to animate"):
            list(animate(nobody, tmp_path))
    with pytest.raises(VidposeError, match="no pictures"):
        list(animate([replace(still(person()), images=None)], tmp_path))
    assert list(tmp_path.iterdir()) == []
