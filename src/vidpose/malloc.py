"""How the C library gives memory out: for networks on a CPU, whose maps come and go."""

import ctypes
import sys

# mallopt(3).
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_KEPT = 1 << 30  # bytes


def reuse_freed_memory() -> None:
    """Have this process keep what it frees, up to 1 GiB, and give it out again.

    Left alone glibc maps large blocks anew every time and soon returns smaller ones to the system,
    which fills the next with zeros page by page: a tenth of the CPU time of a run in torch, a fifth
    of a training step. It holds for the process, so it is the command line that asks for it. Where
    there is no glibc nothing happens.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
        mallopt(_M_MMAP_MAX, 0)
