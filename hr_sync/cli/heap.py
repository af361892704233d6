"""Keeps the process small: bodies come and go on many threads, and glibc would keep a heap for each of them.

Measured on a first run of 20,000 pages with 8 connections: one heap for all threads brings the peak from 450 MB to
below 150. Giving each body back to the system at once (a threshold of 64 KB) cost a tenth of the run, in pages that the
kernel had to clear again; from 1 MB on it costs nothing.
"""

import ctypes
import sys
from contextlib import suppress

# The options of mallopt, see its manual page.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8


def keep_heap_small() -> None:
    """Use one heap, and give back to the system what is large. Does nothing where the C library is not glibc."""
    if not sys.platform.startswith("linux"):
        return
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_ARENA_MAX, 1)
        libc.mallopt(_M_MMAP_THRESHOLD, 1 << 20)  # bytes
        libc.mallopt(_M_TRIM_THRESHOLD, 1 << 23)
