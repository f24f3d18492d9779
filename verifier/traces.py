"""Which signed document a broken file once was, read from its bytes alone.

A file in which one byte was changed covers other bytes than those signed, and may not even open. Its CMS
still holds the digest of what was signed (RFC 5652, 11.2), and a byte range around a broken CMS still covers
what it covered. Anyone can copy either into a file of his own, so a trace names a document and vouches for
nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from itertools import islice

from verifier.algorithms import UnknownAlgorithm
from verifier.ber import BerError
from verifier.cms import stated_digest
from verifier.pdf_structure import WHITE_SPACE, claimed_ranges

_MOST = 8
_LONGEST = 256 * 1024
# Possessive: a file full of beginnings costs no more than its length.
_CONTENTS = re.compile(rb"/Contents[\x00\t\n\x0c\r ]{0,9}+<([0-9A-Fa-f\x00\t\n\x0c\r ]{200,}+)>")


def find_traces(pdf: bytes) -> tuple[str, ...]:
    """SHA-256 digests, in hex, of what the signatures in a file were made over. Raises nothing."""
    found: dict[str, None] = {}
    for content in _strings(pdf):
        if (digest := _message_digest(content)) is not None:
            found[digest.hex()] = None
    for gap_start, gap_end, end in islice(claimed_ranges(pdf), _MOST):
        digest_of_covered = hashlib.sha256(memoryview(pdf)[:gap_start])
        digest_of_covered.update(memoryview(pdf)[gap_end:end])
        found[digest_of_covered.hexdigest()] = None
    return tuple(found)


def _strings(pdf: bytes) -> Iterator[bytes]:
    """What may be the CMS of a signature, in hexadecimal: a long ``/Contents``, a byte range's gap."""
    for match in islice(_CONTENTS.finditer(pdf), _MOST):
        yield match.group(1)
    for gap_start, gap_end, _ in islice(claimed_ranges(pdf), _MOST):
        yield pdf[gap_start:gap_end].strip(b"<>")


def _message_digest(digits: bytes) -> bytes | None:
    """The message digest that a CMS states, where it is SHA-256."""
    if len(digits) > _LONGEST:
        return None
    try:
        digest = stated_digest(bytes.fromhex(digits.translate(None, WHITE_SPACE).decode("ascii")))
    except (BerError, UnknownAlgorithm, ValueError, IndexError):
        return None  # a CMS that cannot be read leaves no trace, and nothing hangs on it
    return digest if digest is not None and len(digest) == hashlib.sha256().digest_size else None
