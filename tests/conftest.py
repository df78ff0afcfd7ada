"""For all tests."""

import os
from collections.abc import Iterator

import pytest
import torch
from hypothesis import settings

from vidpose.export import choice
from vidpose.export.session import Precision

# Several threads gain little on crops this small, and on a busy machine they wait for each other.
torch.set_num_threads(1)
# A busy machine is slow, not wrong.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is exported on the way is made once for all tests, and not kept."""
    base = tmp_path_factory.getbasetemp()
    # Processes that share the tests have folders of their own beside each other.
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(shared / "cache"))
        yield


@pytest.fixture(autouse=True)
def _auto_is_torch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of ``tests/export`` a runtime has to be asked for by name.

    To export and to compile what a user gets unasked takes longer than torch.
    """
    if request.path.parent.name == "export":
        return
    candidates = choice._candidates

    def named(runtime: choice.Runtime, precision: Precision, device: torch.device) -> list[str]:
        return candidates("torch" if runtime == "auto" else runtime, precision, device)

    monkeypatch.setattr(choice, "_candidates", named)
