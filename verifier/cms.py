"""The cryptographic half of one signature: the CMS, who signed it, and whether that holds.

RFC 5652 (CMS), RFC 2315 (PKCS #7, its elder), ETSI EN 319 122-1 (CAdES). Reading is lenient and every
deviation noted; judging is not: what the signer signed has to be the bytes in question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from verifier.algorithms import (
    Mechanism,
    Message,
    UnknownAlgorithm,
    Weakness,
    actual_mechanism,
    check_signature,
    digest_name,
    is_for_key,
    read_mechanism,
    weakness_of_digest,
    weakness_of_key,
    worst,
)
from verifier.attributes import (
    NOTHING_ADDED,
    NOTHING_SIGNED,
    SignedAttributes,
    UnsignedAttributes,
    read_signed,
    read_unsigned,
)
from verifier.ber import INTEGER, OID, SEQUENCE, SET, BerError, Element, encode, read_element, to_der
from verifier.certificate import Certificate, read_certificate, same_name
from verifier.report import Integrity

ID_SIGNED_DATA = "1.2.840.113549.1.7.2"
ID_TST_INFO = "1.2.840.113549.1.9.16.1.4"
_OCSP_RESPONSE = ("1.3.6.1.5.5.7.16.2", "1.3.6.1.5.5.7.48.1.1")
_MOST_CANDIDATES = 8
_LONGEST_PATH = 20
Elsewhere = Callable[[], Sequence[Certificate]]


def nowhere() -> Sequence[Certificate]:
    """No certificates but those of the CMS itself."""
    return ()


@dataclass(frozen=True)
class SignedData:
    """A CMS SignedData as it was read.

    ``content`` is what it encapsulates, ``notes`` are its deviations from the standard, ``end`` is where it
    ends in the bytes that it was read from.
    """

    content_type: str
    content: bytes | None
    certificates: tuple[Certificate, ...]
    crls: tuple[bytes, ...]
    ocsps: tuple[bytes, ...]
    signers: tuple[Element, ...]
    notes: tuple[str, ...]
    end: int


@dataclass(frozen=True)
class CmsAnswer:
    """Whether the bytes are what the holder of ``certificate`` signed.

    ``subindication`` is that of EN 319 102-1, ``finding`` names the reason where ``integrity`` is not
    ``intact``, with ``what`` for its sentence; ``weakness`` is an algorithm that can be forged today;
    ``notes`` are deviations from the standard that change nothing. ``value`` is the signature value, right
    over ``form`` under ``mechanism`` where those are given.
    """

    integrity: Integrity
    subindication: str | None = None
    finding: str | None = None
    what: str = ""
    certificate: Certificate | None = None
    certificates: tuple[Certificate, ...] = ()
    weakness: Weakness | None = None
    notes: tuple[str, ...] = ()
    signed: SignedAttributes = NOTHING_SIGNED
    unsigned: UnsignedAttributes = NOTHING_ADDED
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()
    value: bytes = b""
    form: Message | None = None
    mechanism: Mechanism | None = None


_UNSUPPORTED: tuple[Integrity, str, str] = ("undetermined", "GENERIC", "UNSUPPORTED_SIGNATURE")
MALFORMED = CmsAnswer("broken", "FORMAT_FAILURE", "BAD_SIGNATURE")


@dataclass(frozen=True)
class _Signer:
    """One SignerInfo (RFC 5652, 5.3)."""

    identifier: Element
    digest: str
    mechanism: Mechanism
    attributes: Element | None
    value: bytes
    unsigned: tuple[Element, ...]

    def is_identified(self, certificate: Certificate) -> bool:
        """Whether the signer's identifier names the certificate."""
        if self.identifier.tag == SEQUENCE:
            issuer, serial = self.identifier.children[:2]
            return serial.integer() == certificate.serial_number and same_name(issuer.raw, certificate.issuer)
        return _own_key(certificate) == self.identifier.octets()


def _own_key(certificate: Certificate) -> bytes | None:
    """What a certificate calls its key, None where it says nothing or cannot be read."""
    try:
        return certificate.key_identifier
    except (BerError, IndexError):
        return None


def read_signed_data(data: bytes) -> SignedData:
    """The SignedData at the beginning of ``data``; what follows it is the caller's to judge.

    Raises:
        BerError: there is none.
    """
    outer = read_element(data).expect(SEQUENCE)
    notes: list[str] = [] if outer.is_der_length else ["BER"]
    parts = outer.children
    if len(parts) >= 2 and parts[0].tag == OID:
        if parts[0].oid() != ID_SIGNED_DATA:
            raise BerError("another kind of CMS")
        body = parts[1].expect(0xA0).children[0].expect(SEQUENCE)
    else:
        body = outer
        notes.append("ContentInfo")
    fields = list(body.children)
    if len(fields) < 4 or fields[0].tag != INTEGER:
        raise BerError("no SignedData")
    encapsulated = fields[2].expect(SEQUENCE).children
    if not encapsulated:
        raise BerError("no content type")
    certificates: list[Certificate] = []
    crls: list[bytes] = []
    ocsps: list[bytes] = []
    for field in fields[3:-1]:
        if field.tag == 0xA0:
            for each in field.children:
                _collect_certificate(each, certificates, notes)
        elif field.tag == 0xA1:
            for each in field.children:
                _collect_revocation(each, crls, ocsps)
    return SignedData(
        content_type=encapsulated[0].oid(),
        content=_content(encapsulated[1]) if len(encapsulated) > 1 else None,
        certificates=tuple(dict.fromkeys(certificates)),
        crls=tuple(crls),
        ocsps=tuple(ocsps),
        signers=fields[-1].expect(SET).children,
        notes=tuple(dict.fromkeys(notes)),
        end=outer.end,
    )


def _content(wrapped: Element) -> bytes | None:
    """The encapsulated octets; PKCS #7 has any type there, of which tag and length are not signed."""
    if not wrapped.expect(0xA0).children:
        return None
    inner = wrapped.children[0]
    return inner.octets() if inner.tag & ~0x20 == 0x04 else inner.content


def _collect_certificate(element: Element, certificates: list[Certificate], notes: list[str]) -> None:
    if element.tag != SEQUENCE:
        return  # attribute certificates and other kinds name no signer
    try:
        certificates.append(read_certificate(element.raw))
    except (BerError, IndexError):
        notes.append("certificate")


def _collect_revocation(element: Element, crls: list[bytes], ocsps: list[bytes]) -> None:
    if element.tag == SEQUENCE:
        crls.append(element.raw)
    elif element.tag == 0xA1 and len(element.children) == 2 and element.children[0].oid() in _OCSP_RESPONSE:
        ocsps.append(element.children[1].raw)


def stated_digest(data: bytes) -> bytes | None:
    """The message digest that the only signer of a CMS states; None without one.

    Raises:
        BerError: it cannot be read.
        UnknownAlgorithm: it names one that we do not know.
    """
    (signer,) = (_read_signer(element) for element in read_signed_data(data).signers)
    return read_signed(signer.attributes.children).message_digest if signer.attributes is not None else None


def judge(signed_data: SignedData, message: Message, elsewhere: Elsewhere = nowhere) -> CmsAnswer:
    """Whether one signer signed ``message`` (RFC 5652, 5.4 to 5.6).

    ``elsewhere`` gives further certificates, asked only where the CMS has not its signer's. Never raises for
    what the CMS holds.
    """
    if len(signed_data.signers) != 1:
        # ISO 32000-2, 12.8.3.3.1: exactly one signer. Two make room for a swap.
        code = "SEVERAL_SIGNERS" if signed_data.signers else "BAD_SIGNATURE"
        return CmsAnswer("broken", "FORMAT_FAILURE", code, certificates=signed_data.certificates)
    told = partial(
        CmsAnswer,
        certificates=signed_data.certificates,
        notes=signed_data.notes,
        crls=signed_data.crls,
        ocsps=signed_data.ocsps,
    )
    try:
        signer = _read_signer(signed_data.signers[0])
        told = partial(told, unsigned=read_unsigned(signer.unsigned), value=signer.value)
        return _judge_signer(signer, signed_data, message, elsewhere, told(*_UNSUPPORTED))
    except UnknownAlgorithm as error:
        return told(*_UNSUPPORTED, str(error))
    except (BerError, IndexError):
        return told("broken", "FORMAT_FAILURE", "BAD_SIGNATURE")


def _read_signer(element: Element) -> _Signer:
    fields = list(element.expect(SEQUENCE).children)
    if len(fields) < 5:
        raise BerError("no SignerInfo")
    attributes = fields.pop(3) if fields[3].tag == 0xA0 else None
    identifier, digest, algorithm, value = fields[1:5]
    if identifier.tag not in (SEQUENCE, 0x80, 0xA0):
        raise BerError("no signer identifier")
    unsigned = fields[5].children if len(fields) > 5 and fields[5].tag == 0xA1 else ()
    if value.tag & ~0x20 != 0x04:
        raise BerError("no signature value")
    return _Signer(
        identifier,
        digest_name(digest.expect(SEQUENCE).children[0].oid()),
        read_mechanism(algorithm),
        attributes,
        value.octets(),
        unsigned,
    )


def _judge_signer(
    signer: _Signer, signed_data: SignedData, message: Message, elsewhere: Elsewhere, base: CmsAnswer
) -> CmsAnswer:
    digests = [signer.digest]
    signed = SignedAttributes()
    if signer.attributes is not None:
        # The digest first: that the content was changed can be told without any certificate.
        signed = read_signed(signer.attributes.children)
        if signed.message_digest is None or signed.content_type not in (None, signed_data.content_type):
            raise BerError("what was signed is not said, or something else")
        if signed.content_type is None:
            base = replace(base, notes=(*base.notes, "content-type"))
        stated = signer.mechanism.digest
        if stated not in (None, signer.digest):
            digests.append(str(stated))
        matching = next((name for name in digests if message.digest(name) == signed.message_digest), None)
        if matching is None:
            return replace(
                base, integrity="broken", subindication="HASH_FAILURE", finding="CONTENT_CHANGED",
                signed=signed, certificate=next(iter(_identified(signer, signed_data.certificates)), None),
            )  # fmt: skip
        if matching != signer.digest:
            base = replace(base, notes=(*base.notes, "digestAlgorithm"))
        if [each.raw for each in signer.attributes.children] != sorted(
            each.raw for each in signer.attributes.children
        ):
            base = replace(base, notes=(*base.notes, "SET OF"))
        digests = [matching]
    found = _candidates(signer, signed, signed_data.certificates) or _candidates(signer, signed, elsewhere())
    if not found:
        others = (*_identified(signer, signed_data.certificates), *_identified(signer, elsewhere()))
        if signed.certificate is not None and others:
            return replace(
                base, integrity="broken", subindication="NO_SIGNING_CERTIFICATE_FOUND",
                finding="SIGNER_CERTIFICATE_MISMATCH", certificate=others[0], signed=signed,
            )  # fmt: skip
        return replace(
            base, subindication="NO_SIGNING_CERTIFICATE_FOUND", finding="SIGNER_CERTIFICATE_MISSING",
            signed=signed,
        )  # fmt: skip
    for certificate in found[:_MOST_CANDIDATES]:
        for form, note in _forms(signer, message):
            used = check_signature(
                certificate.public_key, signer.mechanism, signer.value, form, stated=signer.digest
            )
            if used is not None:
                notes = [*base.notes, *([note] if note else [])]
                if not signer.is_identified(certificate):
                    notes.append("sid")
                if not is_for_key(signer.mechanism, certificate.public_key):
                    notes.append("signatureAlgorithm")
                return judge_certificate(
                    replace(
                        base, integrity="intact", subindication=None, finding=None, certificate=certificate,
                        signed=signed,
                        notes=tuple(dict.fromkeys(notes)), form=form,
                        mechanism=actual_mechanism(signer.mechanism, used, certificate.public_key),
                        weakness=worst(
                            [*(weakness_of_digest(name) for name in (*digests, used)),
                             weakness_of_key(certificate.public_key)]
                        ),
                    ),
                    (*signed_data.certificates,),
                )  # fmt: skip
    return replace(
        base, integrity="broken", subindication="SIG_CRYPTO_FAILURE", finding="SIGNATURE_INVALID",
        certificate=found[0], signed=signed,
    )  # fmt: skip


def _forms(signer: _Signer, message: Message) -> Iterator[tuple[Message, str]]:
    """What the signature value may be over: the message, or the attributes as a SET (RFC 5652, 5.4).

    The attributes as they stand; in the order of DER, which some signers used for the digest but not for the
    file; and all of it in DER. Each says the same, so which one verifies decides nothing.
    """
    if signer.attributes is None:
        yield message, ""
        return
    parts = signer.attributes.children
    yield Message(encode(SET, signer.attributes.content)), ""
    yield Message(encode(SET, *sorted(each.raw for each in parts))), "SET OF"
    yield Message(encode(SET, *sorted(to_der(each) for each in parts))), "BER"


def _identified(signer: _Signer, certificates: Sequence[Certificate]) -> list[Certificate]:
    return [each for each in certificates if signer.is_identified(each)]


def _candidates(
    signer: _Signer, signed: SignedAttributes, certificates: Sequence[Certificate]
) -> list[Certificate]:
    """The certificates that the signer can have meant.

    Where the signed part names one, only that, whatever the unsigned identifier says (EN 319 102-1, 5.2.3).
    """
    if signed.certificate is None:
        return _identified(signer, certificates)
    fitting = [each for each in certificates if signed.certificate.fits(each)]
    return sorted(fitting, key=lambda each: not signer.is_identified(each))


def judge_certificate(answer: CmsAnswer, others: Sequence[Certificate]) -> CmsAnswer:
    """Broken where the signer's certificate, or one above it, is not as its issuer signed it.

    Told only where the issuer is at hand beyond doubt: it has the name, and the key identifier where the
    certificate states one. A path that merely cannot be built is a question of trust, not of integrity.
    """
    certificate: Certificate | None = answer.certificate
    seen: set[Certificate] = set()
    while certificate is not None and certificate not in seen and len(seen) < _LONGEST_PATH:
        seen.add(certificate)
        try:
            issuer = _certain_issuer(certificate, others)
            if issuer is not None and not certificate.is_issued_by(issuer):
                return replace(
                    answer, integrity="broken", subindication="SIG_CRYPTO_FAILURE",
                    finding="CERTIFICATE_CHANGED",
                )  # fmt: skip
        except (UnknownAlgorithm, BerError, IndexError):
            return answer  # what cannot be computed or read is for the path to judge
        certificate = issuer
    return answer


def _certain_issuer(certificate: Certificate, others: Sequence[Certificate]) -> Certificate | None:
    """The one issuer that a certificate can have; by name alone where its extensions are past reading."""
    named = [each for each in others if same_name(each.subject, certificate.issuer)]
    try:
        wanted, own = certificate.issuer_key_identifier, certificate.key_identifier
    except (BerError, IndexError):
        return named[0] if len(named) == 1 else None
    if certificate.is_self_issued and wanted in (None, own):
        return certificate
    fitting = [each for each in named if wanted and _own_key(each) == wanted]
    return fitting[0] if len(fitting) == 1 else None
