"""Files appear whole or not at all."""

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from vidpose.errors import VidposeError
from vidpose.frame import Frame
from vidpose.outputs import Outputs
from vidpose.poses import FramePoses, Header, Poses, SkeletonRecord
from vidpose.skeleton import COCO17
from vidpose.video import Source, open_source

HEADER = Header(source="a", width=32, height=24, skeleton=SkeletonRecord.of(COCO17))


def image_source(tmp_path: Path) -> Source:
    """Three, so that they are a film."""
    folder = tmp_path / "still"
    folder.mkdir(exist_ok=True)
    for i in range(3):
        cv2.imwrite(str(folder / f"{i}.png"), np.zeros((24, 32, 3), np.uint8))
    return open_source(folder)


def outputs(
    tmp_path: Path,
    *,
    kinds: Sequence[str] = ("json", "csv"),
    video: bool = True,
    overwrite: bool = False,
    folder: str = "out",
) -> Outputs:
    return Outputs(
        tmp_path / folder,
        image_source(tmp_path),
        HEADER,
        kinds=kinds,
        video=video,
        overwrite=overwrite,
    )


def write(out: Outputs, frames: int = 3) -> None:
    with out:
        for i in range(frames):
            frame = Frame(i, i / 25, np.full((24, 32, 3), 40 * i, np.uint8))
            out.write(frame, FramePoses(index=i, pts=i / 25))


def test_all_files_and_nothing_else(tmp_path: Path) -> None:
    write(outputs(tmp_path, kinds=("json", "csv", "posetrack18", "coco")))
    names = {"poses.json", "poses.csv", "posetrack18.json", "coco.json", "still.mp4"}
    assert {file.name for file in (tmp_path / "out").iterdir()} == names
    assert {entry.name for entry in tmp_path.iterdir()} == {"out", "still"}
    assert len(Poses.load(tmp_path / "out" / "poses.json")) == 3


def test_an_error_leaves_no_trace(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), outputs(tmp_path) as out:
        out.write(Frame(0, 0.0, np.zeros((24, 32, 3), np.uint8)), FramePoses(index=0, pts=0))
        raise RuntimeError
    assert {entry.name for entry in tmp_path.iterdir()} == {"still"}


def test_an_error_leaves_older_files_as_they_were(tmp_path: Path) -> None:
    write(outputs(tmp_path))
    before = {f.name: f.read_bytes() for f in (tmp_path / "out").iterdir()}
    with pytest.raises(RuntimeError), outputs(tmp_path, overwrite=True):
        raise RuntimeError
    assert {f.name: f.read_bytes() for f in (tmp_path / "out").iterdir()} == before


def test_existing_files_are_replaced_only_if_asked(tmp_path: Path) -> None:
    write(outputs(tmp_path))
    with pytest.raises(VidposeError, match="--overwrite"):
        outputs(tmp_path)
    write(outputs(tmp_path, overwrite=True), frames=1)
    assert len(Poses.load(tmp_path / "out" / "poses.json")) == 1


def test_other_files_of_the_folder_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    write(outputs(tmp_path))
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"


def test_the_source_is_never_replaced(tmp_path: Path) -> None:
    write(outputs(tmp_path))
    film = tmp_path / "out" / "still.mp4"
    with pytest.raises(VidposeError, match="would replace what is read"):
        Outputs(tmp_path / "out", open_source(film), HEADER, kinds=(), video=True, overwrite=True)


def test_refusals(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(VidposeError, match="is a file"):
        outputs(tmp_path, folder="file")
    with pytest.raises(VidposeError, match="unknown format 'xml'"):
        outputs(tmp_path, kinds=("xml",))
    with pytest.raises(VidposeError, match="nothing to write"):
        outputs(tmp_path, kinds=(), video=False)


def test_a_place_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(VidposeError, match="cannot be written"):
        write(outputs(tmp_path, folder="file/deeper"))


@pytest.mark.parametrize("compare", [None, (16_386, 24)])
def test_a_film_too_large_for_its_codec_is_refused_at_once(
    tmp_path: Path, compare: tuple[int, int] | None
) -> None:
    header = HEADER if compare else HEADER.model_copy(update={"width": 16_386})
    out = Outputs(
        tmp_path / "out",
        image_source(tmp_path),
        header,
        kinds=(),
        video=True,
        compare=compare,
        overwrite=False,
    )
    way = "still-compare.mp4: .* without --compare" if compare else "still.mp4: .* with --no-video"
    with pytest.raises(VidposeError, match="16386 x 24 pixels") as caught, out:
        pass
    assert re.search(way, str(caught.value))
    assert {entry.name for entry in tmp_path.iterdir()} == {"still"}


def test_without_a_frame_nothing_is_put_in_place(tmp_path: Path) -> None:
    write(outputs(tmp_path), frames=0)
    assert {entry.name for entry in tmp_path.iterdir()} == {"still"}


def test_folders_made_for_a_run_that_fails_are_removed(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), outputs(tmp_path, folder="a/b/c"):
        raise RuntimeError
    assert {entry.name for entry in tmp_path.iterdir()} == {"still"}
    write(outputs(tmp_path, folder="a/b/c"))
    assert (tmp_path / "a" / "b" / "c" / "poses.json").exists()


def test_a_folder_in_the_place_of_a_file_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "out" / "poses.json").mkdir(parents=True)
    with pytest.raises(VidposeError, match="is a folder"):
        outputs(tmp_path, overwrite=True)


@pytest.mark.parametrize("moment", ["write", "close"])
def test_a_full_disk_is_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"vidpose.formats.native.NativeWriter.{moment}", full)
    with pytest.raises(VidposeError, match=r"out: cannot be written \(No space left on device\)"):
        write(outputs(tmp_path))
    assert {entry.name for entry in tmp_path.iterdir()} == {"still"}


def test_a_folder_on_another_disk(tmp_path: Path) -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system here")
    with tempfile.TemporaryDirectory(dir=memory) as elsewhere:
        (tmp_path / "out").symlink_to(elsewhere)
        write(outputs(tmp_path))
        assert (Path(elsewhere) / "poses.json").exists()
