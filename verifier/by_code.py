"""The public check by code: what somebody typed or scanned, and what the register says about it.

The last of the four files of one document. Nothing here opens a file or needs more than the
public record; a code can be copied, so the answer also says what the paper has to show.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol
from urllib.parse import urlsplit

from storage import code as codes
from storage.compare import normal_number, same_name
from storage.records import PublicRecord
from storage.vocabulary import Status, Unavailable, Verdict
from verifier.verdict import verdict_of_status

Match = Literal["match", "differs", "not_given"]
Typo = Literal["empty", "length", "character"]


class Lookup(Protocol):
    """The one question that is asked here."""

    def by_code(self, code: str, /) -> PublicRecord | None:
        """The record of a bare code; raises `Unavailable` when the register does not answer."""
        ...


@dataclass(frozen=True)
class CodeAnswer:
    """The verdict on a code. ``typo`` says why a malformed one was not even looked up.

    ``foreign_host`` is the host of an address that is not ours; ``service`` names it where it is a
    listed official one.
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
    """Field by field, whether the paper says what the register holds."""

    name: Match
    number: Match
    date: Match


def check_code(
    typed: str, lookup: Lookup, *, hosts: Collection[str], official_hosts: Mapping[str, str], now: datetime
) -> CodeAnswer:
    """Answer for whatever was typed: a code in any spelling, or the whole address of a QR code."""
    # 1. An address of somebody else is not opened, and not mistaken for a code.
    host = host_of(typed)
    if host is not None and host not in hosts:
        return CodeAnswer(
            Verdict.FOREIGN_CODE, "", foreign_host=host, service=official_hosts.get(host.partition(":")[0])
        )

    # 2. A typo is recognised by its check character, before any look-up.
    code = codes.normalise(typed)
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

    ``day`` matches if it is the day of issue, or the first or last day in force, in any usual spelling.
    """
    return Comparison(
        name=_match(name, lambda: same_name(name, record.name_salt, record.name_digest)),
        number=_match(number, lambda: normal_number(number) == normal_number(record.number)),
        date=_match(
            day, lambda: _day(day) in {record.issued_on, record.valid_from, record.valid_until} - {None}
        ),
    )


def _match(typed: str, is_same: Callable[[], bool]) -> Match:
    if not typed.strip():
        return "not_given"
    return "match" if is_same() else "differs"


def host_of(typed: str) -> str | None:
    """The host of an address, lower case, with its port unless it is the scheme's own.

    None where nothing like an address was typed.
    """
    # Browsers read a backslash as a slash (WHATWG URL, 4.4), so “https://evil.example\@ours/” leads to evil.
    text = typed.strip().replace("\\", "/")
    scheme, separator, rest = text.partition("://")
    if not separator:
        first = text.partition("/")[0]
        # “cek.example.go.id/d/…” without its scheme; a code has neither points nor colons.
        if "/" not in text or ("." not in first and ":" not in first):
            return None
        rest, scheme = text, "https"
    scheme = scheme.lower()
    try:
        host = urlsplit(f"{scheme}://{rest}").netloc.rpartition("@")[2].lower()
    except ValueError:
        return rest.partition("/")[0].lower()
    return host.removesuffix({"https": ":443", "http": ":80"}.get(scheme, ""))


def _typo(code: str) -> Typo | None:
    if not code:
        return "empty"
    if len(code) != codes.LENGTH:
        return "length"
    return None if codes.is_well_formed(code) else "character"


_MONTHS = {
    name: number
    for names in (
        "januari februari maret april mei juni juli agustus september oktober november desember",
        "january february march april may june july august september october november december",
        "jan feb mar apr mei jun jul agu sep okt nov des",
    )
    for number, name in enumerate(names.split(), start=1)
}


def _day(typed: str) -> date | None:
    """A day as people write it: 12 Maret 2026, 12-03-2026, 12/3/2026, 2026-03-12."""
    parts = typed.replace("-", " ").replace("/", " ").replace(".", " ").casefold().split()
    if len(parts) != 3:
        return None
    if len(parts[0]) == 4:
        parts.reverse()
    day, month, year = parts
    try:
        return date(int(year), _MONTHS.get(month) or int(month), int(day))
    except (ValueError, OverflowError):
        return None
