"""Memory in pages of megabytes for the children of the sandbox.

A child lives for milliseconds, and much of them goes by in the kernel, which hands it new memory by 4 kB: a
drawn page is 700 such pages, a scan thousands. So the fork server sets room aside that its children inherit
unused, and asks for large pages there. Nothing but speed hangs on it.
"""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

_MEGABYTE = 1 << 20
_ROOM = 64 * _MEGABYTE
# mallopt(3); memory of the C library is taken from the room, and given back to it and not to the kernel.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_LARGEST_THRESHOLD = 32 * _MEGABYTE
_USUAL_PAD = 128 * 1024
_HUGE_PAGE = 2 * _MEGABYTE
_MADV_HUGEPAGE = 14  # madvise(2)
_HEAP = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) .*\[heap\]$", re.MULTILINE)


def set_room_aside(libc: ctypes.CDLL) -> None:
    """Have this process and its children take memory from large pages, as far as kernel and C library can."""
    if not hasattr(libc, "mallopt"):
        return  # not the GNU C library
    for option, value in (
        (_MMAP_THRESHOLD, _LARGEST_THRESHOLD),
        (_TRIM_THRESHOLD, 2 * _ROOM),
        (_TOP_PAD, _ROOM),
    ):
        libc.mallopt(ctypes.c_int(option), ctypes.c_int(value))
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = (ctypes.c_size_t,)
    libc.free.argtypes = (ctypes.c_void_p,)
    # More than is free now, so that the heap grows; it is not touched, so that no page is taken yet.
    libc.free(libc.malloc(_LARGEST_THRESHOLD - _MEGABYTE))
    libc.mallopt(ctypes.c_int(_TOP_PAD), ctypes.c_int(_USUAL_PAD))
    heap = _HEAP.search(Path("/proc/self/maps").read_text())
    if heap is None:
        return
    start, end = (int(each, 16) for each in heap.groups())
    start = -(-start // _HUGE_PAGE) * _HUGE_PAGE
    if start < end:
        # A kernel that has no large pages refuses, which changes nothing else.
        libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), ctypes.c_int(_MADV_HUGEPAGE))
