import errno
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import pytest

from vidpose.atomic import set_aside, staged, staged_folder, staged_within
from vidpose.errors import VidposeError

Stage = Callable[[Path], AbstractContextManager[Path]]


def write(path: Path, text: str) -> None:
    """A file, or the one file of a folder."""
    (path / "inside" if path.is_dir() else path).write_text(text)


def read(path: Path) -> str:
    return (path / "inside" if path.is_dir() else path).read_text()


@pytest.fixture(params=[staged, staged_folder])
def stage(request: pytest.FixtureRequest) -> Stage:
    found: Stage = request.param
    return found


def test_appears_at_the_end(tmp_path: Path, stage: Stage) -> None:
    place = tmp_path / "place"
    with stage(place) as temporary:
        write(temporary, "new")
        assert not place.exists()
    assert read(place) == "new"
    assert list(tmp_path.iterdir()) == [place]


def test_replaces_what_was_there(tmp_path: Path, stage: Stage) -> None:
    place = tmp_path / "place"
    for text in ("old", "new"):
        with stage(place) as temporary:
            write(temporary, text)
    assert read(place) == "new"
    assert list(tmp_path.iterdir()) == [place]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_what_fails_changes_nothing(
    tmp_path: Path, stage: Stage, error: type[BaseException]
) -> None:
    place = tmp_path / "place"
    with stage(place) as temporary:
        write(temporary, "old")
    with pytest.raises(error), stage(place) as temporary:
        write(temporary, "new")
        raise error
    assert read(place) == "old"
    assert list(tmp_path.iterdir()) == [place]


def test_a_folder_that_cannot_take_its_place_gives_it_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "place"
    with staged_folder(place) as temporary:
        write(temporary, "old")
    rename = Path.rename

    def refuse_the_new(self: Path, target: Path) -> Path:
        if self.suffix == ".part":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse_the_new)
    with (
        pytest.raises(VidposeError, match=r"cannot write .*place: No space left on device"),
        staged_folder(place) as temporary,
    ):
        write(temporary, "new")
    assert read(place) == "old"
    assert list(tmp_path.iterdir()) == [place]


@pytest.mark.parametrize("fails", [False, True])
def test_what_is_set_aside_is_back_if_the_block_fails_and_else_gone(
    tmp_path: Path, fails: bool
) -> None:
    folder, file, absent = tmp_path / "folder", tmp_path / "file", tmp_path / "absent"
    folder.mkdir()
    for place in (folder, file):
        write(place, "old")
    with suppress(KeyboardInterrupt), set_aside(folder, file, absent):
        assert not folder.exists() and not file.exists()
        for place in (folder, absent):
            place.write_text("new")
        if fails:
            raise KeyboardInterrupt
    assert set(tmp_path.iterdir()) == ({folder, file} if fails else {folder, absent})
    assert read(folder) == ("old" if fails else "new")


def test_a_place_without_a_folder_is_refused(tmp_path: Path, stage: Stage) -> None:
    with pytest.raises(VidposeError, match="cannot write"), stage(tmp_path / "no" / "place"):
        pass
    assert not list(tmp_path.iterdir())


def test_what_fails_elsewhere_is_not_laid_at_the_place(tmp_path: Path, stage: Stage) -> None:
    with pytest.raises(FileNotFoundError), stage(tmp_path / "place"):
        (tmp_path / "nowhere").read_text()
    with pytest.raises(OSError, match="broken picture"), stage(tmp_path / "place"):
        raise OSError("broken picture")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_and_a_lost_temporary_place_are_one_line(tmp_path: Path, stage: Stage) -> None:
    place = tmp_path / "place"
    with (
        pytest.raises(VidposeError, match=r"cannot write .*place: No space left on device$"),
        stage(place),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(VidposeError, match=r"cannot write .*place: "), stage(place) as temporary:
        (temporary / "no" / "folder").write_text("")
    assert not list(tmp_path.iterdir())


def test_of_a_link_the_file_that_it_leads_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    target, link = tmp_path / "far" / "target", tmp_path / "link"
    link.symlink_to(target)
    for text in ("new", "newer"):
        with staged(link) as temporary:
            write(temporary, text)
        assert link.is_symlink() and read(target) == text
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes by name")
def test_a_pipe_is_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(VidposeError, match="no ordinary file"), staged(pipe) as temporary:
        write(temporary, "new")
    assert pipe.is_fifo() and list(tmp_path.iterdir()) == [pipe]


def test_files_staged_within_a_folder_join_those_that_are_there(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "of" / "need"
    for text in ("old", "new"):
        with staged_within(folder) as staging:
            (staging / "file").write_text(text)
            (staging / text).touch()
            assert staging.parent == folder
    assert (folder / "file").read_text() == "new"
    assert {file.name for file in folder.iterdir()} == {"file", "old", "new"}


def test_of_what_fails_within_a_folder_neither_file_nor_folder_stays(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    for folder in (tmp_path, tmp_path / "made" / "for it"):
        with pytest.raises(KeyboardInterrupt), staged_within(folder) as staging:
            (staging / "file").write_text("new")
            raise KeyboardInterrupt
    assert (tmp_path / "file").read_text() == "old"
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
    with staged_within(tmp_path / "made"):
        pass  # nothing is written
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
