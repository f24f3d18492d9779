"""Document numbers: a pattern of the type, filled in with a sequence, the issue date and the agency."""

from __future__ import annotations

import string
from dataclasses import dataclass
from datetime import date

_ROMAN_MONTHS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
_NAMES = frozenset({"sequence", "agency", "day", "month", "month_roman", "year"})


@dataclass(frozen=True)
class Numbering:
    """A pattern such as ``503/{sequence:03}/SIPD/{agency}/{month_roman}/{year}``.

    Sequences restart each year, so a pattern has to contain both ``{sequence}`` and ``{year}``:
    otherwise two documents could carry the same number.

    Raises:
        ValueError: the pattern cannot be used; the message says why.
    """

    pattern: str

    def __post_init__(self) -> None:
        parts = list(string.Formatter().parse(self.pattern))
        names = [name for _, name, _, _ in parts if name is not None]
        for name in names:
            if name not in _NAMES:
                raise ValueError(f"unknown placeholder {{{name}}}; known: {', '.join(sorted(_NAMES))}")
        for name in ("sequence", "year"):
            if name not in names:
                raise ValueError(f"{{{name}}} is missing, so two documents could carry the same number")
        self.number(1, date(2026, 1, 1), "OPD")  # a wrong format such as {year:x!} shows here

    def number(self, sequence: int, issued_on: date, agency_abbreviation: str) -> str:
        """The number of the ``sequence``-th document of its series (from 1)."""
        return self.pattern.format(
            sequence=sequence,
            agency=agency_abbreviation,
            day=issued_on.day,
            month=issued_on.month,
            month_roman=_ROMAN_MONTHS[issued_on.month - 1],
            year=issued_on.year,
        )
