"""One check of a known file, before the fork server serves any other.

It proves that the check works here at all (a server that cannot tell a good signature must not start), and
it fills what is built on first use, which every child would otherwise build anew.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from storage.vocabulary import Misconfigured
from verifier.by_file import inspect

FILE = Path(__file__).with_suffix(".pdf")
"""A page that is signed and archived (PAdES-B-LTA); the root above its signer lies beside it."""
MOMENT = datetime(2026, 11, 26, 1, 37, 41, tzinfo=UTC)
"""When it was signed, and as of when it is checked."""
# The interpreter rewrites code that has run a few times into a faster form (PEP 659): once here, for all.
_TIMES = 16
_GOOD, _CERTIFICATE = FILE.read_bytes(), FILE.with_suffix(".der").read_bytes()


def rehearse() -> None:
    """Check the file, and a changed copy of it.

    Raises:
        Misconfigured: a check does not come out as it must.
    """
    good, certificate = _GOOD, _CERTIFICATE
    place = good.index(b"/MediaBox")
    bad = good[:place] + b"/MediaBux" + good[place + len(b"/MediaBox") :]
    for _ in range(_TIMES):
        signatures = inspect(good, anchors=[certificate], moment=MOMENT).signatures
    broken = inspect(bad, anchors=[certificate], moment=MOMENT).signatures
    if (
        [(each.changes, each.indication) for each in signatures]
        != [("permitted", "TOTAL-PASSED")] * 2
        or [each.integrity for each in broken] != ["broken", "broken"]
    ):  # fmt: skip
        raise Misconfigured(
            "The sandbox's own check of a good file failed; reinstall with: make setup",
            code="SANDBOX_REHEARSAL",
        )


def warm_up() -> None:
    """Check the good file once more and forget the answer."""
    inspect(_GOOD, anchors=[_CERTIFICATE], moment=MOMENT)
