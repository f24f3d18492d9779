"""A PAdES signature in four pure steps: freeze the bytes, sign their digest, add a token, assemble.

ETSI EN 319 142-1 (PAdES), RFC 5652 (CMS), ISO 32000-2, 12.8 (signatures in PDF). Everything
is a function of its arguments, so that a retry gives the same bytes.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from keys.cms import ID_DATA, element, object_identifier, signed_attributes, signed_data
from keys.provider import ECDSA_SHA256, RSA_PKCS1_SHA256, RSA_PSS_SHA256, CmsKey, SigningKey
from keys.software import PSS
from signer.revision import ByteRange, FrozenUpdate, Pdf, Revision, text_string
from storage.vocabulary import AbsahError
from templates.render import SlotBox
from verifier.attributes import SIGNATURE_TIME_STAMP
from verifier.ber import OCTET_STRING, SEQUENCE, SET, BerError, Element, read_whole
from verifier.cms import ID_SIGNED_DATA
from verifier.pdf.document import Document
from verifier.pdf.objects import Name, Reference
from verifier.signature_fields import terminal_fields

_PRINT_AND_LOCKED = 0b1000_0100  # annotation flags Print and Locked (ISO 32000-2, 12.5.3)
APPEND_ONLY = 3  # SignaturesExist and AppendOnly (12.7.3)
_CERTIFICATION = {
    "Type": Name("SigRef"),
    "TransformMethod": Name("DocMDP"),
    "TransformParams": {"Type": Name("TransformParams"), "V": Name("1.2"), "P": 2},
}
_SIGNATURE_TIME_STAMP = object_identifier(SIGNATURE_TIME_STAMP)
_EXPLICIT_0, _UNSIGNED = 0xA0, 0xA1  # [0] content; [1] unsignedAttrs (RFC 5652, 3 and 5.3)
# The unsigned attribute around a token, and lengths that grow because of it.
_TOKEN_OVERHEAD = 64
_LONGEST_P256_SIGNATURE = 72
# With a token of usual size it stays below what a string may have in PDF/A (ISO 19005-3, 6.1.13).
_ROOM_FOR_FOREIGN_CMS = 24 * 1024


class SignatureRefused(AbsahError):
    """A signature cannot be made, or must not be used.

    ``KEY_ANSWER`` the key answered with another key's signature · ``KEY_ALGORITHM`` not one of ours ·
    ``PDF_STRUCTURE`` the renderer's PDF lacks what a tagged field needs · ``FROZEN_ALTERED`` the stored bytes
    are not the frozen ones · ``RESERVED_TOO_SMALL`` the signature is larger than its place ·
    ``NOT_CMS`` not the signature of one signer.
    """

    code = "SIGNATURE_REFUSED"


@dataclass(frozen=True)
class SignatureField:
    """Where a signature will stand on the page.

    ``name`` is ``Signature1`` for the first slot and so on; ``page`` counts from 0; the corners are PDF
    points from the bottom left; ``tooltip`` is what a screen reader says.
    """

    name: str
    page: int
    x0: float
    y0: float
    x1: float
    y1: float
    tooltip: str

    @property
    def is_seen(self) -> bool:
        """Whether it has a place on the page."""
        return self.x0 < self.x1 and self.y0 < self.y1

    @classmethod
    def unseen(cls, ordinal: int, tooltip: str) -> SignatureField:
        """The field of a slot that the page does not show."""
        return cls(f"Signature{ordinal}", 0, 0, 0, 0, 0, tooltip)

    @classmethod
    def over(cls, box: SlotBox, tooltip: str) -> SignatureField:
        """The field of a slot, over the block that the template drew for it."""
        return cls(f"Signature{box.ordinal}", box.page, box.x0, box.y0, box.x1, box.y1, tooltip)


@dataclass(frozen=True)
class Frozen:
    """A PDF that only lacks the value of its signature.

    ``pdf`` has zeroes in ``/Contents``; ``digest`` is the SHA-256 over what ``byte_range`` covers, which
    is everything except that value.
    """

    pdf: bytes
    digest: bytes
    byte_range: ByteRange

    @property
    def sha256(self) -> str:
        """The SHA-256 of the whole frozen file, in hexadecimal: what a human approves."""
        return hashlib.sha256(self.pdf).hexdigest()


def freeze(
    pdf: bytes,
    *,
    fields: Sequence[SignatureField],
    slot: int,
    certify: bool,
    signer_name: str,
    reason: str,
    location: str,
    at: datetime,
    reserved: int,
) -> Frozen:
    """Fix every byte of the document before a key is touched.

    Args:
        pdf: our renderer's output (tagged, ending with a newline), or the earlier slot's finished file.
        fields: for the first slot the fields of all slots, since one added later would be a forbidden
            change of the earlier signature; empty for later slots.
        slot: ordinal of the signature, from 1; it goes into the field ``Signature{slot}``.
        certify: whether this is the certification signature (DocMDP, P=2: further signatures only).
        signer_name: ``/Name`` of the signature dictionary; reason and location likewise.
        reason: why it is signed.
        location: where.
        at: the claimed time of signing, aware; a time-stamp proves it later.
        reserved: how many bytes the CMS with its token may take, from `reserved_size`.

    Raises:
        SignatureRefused: ``PDF_STRUCTURE``.
        signer.revision.RevisionRefused: nothing can be added to that file.
    """
    update = freeze_update(
        pdf,
        fields=fields,
        slot=slot,
        certify=certify,
        signer_name=signer_name,
        reason=reason,
        location=location,
        at=at,
        reserved=reserved,
    )
    return Frozen(update.behind(pdf), update.digest, update.byte_range)


def freeze_whole(pdf: bytes, fields: Sequence[SignatureField]) -> Frozen:
    """Fix every byte of a document that somebody else signs as a whole: no signature dictionary of ours.

    ``fields`` are those of later slots that we sign ourselves. The byte range covers all of the file and
    leaves out nothing; the digest is the file's own SHA-256.

    Raises:
        SignatureRefused: ``PDF_STRUCTURE``.
        signer.revision.RevisionRefused: nothing can be added to that file.
    """
    if fields:
        revision = Revision(pdf)
        try:
            _add_fields(revision, fields)
        except (KeyError, IndexError, TypeError) as problem:
            raise SignatureRefused("The PDF lacks a structure tree.", code="PDF_STRUCTURE") from problem
        pdf = revision.write().behind(pdf)
    elif not pdf.endswith((b"\n", b"\r")):
        # The provider appends right behind, and an object begins a line (ISO 19005-3, 6.1.9).
        pdf += b"\n"
    size = len(pdf)
    return Frozen(pdf, hashlib.sha256(pdf).digest(), (0, size, size, 0))


def freeze_update(
    pdf: Pdf,
    *,
    fields: Sequence[SignatureField],
    slot: int,
    certify: bool,
    signer_name: str,
    reason: str,
    location: str,
    at: datetime,
    reserved: int,
) -> FrozenUpdate:
    """As `freeze`, but only what has to be appended to the file: for one that stays on disk."""
    revision = Revision(pdf)
    entries = signature_entries(certify, signer_name, reason, location, at)
    try:
        widgets = _add_fields(revision, fields) if fields else _fields(revision)
        widget = widgets[f"Signature{slot}"]
        field = revision.edit(widget)
        if "V" in field:
            raise KeyError("signed already")
        value = field["V"] = revision.add_signature(entries, reserved)
        if certify:
            catalog = revision.catalog
            revision.edit_inside(catalog, "Perms", {})["DocMDP"] = value
    except (KeyError, IndexError, TypeError) as problem:
        raise SignatureRefused(
            f"The PDF cannot take signature {slot}: it lacks a structure tree or that field.",
            code="PDF_STRUCTURE",
        ) from problem
    return revision.freeze()


def signature_entries(
    certify: bool, signer_name: str, reason: str, location: str, at: datetime
) -> dict[str, Any]:
    """A signature dictionary without its range and value (ISO 32000-2, table 255); see `freeze`."""
    entries: dict[str, Any] = {
        "Type": Name("Sig"),
        "Filter": Name("Adobe.PPKLite"),
        "SubFilter": Name("ETSI.CAdES.detached"),
        "M": b"D:" + at.astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode("ascii"),
        "Name": text_string(signer_name),
        "Location": text_string(location),
        "Reason": text_string(reason),
    }
    if certify:
        entries["Reference"] = [_CERTIFICATION]
    return entries


def field_entries(name: str, page: Reference, box: Sequence[float] = (0, 0, 0, 0)) -> dict[str, Any]:
    """A signature field and its annotation in one (ISO 32000-2, 12.7.5.5), without look and value.

    Of no size it is not seen, and stays untagged: it changes nothing that anybody sees or hears
    (PDF/UA-1, 7.18).
    """
    return {
        "FT": Name("Sig"),
        "T": text_string(name),
        "Type": Name("Annot"),
        "Subtype": Name("Widget"),
        "F": _PRINT_AND_LOCKED,
        "Rect": list(box),
        "P": page,
    }


def annotation_element(
    role: str, parent: Reference, page: Reference, annotation: Reference, tooltip: str
) -> dict[str, Any]:
    """The structure element of an annotation that is seen (ISO 14289-1, 7.18): a field's ``role`` is Form."""
    return {
        "Type": Name("StructElem"),
        "S": Name(role),
        "P": parent,
        "Pg": page,
        "Alt": text_string(tooltip),
        "K": {"Type": Name("OBJR"), "Pg": page, "Obj": annotation},
    }


def first_page(document: Document) -> Reference:
    """The page that holds a field which is not seen.

    Raises:
        SignatureRefused: ``PDF_STRUCTURE``, there is none that could.
    """
    for reference, _ in document.pages():
        if reference is not None:
            return reference
    raise SignatureRefused("The PDF has no page that could hold a field.", code="PDF_STRUCTURE")


def unused_name(document: Document, kind: str) -> str:
    """A name for one more field: ``kind`` with the first number that no field has."""
    taken = {name.partition(".")[0] for name, *_ in terminal_fields(document)}
    return next(name for number in itertools.count(1) if (name := f"{kind}{number}") not in taken)


def covered_digest(frozen_pdf: bytes, byte_range: ByteRange) -> bytes:
    """The SHA-256 over what a signature with that byte range covers.

    Raises:
        SignatureRefused: ``FROZEN_ALTERED``, these are not frozen bytes with that range.
    """
    start, end = _place(frozen_pdf, byte_range)
    digest = hashlib.sha256(memoryview(frozen_pdf)[:start])
    digest.update(memoryview(frozen_pdf)[end:])
    return digest.digest()


def reserved_size(key: SigningKey | CmsKey, token_size: int) -> int:
    """How many bytes to reserve for a signature of ``key`` with a token of at most ``token_size`` bytes."""
    if key.capability == "cms":
        # Whoever writes it may add a token of their own, a policy, validation data.
        return _ROOM_FOR_FOREIGN_CMS + token_size
    return _largest_cms(key.certificate, key.chain, key.algorithm) + token_size + _TOKEN_OVERHEAD


# A worker signs with the same few certificates all day.
@lru_cache(maxsize=64)
def _largest_cms(certificate: x509.Certificate, chain: tuple[x509.Certificate, ...], algorithm: str) -> int:
    public = certificate.public_key()
    length = public.key_size // 8 if isinstance(public, rsa.RSAPublicKey) else _LONGEST_P256_SIGNATURE
    attributes = signed_attributes(certificate, ID_DATA, bytes(32))
    return len(_package(certificate, chain, algorithm, attributes, bytes(length)))


def sign(digest: bytes, key: SigningKey) -> bytes:
    """The CMS SignedData (DER, PAdES baseline, detached) of ``key`` over a document's SHA-256.

    Raises:
        SignatureRefused: ``KEY_ANSWER``, what came back is not a signature by the key's certificate.
        KeyRefused, storage.vocabulary.Unavailable: from the key itself.
    """
    attributes = signed_attributes(key.certificate, ID_DATA, digest)
    value = key.sign(attributes)
    _check_answer(key, attributes, value)
    return _package(key.certificate, key.chain, key.algorithm, attributes, value)


def stamped_digest(cms_der: bytes) -> bytes:
    """The SHA-256 of the raw signature in a CMS: what a signature time-stamp covers (EN 319 122-1, 5.3).

    Raises:
        SignatureRefused: ``NOT_CMS``.
    """
    *_, signer = _parse(cms_der)
    value = next(part for part in signer.children[3:] if part.tag == OCTET_STRING).octets()
    return hashlib.sha256(value).digest()


def embed_timestamp(cms_der: bytes, token: bytes) -> bytes:
    """The CMS with a TimeStampToken (DER) as its unsigned attribute; B-B becomes B-T.

    Everything else is copied as it stands.

    Raises:
        SignatureRefused: ``NOT_CMS``.
    """
    content_type, fields, signer = _parse(cms_der)
    attribute = element(SEQUENCE, _SIGNATURE_TIME_STAMP, element(SET, token))
    signed = [part.raw for part in signer.children if part.tag != _UNSIGNED]
    unsigned = [each.raw for part in signer.children if part.tag == _UNSIGNED for each in part.children]
    signer_info = element(SEQUENCE, *signed, element(_UNSIGNED, *sorted([*unsigned, attribute])))
    body = element(SEQUENCE, *(field.raw for field in fields[:-1]), element(SET, signer_info))
    return element(SEQUENCE, content_type.raw, element(_EXPLICIT_0, body))


def assemble(frozen_pdf: bytes, byte_range: ByteRange, cms_with_token: bytes) -> bytes:
    """The signed file: the frozen bytes with the CMS in its place.

    Raises:
        SignatureRefused: ``FROZEN_ALTERED`` or ``RESERVED_TOO_SMALL``.
    """
    start, end = _place(frozen_pdf, byte_range)
    room = end - start - 2
    value = cms_with_token.hex().encode("ascii")
    if len(value) > room:
        raise SignatureRefused(
            f"The signature takes {len(value) // 2} bytes and {room // 2} were reserved.",
            code="RESERVED_TOO_SMALL",
        )
    frozen = memoryview(frozen_pdf)
    return b"".join((frozen[:start], b"<", value, b"0" * (room - len(value)), b">", frozen[end:]))


def _fields(revision: Revision) -> dict[str, Reference]:
    """The fields of the form by their names; those of ours have no parents."""
    document = revision.document
    listed = document.get(document.catalog, "AcroForm", "Fields")
    found = {}
    for each in listed if isinstance(listed, list) else ():
        name = document.get(each, "T")
        if isinstance(each, Reference) and isinstance(name, bytes):
            found[name.decode("latin-1")] = each
    return found


def _add_fields(revision: Revision, fields: Sequence[SignatureField]) -> dict[str, Reference]:
    """Create all fields, and tag those that are seen, so that the file stays PDF/UA-1 (ISO 14289-1, 7.18).

    Each of these gets a ``/Form`` structure element under the document element, and a way back from the
    widget to it through the parent tree (ISO 32000-2, 14.7.5.4).
    """
    document, catalog = revision.document, revision.catalog
    tree = revision.edit_inside(catalog, "StructTreeRoot")
    top = document.resolve(tree["K"])[0]
    if not isinstance(top, Reference):
        raise KeyError("a document element of its own")
    elements = revision.edit_inside(revision.edit(top), "K")
    parents = revision.edit_inside(revision.edit_inside(tree, "ParentTree"), "Nums")
    next_key = tree["ParentTreeNextKey"]
    pages = document.pages()
    widgets = {}
    for field in fields:
        page = pages[field.page][0]
        if page is None:
            raise KeyError("a page of its own")
        sheet = revision.edit(page)
        key = next_key if field.is_seen else None
        widget = widgets[field.name] = revision.add(_widget(revision, field, page, key))
        revision.edit_inside(sheet, "Annots", []).append(widget)
        if key is None:
            continue
        sheet["Tabs"] = Name("S")
        element = revision.add(annotation_element("Form", top, page, widget, field.tooltip))
        elements.append(element)
        parents += (key, element)
        next_key += 1
    tree["ParentTreeNextKey"] = next_key
    catalog["AcroForm"] = revision.add({"Fields": [*widgets.values()], "SigFlags": APPEND_ONLY})
    return widgets


def _widget(revision: Revision, field: SignatureField, page: Reference, key: int | None) -> dict[str, Any]:
    """Field and annotation in one. The template draws what is seen; the appearance is empty.

    ``key`` is that of the parent tree; None for a field that is not seen, which has no appearance either.
    """
    widget = field_entries(field.name, page, _numbers((field.x0, field.y0, field.x1, field.y1)))
    widget["TU"] = text_string(field.tooltip)
    if key is not None:
        box = _numbers((0, 0, field.x1 - field.x0, field.y1 - field.y0))
        appearance = revision.add_stream(b"", Type=Name("XObject"), Subtype=Name("Form"), BBox=box)
        widget |= {"StructParent": key, "AP": {"N": appearance}}
    return widget


def _numbers(values: Sequence[float]) -> list[float]:
    return [round(value, 2) for value in values]


def _place(frozen_pdf: bytes, byte_range: ByteRange) -> tuple[int, int]:
    """Where the signature value with its angle brackets begins and ends.

    The range has to cover the whole file but one value of zeroes, or these bytes are not the frozen ones.
    """
    origin, start, end, rest = byte_range
    gap = frozen_pdf[start:end]
    if (
        origin != 0
        or not 0 < start < end
        or end + rest != len(frozen_pdf)
        or gap != b"<" + b"0" * (len(gap) - 2) + b">"
    ):
        raise SignatureRefused(
            "The stored PDF and its byte range do not belong together.", code="FROZEN_ALTERED"
        )
    return start, end


def _package(
    certificate: x509.Certificate,
    chain: tuple[x509.Certificate, ...],
    algorithm: str,
    attributes: bytes,
    value: bytes,
) -> bytes:
    return signed_data(
        certificate,
        algorithm,
        attributes,
        value,
        content_type=ID_DATA,
        content=None,
        certificates=(certificate, *chain),
    )


def _check_answer(key: SigningKey, attributes: bytes, value: bytes) -> None:
    """A device or a service may answer with another key than its certificate's, or with nonsense."""
    public = key.certificate.public_key()
    try:
        if key.algorithm == ECDSA_SHA256 and isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(value, attributes, ec.ECDSA(hashes.SHA256()))
        elif key.algorithm == RSA_PKCS1_SHA256 and isinstance(public, rsa.RSAPublicKey):
            public.verify(value, attributes, padding.PKCS1v15(), hashes.SHA256())
        elif key.algorithm == RSA_PSS_SHA256 and isinstance(public, rsa.RSAPublicKey):
            public.verify(value, attributes, PSS, hashes.SHA256())
        else:
            raise SignatureRefused(
                f"Key {key.id} announces {key.algorithm}, which does not fit its certificate.",
                code="KEY_ALGORITHM",
            )
    except InvalidSignature as problem:
        raise SignatureRefused(
            f"Key {key.id} answered with a signature that its certificate does not verify.", code="KEY_ANSWER"
        ) from problem


# The CMS that was just made is asked for its value, and then gets its time-stamp.
@lru_cache(maxsize=4)
def _parse(cms_der: bytes) -> tuple[Element, Sequence[Element], Element]:
    """The content type of a CMS signature, the fields of its SignedData, and its only signer."""
    try:
        content_type, content = read_whole(cms_der).expect(SEQUENCE).children
        fields = content.expect(_EXPLICIT_0).children[0].expect(SEQUENCE).children
        (signer,) = fields[-1].expect(SET).children
        if content_type.oid() != ID_SIGNED_DATA or len(signer.expect(SEQUENCE).children) < 5:
            raise BerError("another kind of CMS")
    except (ValueError, IndexError) as problem:
        raise SignatureRefused("That is not a CMS signature of one signer.", code="NOT_CMS") from problem
    return content_type, fields, signer
