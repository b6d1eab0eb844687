"""Large arrays that come and go keep their memory in the process.

The C library gives a freed block of some megabytes back to the system, and the next array pays for every page anew:
a chain of operators on a million elements spends three quarters of its time in page faults.  Where the library is
glibc it is told to take blocks up to `LARGEST` from its heap and to return memory only when more than `KEPT` is free.
Whoever has set its limits in the environment keeps them.

Where Linux gives large pages to those who ask, the part of the heap that arrays will come from asks: a page of 2 MiB is
found by one entry of the processor's table of addresses, and by one fault, where small ones take 512.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

__all__ = ["keep_freed_memory"]

LARGEST = 32 << 20
"""Bytes: the highest limit that glibc takes."""

KEPT = 1 << 30
"""Bytes that are kept at most; of a small machine's memory, an eighth."""

ASKED = 1 << 29
"""Bytes of the heap that ask for large pages; none of them is touched before it is used."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_MADV_HUGEPAGE = 14
_PAGES = "/sys/kernel/mm/transparent_hugepage/enabled"
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
    done = bool(mallopt(_MMAP_THRESHOLD, LARGEST) and mallopt(_TRIM_THRESHOLD, kept))
    if done and large_pages_wait():
        ask_for_large_pages(library, min(ASKED, kept // 2))
    return done


def large_pages_wait() -> bool:
    """Whether large pages are given to memory that asks for them, and only to that."""
    try:
        with open(_PAGES, encoding="ascii") as file:
            return "[madvise]" in file.read()
    except OSError:
        return False


def ask_for_large_pages(library: Any, size: int) -> bool:
    """Let the end of the heap grow by `size` bytes, which ask for large pages; whether they lie in one piece.

    They are free memory afterwards, from which the C library takes what arrays need.
    """
    allocate, free, advise = library.malloc, library.free, library.madvise
    allocate.argtypes, allocate.restype = [ctypes.c_size_t], ctypes.c_void_p
    free.argtypes, free.restype = [ctypes.c_void_p], None
    advise.argtypes, advise.restype = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int], ctypes.c_int
    block = LARGEST // 2
    blocks = [at for at in [allocate(block) for _ in range(size // block)] if at]
    page = os.sysconf("SC_PAGE_SIZE")
    joined = len(blocks) > 1 and 0 < blocks[-1] - blocks[0] <= (block + page) * (len(blocks) - 1)
    if joined:
        start = -(-blocks[0] // page) * page
        advise(start, (blocks[-1] + block - start) // page * page, _MADV_HUGEPAGE)
    for at in reversed(blocks):
        free(at)
    return joined
