"""The answer about a file of which only the SHA-256 is told: an untouched original need not travel.

Whoever asks has computed the hash. That vouches for the bytes that were hashed and for nothing else, as
the whole check does for an original (docs/verify-cycle.md, "By file").
"""

from __future__ import annotations

import re
from datetime import datetime
from time import perf_counter

from storage.vocabulary import InvalidRequest, NotFound
from verifier.check import Lookup
from verifier.report import Observation, Report
from verifier.verdict import conclude
from verifier.words import Lang

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


class MalformedHash(InvalidRequest):
    """What was given is no SHA-256."""

    code = "MALFORMED_SHA256"


class UnknownFile(NotFound):
    """No file with this hash was issued here; what it is, only the file itself can tell."""

    code = "UNKNOWN_FILE"


def check_hash(sha256: str, lookup: Lookup, *, now: datetime, lang: Lang) -> Report:
    """What the register says of the file with this hash, in hex.

    Nobody opens the file, so its signatures are not listed; all else is the answer that
    `verifier.check.check` gives for the same original.

    Raises:
        MalformedHash: it has not 64 hexadecimal digits.
        UnknownFile: no such file was issued here.
        Unavailable: the register does not answer.
    """
    started = perf_counter()
    if _SHA256.fullmatch(sha256) is None:
        raise MalformedHash("A SHA-256 has 64 hexadecimal digits.")
    record = lookup.by_sha256(sha256.lower())
    if record is None:
        raise UnknownFile("No file with this SHA-256 was issued here. Send the file itself to be checked.")
    return conclude(
        None,
        record,
        known_original=True,
        register_asked=True,
        now=now,
        lang=lang,
        sha256=sha256.lower(),
        more=(Observation("ORIGINAL"),),
        elapsed_ms=round((perf_counter() - started) * 1000, 2),
    )
