"""OCSP answers: about whom they are, who may give them, and what they say (RFC 6960, 4.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from verifier.algorithms import Message, UnknownAlgorithm, digest_name
from verifier.ber import SEQUENCE, BerError, Element, read_element, read_whole
from verifier.certificate import OCSP_SIGNING, Certificate, read_certificate, same_name
from verifier.revocation_status import (
    ON_HOLD,
    Signed,
    Status,
    is_forgeable,
    is_silent,
    is_understood,
    read_extensions,
)

_BASIC_RESPONSE, _NO_CHECK = "1.3.6.1.5.5.7.48.1.1", "1.3.6.1.5.5.7.48.1.5"
_ARCHIVE_CUTOFF, _EXTENDED_REVOKED = "1.3.6.1.5.5.7.48.1.6", "1.3.6.1.5.5.7.48.1.9"
# What may be critical: OCSP's own, and those of a list's entry (RFC 6960, 4.4). A nonce is not needed: we
# judge how old an answer is by its times.
_KNOWN = frozenset(
    (*(f"1.3.6.1.5.5.7.48.1.{arc}" for arc in (2, 3, 4, 6, 7, 8, 9)), "2.5.29.21", "2.5.29.24",
     "1.3.36.8.3.13")
)  # fmt: skip
_GOOD, _REVOKED = 0x80, 0xA1
_NEVER_ISSUED = datetime(1970, 1, 1, tzinfo=UTC)
# Without nextUpdate newer information is there at any time (4.2.2.1): the answer counts for a day.
_USUAL_LIFE = timedelta(days=1)

# Whether a responder's certificate had been revoked by that time, as far as is known.
WasRevoked = Callable[[Certificate, Certificate, datetime], bool]


class Response:
    """One BasicOCSPResponse."""

    def __init__(self, signed: Signed) -> None:
        """Raises `BerError`, `IndexError` or `ValueError` where it has not the form of one."""
        self.signed = signed
        fields = list(signed.content.children)
        if fields[0].tag == 0xA0:
            fields.pop(0)
        _, produced, entries, *more = fields
        self._produced, self._entries = produced.time(), entries.expect(SEQUENCE).children
        self._extensions = read_extensions(more[0].children[0]) if more else {}
        self._certificates = tuple(
            read_certificate(each.raw)
            for part in signed.rest
            if part.tag == 0xA0
            for each in part.children[0].children
        )

    def statuses(
        self,
        certificate: Certificate,
        issuer: Certificate,
        others: Sequence[Certificate],
        was_revoked: WasRevoked,
    ) -> list[Status]:
        """What it says of a certificate of this issuer; nothing where it is not about it or nobody's.

        ``others`` may hold the responder's certificate where the answer does not bring it.
        """
        about = [entry for entry in self._entries if _is_about(entry.children[0], certificate, issuer)]
        if not about or not is_understood(self._extensions, _KNOWN):
            return []
        responder = self._responder(issuer, others, was_revoked)
        if responder is None:
            return []
        found = (self._status(entry, certificate) for entry in about)
        weakness = self.signed.weakness(responder)
        return [each for each in found if each is not None and not is_forgeable(each, weakness)]

    def _status(self, entry: Element, certificate: Certificate) -> Status | None:
        _, state, this_update, *more = entry.children
        issued, until, extensions = this_update.time(), None, {}
        for part in more:
            if part.tag == 0xA0:
                until = part.children[0].time()
            elif part.tag == 0xA1:
                extensions = read_extensions(part.children[0])
        if not is_understood(extensions, _KNOWN):
            return None
        until = until or issued + _USUAL_LIFE
        if state.tag == _REVOKED:
            since = state.children[0].time()
            held = any(part.children[0].integer() == ON_HOLD for part in state.children[1:])
            if since == _NEVER_ISSUED and _EXTENDED_REVOKED in self._extensions:
                held = False  # 2.2: "on hold" since 1970 is how it says that it never issued this one
            return Status(since, issued, until, on_hold=held)
        cutoff = extensions.get(_ARCHIVE_CUTOFF)
        kept_since = read_whole(cutoff[1]).time() if cutoff is not None else None
        if state.tag != _GOOD or is_silent(certificate, issued, kept_since):
            return None
        return Status(None, issued, until)

    def _responder(
        self, issuer: Certificate, others: Sequence[Certificate], was_revoked: WasRevoked
    ) -> Certificate | None:
        """RFC 6960, 4.2.2.2: the issuer itself, or whom it names for this with a certificate of its own."""
        if self.signed.is_signed_by(issuer):
            return issuer
        for responder in dict.fromkeys((*self._certificates, *others)):
            if (
                OCSP_SIGNING in (responder.extended_key_usage or ())
                and responder.not_before <= self._produced <= responder.not_after
                and same_name(responder.issuer, issuer.subject)
                and self.signed.is_signed_by(responder)
                and responder.is_issued_by(issuer)
                and (_NO_CHECK in responder.extensions or not was_revoked(responder, issuer, self._produced))
            ):
                return responder
        return None


def _is_about(identifier: Element, certificate: Certificate, issuer: Certificate) -> bool:
    algorithm, name, key, serial = identifier.children[:4]
    if serial.integer() != certificate.serial_number:
        return False
    try:
        digest = digest_name(algorithm.children[0].oid())
    except UnknownAlgorithm:
        return False  # who is meant cannot be told
    return (
        Message(issuer.key_bits).digest(digest) == key.octets()
        and name.octets()
        in (Message(issuer.subject).digest(digest), Message(certificate.issuer).digest(digest))
    )  # fmt: skip


def read_response(der: bytes) -> Response:
    """An OCSP answer, whole or its BasicOCSPResponse alone.

    Raises:
        ValueError, IndexError: it is none, or a refusal.
    """
    outer = read_element(der).expect(SEQUENCE)
    if outer.children[0].tag == 0x0A:
        if len(outer.children) < 2:
            raise BerError("a refusal")
        kind, value = outer.children[1].children[0].children[:2]
        if kind.oid() != _BASIC_RESPONSE:
            raise BerError("another kind of answer")
        outer = read_whole(value.octets())
    return Response(Signed(outer))
