"""Comparing what a paper says with what the register holds, without showing what it holds.

The public record carries a salted, slow digest of the holder's name in a normal form. A person who
holds the paper types the name and learns whether it matches; a copy of the record does not give
the name away to a reader, and guessing it from the digest costs a key derivation per guess.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import unicodedata
from datetime import date
from enum import Enum, auto

# Spellings of one name that clerks, passports and birth certificates use for each other.
_SHORT_FORMS = {
    "muh": "muhammad",
    "moh": "muhammad",
    "mohd": "muhammad",
    "mohammad": "muhammad",
    "mohamad": "muhammad",
    "muhamad": "muhammad",
    "mochammad": "muhammad",
    "mochamad": "muhammad",
    "moch": "muhammad",
    "much": "muhammad",
    "m": "muhammad",
    "abd": "abdul",
    "abdl": "abdul",
    "ab": "abdul",
    "st": "siti",
    "sitti": "siti",
    "achmad": "ahmad",
    "akhmad": "ahmad",
}

# Titles that stand before a name.
_TITLES = {"dr", "drg", "drs", "dra", "ir", "prof", "h", "hj", "kh", "apt", "ns", "bdn", "tn", "ny", "sdr"}

# Degrees after a name are set off by a comma, or written with points inside: S.Kep., A.Md.Keb., S.H.
_DEGREE = re.compile(r"^[a-z]{1,3}(\.[a-z]{1,4})+\.?$|^(s\.[ehstp]|m\.[hmtp])\.?$", re.IGNORECASE)


def normal_name(name: str) -> str:
    """A name without case, accents, spacing, punctuation and degrees; short forms written out."""
    tokens = name.partition(",")[0].split()
    while len(tokens) > 1 and tokens[0].rstrip(".").casefold() in _TITLES:
        tokens.pop(0)
    while len(tokens) > 1 and _DEGREE.match(tokens[-1]):
        tokens.pop()
    return "".join(_SHORT_FORMS.get(word, word) for token in tokens for word in _plain(token))


def _plain(token: str) -> list[str]:
    decomposed = unicodedata.normalize("NFKD", token).casefold()
    letters = "".join(character for character in decomposed if not unicodedata.combining(character))
    return [word for word in re.split(r"[.\-]+", re.sub(r"[^\w.\-]", "", letters)) if word]


def masked_name(name: str) -> str:
    """``B*** S***``: the first letter of each word and stars that do not tell its length."""
    return " ".join(word[0] + "***" for word in name.split())


def digest_name(name: str) -> tuple[bytes, bytes]:
    """A new salt, and the digest of ``name`` under it."""
    salt = secrets.token_bytes(16)
    return salt, _derive(name, salt)


def same_name(typed: str, salt: bytes, digest: bytes) -> bool:
    """Whether ``typed`` is the name behind ``digest``."""
    return hmac.compare_digest(_derive(typed, salt), digest)


def normal_number(number: str) -> str:
    """A document number without case, spaces and punctuation."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", number).casefold())


class DateProblem(Enum):
    """Why something typed is no day."""

    UNREADABLE = auto()
    SHORT_YEAR = auto()


# As they are and were spelt, short, and in English.
_MONTHS = {
    spelling: number
    for number, spellings in enumerate(
        (
            "januari djanuari january jan djan", "februari pebruari februwari february feb peb",
            "maret mart march mar mrt", "april apr", "mei may", "juni djuni june jun djun",
            "juli djuli july jul djul", "agustus augustus august agu agt agust aug ags",
            "september sept sep", "oktober october okt oct", "november nopember nov nop",
            "desember december des dec",
        ),
        start=1,
    )
    for spelling in spellings.split()
}  # fmt: skip
_GAP = r"[\s./\-]+"
_WORD = r"[a-z]{3,9}"
# The place and the weekday in front of a date say nothing: “Contoh, Senin, 23 November 2026”.
_DAY_FIRST = re.compile(rf"(?:[^\d]*[,\s])?(\d{{1,2}}){_GAP}(\d{{1,2}}|{_WORD}){_GAP}(\d{{4}}|'?\d{{2}})")
_YEAR_FIRST = re.compile(rf"(\d{{4}}){_GAP}(\d{{1,2}}){_GAP}(\d{{1,2}})")
_MONTH_FIRST = re.compile(rf"({_WORD})[\s.]+(\d{{1,2}}),?\s+(\d{{4}})")


def read_date(typed: str) -> date | DateProblem:
    """A day as papers and people write it: 12 Maret 2026, 12-03-2026, 12/3/2026, 2026-03-12.

    A year of two digits is not guessed: a permit may be five years old or run for five more.
    """
    text = unicodedata.normalize("NFKC", typed).casefold().strip(" .\t\r\n")
    if match := _YEAR_FIRST.fullmatch(text):
        year, month, day = match.groups()
    elif match := _DAY_FIRST.fullmatch(text):
        day, month, year = match.groups()
    elif match := _MONTH_FIRST.fullmatch(text):
        month, day, year = match.groups()
    else:
        return DateProblem.UNREADABLE
    number = int(month) if month.isdigit() else _MONTHS.get(month, 0)
    short = len(year) != 4
    try:
        # Any leap year will do to see whether the rest is a day at all.
        found = date(2000 if short else int(year), number, int(day))
    except ValueError:
        return DateProblem.UNREADABLE
    return DateProblem.SHORT_YEAR if short else found


def _derive(name: str, salt: bytes) -> bytes:
    # N = 2^11: about 5 ms and 2 MB a guess. Issuing pays it once a document, a comparison once.
    return hashlib.scrypt(normal_name(name).encode(), salt=salt, n=2**11, r=8, p=1, dklen=32)
