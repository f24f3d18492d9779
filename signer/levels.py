"""What lifts a signed file to PAdES-B-LT and B-LTA, and keeps it there: pure functions over the bytes.

ETSI EN 319 142-1, 5.4 and 6.3. Validation data goes into the document security store (DSS), then a document
time-stamp covers everything before it. Renewal is the same again, with the data of the last time-stamp.
Each function has a form that gives only what has to be appended, for a file that stays on disk.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, astuple, dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from signer.revision import FrozenUpdate, Pdf, Revision, Update
from signer.signature import APPEND_ONLY, Frozen, field_entries, first_page, unused_name
from storage.vocabulary import AbsahError
from verifier.attributes import read_unsigned
from verifier.ber import SEQUENCE, BerError, Element
from verifier.certificate import OCSP_SIGNING, Certificate, read_certificate, same_name
from verifier.cms import ID_TST_INFO, SignedData, read_signed_data
from verifier.paths import AnchorIndex, find_paths
from verifier.pdf.document import Document
from verifier.pdf.objects import Damaged, Name, Stream
from verifier.signature_fields import find_signatures

_NO_ANCHORS = AnchorIndex.of(())
_UNSIGNED = 0xA1  # unsignedAttrs [1] of a SignerInfo (RFC 5652, 5.3)


@dataclass(frozen=True)
class ValidationData:
    """Certificates, OCSP responses (whole, RFC 6960, 4.2.1) and CRLs, each in DER."""

    certificates: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()

    def joined(self, other: ValidationData) -> ValidationData:
        """Both, each value once."""
        return ValidationData(
            *(
                tuple(dict.fromkeys(mine + theirs))
                for mine, theirs in zip(astuple(self), astuple(other), strict=True)
            )
        )

    def to_bytes(self) -> bytes:
        """For the register; the inverse is `from_bytes`."""
        parts = {name: [b64encode(each).decode() for each in values] for name, values in asdict(self).items()}
        return json.dumps(parts).encode()

    @classmethod
    def from_bytes(cls, encoded: bytes) -> ValidationData:
        """What `to_bytes` wrote."""
        parts = json.loads(encoded)
        return cls(**{name: tuple(b64decode(each) for each in values) for name, values in parts.items()})


@dataclass(frozen=True)
class Link:
    """A certificate whose revocation has to be known, and its issuer; both in DER."""

    certificate: bytes
    issuer: bytes


def add_validation_data(pdf: bytes, data: ValidationData) -> bytes:
    """The file with the data in its DSS; the same bytes where it holds all of it already.

    Raises:
        RevisionRefused: nothing can be added to that file.
    """
    return validation_data_update(pdf, data).behind(pdf)


def validation_data_update(pdf: Pdf, data: ValidationData) -> Update:
    """As `add_validation_data`, but only what has to be appended.

    No /VRI is written: it repeats what the arrays say (EN 319 142-1, 5.4.2.3: optional). One that is there
    stays.
    """
    revision = Revision(pdf)
    return revision.write() if _add_data(revision, data) else Update(b"")


def _add_data(revision: Revision, data: ValidationData) -> bool:
    """Put into the DSS what it does not hold; whether there was anything."""
    missing = {
        key: new
        for key, values in (("Certs", data.certificates), ("OCSPs", data.ocsps), ("CRLs", data.crls))
        if (new := _missing(revision.document, key, values))
    }
    if missing:
        store = _store(revision)
        for key, values in missing.items():
            revision.edit_inside(store, key, []).extend(revision.add_stream(each) for each in values)
    return bool(missing)


def freeze_document_timestamp(pdf: bytes, reserved: int, data: ValidationData = ValidationData()) -> Frozen:
    """The file with an invisible document time-stamp (EN 319 142-1, 5.4.3) that only lacks its token.

    With ``data`` the same revision brings validation data, under the time-stamp too: B-T becomes B-LTA, and
    a file of B-LTA is renewed with what proves its last time-stamp (6.3). Several renewals may follow.

    The token goes in with `signer.signature.assemble`; it stamps the digest. No time is written beside it:
    the token alone tells when.

    Args:
        pdf: the signed file.
        reserved: how many bytes the token may take.
        data: what it does not hold already, made before the certificate of its last time-stamp ends; see
            `needed_evidence`.

    Raises:
        RevisionRefused: nothing can be added to that file.
        SignatureRefused: ``PDF_STRUCTURE``, it has no page that could hold the field.
    """
    update = document_timestamp_update(pdf, reserved, data)
    return Frozen(update.behind(pdf), update.digest, update.byte_range)


def document_timestamp_update(
    pdf: Pdf, reserved: int, data: ValidationData = ValidationData()
) -> FrozenUpdate:
    """As `freeze_document_timestamp`, but only what has to be appended."""
    revision = Revision(pdf)
    document = revision.document
    _add_data(revision, data)
    value = revision.add_signature(
        {
            "Type": Name("DocTimeStamp"),
            "Filter": Name("Adobe.PPKLite"),
            "SubFilter": Name("ETSI.RFC3161"),
        },
        reserved,
    )
    page = first_page(document)
    widget = revision.add({**field_entries(unused_name(document, "Timestamp"), page), "V": value})
    revision.edit_inside(revision.edit(page), "Annots", []).append(widget)
    form = revision.edit_from_catalog("AcroForm")
    revision.edit_inside(form, "Fields", []).append(widget)
    form["SigFlags"] = APPEND_ONLY
    return revision.freeze()


def signed_data_of(pdf: Pdf) -> tuple[bytes, ...]:
    """The CMS of every signature and the token of every document time-stamp, in the order of the fields.

    Raises:
        RevisionRefused: the file cannot be read.
    """
    document = Revision(pdf).document
    values = (document.resolve(each.dictionary.get("Contents")) for each in find_signatures(document))
    return tuple(each for each in values if isinstance(each, bytes))


def needed_evidence(
    signed_data: Iterable[bytes], responses: Iterable[bytes] = (), others: Sequence[bytes] = ()
) -> tuple[Link, ...]:
    """Of which certificates the revocation has to be known for a level above B-T.

    The signers of each CMS, of the time-stamps in it, and all above them but the roots; with ``responses``
    also their responders, unless they are excused from it (id-pkix-ocsp-nocheck, RFC 6960, 4.2.2.2.1).

    Args:
        signed_data: CMS signatures and time-stamp tokens, DER; see `signed_data_of`.
        responses: OCSP responses that are to be kept with them, DER.
        others: certificates that may stand on the way beside those in the CMS, DER.

    Raises:
        EvidenceUnclear: one of them cannot be read, or does not lead to a root.
    """
    try:
        known = [read_certificate(each) for each in others]
        starts: dict[Certificate, None] = {}
        for der in signed_data:
            _collect(read_signed_data(der), starts, known)
        for der in responses:
            _collect_responders(der, starts)
        return tuple(dict.fromkeys(link for each in starts for link in _links(each, known)))
    except (BerError, IndexError, ValueError) as problem:
        raise EvidenceUnclear("A signature or an answer about revocation cannot be read.") from problem


def is_stamped(signed_data: bytes) -> bool:
    """Whether a CMS signature carries a time-stamp.

    Raises:
        EvidenceUnclear: it cannot be read.
    """
    try:
        return bool(_tokens(read_signed_data(signed_data)))
    except (BerError, IndexError) as problem:
        raise EvidenceUnclear("A signature cannot be read.") from problem


def last_timestamp(signed_data: Iterable[bytes]) -> bytes:
    """The token that all else relies on: the last document time-stamp, else that of the last signature; DER.

    ``signed_data`` is that of `signed_data_of`.

    Raises:
        EvidenceUnclear: there is none, or it cannot be read.
    """
    last: bytes | None = None
    try:
        for der in signed_data:
            data = read_signed_data(der)
            last = der if data.content_type == ID_TST_INFO else next(iter(_tokens(data)), last)
    except (BerError, IndexError, ValueError) as problem:
        raise EvidenceUnclear("A time-stamp cannot be read.") from problem
    if last is None:
        raise EvidenceUnclear("The file has no time-stamp.")
    return last


def proof_ends(signed_data: Iterable[bytes]) -> datetime:
    """Until when the last time-stamp proves anything by itself: its authority's certificate ends then.

    Raises:
        EvidenceUnclear: as `last_timestamp`.
    """
    try:
        token = read_signed_data(last_timestamp(signed_data))
        return _signer(token.signers[0], token.certificates).not_after
    except (BerError, IndexError, ValueError) as problem:
        raise EvidenceUnclear("A time-stamp cannot be read.") from problem


class EvidenceUnclear(AbsahError):
    """What a level needs cannot be told: a CMS is damaged, or a chain does not lead to a root."""

    code = "EVIDENCE_UNCLEAR"


def _store(revision: Revision) -> dict[str, Any]:
    """The DSS, to be edited; and the catalog says that the file has what PDF 1.7 does not know."""
    if "DSS" not in revision.document.catalog:
        catalog = revision.catalog
        catalog["DSS"] = revision.add({"Type": Name("DSS")})
        extensions = revision.edit_inside(catalog, "Extensions", {})
        # EN 319 142-1, 5.1; a name that is there says as much or more.
        extensions.setdefault("ESIC", {"BaseVersion": Name("1.7"), "ExtensionLevel": 1})
    return revision.edit_from_catalog("DSS")


def _missing(document: Document, key: str, values: Sequence[bytes]) -> list[bytes]:
    """Those that the DSS does not hold yet, each once."""
    listed = document.get(document.catalog, "DSS", key)
    present = set()
    for each in listed if isinstance(listed, list) else ():
        stream = document.resolve(each)
        if isinstance(stream, Stream):
            try:
                present.add(document.decode(stream))
            except Damaged:
                continue  # what cannot be read is not there
    return [each for each in dict.fromkeys(values) if each not in present]


def _collect(data: SignedData, starts: dict[Certificate, None], known: list[Certificate]) -> None:
    """The signer of a CMS and of each time-stamp in it; their certificates are at hand for the way up."""
    known.extend(data.certificates)
    for signer in data.signers:
        starts[_signer(signer, data.certificates)] = None
    for token in _tokens(data):
        _collect(read_signed_data(token), starts, known)


def _tokens(data: SignedData) -> list[bytes]:
    """The time-stamps among its unsigned attributes, DER."""
    attributes = [
        part.children for signer in data.signers for part in signer.children if part.tag == _UNSIGNED
    ]
    return [token for each in attributes for token in read_unsigned(each).time_stamps]


def _signer(signer: Element, certificates: Sequence[Certificate]) -> Certificate:
    identifier = signer.children[1]
    for each in certificates:
        if identifier.tag != SEQUENCE:
            if each.key_identifier == identifier.octets():
                return each
            continue
        issuer, serial = identifier.children[:2]
        if serial.integer() == each.serial_number and same_name(issuer.raw, each.issuer):
            return each
    raise EvidenceUnclear("A signature lacks the certificate of its signer.")


def _collect_responders(response: bytes, starts: dict[Certificate, None]) -> None:
    for each in ocsp.load_der_ocsp_response(response).certificates:
        try:
            each.extensions.get_extension_for_class(x509.OCSPNoCheck)
        except x509.ExtensionNotFound:
            responder = read_certificate(each.public_bytes(Encoding.DER))
            if OCSP_SIGNING in (responder.extended_key_usage or ()):
                starts[responder] = None


def _links(certificate: Certificate, others: Sequence[Certificate]) -> Iterator[Link]:
    """Each certificate on the way up with its issuer."""
    path = next(find_paths(certificate, _NO_ANCHORS, others)).certificates
    if not path[-1].is_self_issued:
        raise EvidenceUnclear("A chain of certificates does not lead to a root.")
    return (Link(below.der, above.der) for below, above in pairwise(path))
