import logging

import pytest
import torch

from vidpose import device
from vidpose.device import pick_device
from vidpose.errors import VidposeError


def test_auto_passes_over_what_is_there_and_computes_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_kernel(place: torch.device) -> None:
        if place.type == "cuda":
            raise RuntimeError("CUDA error: no kernel image is available\nmore lines")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(device, "_try_out", no_kernel)
    with caplog.at_level(logging.WARNING):
        assert pick_device("auto") == torch.device("cpu")
    assert caplog.messages == [
        "the cuda device is not used: CUDA error: no kernel image is available"
    ]
    with pytest.raises(VidposeError, match="device 'cuda' cannot be used here"):
        pick_device("cuda")


def test_auto_is_the_first_that_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(device, "_try_out", lambda place: None)
    assert pick_device("auto") == torch.device("cuda")


@pytest.mark.parametrize("name", ["meta", "abacus", "cuda:99"])
def test_what_computes_nothing_is_refused(name: str) -> None:
    with pytest.raises(VidposeError, match=f"device '{name}' cannot be used here"):
        pick_device(name)
