"""What a signer states in the attributes of a CMS (RFC 5652, 11; RFC 5035; ETSI EN 319 122-1, 5).

Only the signed ones bind: what was signed, of which kind, with which certificate. The rest is evidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from verifier.algorithms import Message, digest_name
from verifier.ber import SEQUENCE, BerError, Element
from verifier.certificate import Certificate

_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_SIGNING_TIME = "1.2.840.113549.1.9.5"
_SIGNING_CERTIFICATE, _SIGNING_CERTIFICATE_2 = "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"
_POLICY = "1.2.840.113549.1.9.16.2.15"
CONTENT_TIME_STAMP, SIGNATURE_TIME_STAMP = "1.2.840.113549.1.9.16.2.20", "1.2.840.113549.1.9.16.2.14"
_ADOBE_REVOCATION = "1.2.840.113583.1.1.8"
_CERTIFICATE_VALUES, _REVOCATION_VALUES = "1.2.840.113549.1.9.16.2.23", "1.2.840.113549.1.9.16.2.24"
# One value each, and once (RFC 5652, 11.1 and 11.2; RFC 5035, 5.3): else two readers see two signatures.
_SINGLE = frozenset(
    (_CONTENT_TYPE, _MESSAGE_DIGEST, _SIGNING_TIME, _SIGNING_CERTIFICATE, _SIGNING_CERTIFICATE_2)
)


@dataclass(frozen=True)
class CertificateReference:
    """A signing-certificate attribute's first entry: digest of the certificate, and what else it says."""

    digest: str
    value: bytes
    serial_number: int | None

    def fits(self, certificate: Certificate) -> bool:
        """Whether this is the certificate.

        Raises:
            UnknownAlgorithm: the digest is none that we can compute.
        """
        if Message(certificate.der).digest(self.digest) != self.value:
            return False
        # The digest decides. A serial number that contradicts it is a second opinion on who signed.
        return self.serial_number is None or self.serial_number == certificate.serial_number


@dataclass(frozen=True)
class SignedAttributes:
    """What the signer states, with each value read once; None where it is missing."""

    content_type: str | None = None
    message_digest: bytes | None = None
    signing_time: datetime | None = None
    certificate: CertificateReference | None = None
    policy: str | None = None
    time_stamps: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class UnsignedAttributes:
    """Evidence that was added later: time-stamps, certificates and revocation data, each as DER or BER."""

    time_stamps: tuple[bytes, ...] = ()
    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()


NOTHING_SIGNED, NOTHING_ADDED = SignedAttributes(), UnsignedAttributes()


def _pairs(attributes: Sequence[Element]) -> Iterator[tuple[str, tuple[Element, ...]]]:
    for attribute in attributes:
        parts = attribute.expect(SEQUENCE).children
        if len(parts) != 2:
            raise BerError("no attribute")
        yield parts[0].oid(), parts[1].children


def read_signed(attributes: Sequence[Element]) -> SignedAttributes:
    """The signed attributes.

    Raises:
        BerError: one is not formed as it must be, or one that must be single is not.
        UnknownAlgorithm: a certificate is named by a digest that we do not know.
    """
    values: dict[str, list[Element]] = {}
    for identifier, elements in _pairs(attributes):
        if identifier in _SINGLE and (identifier in values or len(elements) != 1):
            raise BerError("an attribute twice")
        values.setdefault(identifier, []).extend(elements)

    def first(identifier: str) -> Element | None:
        found = values.get(identifier)
        return found[0] if found else None

    content_type, digest, policy = first(_CONTENT_TYPE), first(_MESSAGE_DIGEST), first(_POLICY)
    reference = None
    for identifier in (_SIGNING_CERTIFICATE_2, _SIGNING_CERTIFICATE):
        named = first(identifier)
        if named is not None and reference is None:
            reference = _reference(named, older=identifier == _SIGNING_CERTIFICATE)
    crls, ocsps = _adobe_revocation(values.get(_ADOBE_REVOCATION, []))
    return SignedAttributes(
        content_type=content_type.oid() if content_type is not None else None,
        message_digest=digest.octets() if digest is not None else None,
        signing_time=_time(first(_SIGNING_TIME)),
        certificate=reference,
        policy=policy.children[0].oid() if policy is not None and policy.tag == SEQUENCE else None,
        time_stamps=tuple(each.raw for each in values.get(CONTENT_TIME_STAMP, [])),
        crls=crls,
        ocsps=ocsps,
    )


def _reference(named: Element, *, older: bool) -> CertificateReference:
    """The first ESSCertID, which is the signer's (RFC 5035, 5.4)."""
    entry = list(named.children[0].children[0].expect(SEQUENCE).children)
    digest = "sha1" if older else "sha256"
    if not older and entry[0].tag == SEQUENCE:
        digest = digest_name(entry.pop(0).children[0].oid())
    value = entry[0].octets()
    serial = None
    if len(entry) > 1 and len(entry[1].children) == 2:
        serial = entry[1].children[1].integer()
    return CertificateReference(digest, value, serial)


def _time(value: Element | None) -> datetime | None:
    try:
        return value.time() if value is not None else None
    except BerError:
        return None  # a date that cannot be read proves as little as one that can


def read_unsigned(attributes: Sequence[Element]) -> UnsignedAttributes:
    """The unsigned attributes. Nobody signed them, so what cannot be read is left out, not refused.

    A time-stamp is kept whatever it is: whether it is one shows when it is judged.
    """
    stamps: list[bytes] = []
    certificates: list[bytes] = []
    crls: list[bytes] = []
    ocsps: list[bytes] = []
    for attribute in attributes:
        try:
            ((identifier, elements),) = _pairs([attribute])
            if identifier == SIGNATURE_TIME_STAMP:
                stamps.extend(each.raw for each in elements)
            elif identifier == _CERTIFICATE_VALUES:
                certificates.extend(each.raw for value in elements for each in value.children)
            elif identifier in (_REVOCATION_VALUES, _ADOBE_REVOCATION):
                more_crls, more_ocsps = _adobe_revocation(list(elements))
                crls.extend(more_crls)
                ocsps.extend(more_ocsps)
        except (BerError, IndexError):
            continue
    return UnsignedAttributes(tuple(stamps), tuple(certificates), tuple(crls), tuple(ocsps))


def _adobe_revocation(values: Sequence[Element]) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """RevocationInfoArchival (ISO 32000-2, 12.8.3.3.2), laid out like RevocationValues of CAdES."""
    crls: list[bytes] = []
    ocsps: list[bytes] = []
    try:
        for value in values:
            for part in value.children:
                for entry in part.children[0].children if part.tag in (0xA0, 0xA1) else ():
                    (crls if part.tag == 0xA0 else ocsps).append(entry.raw)
    except (BerError, IndexError):
        return (), ()  # evidence that cannot be read is none
    return tuple(crls), tuple(ocsps)
