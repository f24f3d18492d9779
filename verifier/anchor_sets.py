"""Sets of trusted certificates on their way between processes, each known by its digest.

Hundreds of certificates are sent to a process once, not with every file. A set that differs in anything has
another digest, so an old one is never taken for a new one.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Sequence
from functools import lru_cache

MOST_SETS = 4
"""How many sets a process remembers; an installation has one."""
_LENGTH = struct.Struct("!Q")


@lru_cache(maxsize=MOST_SETS)
def digest_of(anchors: tuple[bytes, ...]) -> bytes:
    """The SHA-256 of a set, in its order."""
    return hashlib.sha256(_encode(anchors)).digest()


def write_set(anchors: Sequence[bytes]) -> int:
    """A memory file with the set, for passing to another process. The caller closes it."""
    descriptor = os.memfd_create("anchors")
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(_encode(anchors))
    return descriptor


def read_set(descriptor: int) -> tuple[bytes, tuple[bytes, ...]]:
    """The digest of what `write_set` wrote, computed here: nobody is believed about it; and the set."""
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        encoded = file.read()
    anchors, at = [], 0
    while at < len(encoded):
        (length,) = _LENGTH.unpack_from(encoded, at)
        at += _LENGTH.size
        anchors.append(encoded[at : at + length])
        at += length
    return hashlib.sha256(encoded).digest(), tuple(anchors)


def _encode(anchors: Sequence[bytes]) -> bytes:
    return b"".join(_LENGTH.pack(len(anchor)) + anchor for anchor in anchors)


NO_ANCHORS = digest_of(())
