"""Clips around labelled people: which, of which frames, and joints on the pictures."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from clip_scenes import PAINTED, PAINTED_AT, SIZE, Pictures, person_at, walk

from vidpose.datasets.augment import PUBLIC_CODE, Augmentation
from vidpose.datasets.chance import Chance
from vidpose.datasets.clips import ClipDataset, ClipSample
from vidpose.datasets.degrade import Degradations
from vidpose.datasets.labels import NOT_LABELLED, FrameLabels, PersonLabels, SequenceLabels
from vidpose.datasets.occlude import Occluders
from vidpose.datasets.sampler import ClipIndex
from vidpose.datasets.subjects import key_subjects
from vidpose.errors import VidposeError
from vidpose.geometry import CropGeometry
from vidpose.skeleton import COCO17, POSETRACK15

CROP = CropGeometry((256, 192))
STILL = Augmentation(half_body=0, scale=(1, 1), rotation=0, flip=0)


def clips(
    *sequences: SequenceLabels,
    offsets: tuple[int, ...] = (-2, -1, 0, 1, 2),
    augmentation: Augmentation | None = None,
    seed: int = 0,
    views: int | None = None,
    part: int = 0,
) -> ClipDataset:
    return ClipDataset(sequences, CROP, offsets, POSETRACK15, augmentation, seed, views, part=part)


def with_people(*people: PersonLabels) -> SequenceLabels:
    """One frame of these people, of which no picture is looked at."""
    frame = FrameLabels(0, "0.jpg", people, size=SIZE)
    return SequenceLabels("one", POSETRACK15, (frame,), Pictures([np.zeros((160, 200, 3), "u1")]))


def assert_equal(a: ClipSample, b: ClipSample) -> None:
    for ours, theirs in zip(a[:4], b[:4], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert a[5:] == b[5:]


def test_no_sequences_no_people_no_frames() -> None:
    assert len(clips()) == 0
    assert len(clips(with_people())) == 0
    assert len(clips(replace(walk(), frames=()))) == 0


def test_who_cannot_be_learnt_from_is_left_out() -> None:
    good = person_at(90, 80)
    outside = replace(good, box=np.array([300.0, 20, 350, 90]))
    flat = replace(good, box=np.array([30.0, 20, 30, 90]))
    unlabelled = replace(good, visibility=np.full(15, NOT_LABELLED))
    broken = replace(good, box=np.full(4, np.nan))
    people = [outside, flat, unlabelled, broken, replace(good, crowd=True), replace(good, box=None)]
    assert len(clips(with_people(*people))) == 0
    assert len(clips(with_people(*people, good))) == 1


def test_labels_without_pictures_say_so() -> None:
    with pytest.raises(VidposeError, match="walk: has labels but no pictures"):
        clips(replace(walk(), images=None))
    with pytest.raises(VidposeError, match=r"frame 6 .* only 3 pictures"):
        clips(replace(walk(), images=Pictures(walk(3).images.pictures)))  # type: ignore[union-attr]


def test_the_size_of_pictures_is_looked_up_once_where_labels_do_not_tell_it() -> None:
    known = walk()
    unknown = replace(
        known,
        frames=tuple(replace(frame, size=None) for frame in known.frames),
        images=Pictures(known.images.pictures),  # type: ignore[union-attr]
    )
    dataset = clips(unknown)
    assert unknown.images.reads == [0]  # type: ignore[union-attr]
    assert_equal(dataset[3], clips(known)[3])


def test_one_frame_is_repeated_and_read_once() -> None:
    sequence = walk(1)
    sample = clips(sequence)[0]
    assert sequence.images.reads == [0]  # type: ignore[union-attr]
    assert sample.frames.shape == (5, 256, 192, 3)
    for frame, xy in zip(sample.frames, sample.xy_norm, strict=True):
        np.testing.assert_array_equal(frame, sample.frames[2])
        np.testing.assert_array_equal(xy, sample.xy_norm[2])
    assert sample.labelled.tolist() == [1, 1, 1, 1, 1]


def test_at_the_ends_the_nearest_frame_stands_in() -> None:
    sequence = walk(4)
    first, last = clips(sequence)[0], clips(sequence)[3]
    assert sequence.images.reads == [0, 1, 2, 1, 2, 3]  # type: ignore[union-attr]
    np.testing.assert_array_equal(first.frames[0], first.frames[2])
    np.testing.assert_array_equal(last.xy_norm[4], last.xy_norm[2])
    assert (last.xy_norm[1] != last.xy_norm[2]).any()


def test_without_augmentation_it_is_the_crop_of_inference() -> None:
    sequence = walk()
    sample = clips(sequence)[3]
    person = sequence.frames[3].people[0]
    assert person.box is not None
    window = CROP.window(np.clip(person.box, 0, [*SIZE, *SIZE]))
    expected = (person.keypoints - window[:2]) / (window[2:] - window[:2])
    np.testing.assert_allclose(sample.xy_norm[2], expected, atol=1e-5)
    assert sample.name == "walk/000003.jpg#0"
    assert sample.weight.min() == 1


@pytest.mark.parametrize("flip", [0, 1])
@pytest.mark.parametrize("augmentation", [Augmentation(), PUBLIC_CODE])
def test_joints_stay_on_the_picture(augmentation: Augmentation, flip: int) -> None:
    dataset = clips(walk(), augmentation=augmentation.model_copy(update={"flip": flip}))
    size = np.array([192, 256])
    y, x = np.mgrid[:256, :192]
    # A mirrored left hand is a right hand, painted in the other's colour.
    channels = (2, 1, 0) if flip else (0, 1, 2)
    seen = dict.fromkeys(PAINTED, 0)
    for epoch in range(40):
        sample = dataset[ClipIndex(epoch, epoch % 7)]
        for frame, xy_norm in zip(sample.frames, sample.xy_norm, strict=True):
            for joint, channel, at in zip(PAINTED, channels, PAINTED_AT, strict=True):
                point = xy_norm[at] * size
                if (point < 30).any() or (point > size - 30).any():
                    continue
                light = frame[..., channel].astype(np.float64)
                centre = np.array([(light * x).sum(), (light * y).sum()]) / light.sum()
                assert np.abs(centre - point).max() < 0.6
                seen[joint] += 1
    assert min(seen.values()) > 40


def test_mirrored_people_keep_their_left_on_their_left() -> None:
    flipped = clips(walk(), augmentation=STILL.model_copy(update={"flip": 1}))[3]
    plain = clips(walk(), augmentation=STILL)[3]
    left, right = POSETRACK15.index("left_hip"), POSETRACK15.index("right_hip")
    assert plain.xy_norm[2, left, 0] > plain.xy_norm[2, right, 0]
    assert flipped.xy_norm[2, left, 0] > flipped.xy_norm[2, right, 0]
    np.testing.assert_allclose(
        flipped.xy_norm[2, left, 0], 1 - plain.xy_norm[2, right, 0], atol=1e-6
    )


def test_mirroring_swaps_what_is_labelled_too() -> None:
    left, right = POSETRACK15.index("left_wrist"), POSETRACK15.index("right_wrist")
    person = person_at(90, 80)
    person.visibility[left] = NOT_LABELLED
    sample = clips(with_people(person), augmentation=STILL.model_copy(update={"flip": 1}))[0]
    assert not sample.weight[:, right].any()
    assert sample.weight[:, left].all()


def test_joints_outside_the_crop_weigh_nothing_and_keep_their_place() -> None:
    person = replace(person_at(90, 80), box=np.array([60.0, 20, 120, 80]))
    sample = clips(with_people(person))[0]
    ankle = POSETRACK15.index("left_ankle")
    assert sample.weight[2, ankle] == 0
    assert sample.xy_norm[2, ankle, 1] > 1
    assert sample.weight[2, POSETRACK15.index("nose")] == 1
    assert sample.labelled[2] == 1


def test_unlabelled_joints_are_zero_even_if_the_file_holds_nonsense() -> None:
    person = person_at(90, 80)
    person.keypoints[4] = np.nan
    person.visibility[4] = NOT_LABELLED
    sample = clips(with_people(person))[0]
    assert np.isfinite(sample.xy_norm).all()
    assert not sample.xy_norm[:, 4].any() and not sample.weight[:, 4].any()


def test_neighbours_have_the_labels_of_the_same_track() -> None:
    sequence = walk(3)
    other = person_at(150, 80, track_id=9)
    gone = sequence.frames[0]
    frames = (
        replace(gone, people=(other,)),
        replace(sequence.frames[1], people=(other, *sequence.frames[1].people)),
        replace(sequence.frames[2], people=(*sequence.frames[2].people, other)),
    )
    sample = clips(replace(sequence, frames=frames), offsets=(-1, 0, 1))[2]
    assert sample.name == "walk/000001.jpg#0"
    assert sample.labelled.tolist() == [0, 1, 1]
    assert not sample.weight[0].any() and not sample.xy_norm[0].any()
    alone = clips(sequence, offsets=(-1, 0, 1))[1]
    np.testing.assert_array_equal(sample.xy_norm[1:], alone.xy_norm[1:])


def test_who_has_no_id_is_known_in_the_key_frame_alone() -> None:
    sequence = walk(3)
    people = [person_at(x, 80, track_id=-1) for x in (60, 140)]
    frames = [replace(frame, people=tuple(people)) for frame in sequence.frames]
    dataset = clips(replace(sequence, frames=tuple(frames)), offsets=(-1, 0, 1))
    assert [dataset[i].labelled.tolist() for i in (2, 3)] == [[0, 1, 0], [0, 1, 0]]


def test_frames_without_labels_are_pictures_all_the_same() -> None:
    sequence = walk(5)
    sample = clips(replace(sequence, frames=sequence.frames[2:3]))[0]
    assert sample.labelled.tolist() == [0, 0, 1, 0, 0]
    assert all(frame.any() for frame in sample.frames)


def test_labels_of_another_skeleton_are_matched_by_name() -> None:
    dataset = ClipDataset([walk()], CROP, (0,), COCO17)
    sample = dataset[0]
    assert sample.weight[0, COCO17.index("nose")] == 1
    assert sample.weight[0, COCO17.index("left_ear")] == 0


def test_a_sample_depends_on_seed_epoch_and_position_alone() -> None:
    noise = Degradations(noise=Chance(probability=1, range=(1, 9)))
    drawing = Augmentation(max_distance=3, degradations=noise)
    one, other = clips(walk(), augmentation=drawing), clips(walk(), augmentation=drawing)
    backwards = [other[ClipIndex(5, position)] for position in reversed(range(7))]
    for position in range(7):
        assert_equal(one[ClipIndex(5, position)], backwards[6 - position])
    assert (one[ClipIndex(5, 2)].xy_norm != one[ClipIndex(6, 2)].xy_norm).any()
    reseeded = clips(walk(), augmentation=drawing, seed=1)
    assert (one[ClipIndex(5, 2)].xy_norm != reseeded[ClipIndex(5, 2)].xy_norm).any()
    joined = clips(walk(), augmentation=drawing, part=1)
    assert (one[ClipIndex(5, 2)].xy_norm != joined[ClipIndex(5, 2)].xy_norm).any()
    assert_equal(one[2], one[ClipIndex(0, 2)])
    assert_equal(one[-1], one[6])
    with pytest.raises(IndexError):
        one[7]


def test_fixed_views_come_round_again() -> None:
    drawing = Augmentation()
    dataset = clips(walk(), augmentation=drawing, views=3)
    assert_equal(dataset[ClipIndex(1, 4)], dataset[ClipIndex(7, 4)])
    assert_equal(dataset[ClipIndex(1, 4)], clips(walk(), augmentation=drawing)[ClipIndex(1, 4)])
    assert (dataset[ClipIndex(1, 4)].xy_norm != dataset[ClipIndex(2, 4)].xy_norm).any()


def test_drawn_neighbours_stay_on_their_side_and_in_order() -> None:
    # Each picture is as bright as its number: what counts is the order of the sample's frames.
    pictures = [np.full((160, 200, 3), number, np.uint8) for number in range(13)]
    sequence = replace(walk(13), images=Pictures(pictures))
    dataset = clips(sequence, augmentation=STILL.model_copy(update={"max_distance": 4}))
    combinations = set()
    for epoch in range(200):
        a, b, key, c, d = dataset[ClipIndex(epoch, 6)].frames[:, 128, 96, 0].tolist()
        assert 2 <= a < b < key == 6 < c < d <= 10
        combinations.add((a, b, c, d))
    assert len(combinations) == 36


def test_a_distance_too_short_for_the_neighbours_says_so() -> None:
    short = Augmentation(max_distance=1)
    with pytest.raises(VidposeError, match=r"max_distance 1: .* must be 2 or more"):
        clips(walk(), augmentation=short)
    assert len(clips(walk(), augmentation=short, offsets=(-1, 0, 1))) == 7


def test_of_every_fourth_frame_the_first_is_in_the_middle_of_four() -> None:
    dataset = ClipDataset([walk(8)], CROP, (0,), POSETRACK15, every=4)
    names = [dataset[position].name for position in range(len(dataset))]
    assert names == ["walk/000002.jpg#0", "walk/000006.jpg#0"]


@pytest.mark.parametrize(
    ("labelled", "every", "expected"),
    [
        ([0], 16, [0]),
        (range(0, 40, 4), 1, range(0, 40, 4)),
        (range(0, 40, 4), 2, [4, 12, 20, 28, 36]),
        (range(0, 40, 4), 3, [4, 16, 28]),
        (range(0, 40, 4), 8, [16]),
        (range(0, 40, 4), 16, [20]),
        (range(17), 16, [8]),
    ],
)
def test_a_sequence_with_few_labelled_frames_gives_as_many_key_frames_as_one_of_so_few(
    labelled: Sequence[int], every: int, expected: Sequence[int]
) -> None:
    person = person_at(90, 80)
    frames = tuple(FrameLabels(index, f"{index}.jpg", (person,), size=SIZE) for index in labelled)
    pictures = Pictures([np.zeros((160, 200, 3), np.uint8)] * 40)
    sequence = SequenceLabels("seldom", POSETRACK15, frames, pictures)
    assert [each.index for each in key_subjects(sequence, every)] == list(expected)


def test_occluders_move_by_the_time_from_the_key_frame() -> None:
    """Where in its sequence a clip is taken from plays no part."""
    occluders = Degradations(occluders=Occluders(probability=1))
    augmentation = STILL.model_copy(update={"degradations": occluders})
    black = Pictures([np.zeros((160, 200, 3), np.uint8)] * 40)
    early, late = (
        clips(
            SequenceLabels(
                "black",
                POSETRACK15,
                (FrameLabels(index, f"{index}.jpg", (person_at(90, 80),), size=SIZE),),
                black,
            ),
            augmentation=augmentation,
        )[0].frames
        for index in (3, 30)
    )
    assert early.any()
    np.testing.assert_array_equal(early, late)


def test_a_repeated_frame_is_degraded_once() -> None:
    noise = Degradations(noise=Chance(probability=1, range=(20, 20)))
    sample = clips(walk(), augmentation=STILL.model_copy(update={"degradations": noise}))[0]
    np.testing.assert_array_equal(sample.frames[0], sample.frames[2])
    clean = clips(walk())[0]
    assert (sample.frames[2] != clean.frames[2]).any()


def test_a_further_field_sees_the_finished_crops() -> None:
    def brightest(frames: np.ndarray, key: int) -> np.ndarray:
        return np.array([frames[key].max(), len(frames)], np.float32)

    dataset = ClipDataset([walk()], CROP, (-1, 0), POSETRACK15, fields={"light": brightest})
    sample = dataset[3]
    assert sample.extras["light"].tolist() == [sample.frames[1].max(), 2]
