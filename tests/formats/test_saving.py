"""What holds for every format: whole files or none, equal bytes, constant memory."""

import gc
import tracemalloc
from pathlib import Path

import pytest
from pose_samples import frame, header, poses

from vidpose import formats
from vidpose.errors import VidposeError
from vidpose.poses import FramePoses


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


every_format = pytest.mark.parametrize("name", formats.FORMATS)


@every_format
def test_no_frames_one_frame_and_frames_without_people_are_files(name: str, tmp_path: Path) -> None:
    sizes = []
    for number, people in enumerate([[], [0], [1], [0, 2, 0]]):
        path = tmp_path / f"{number}.out"
        formats.save(poses(people), path, name)
        sizes.append(path.stat().st_size)
    assert 0 < sizes[0] <= sizes[1] < sizes[2] < sizes[3]


@every_format
def test_equal_poses_give_equal_bytes(name: str, tmp_path: Path) -> None:
    formats.save(poses([2, 0, 1]), tmp_path / "a", name)
    formats.save(poses([2, 0, 1]), tmp_path / "b", name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@every_format
def test_memory_does_not_grow_with_the_number_of_frames(name: str, tmp_path: Path) -> None:
    one = frame(0, people=1)

    def peak(frames: int) -> int:
        gc.collect()
        tracemalloc.start()
        with formats.FORMATS[name](tmp_path / "out", header()) as writer:
            for _ in range(frames):
                writer.write(one)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(10)  # What is cached once belongs to neither count.
    # A list of as little as one number a frame would add 20 kB.
    assert peak(3000) < peak(300) + 10_000


@every_format
def test_closing_twice_does_no_harm(name: str, tmp_path: Path) -> None:
    writer = formats.FORMATS[name](tmp_path / "out", header())
    writer.write(frame(0))
    writer.close()
    written = (tmp_path / "out").read_bytes()
    writer.close()
    assert (tmp_path / "out").read_bytes() == written


@every_format
def test_a_failure_leaves_the_old_file_and_no_other(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "result"
    path.write_text("old")
    write = formats.FORMATS[name].write

    def fail_at_second(self: formats.Writer, one: FramePoses) -> None:
        if one.index == 1:
            raise RuntimeError("in the middle")
        write(self, one)

    monkeypatch.setattr(formats.FORMATS[name], "write", fail_at_second)
    with pytest.raises(RuntimeError, match="in the middle"):
        formats.save(poses([1, 1, 1]), path, name)
    assert listing(tmp_path) == ["result"]
    assert path.read_text() == "old"


def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: formats.Writer, one: FramePoses) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(formats.FORMATS["json"], "write", full)
    with pytest.raises(VidposeError, match=r"cannot write .*poses\.json: No space left on device"):
        formats.save(poses([1]), tmp_path / "poses.json")
    assert listing(tmp_path) == []


@pytest.mark.parametrize("name", ["poses.xml", "poses", "poses.JSONL"])
def test_unknown_endings_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(VidposeError, match=r"\.json or \.csv"):
        formats.save(poses([1]), tmp_path / name)
    assert listing(tmp_path) == []


def test_an_unknown_format_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(VidposeError, match="'yaml': choose from json, csv, posetrack18, coco"):
        formats.save(poses([1]), tmp_path / "a.json", "yaml")


def test_places_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.json").mkdir()
    for path in (tmp_path / "none" / "a.json", tmp_path / "file" / "a.json"):
        with pytest.raises(VidposeError, match="there is no folder"):
            formats.save(poses([1]), path)
    with pytest.raises(VidposeError, match="cannot write"):
        formats.save(poses([1]), tmp_path / "folder.json")
    assert listing(tmp_path) == ["file", "folder.json"]


@pytest.mark.parametrize("place", [".", "", "..", "/", "folder"])
def test_a_place_that_is_a_folder_is_refused_as_one(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VidposeError, match=f"cannot write {Path(place)}: it is a folder"):
        poses([1]).save(place, "json")
    assert listing(tmp_path) == ["folder"]


@pytest.mark.parametrize("length", [240, 300])
def test_a_name_that_is_too_long_is_refused(length: int, tmp_path: Path) -> None:
    with pytest.raises(VidposeError, match=r"cannot write .*: File name too long"):
        poses([1]).save(tmp_path / ("a" * length), "json")
    assert listing(tmp_path) == []


def test_the_ending_picks_the_format(tmp_path: Path) -> None:
    for name, start in (("a.json", '{"header"'), ("a.CSV", "frame,pts")):
        poses([1]).save(tmp_path / name)
        assert (tmp_path / name).read_text().startswith(start)
