"""Several time-stamp authorities in the operator's order: the first that gives a token we believe.

    [[tsa]]                                  # ABSAH_TSA_FILE, a TOML list
    url = "https://tsa.example.go.id/"
    timeout = 5                              # seconds
    quota = 10000                            # tokens a day (UTC), of all workers together
    policy = "1.3.6.1.4.1.99999.1"           # has to be answered with
    token_bytes = 6144                       # room for its largest token

An authority that fails is left alone for a while that doubles, up to a minute; one that answers with
something that we do not believe, for ten minutes.
"""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Protocol
from urllib.parse import urlsplit

import structlog

from signer.timestamp import TOKEN_SIZE, TimestampRefused, TimestampUnavailable, Token
from storage.vocabulary import Misconfigured

log = structlog.get_logger("timestamps")

_FIRST_PAUSE, _LONGEST_PAUSE, _DISTRUSTED = 1.0, 60.0, 600.0
_KNOWN = {"url", "timeout", "quota", "policy", "token_bytes"}


class Authority(Protocol):
    """Gives tokens that it has checked: `signer.timestamp.TimeStampAuthority`."""

    token_size: int

    def stamp_digest(self, imprint: bytes) -> Token:
        """See `TimeStampAuthority.stamp_digest`."""
        ...


@dataclass
class Member:
    """One of the pool.

    ``name`` is for logs and counts; ``take`` counts a use and says whether the day's quota allows it.
    """

    name: str
    authority: Authority
    take: Callable[[], bool] = lambda: True
    failures: int = 0
    paused_until: float = field(default=0.0)


class TimestampPool:
    """Gives a token of the first authority that can; safe to share between threads.

    Args:
        members: in the order in which they are asked; at least one.
        clock: a monotonic clock in seconds.
        report: told the code of what keeps every one of them from answering with a token that we believe, and
            None as soon as one does; for alarms.
    """

    def __init__(
        self,
        members: Sequence[Member],
        *,
        clock: Callable[[], float] = time.monotonic,
        report: Callable[[str | None], None] = lambda _: None,
    ) -> None:
        self._members, self._clock, self._report = tuple(members), clock, report
        self._lock = Lock()
        self._reported: str | None = None

    @property
    def token_size(self) -> int:
        """Room for the largest token that any of them may give, in bytes."""
        return max(each.authority.token_size for each in self._members)

    def stamp_digest(self, imprint: bytes) -> Token:
        """A checked token over data with this SHA-256.

        Raises:
            TimestampUnavailable: none of them answers now, or all quotas are used up.
            TimestampRefused: what they answer we do not believe; ``TSA_TIME`` where all contradict our clock.
        """
        refused: list[TimestampRefused] = []
        for member in self._members:
            if member.paused_until > self._clock():
                continue
            if not member.take():
                log.warning("timestamp.quota", authority=member.name)
                self._pause(member, _LONGEST_PAUSE)
                continue
            try:
                token = member.authority.stamp_digest(imprint)
            except TimestampUnavailable as problem:
                log.warning("timestamp.unavailable", authority=member.name, code=problem.code)
                self._fail(member)
            except TimestampRefused as problem:
                log.error("timestamp.refused", authority=member.name, code=problem.code)
                refused.append(problem)
                self._pause(member, _DISTRUSTED)
            else:
                member.failures, member.paused_until = 0, 0.0
                self._tell(None)
                return token
        if refused:
            # The clock is ours only where nobody contradicts: one authority alone may be wrong itself.
            code = next((each.code for each in refused if each.code != "TSA_TIME"), "TSA_TIME")
            self._tell(code)
            raise next(each for each in refused if each.code == code)
        self._tell(TimestampUnavailable.code)
        raise TimestampUnavailable("No time-stamp authority answers now.")

    def _fail(self, member: Member) -> None:
        with self._lock:
            member.failures += 1
        self._pause(member, min(_FIRST_PAUSE * 2 ** (member.failures - 1), _LONGEST_PAUSE))

    def _pause(self, member: Member, seconds: float) -> None:
        # Alone it is asked whenever somebody needs a token: nobody else would answer instead.
        if len(self._members) > 1:
            member.paused_until = self._clock() + seconds

    def _tell(self, code: str | None) -> None:
        with self._lock:
            if code == self._reported:
                return
            self._reported = code
        self._report(code)


@dataclass(frozen=True)
class TsaSettings:
    """One ``[[tsa]]``; ``quota`` None means without end."""

    url: str
    timeout: float = 10.0
    quota: int | None = None
    policy: str | None = None
    token_bytes: int = TOKEN_SIZE

    @property
    def name(self) -> str:
        """For logs and counts: the host, without what else the address may hold."""
        return urlsplit(self.url).hostname or "?"


def read_settings(file: Path) -> tuple[TsaSettings, ...]:
    """The list that the operator wrote.

    Raises:
        Misconfigured: it cannot be read, or an entry is wrong; the message names it.
    """
    try:
        entries = tomllib.loads(file.read_text("utf-8"))["tsa"]
        return tuple(_read_entry(each, number, file) for number, each in enumerate(entries, 1))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise Misconfigured(
            f"ABSAH_TSA_FILE: {file} is no TOML list of [[tsa]] tables ({type(error).__name__}).",
            code="TSA_FILE",
        ) from error


def _read_entry(entry: dict[str, Any], number: int, file: Path) -> TsaSettings:
    def refuse(what: str) -> Misconfigured:
        return Misconfigured(f"ABSAH_TSA_FILE: {file}, [[tsa]] number {number}: {what}.", code="TSA_FILE")

    if not isinstance(entry, dict):
        raise refuse("it has to be a table: [[tsa]]")
    unknown = sorted(entry.keys() - _KNOWN)
    if unknown:
        raise refuse(f"“{unknown[0]}” is not known; known are {', '.join(sorted(_KNOWN))}")
    url = entry.get("url")
    if (
        not isinstance(url, str)
        or urlsplit(url).scheme not in ("http", "https")
        or not urlsplit(url).hostname
    ):
        raise refuse("“url” has to be an address that begins with http:// or https://")
    for key, kind, least, most in (
        ("timeout", (int, float), 1, 60), ("quota", int, 1, 10**9), ("token_bytes", int, 1024, 65536),
    ):  # fmt: skip
        value = entry.get(key)
        if key in entry and (
            isinstance(value, bool) or not isinstance(value, kind) or not least <= value <= most
        ):
            raise refuse(f"“{key}” has to be a number from {least} to {most}")
    policy = entry.get("policy")
    if policy is not None and not (
        isinstance(policy, str) and all(part.isdigit() for part in policy.split("."))
    ):
        raise refuse("“policy” has to be a dotted object identifier")
    return TsaSettings(**entry)
