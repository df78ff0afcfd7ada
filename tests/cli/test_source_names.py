from pathlib import Path

import pytest

from vidpose.cli.source_names import names_of
from vidpose.errors import VidposeError


def test_names_of_addresses_hold_no_secret() -> None:
    cameras = [f"rtsp://admin:secret@cam{number}/live" for number in (1, 2)]
    # Their stems have the host: they are apart already.
    assert names_of(cameras) == {}
    ports = [f"http://me:secret@host:{port}/a.mp4?token=secret" for port in (1, 2)]
    assert list(names_of(ports).values()) == ["host-1-a.mp4", "host-2-a.mp4"]


def test_addresses_and_cameras_stand_beside_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert names_of(["x/a.mp4", "a.mov", "camera:0", "http://[::1/b", "http://h/a.mp4"]) == {
        "x/a.mp4": "a.mp4",
        "a.mov": "a.mov",
    }


def test_an_address_given_twice_is_named_without_its_password() -> None:
    with pytest.raises(VidposeError) as caught:
        names_of(["http://me:secret@host/a.mp4"] * 2)
    assert str(caught.value) == "http://host/a.mp4: given twice"
