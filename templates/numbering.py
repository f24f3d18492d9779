"""Document numbers: a pattern of the type, filled in with a sequence, the issue date and the agency."""

from __future__ import annotations

import string
from dataclasses import dataclass
from datetime import date

from storage.vocabulary import Conflict

MAX_BYTES = 40
"""How long a number may be: it travels in the signed payload of a QR code, which has to stay scannable."""

_ROMAN_MONTHS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
_NAMES = frozenset({"sequence", "agency", "day", "month", "month_roman", "year"})


class NumberTooLong(Conflict):
    """The pattern and the agency's abbreviation make a number that does not fit into the QR code."""

    code = "NUMBER_TOO_LONG"


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
        try:
            # A wrong format such as {year:x!} shows here, and a length that no abbreviation could mend.
            # August has the longest Roman numeral.
            self.number(9999, date(2026, 8, 28), "OPD")
        except NumberTooLong as error:
            raise ValueError(error.message) from error

    def number(self, sequence: int, issued_on: date, agency_abbreviation: str) -> str:
        """The number of the ``sequence``-th document of its series (from 1).

        Raises:
            NumberTooLong: it would have more than `MAX_BYTES` bytes in UTF-8.
        """
        number = self.pattern.format(
            sequence=sequence,
            agency=agency_abbreviation,
            day=issued_on.day,
            month=issued_on.month,
            month_roman=_ROMAN_MONTHS[issued_on.month - 1],
            year=issued_on.year,
        )
        length = len(number.encode())
        if length > MAX_BYTES:
            raise NumberTooLong(
                f"The document's number would have {length} bytes, and {MAX_BYTES} fit into the QR code;"
                " shorten “number” in type.toml or the agency's abbreviation."
            )
        return number
