"""Certificate revocation lists: of which certificates one speaks, and what it says (RFC 5280, 5 and 6.3).

Read by our own reader: some have a hundred thousand entries, of which one counts, and twenty years of
authorities have written them. Only entries that may matter are parsed.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from verifier.ber import INTEGER, SEQUENCE, BerError, Element, read_element, read_whole
from verifier.certificate import AUTHORITY_KEY, DISTRIBUTION_POINTS, Certificate, same_name
from verifier.revocation_status import (
    EVERY_REASON,
    ON_HOLD,
    REMOVED,
    Signed,
    Status,
    is_forgeable,
    is_silent,
    is_understood,
    read_extensions,
)

_NUMBER, _REASON, _INVALIDITY = "2.5.29.20", "2.5.29.21", "2.5.29.24"
_DELTA, _ISSUING_POINT, _CERTIFICATE_ISSUER = "2.5.29.27", "2.5.29.28", "2.5.29.29"
_EXPIRED_KEPT = "2.5.29.60"
_KNOWN = frozenset(
    (AUTHORITY_KEY, _NUMBER, _DELTA, _ISSUING_POINT, _EXPIRED_KEPT, "2.5.29.18", "2.5.29.46",
     "1.3.6.1.5.5.7.1.1")
)  # fmt: skip
_KNOWN_OF_ENTRIES = frozenset((_REASON, _INVALIDITY, _CERTIFICATE_ISSUER, "2.5.29.23"))
_CERTIFICATE_ISSUER_DER = bytes.fromhex("0603551d1d")
_TRUE = b"\x01\x01\xff"
_DIRECTORY_NAME = 0xA4
# A list without an end, which RFC 5280 forbids, is taken for current this long, as browsers do.
_USUAL_LIFE = timedelta(days=7)
_PEM = re.compile(rb"-----BEGIN (?:X509 )?CRL-----([A-Za-z0-9+/=\s]+)-----END", re.ASCII)


@dataclass(frozen=True)
class _Point:
    """Where a certificate says that its list is to be found: a DistributionPoint (RFC 5280, 4.2.1.13).

    ``names`` and ``issuers`` are GeneralNames as tag and content, None where they are left out.
    """

    names: tuple[tuple[int, bytes], ...] | None
    reasons: frozenset[int]
    issuers: tuple[tuple[int, bytes], ...] | None


@dataclass(frozen=True)
class _Scope:
    """What an IssuingDistributionPoint says that a list is for (RFC 5280, 5.2.5)."""

    names: tuple[tuple[int, bytes], ...] | None = None
    only_users: bool = False
    only_authorities: bool = False
    only_attributes: bool = False
    reasons: frozenset[int] = EVERY_REASON
    is_indirect: bool = False


@dataclass(frozen=True)
class _Entry:
    since: datetime
    reason: int | None


class RevocationList:
    """One CRL, complete or delta."""

    def __init__(self, signed: Signed) -> None:
        """Raises `BerError`, `IndexError` or `ValueError` where it has not the form of one."""
        self.signed = signed
        fields = list(signed.content.children)
        if fields[0].tag == INTEGER:
            fields.pop(0)
        _, issuer, issued, *more = fields
        self.issuer = issuer.expect(SEQUENCE).raw
        self.issued = issued.time()
        self.until = more.pop(0).time() if more and more[0].tag in (0x17, 0x18) else self.issued + _USUAL_LIFE
        self._entries = more.pop(0) if more and more[0].tag == SEQUENCE else None
        self._extensions: dict[str, tuple[bool, bytes]] = {}
        for part in more:
            if part.tag == 0xA0:
                self._extensions = read_extensions(part.children[0])
        self.number = self._integer(_NUMBER)
        self.base_number = self._integer(_DELTA)
        point = self._extensions.get(_ISSUING_POINT)
        self._scope = _read_scope(read_whole(point[1])) if point is not None else _Scope()

    @property
    def is_delta(self) -> bool:
        """Whether it only says what has changed since a complete one."""
        return self.base_number is not None

    def is_delta_of(self, base: RevocationList) -> bool:
        """Whether it continues that complete list (RFC 5280, 5.2.4 and 6.3.3 (c))."""
        return (
            self.base_number is not None
            and base.number is not None
            and self.number is not None
            and self.base_number <= base.number < self.number
            and same_name(self.issuer, base.issuer)
            and all(
                self._extensions.get(name) == base._extensions.get(name)
                for name in (_ISSUING_POINT, AUTHORITY_KEY)
            )
        )

    def status(self, certificate: Certificate, authority: Certificate) -> Status | None:
        """What a complete list says; None where it says nothing of this certificate.

        ``authority`` is whose key has to have signed it, and whom the caller believes about that.
        """
        reasons = None if self.is_delta else self._reasons_for(certificate)
        if reasons is None or not self._is_usable_by(authority):
            return None
        return self._judged(certificate, authority, self._entry(certificate), reasons)

    def status_with(
        self, delta: RevocationList, certificate: Certificate, authority: Certificate
    ) -> Status | None:
        """What a complete list says together with a delta of it; the delta's word is the later one."""
        reasons = self._reasons_for(certificate)
        if reasons is None or not self._is_usable_by(authority) or not delta._is_usable_by(authority):
            return None
        changed = delta._entry(certificate)
        return delta._judged(certificate, authority, changed or self._entry(certificate), reasons)

    def _judged(
        self, certificate: Certificate, authority: Certificate, entry: _Entry | None, reasons: frozenset[int]
    ) -> Status | None:
        if entry is not None and entry.reason != REMOVED:
            held = entry.reason == ON_HOLD
            return Status(entry.since, self.issued, self.until, on_hold=held, reasons=reasons)
        status = Status(None, self.issued, self.until, reasons=reasons)
        if is_silent(certificate, self.issued, self._kept_since) or is_forgeable(
            status, self.signed.weakness(authority)
        ):
            return None
        return status

    def _is_usable_by(self, authority: Certificate) -> bool:
        usage = authority.key_usage
        return (
            (usage is None or "crl_sign" in usage) and self._is_usable and self.signed.is_signed_by(authority)
        )

    @cached_property
    def _is_usable(self) -> bool:
        """RFC 5280, 5.2 and 5.3: one critical extension that we do not know, and the list says nothing."""
        if not is_understood(self._extensions, _KNOWN):
            return False
        entries = self._entries
        if entries is None or entries.data.find(_TRUE, entries.body, entries.body_end) < 0:
            return True
        return all(
            is_understood(_entry_extensions(entries.data, body, end), _KNOWN_OF_ENTRIES)
            for body, end in _walk(entries)
            if entries.data.find(_TRUE, body, end) >= 0
        )

    @cached_property
    def _kept_since(self) -> datetime | None:
        value = self._extensions.get(_EXPIRED_KEPT)
        return read_whole(value[1]).time() if value is not None else None

    def _integer(self, identifier: str) -> int | None:
        value = self._extensions.get(identifier)
        return read_whole(value[1]).expect(INTEGER).integer() if value is not None else None

    def _reasons_for(self, certificate: Certificate) -> frozenset[int] | None:
        """For which reasons the certificate would be listed here; None where it never would (6.3.3 (b))."""
        scope = self._scope
        is_authority = certificate.authority[0]
        if (
            scope.only_attributes
            or (scope.only_users and is_authority)
            or (scope.only_authorities and not is_authority)
        ):
            return None
        own = (_DIRECTORY_NAME, certificate.issuer)
        # The last one stands for lists that the certificate does not point at (6.3.3, last paragraph).
        points = (*_points_of(certificate), _Point((own,), EVERY_REASON, None))
        found: frozenset[int] = frozenset()
        for point in points:
            named = point.issuers or (own,)
            if point.issuers is not None and not scope.is_indirect:
                continue
            if not any(_is_name(name, self.issuer) for name in named):
                continue
            if scope.names is not None and not _share_a_name(scope.names, point.names or named):
                continue
            found |= point.reasons & scope.reasons
        return found or None

    def _entry(self, certificate: Certificate) -> _Entry | None:
        """The entry of the certificate, the last one where there are several."""
        entries, serial = self._entries, certificate.serial_number
        if entries is None:
            return None
        data, found = entries.data, None
        digits = serial.to_bytes(serial.bit_length() // 8 + 1, "big", signed=True).lstrip(b"\0") or b"\0"
        if data.find(digits, entries.body, entries.body_end) < 0:
            return None  # of a hundred thousand entries, mostly none has to be looked at
        has_issuers = data.find(_CERTIFICATE_ISSUER_DER, entries.body, entries.body_end) >= 0
        issuer = self.issuer
        for body, end in _walk(entries):
            if has_issuers and data.find(_CERTIFICATE_ISSUER_DER, body, end) >= 0:
                # 5.3.3: from here on, entries are about certificates of that issuer.
                issuer = _certificate_issuer(_entry_extensions(data, body, end)) or issuer
            if data.find(digits, body, end) < 0:
                continue
            number = read_element(data, body)
            if number.integer() == serial and same_name(issuer, certificate.issuer):
                since = read_element(data, number.end)
                value = _entry_extensions(data, body, end).get(_REASON)
                found = _Entry(since.time(), read_whole(value[1]).integer() if value is not None else None)
        return found


def read_revocation_list(encoded: bytes) -> RevocationList:
    """A CRL in DER, or in PEM as some servers give it.

    Raises:
        ValueError, IndexError: it is none.
    """
    pem = _PEM.search(encoded) if encoded.startswith(b"-----BEGIN") else None
    return RevocationList(Signed(read_element(base64.b64decode(pem[1]) if pem else encoded)))


def _walk(entries: Element) -> Iterator[tuple[int, int]]:
    """Where the content of each entry begins and ends."""
    data, at, end = entries.data, entries.body, entries.body_end
    while at < end:
        size, body = data[at + 1], at + 2
        if size & 0x80:
            octets = size & 0x7F
            size, body = int.from_bytes(data[body : body + octets], "big"), body + octets
        if data[at] != SEQUENCE or not 0 < size <= end - body:
            raise BerError("no entry of a list")
        at = body + size
        yield body, at


def _entry_extensions(data: bytes, body: int, end: int) -> dict[str, tuple[bool, bytes]]:
    at = read_element(data, read_element(data, body).end).end
    return read_extensions(read_element(data[at:end])) if at < end else {}


def _certificate_issuer(extensions: dict[str, tuple[bool, bytes]]) -> bytes | None:
    value = extensions.get(_CERTIFICATE_ISSUER)
    for name in read_whole(value[1]).children if value is not None else ():
        if name.tag == _DIRECTORY_NAME:
            return name.children[0].raw
    return None


def _points_of(certificate: Certificate) -> list[_Point]:
    value = certificate.extension(DISTRIBUTION_POINTS)
    found = []
    for point in value.children if value is not None else ():
        names, reasons, issuers = None, EVERY_REASON, None
        for part in point.children:
            number = part.tag & 0x1F
            if number == 0:
                names = _names(part)
            elif number == 1:
                reasons = _reasons(part)
            elif number == 2:
                issuers = tuple(_name(name) for name in part.children)
        found.append(_Point(names, reasons, issuers))
    return found


def _read_scope(point: Element) -> _Scope:
    names, reasons, flags = None, EVERY_REASON, set()
    for part in point.children:
        number = part.tag & 0x1F
        if number == 0:
            names = _names(part)
        elif number == 3:
            reasons = _reasons(part)
        elif any(part.content):
            flags.add(number)
    return _Scope(names, 1 in flags, 2 in flags, 5 in flags, reasons, 4 in flags)


def _names(part: Element) -> tuple[tuple[int, bytes], ...]:
    """A DistributionPointName: full names, or one relative to the issuer, which is compared as it stands."""
    choice = part.children[0]
    if choice.tag == 0xA1:
        return ((0xA1, choice.content),)
    return tuple(_name(name) for name in choice.children)


def _name(name: Element) -> tuple[int, bytes]:
    return name.tag, name.children[0].raw if name.tag == _DIRECTORY_NAME else name.content


def _is_name(name: tuple[int, bytes], distinguished: bytes) -> bool:
    return name[0] == _DIRECTORY_NAME and same_name(name[1], distinguished)


def _share_a_name(first: tuple[tuple[int, bytes], ...], second: tuple[tuple[int, bytes], ...]) -> bool:
    return any(
        one == other or (one[0] == _DIRECTORY_NAME and _is_name(other, one[1]))
        for one in first
        for other in second
    )


def _reasons(bits: Element) -> frozenset[int]:
    written = "".join(f"{octet:08b}" for octet in bits.content[1:])
    return frozenset(number for number, bit in enumerate(written) if bit == "1") & EVERY_REASON
