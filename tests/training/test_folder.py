"""What a folder of a run is guarded against."""

import errno
import json
import sys
from pathlib import Path

import pytest
from training_toys import toy_trainer

from vidpose.errors import VidposeError
from vidpose.training.folder import held
from vidpose.training.log import JsonLog

LOCKS = pytest.mark.skipif(sys.platform == "win32", reason="no locks")


@LOCKS
def test_a_run_that_is_still_at_work_is_not_resumed(tmp_path: Path) -> None:
    assert toy_trainer(tmp_path).run()
    before = (tmp_path / "log.jsonl").read_bytes()
    with held(tmp_path), pytest.raises(VidposeError, match="another process is training there"):
        toy_trainer(tmp_path).run(resume=True)
    assert (tmp_path / "log.jsonl").read_bytes() == before
    assert toy_trainer(tmp_path).run(resume=True)


@LOCKS
def test_a_file_system_without_locks_holds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with held(tmp_path), held(tmp_path):
        pass


def test_a_run_is_not_resumed_on_other_data(tmp_path: Path) -> None:
    assert not toy_trainer(tmp_path, data="one").run(stop=lambda: True)
    with pytest.raises(VidposeError, match="a run with other data"):
        toy_trainer(tmp_path, data="other").run(resume=True)
    assert toy_trainer(tmp_path, data="one").run(resume=True)


def test_a_figure_of_which_there_is_none_is_null_in_the_log(tmp_path: Path) -> None:
    log = JsonLog(tmp_path / "log.jsonl", 0)
    log({"event": "validation", "step": 1, "mAP": float("nan"), "AP": 0.5})
    log.close()
    text = (tmp_path / "log.jsonl").read_text()
    assert "NaN" not in text
    assert json.loads(text) == {"event": "validation", "step": 1, "mAP": None, "AP": 0.5}
