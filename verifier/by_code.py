"""The public check by code: what somebody typed or scanned, and what the register says about it.

The last of the four files of one document. Nothing here opens a file or needs more than the
public record; a code can be copied, so the answer also says what the paper has to show.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

from storage import code as codes
from storage.compare import DateProblem, normal_number, read_date, same_name
from storage.records import PublicRecord
from storage.vocabulary import Status, Unavailable, Verdict
from verifier.typed import read_typed
from verifier.verdict import verdict_of_status

Match = Literal["match", "differs", "not_given", "unreadable", "short_year"]
Typo = Literal["empty", "length", "character"]


class Lookup(Protocol):
    """The one question that is asked here."""

    def by_code(self, code: str, /) -> PublicRecord | None:
        """The record of a bare code; raises `Unavailable` when the register does not answer."""
        ...


@dataclass(frozen=True)
class CodeAnswer:
    """The verdict on a code. ``typo`` says why a malformed one was not even looked up.

    ``foreign_host`` is the host of an address that is not ours, or the whole address where its host is and
    the rest is not; ``service`` names it where it is a listed official one.
    """

    verdict: Verdict
    code: str
    status: Status | None = None
    record: PublicRecord | None = None
    typo: Typo | None = None
    foreign_host: str | None = None
    service: str | None = None


@dataclass(frozen=True)
class Comparison:
    """Field by field, whether the paper says what the register holds.

    Only a date can be ``unreadable``, or have a ``short_year`` of two digits, and then nothing was compared.
    """

    name: Match
    number: Match
    date: Match

    @property
    def differs(self) -> bool:
        """Whether anything that was typed is not what the register holds."""
        return "differs" in (self.name, self.number, self.date)


def check_code(
    typed: str, lookup: Lookup, *, hosts: Collection[str], official_hosts: Mapping[str, str], now: datetime
) -> CodeAnswer:
    """Answer for whatever was typed: a code in any spelling, or the whole address of a QR code."""
    # 1. An address of somebody else is not opened, and not mistaken for a code.
    read = read_typed(typed, hosts)
    if read.host is not None:
        service = official_hosts.get(read.host.partition(":")[0])
        return CodeAnswer(Verdict.FOREIGN_CODE, "", foreign_host=read.foreign, service=service)

    # 2. A typo is recognised by its check character, before any look-up.
    code = read.code
    if typo := _typo(code):
        return CodeAnswer(Verdict.UNKNOWN_CODE, code[:64], typo=typo)

    # 3. The register is asked once; no answer is never the same as “unknown”.
    try:
        record = lookup.by_code(code)
    except Unavailable:
        return CodeAnswer(Verdict.UNAVAILABLE, code)
    if record is None:
        return CodeAnswer(Verdict.UNKNOWN_CODE, code)

    # 4. The status of today, where the agency is.
    status = record.status(now)
    return CodeAnswer(verdict_of_status(status), code, status, record)


def compare(record: PublicRecord, *, name: str, number: str, day: str) -> Comparison:
    """Blind compare: what the paper says against the record, without showing what the record says.

    ``day`` matches if it is the day of issue, or the first or last day in force, in any usual spelling. What
    is no day that can be read is told as that, for the paper may be right all the same.
    """
    return Comparison(
        name=_match(name, lambda: same_name(name, record.name_salt, record.name_digest)),
        number=_match(number, lambda: normal_number(number) == normal_number(record.number)),
        date=_match_day(day, {record.issued_on, record.valid_from, record.valid_until}),
    )


def _match(typed: str, is_same: Callable[[], bool]) -> Match:
    if not typed.strip():
        return "not_given"
    return _of(is_same())


def _match_day(typed: str, days: Collection[date | None]) -> Match:
    if not typed.strip():
        return "not_given"
    day = read_date(typed)
    if isinstance(day, DateProblem):
        return "short_year" if day is DateProblem.SHORT_YEAR else "unreadable"
    return _of(day in days)


def _of(same: bool) -> Match:
    return "match" if same else "differs"


def _typo(code: str) -> Typo | None:
    if not code:
        return "empty"
    if len(code) != codes.LENGTH:
        return "length"
    return None if codes.is_well_formed(code) else "character"
