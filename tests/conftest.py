"""For all tests."""

from collections.abc import Iterator

import pytest
import torch
from hypothesis import settings

# Several threads gain little on crops this small, and on a busy machine they wait for each other.
torch.set_num_threads(1)
# A busy machine is slow, not wrong.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is exported on the way is made once for all tests, and not kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield
