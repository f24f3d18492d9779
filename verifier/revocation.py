"""Whether a certificate was revoked, and when, by the lists and answers that are at hand.

RFC 5280, 5 and 6.3 (CRL), RFC 6960 (OCSP), ETSI EN 319 102-1, 5.2.5 (freshness). Nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from cryptography import x509

from verifier.algorithms import Message, UnknownAlgorithm, check_signature, digest_name, read_mechanism
from verifier.ber import SEQUENCE, BerError, Element, read_element, read_whole
from verifier.certificate import (
    DISTRIBUTION_POINTS,
    OCSP_SIGNING,
    Certificate,
    read_certificate,
    same_name,
)

_DELTA, _ISSUING_POINT = "2.5.29.27", "2.5.29.28"
_BASIC_RESPONSE = "1.3.6.1.5.5.7.48.1.1"
# An answer without an end is taken for current this long, as browsers do for lists.
_USUAL_LIFE = timedelta(days=7)


@dataclass(frozen=True)
class Status:
    """What one list or answer says of a certificate; ``revoked_at`` is None where it stands."""

    revoked_at: datetime | None
    issued: datetime
    until: datetime

    def is_fresh(self, moment: datetime) -> bool:
        """Whether it can speak about ``moment``: made later, or not yet replaced by then."""
        return self.issued >= moment or moment <= self.until


class Signed:
    """A list or answer with its signature: SEQUENCE { content, algorithm, signature, … }."""

    def __init__(self, element: Element) -> None:
        """Raises `BerError` where it has not that form."""
        parts = element.expect(SEQUENCE).children
        if len(parts) < 3:
            raise BerError("nothing signed")
        self.content, self._algorithm, self._signature = parts[0], parts[1], parts[2]
        self.rest = parts[3:]
        self._checked: dict[bytes, bool] = {}

    def is_signed_by(self, certificate: Certificate) -> bool:
        """Whether this is the signature of the certificate's key; False where that cannot be computed."""
        key = certificate.public_key
        if key not in self._checked:
            try:
                used = check_signature(
                    key, read_mechanism(self._algorithm), self._signature.bits(), Message(self.content.raw)
                )
            except (UnknownAlgorithm, BerError, IndexError):
                used = None
            self._checked[key] = used is not None
        return self._checked[key]


@dataclass(frozen=True)
class RevocationList:
    """A CRL; its entries are searched by the compiled reader, as some have a hundred thousand."""

    signed: Signed
    parsed: x509.CertificateRevocationList
    issuer: bytes
    issued: datetime
    until: datetime
    points: Element | None
    is_partial: bool

    def status(self, certificate: Certificate, issuer: Certificate) -> Status | None:
        """What it says of a certificate of this issuer; None where it is not the list for it."""
        if not same_name(self.issuer, certificate.issuer) or not self._is_for(certificate):
            return None
        if issuer.key_usage is not None and "crl_sign" not in issuer.key_usage:
            return None
        if not self.signed.is_signed_by(issuer):
            return None
        entry = self.parsed.get_revoked_certificate_by_serial_number(certificate.serial_number)
        return Status(entry.revocation_date_utc if entry is not None else None, self.issued, self.until)

    def _is_for(self, certificate: Certificate) -> bool:
        """Whether its issuing distribution point includes the certificate (RFC 5280, 5.2.5)."""
        if self.is_partial:
            return False
        for part in self.points.children if self.points is not None else ():
            number = part.tag & 0x1F
            if number == 0:
                own = certificate.extensions.get(DISTRIBUTION_POINTS)
                if own is not None and not any(name in own[1] for name in _leaves(part)):
                    return False
            elif number in (1, 2) and any(part.content):
                if certificate.authority[0] is not (number == 2):
                    return False
            elif any(part.content):
                return False  # only some reasons, indirect, or of attributes: says nothing for certain
        return True


def _leaves(element: Element) -> list[bytes]:
    if not element.is_constructed:
        return [element.content]
    return [leaf for child in element.children for leaf in _leaves(child)]


@dataclass(frozen=True)
class Response:
    """One BasicOCSPResponse; ``entries`` are its SingleResponses."""

    signed: Signed
    entries: tuple[Element, ...]
    certificates: tuple[Certificate, ...]
    produced: datetime

    def status(self, certificate: Certificate, issuer: Certificate) -> Status | None:
        """What it says of a certificate of this issuer; None where it is not about it or nobody's."""
        for entry in self.entries:
            identifier, state, issued, *more = entry.children
            if not _is_about(identifier, certificate, issuer):
                continue
            if state.tag == 0x82 or not self._is_authorised(issuer):
                return None  # it does not know the certificate, or nobody may say so
            revoked = state.children[0].time() if state.tag == 0xA1 else None
            since = issued.time()
            until = next((part.children[0].time() for part in more if part.tag == 0xA0), since + _USUAL_LIFE)
            return Status(revoked, since, until)
        return None

    def _is_authorised(self, issuer: Certificate) -> bool:
        """RFC 6960, 4.2.2.2: the issuer itself, or whom it names for this with a certificate of its own."""
        if self.signed.is_signed_by(issuer):
            return True
        return any(
            self.signed.is_signed_by(responder)
            and OCSP_SIGNING in (responder.extended_key_usage or ())
            and responder.not_before <= self.produced <= responder.not_after
            and same_name(responder.issuer, issuer.subject)
            and responder.is_issued_by(issuer)
            for responder in self.certificates
        )


def _is_about(identifier: Element, certificate: Certificate, issuer: Certificate) -> bool:
    algorithm, name, key, serial = identifier.children[:4]
    if serial.integer() != certificate.serial_number:
        return False
    digest = digest_name(algorithm.children[0].oid())
    return (
        Message(issuer.key_bits).digest(digest) == key.octets()
        and name.octets()
        in (Message(issuer.subject).digest(digest), Message(certificate.issuer).digest(digest))
    )  # fmt: skip


def read_revocation_list(der: bytes) -> RevocationList:
    """A CRL.

    Raises:
        ValueError: it is none, or has not the form that the compiled reader accepts.
    """
    signed = Signed(read_element(der))
    parsed = x509.load_der_x509_crl(read_element(der).raw)
    points, is_partial = None, False
    for part in signed.content.children:
        for extension in part.children[0].children if part.tag == 0xA0 else ():
            identifier = extension.children[0].oid()
            if identifier == _DELTA:
                is_partial = True
            elif identifier == _ISSUING_POINT:
                points = read_whole(extension.children[-1].octets())
    issued = parsed.last_update_utc
    return RevocationList(
        signed, parsed, parsed.issuer.public_bytes(), issued,
        parsed.next_update_utc or issued + _USUAL_LIFE, points, is_partial,
    )  # fmt: skip


def read_response(der: bytes) -> Response:
    """An OCSP answer, whole or its BasicOCSPResponse alone.

    Raises:
        BerError: it is none, or a refusal.
    """
    outer = read_element(der).expect(SEQUENCE)
    if outer.children[0].tag == 0x0A:
        if len(outer.children) < 2:
            raise BerError("a refusal")
        kind, value = outer.children[1].children[0].children[:2]
        if kind.oid() != _BASIC_RESPONSE:
            raise BerError("another kind of answer")
        outer = read_whole(value.octets())
    signed = Signed(outer)
    fields = [part for part in signed.content.children if part.tag not in (0xA0, 0xA1, 0xA2, 0x82)]
    certificates = []
    for part in signed.rest:
        for each in part.children[0].children if part.tag == 0xA0 else ():
            certificates.append(read_certificate(each.raw))
    return Response(signed, fields[1].children, tuple(certificates), fields[0].time())


@dataclass(frozen=True)
class RevocationData:
    """Every list and answer at hand, as DER; each is read once, and left out where it cannot be."""

    crls: Sequence[bytes] = ()
    ocsps: Sequence[bytes] = ()
    _known: dict[tuple[bytes, bytes], tuple[Status, ...]] = field(default_factory=dict, compare=False)

    def __bool__(self) -> bool:
        return bool(self.crls or self.ocsps)

    @cached_property
    def _sources(self) -> tuple[RevocationList | Response, ...]:
        found: list[RevocationList | Response] = []
        readers: list[tuple[Callable[[bytes], RevocationList | Response], bytes]] = [
            *((read_revocation_list, der) for der in dict.fromkeys(self.crls)),
            *((read_response, der) for der in dict.fromkeys(self.ocsps)),
        ]
        for read, der in readers:
            try:
                found.append(read(der))
            except (ValueError, TypeError, IndexError, UnknownAlgorithm):
                continue  # evidence that cannot be read is none, which lowers trust by itself
        return tuple(found)

    def statuses(self, certificate: Certificate, issuer: Certificate) -> tuple[Status, ...]:
        """Everything that is said of a certificate."""
        key = certificate.der, issuer.public_key
        if key not in self._known:
            found: list[Status] = []
            for source in self._sources:
                try:
                    status = source.status(certificate, issuer)
                except (ValueError, IndexError, UnknownAlgorithm):
                    continue  # as above
                if status is not None:
                    found.append(status)
            self._known[key] = tuple(found)
        return self._known[key]


def revoked_since(statuses: Iterable[Status]) -> datetime | None:
    """The first time that any of them gives; whoever once said "revoked" is not outvoted."""
    return min((each.revoked_at for each in statuses if each.revoked_at is not None), default=None)
