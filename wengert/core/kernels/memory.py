"""Large arrays that come and go keep their memory in the process.

The C library gives a freed block of some megabytes back to the system, and the next array pays for every page anew:
a chain of operators on a million elements spends three quarters of its time in page faults.  Where the library is
glibc it is told to take blocks up to `LARGEST` from its heap and to return memory only when more than `KEPT` is free.
Whoever has set its limits in the environment keeps them.
"""

from __future__ import annotations

import ctypes
import os
import sys

__all__ = ["keep_freed_memory"]

LARGEST = 32 << 20
"""Bytes: the highest limit that glibc takes."""

KEPT = 1 << 30
"""Bytes that are kept at most; of a small machine's memory, an eighth."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_VARIABLES = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")


def keep_freed_memory() -> bool:
    """Set glibc's limits; False where they are not ours to set."""
    if sys.platform != "linux" or any(name in os.environ for name in _VARIABLES):
        return False
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018 - only glibc has it
        mallopt = library.mallopt
    except (OSError, AttributeError):
        return False
    mallopt.argtypes, mallopt.restype = [ctypes.c_int, ctypes.c_int], ctypes.c_int
    kept = min(KEPT, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 8)
    return bool(mallopt(_MMAP_THRESHOLD, LARGEST) and mallopt(_TRIM_THRESHOLD, kept))
