"""Freed memory is given out again, where the C library can be asked to."""

import platform
import subprocess
import sys

import pytest

# Four blocks at a time, more than glibc would keep; the first rounds are those of the start.
ROUNDS = """
import resource
import numpy as np
from vidpose.malloc import reuse_freed_memory
reuse_freed_memory()
faults = []
for _ in range(8):
    blocks = [np.ones(40 << 20, np.uint8) for _ in range(4)]
    del blocks
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
print(faults[-1] - faults[3])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_pages_are_not_asked_for_again() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ROUNDS], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 1000
