"""On what terms a certificate is an anchor: for what purpose, and between which times.

The terms travel in front of the certificate's PEM as explanatory text (RFC 7468, 2), so that an anchor stays
one string of bytes wherever it is handed on, also into the sandbox.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

Purpose = Literal["signing", "time_stamping"]

BOTH: frozenset[Purpose] = frozenset(("signing", "time_stamping"))
_LINE = re.compile(rb"^absah-(purpose|trusted-from|trusted-until): *([^\r\n]+?) *\r?$", re.MULTILINE)
_WORDS: dict[str, frozenset[Purpose]] = {
    "signing": frozenset(("signing",)),
    "time-stamping": frozenset(("time_stamping",)),
    "both": BOTH,
}


@dataclass(frozen=True)
class Terms:
    """What an anchor vouches for: ``purposes``, from ``start`` to ``end``.

    Both times are included; None is no limit.
    """

    purposes: frozenset[Purpose] = BOTH
    start: datetime | None = None
    end: datetime | None = None

    def allow(self, purpose: Purpose, moment: datetime) -> bool:
        """Whether the anchor counts for a signature or time-stamp that was made at ``moment``."""
        return (
            purpose in self.purposes
            and (self.start is None or self.start <= moment)
            and (self.end is None or moment <= self.end)
        )

    @property
    def word(self) -> str:
        """The purpose as the command line and the files write it."""
        return next(word for word, purposes in _WORDS.items() if purposes == self.purposes)

    def encode(self) -> bytes:
        """The lines in front of the PEM; none where nothing is limited."""
        lines = []
        if self.purposes != BOTH:
            lines.append(f"absah-purpose: {self.word}\n")
        if self.start is not None:
            lines.append(f"absah-trusted-from: {self.start.isoformat()}\n")
        if self.end is not None:
            lines.append(f"absah-trusted-until: {self.end.isoformat()}\n")
        return "".join(lines).encode()


UNLIMITED = Terms()


def read_purposes(word: str) -> frozenset[Purpose]:
    """The inverse of `Terms.word`.

    Raises:
        ValueError: there is no such purpose.
    """
    if word not in _WORDS:
        raise ValueError(f"“{word}” is no purpose; there are: {', '.join(_WORDS)}.")
    return _WORDS[word]


def read_terms(text: bytes) -> Terms:
    """The terms in the text in front of one PEM certificate; unlimited where it says nothing.

    Raises:
        ValueError: a line makes no sense.
    """
    found = {name.decode(): value.decode("ascii") for name, value in _LINE.findall(text)}
    return Terms(
        read_purposes(found.get("purpose", "both")),
        _time(found.get("trusted-from")),
        _time(found.get("trusted-until")),
    )


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
