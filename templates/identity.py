"""The structure of Indonesian identity numbers: NIK (citizens) and NIP (civil servants).

Both stay strings: NIK of the eastern provinces exceed 2^53, and zeros lead.
"""

from __future__ import annotations

import re
from datetime import date

_WOMEN_DAY_OFFSET = 40
_SPACES = re.compile(r"\s+")


def strip_spaces(number: str) -> str:
    """The number as it is stored; people type both kinds in groups."""
    return _SPACES.sub("", number)


def is_nik(number: str) -> bool:
    """Whether this has the form of a NIK: 16 digits, and a serial that starts at 0001.

    The region is not checked: it is where the person was *first* registered, and regions are
    split and renamed. The date is judged apart (see `nik_date_possible`).
    """
    return _digits(number, 16) and number != "0" * 16 and number[12:] != "0000"


def nik_date_possible(nik: str) -> bool:
    """Whether the birth date inside a NIK exists in any century; women's days are counted from 41."""
    day, month, year = _nik_date(nik)
    return any(_exists(century + year, month, day) for century in (1900, 2000))


def nik_agrees(nik: str, birth_date: date | None, female: bool | None) -> bool:
    """Whether a NIK agrees with birth date and sex, as far as they are given.

    Disagreement can be genuine: a NIK stays when the register's birth data are corrected.
    """
    day, month, year = _nik_date(nik)
    if birth_date is not None and (day, month, year) != (
        birth_date.day,
        birth_date.month,
        birth_date.year % 100,
    ):
        return False
    return female is None or (int(nik[6:8]) > _WOMEN_DAY_OFFSET) == female


def is_nip(number: str) -> bool:
    """Whether this has the form of a civil servant's number.

    18 digits: birth date YYYYMMDD; then YYYYMM of the start of service, or for contract staff
    (PPPK) the year and a contract code above 12; 1 or 2 for the sex; a serial from 001.
    """
    if not _digits(number, 18):
        return False
    born = int(number[:4]), int(number[4:6]), int(number[6:8])
    start_year, month_or_code = int(number[8:12]), int(number[12:14])
    return (
        _exists(*born)
        and 1900 <= born[0] < start_year <= 2100
        and month_or_code >= 1
        and number[14] in "12"
        and number[15:] != "000"
    )


def _nik_date(nik: str) -> tuple[int, int, int]:
    day = int(nik[6:8])
    return (day - _WOMEN_DAY_OFFSET if day > _WOMEN_DAY_OFFSET else day, int(nik[8:10]), int(nik[10:12]))


def _digits(number: str, length: int) -> bool:
    # str.isdigit would let through digits of other scripts.
    return len(number) == length and number.isascii() and number.isdigit()


def _exists(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True
