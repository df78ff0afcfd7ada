"""How the C library gives memory out: for networks on a CPU, whose maps come and go."""

import ctypes
import sys

# mallopt(3). Larger blocks are mapped anew every time, however this is set.
_M_TRIM_THRESHOLD, _KEPT = -1, 1 << 30
_M_MMAP_THRESHOLD, _MAPPED = -3, 32 << 20


def reuse_freed_memory() -> None:
    """Have this process keep what it frees, up to 1 GiB, and give it out again.

    Left alone glibc returns the maps of a layer to the system, which fills the next ones with
    zeros page by page: a tenth of the CPU time of a run in torch. It holds for the process, so it
    is the command line that asks for it. Where there is no glibc nothing happens.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
        mallopt(_M_MMAP_THRESHOLD, _MAPPED)
