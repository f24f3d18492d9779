"""Whether our own certificates, and those of our time-stamp authorities, still stand; with proof.

Only what our own keys and tokens lead to is asked about, at the addresses that those certificates name or
that the operator has set (docs/operations.md); never what an uploaded file names. Answers are judged by the
code that judges files, and kept in the register for all workers (`storage.evidence`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID
from sqlalchemy import Engine

from signer.levels import Link, ValidationData, needed_evidence
from storage import evidence
from storage.database import milliseconds
from storage.evidence import Answer
from storage.vocabulary import AbsahError, Unavailable
from verifier.certificate import read_certificate
from verifier.fetch import Body, FetchRefused, fetch
from verifier.revocation import RevocationData
from verifier.revocation_status import Status

Kind = Literal["OCSP", "CRL"]
Ask = Callable[[Kind, str, bytes | None], bytes]
"""Fetches from an address: an OCSP response to a request, or a CRL; raises `RevocationUnavailable`."""

_TIMEOUT: dict[Kind, float] = {"OCSP": 5.0, "CRL": 30.0}
_MOST_BYTES: dict[Kind, int] = {"OCSP": 64_000, "CRL": 32_000_000}
# An answer that is about to end is asked for again while the old one still serves.
_AHEAD = 0.25  # of its life
_LEAST_AHEAD = timedelta(minutes=10)
_IN_USE = timedelta(days=30)
# Behind a failure an address is left alone for a while, so that a dead one does not slow every document.
_PAUSE_SECONDS = 15.0
_USE_NOTED = timedelta(hours=6)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class RevocationUnavailable(Unavailable):
    """Nobody says now whether a certificate was revoked; the document waits or gets a lower level."""

    code = "REVOCATION_UNAVAILABLE"


class NoRevocationSource(AbsahError):
    """A level was promised for which nobody can be asked; waiting does not help."""

    code = "NO_REVOCATION_SOURCE"


class CertificateRevoked(AbsahError):
    """A certificate that our signatures need was revoked; nothing more is signed with it.

    ``certificate`` is that one, in DER.
    """

    code = "CERTIFICATE_REVOKED"

    def __init__(self, message: str, certificate: bytes) -> None:
        super().__init__(message)
        self.certificate = certificate


class Revocation:
    """The answers, one object for a worker; safe to share between threads.

    Args:
        engine: of the register.
        ask: see `Ask`; `over_http` asks real authorities.
        responders: the OCSP responders for certificates that name none, in order.
        clock: our own time, aware.
    """

    def __init__(
        self,
        engine: Engine,
        ask: Ask,
        *,
        responders: Sequence[str] = (),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine, self._ask, self._responders, self._clock = engine, ask, tuple(responders), clock
        self._paused: dict[str, float] = {}
        self._noted: dict[bytes, datetime] = {}

    def collect(self, links: Iterable[Link], *, accept_revoked: bool = False) -> ValidationData:
        """An answer about each certificate that holds now, with the certificates themselves.

        ``accept_revoked`` takes “revoked” for an answer, too: of a signature whose time is proven already.

        Raises:
            NoRevocationSource: one of them names nobody, and no responder is set.
            CertificateRevoked: one of them was revoked, and that is not accepted.
            RevocationUnavailable: of one of them nobody says anything now.
        """
        wanted = tuple(dict.fromkeys(links))
        known = evidence.find(self._engine, [each.certificate for each in wanted])
        answers = [self._answer(link, known.get(link.certificate)) for link in wanted]
        if not accept_revoked:
            for told in answers:
                _refuse_revoked(told)
        self._note_use([each.certificate for each in wanted])
        certificates = (der for link in wanted for der in (link.certificate, link.issuer))
        return ValidationData(
            tuple(dict.fromkeys(certificates)),
            tuple(dict.fromkeys(each.der for each in answers if each.kind == "OCSP")),
            tuple(dict.fromkeys(each.der for each in answers if each.kind == "CRL")),
        )

    def collect_for(
        self, signed_data: Iterable[bytes], *, others: Sequence[bytes] = (), accept_revoked: bool = False
    ) -> ValidationData:
        """All that a level above B-T needs of these signatures and time-stamps: also of who answered.

        ``signed_data`` and ``others`` are those of `signer.levels.needed_evidence`, ``accept_revoked`` that
        of `collect`.

        Raises:
            signer.levels.EvidenceUnclear: one of them cannot be read, or does not lead to a root.
            NoRevocationSource, CertificateRevoked, RevocationUnavailable: as `collect`.
        """
        links = needed_evidence(signed_data, others=others)
        data = self.collect(links, accept_revoked=accept_revoked)
        more = needed_evidence((), responses=data.ocsps, others=(*data.certificates, *others))
        if more := tuple(link for link in more if link not in links):
            data = data.joined(self.collect(more, accept_revoked=accept_revoked))
        return data

    def refuse_revoked(self, path: Sequence[x509.Certificate]) -> None:
        """Refuse a key whose certificate, or one above it, is known to be revoked. Asks nobody.

        Raises:
            CertificateRevoked: it is.
        """
        ders = [each.public_bytes(Encoding.DER) for each in path]
        for told in evidence.find(self._engine, ders).values():
            _refuse_revoked(told)

    def refresh(self) -> int:
        """Ask again about what is needed and about to end; returns how many answers came.

        Raises:
            CertificateRevoked: a certificate turned out to be revoked, after all others were asked about.
        """
        now = self._clock()
        latest = now + timedelta(days=30)
        refreshed, revoked = 0, None
        for old in evidence.due(self._engine, milliseconds(latest), milliseconds(now - _IN_USE)):
            if not self._is_due(old, now):
                continue
            try:
                new = self._fetch(Link(old.certificate, old.issuer))
                _refuse_revoked(new)
                refreshed += new.issued_at > old.issued_at
            except RevocationUnavailable:
                continue  # the old answer serves until it ends; whoever needs it then waits and says so
            except CertificateRevoked as found:
                revoked = found
        if revoked is not None:
            raise revoked
        return refreshed

    def _is_due(self, old: Answer, now: datetime) -> bool:
        ahead = max((old.until - old.issued_at) * _AHEAD, _LEAST_AHEAD.total_seconds() * 1000)
        return milliseconds(now) >= old.until - ahead

    def _answer(self, link: Link, known: Answer | None) -> Answer:
        if known is not None and (known.revoked_at is not None or known.until > milliseconds(self._clock())):
            return known
        return self._fetch(link)

    def _fetch(self, link: Link) -> Answer:
        certificate = x509.load_der_x509_certificate(link.certificate)
        addresses = self._addresses(certificate)
        if not addresses:
            raise NoRevocationSource(
                "A certificate names nobody who could be asked whether it was revoked; set ABSAH_OCSP_URL, "
                "or let the document's type promise PAdES-B-T."
            )
        for kind, url in addresses:
            if self._paused.get(url, 0.0) > time.monotonic():
                continue
            request = _request(certificate, link) if kind == "OCSP" else None
            try:
                answered = self._ask(kind, url, request)
            except RevocationUnavailable:
                self._paused[url] = time.monotonic() + _PAUSE_SECONDS
                continue
            found = self._judge(kind, answered, link)
            if found is None:
                continue
            evidence.keep(self._engine, found, milliseconds(self._clock()))
            return found
        raise RevocationUnavailable(
            "No authority says whether a certificate that the signature needs was revoked; "
            "check the network, or set ABSAH_OCSP_URL."
        )

    def _addresses(self, certificate: x509.Certificate) -> list[tuple[Kind, str]]:
        named: list[tuple[Kind, str]] = [("OCSP", url) for url in _responders(certificate)]
        lists: list[tuple[Kind, str]] = [("CRL", url) for url in _lists(certificate)]
        return [*named, *lists] or [("OCSP", url) for url in self._responders]

    def _judge(self, kind: Kind, der: bytes, link: Link) -> Answer | None:
        """What the answer says of the certificate, if it may speak about it and holds now."""
        certificate, issuer = read_certificate(link.certificate), read_certificate(link.issuer)
        now = self._clock()
        data = RevocationData(
            crls=[der] if kind == "CRL" else [],
            ocsps=[der] if kind == "OCSP" else [],
            anchors=[issuer],
            now=now,
        )
        said = [each for each in data.statuses(certificate, issuer) if _speaks(each, now)]
        if not said:
            return None
        status = min(said, key=lambda each: (each.revoked_at is None, -each.issued.timestamp()))
        revoked = milliseconds(status.revoked_at) if status.revoked_at is not None else None
        return Answer(
            link.certificate, link.issuer, kind, der, milliseconds(status.issued),
            milliseconds(status.until), revoked,
        )  # fmt: skip

    def _note_use(self, certificates: Sequence[bytes]) -> None:
        now = self._clock()
        stale = [each for each in certificates if now - self._noted.get(each, _LONG_AGO) > _USE_NOTED]
        if stale:
            evidence.note_use(self._engine, stale, milliseconds(now))
            self._noted.update(dict.fromkeys(stale, now))


def over_http(kind: Kind, url: str, request: bytes | None) -> bytes:
    """Ask a real authority; it may stand in the operator's own network. Redirects are not followed.

    Raises:
        RevocationUnavailable: it does not answer as it should.
    """
    try:
        return fetch(
            url,
            schemes=("http", "https"),
            body=Body(request, "application/ocsp-request") if request is not None else None,
            accept="application/ocsp-response" if kind == "OCSP" else "application/pkix-crl, */*;q=0.1",
            permitted=lambda _: True,  # named by certificates of our own, or by the operator
            maximum_bytes=_MOST_BYTES[kind],
            seconds=_TIMEOUT[kind],
        )
    except FetchRefused as problem:
        raise RevocationUnavailable("An authority does not answer about revocation.") from problem


def _speaks(status: Status, now: datetime) -> bool:
    return status.revoked_at is not None or (not status.on_hold and now < status.until)


def _refuse_revoked(told: Answer) -> None:
    if told.revoked_at is not None:
        since = datetime.fromtimestamp(told.revoked_at / 1000, UTC)
        raise CertificateRevoked(
            f"A certificate that the signature needs was revoked on {since:%Y-%m-%d}; configure another key.",
            told.certificate,
        )


def _request(certificate: x509.Certificate, link: Link) -> bytes:
    """An OCSP request without a nonce, so that a prepared answer will do (RFC 5019)."""
    issuer = x509.load_der_x509_certificate(link.issuer)
    builder = ocsp.OCSPRequestBuilder().add_certificate(
        certificate,
        issuer,
        SHA1(),  # noqa: S303 - names a certificate, protects nothing; what every responder knows
    )
    return builder.build().public_bytes(Encoding.DER)


def _responders(certificate: x509.Certificate) -> list[str]:
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return []
    return [
        each.access_location.value
        for each in access
        if each.access_method == AuthorityInformationAccessOID.OCSP
        and isinstance(each.access_location, x509.UniformResourceIdentifier)
    ]


def _lists(certificate: x509.Certificate) -> list[str]:
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return []
    names = (name for point in points for name in point.full_name or ())
    return [each.value for each in names if isinstance(each, x509.UniformResourceIdentifier)]
