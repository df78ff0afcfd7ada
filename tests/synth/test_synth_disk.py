import json
from pathlib import Path

import numpy as np
import pytest

from vidpose.datasets.check import check
from vidpose.datasets.labels import SequenceLabels
from vidpose.datasets.registry import read
from vidpose.errors import VidposeError
from vidpose.skeleton import COCO17
from vidpose.synth import gpu
from vidpose.synth.disk import Form, Job, write
from vidpose.synth.presets import PRESETS, Preset
from vidpose.synth.sheet import TILES, chosen, save
from vidpose.synth.shoot import Shoot
from vidpose.synth.visibility import Visibility

FORMS: tuple[Form, ...] = ("jpg", "mp4")
PRESET = Preset(**(dict(PRESETS["crowd"]) | {"size": (96, 128), "frames": 3}))


@pytest.fixture(autouse=True)
def drawing() -> None:
    try:
        gpu.context()
    except VidposeError as error:
        pytest.skip(str(error))


def files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_two_workers_write_the_same_bytes_as_one(tmp_path: Path) -> None:
    for workers in (1, 2):
        job = Job(tmp_path / str(workers), PRESET, sequences=2, seed=3)
        assert len(list(write(job, workers))) == 2
    one, two = files(tmp_path / "1"), files(tmp_path / "2")
    assert one == two
    # Two annotations, six pictures, and COCO's file.
    assert len(one) == 9


def test_a_sequence_is_the_same_in_a_longer_set(tmp_path: Path) -> None:
    list(write(Job(tmp_path / "a", PRESET, sequences=1)))
    list(write(Job(tmp_path / "b", PRESET, sequences=2)))
    short, longer = files(tmp_path / "a"), files(tmp_path / "b")
    del short["annotations/coco17_train.json"]
    assert short.items() <= longer.items()


@pytest.mark.parametrize("form", FORMS)
def test_the_readers_find_what_was_rendered(tmp_path: Path, form: Form) -> None:
    job = Job(tmp_path, PRESET, sequences=2, split="val", form=form)
    written = [each.labels for each in write(job)]
    report = check(tmp_path)
    assert report.whole
    (split,) = report.splits
    assert (split.counts.sequences, split.counts.frames, split.opened) == (2, 6, 6)
    for sequence, found in zip(written, read("posetrack18", tmp_path, "val"), strict=True):
        assert_same_labels(sequence, found)
        assert found.images is not None
        assert len(found.images) == 3
    document = json.loads(job.annotation(0).read_text())
    for annotation in document["annotations"]:
        kinds = np.array(annotation["visibility"])
        shown = np.array(annotation["keypoints"]).reshape(17, 3)[:, 2] > 0
        ears = np.isin(np.arange(17), (3, 4))
        assert ((kinds == Visibility.VISIBLE) & ~ears == shown).all()


def assert_same_labels(expected: SequenceLabels, found: SequenceLabels) -> None:
    for one, other in zip(expected.frames, found.frames, strict=True):
        assert (one.index, one.name, one.size) == (other.index, other.name, other.size)
        for a, b in zip(one.people, other.people, strict=True):
            assert a.track_id == b.track_id
            np.testing.assert_allclose(a.keypoints, b.keypoints)
            np.testing.assert_array_equal(a.visibility, b.visibility)
            np.testing.assert_allclose(np.asarray(a.box), np.asarray(b.box))
            np.testing.assert_allclose(np.asarray(a.head_box), np.asarray(b.head_box))


def test_a_video_shows_nearly_what_pictures_show(tmp_path: Path) -> None:
    found = []
    for form in FORMS:
        job = Job(tmp_path / form, PRESET, sequences=1, form=form)
        list(write(job))
        (sequence,) = read("posetrack18", tmp_path / form, "train")
        assert sequence.images is not None
        found.append(np.stack([sequence.images[index] for index in range(3)]).astype(float))
    pictures, video = found
    assert abs(pictures - video).mean() < 6
    # Nearer to the same frame than to its neighbour.
    assert abs(pictures - video).mean() < abs(pictures[1:] - video[:-1]).mean()


def test_a_video_shorter_than_its_labels_is_a_fault(tmp_path: Path) -> None:
    job = Job(tmp_path, PRESET, sequences=1, form="mp4")
    list(write(job))
    longer = job.annotation(0).read_text().replace("000002.jpg", "000007.jpg")
    job.annotation(0).write_text(longer)
    report = check(tmp_path)
    assert not report.whole
    assert "000000_synth" in report.splits[0].faults[0]


def test_cocos_joints_have_a_file_of_their_own(tmp_path: Path) -> None:
    written = list(write(Job(tmp_path, PRESET, sequences=1)))
    found = read("coco", tmp_path, "train")
    expected = written[0].labels.in_skeleton(COCO17)
    assert [len(f.people) for f in expected.frames] == [len(s.frames[0].people) for s in found]
    for frame, still in zip(expected.frames, found, strict=True):
        for a, b in zip(frame.people, still.frames[0].people, strict=True):
            np.testing.assert_allclose(a.keypoints, b.keypoints)


def test_a_sequence_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = Shoot.labels
    for form in FORMS:
        job = Job(tmp_path / form, PRESET, sequences=2, form=form)
        with monkeypatch.context() as patch:

            def broken(self: Shoot, index: int) -> object:
                if self.name == "000001_synth" and index == 1:
                    raise VidposeError("the lights went out")
                return labels(self, index)

            patch.setattr(Shoot, "labels", broken)
            with pytest.raises(VidposeError, match="lights"):
                list(write(job))
        assert {name for name in files(job.out) if "000000_synth" not in name} == set()
        assert not list(job.pictures(0).parent.glob(".*"))


@pytest.mark.parametrize("form", FORMS)
def test_a_full_disk_keeps_the_sequence_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: Form
) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    list(write(Job(tmp_path, PRESET, sequences=1)))
    before = files(tmp_path)
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(VidposeError, match="No space left on device"):
        list(write(Job(tmp_path, PRESET, sequences=1, seed=1, form=form), overwrite=True))
    assert files(tmp_path) == before


def test_what_is_there_is_only_replaced_on_demand_and_whole(tmp_path: Path) -> None:
    list(write(Job(tmp_path, PRESET, sequences=1)))
    before = files(tmp_path)
    job = Job(tmp_path, PRESET, sequences=1, seed=1, form="mp4")
    with pytest.raises(VidposeError, match="--overwrite"):
        list(write(job))
    assert files(tmp_path) == before
    list(write(job, overwrite=True))
    assert not job.pictures(0).exists()
    # It named pictures that are gone.
    assert not job.coco.exists()
    assert check(tmp_path).whole


@pytest.mark.parametrize(
    "place",
    [
        "images/train/000001_synth/precious.jpg",
        "images/train/000001_synth.mp4",
        "annotations/coco17_train.json",
    ],
)
def test_no_part_of_a_sequence_that_is_there_is_replaced_unasked(
    tmp_path: Path, place: str
) -> None:
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).write_text("mine")
    with pytest.raises(VidposeError, match=r"exists; add --overwrite"):
        list(write(Job(tmp_path, PRESET, sequences=2)))
    assert files(tmp_path) == {place: b"mine"}


def test_cocos_file_goes_with_the_first_sequence_that_it_is_untrue_of(tmp_path: Path) -> None:
    list(write(Job(tmp_path, PRESET, sequences=1)))
    job = Job(tmp_path, PRESET, sequences=2, seed=1)
    results = write(job, overwrite=True)
    assert job.coco.exists()
    next(results)
    assert not job.coco.exists()
    list(results)
    assert job.coco.exists()


def test_a_folder_in_the_place_of_cocos_file_is_named(tmp_path: Path) -> None:
    job = Job(tmp_path, PRESET, sequences=1)
    (job.coco / "inside").mkdir(parents=True)
    for overwrite in (False, True):
        with pytest.raises(VidposeError, match="it is a folder"):
            list(write(job, overwrite=overwrite))
    assert (job.coco / "inside").is_dir()


def test_what_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    results = write(Job(tmp_path, PRESET, sequences=2))
    next(results)
    other = tmp_path / "images/train/000001_synth/000000.jpg"
    other.parent.mkdir()
    other.write_text("mine")
    with pytest.raises(VidposeError, match=r"000001_synth exists; add --overwrite"):
        list(results)
    assert other.read_text() == "mine"
    assert [path.name for path in other.parent.iterdir()] == [other.name]


def test_a_video_of_an_odd_size_is_refused(tmp_path: Path) -> None:
    odd = Preset(size=(97, 128), frames=1)
    with pytest.raises(VidposeError, match="even"):
        list(write(Job(tmp_path / "out", odd, sequences=1, form="mp4")))
    assert not (tmp_path / "out").exists()


def test_a_sheet_takes_frames_from_everywhere(tmp_path: Path) -> None:
    assert chosen(24, 32) == {number: [16] for number in range(24)}
    assert chosen(1, 2) == {0: [0, 1]}
    spread = chosen(3, 100)
    assert sum(map(len, spread.values())) == TILES
    assert [len(frames) for frames in spread.values()] == [8, 8, 8]
    (written,) = write(Job(tmp_path, PRESET, sequences=1, tiles=True))
    assert len(written.tiles) == 3
    save(tmp_path / "sheet.png", written.tiles)
    with pytest.raises(VidposeError, match="no folder"):
        save(tmp_path / "nowhere" / "sheet.png", written.tiles)
