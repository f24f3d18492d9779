"""Generators of PDFs: plain ones by hand, signed ones with pyHanko, and later revisions of both."""

from __future__ import annotations

import json
import re
import zlib
from datetime import datetime
from io import BytesIO

from asn1crypto import crl as asn1_crl
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter, append_signature_field
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, PdfTimeStamper
from pyhanko.sign.validation.dss import DocumentSecurityStore
from small_pki import NOW, Identity, as_asn1, pki

CODE = "7K3M9QX2R4TPXA"


def objects_to_pdf(objects: list[bytes], *, trailer: bytes = b"") -> bytes:
    """Number the objects from 1, the first being the catalogue, and write a cross-reference table."""
    out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R /ID [<00><00>] %s >>\n" % (len(objects) + 1, trailer)
    out += b"startxref\n%d\n%%%%EOF\n" % start
    return bytes(out)


def stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), entries, data)


def plain_pdf(text: str = "SIP 503/028", *, code: str | None = None) -> bytes:
    """One page with a line of text, a text field, and document.json where a code is given."""
    content = b"BT /F1 24 Tf 72 720 Td (%s) Tj ET" % text.encode("ascii")
    catalogue = (
        b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R] /DA (/F1 12 Tf) "
        b"/DR << /Font << /F1 5 0 R >> >> >> %s >>"
    )
    attached = (
        b"/AF [7 0 R] /Names << /EmbeddedFiles << /Names [(document.json) 7 0 R] >> >>" if code else b""
    )
    objects = [
        catalogue % attached,
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Annots [6 0 R] "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        stream(content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (catatan) /Rect [72 600 300 620] /P 3 0 R /F 4 >>",
    ]
    if code:
        objects += [
            b"<< /Type /Filespec /F (document.json) /UF (document.json) /AFRelationship /Data "
            b"/EF << /F 8 0 R /UF 8 0 R >> >>",
            stream(json.dumps({"code": code}).encode(), b"/Type /EmbeddedFile"),
        ]
    return objects_to_pdf(objects)


def signed_pdf(
    pdf: bytes | None = None,
    *,
    by: Identity | None = None,
    field: str = "Penanda_tangan",
    certify: bool = False,
    stamped: datetime | None = None,
    tsa: Identity | None = None,
    sub_filter: SigSeedSubFilter = SigSeedSubFilter.PADES,
) -> bytes:
    """A PAdES signature, added as an incremental update; with ``stamped``, a time-stamp of that time."""
    people = pki()
    metadata = PdfSignatureMetadata(
        field_name=field,
        md_algorithm="sha256",
        subfilter=sub_filter,
        certify=certify,
        docmdp_permissions=MDPPerm.FILL_FORMS,
    )
    signer = PdfSigner(
        metadata,
        signer=(by or people.officer).signer(),
        timestamper=(tsa or people.tsa).time_stamper(stamped) if stamped else None,
        new_field_spec=SigFieldSpec(field),
    )
    out = BytesIO()
    signer.sign_pdf(IncrementalPdfFileWriter(BytesIO(pdf or plain_pdf())), output=out)
    return out.getvalue()


def with_slots(pdf: bytes, *names: str) -> bytes:
    """Empty signature fields, all created before the first signature."""
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    for name in names:
        append_signature_field(writer, SigFieldSpec(name))
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def filled_slot(pdf: bytes, name: str, *, by: Identity, certify: bool, stamped: datetime | None) -> bytes:
    signer = PdfSigner(
        PdfSignatureMetadata(
            field_name=name,
            md_algorithm="sha256",
            subfilter=SigSeedSubFilter.PADES,
            certify=certify,
            docmdp_permissions=MDPPerm.FILL_FORMS,
        ),
        signer=by.signer(),
        timestamper=pki().tsa.time_stamper(stamped) if stamped else None,
    )
    out = BytesIO()
    signer.sign_pdf(IncrementalPdfFileWriter(BytesIO(pdf)), output=out)
    return out.getvalue()


def with_validation_data(pdf: bytes, revocation_lists: list[bytes]) -> bytes:
    """A document security store with the CA and the lists, as an incremental update."""
    out = BytesIO(pdf)
    DocumentSecurityStore.add_dss(
        out,
        sig_contents=None,
        certs=[as_asn1(pki().ca.certificate)],
        crls=[asn1_crl.CertificateList.load(data) for data in revocation_lists],
    )
    return out.getvalue()


def with_document_timestamp(pdf: bytes, at: datetime = NOW, *, tsa: Identity | None = None) -> bytes:
    out = BytesIO()
    PdfTimeStamper((tsa or pki().tsa).time_stamper(at)).timestamp_pdf(
        IncrementalPdfFileWriter(BytesIO(pdf)), "sha256", output=out
    )
    return out.getvalue()


def with_form_filled(pdf: bytes, value: str = "diisi kemudian") -> bytes:
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    field = next(
        f.get_object() for f in writer.root["/AcroForm"]["/Fields"] if f.get_object()["/T"] == "catatan"
    )
    field["/V"] = generic.TextStringObject(value)
    writer.mark_update(field.container_ref)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def with_page_overwritten(pdf: bytes, text: str = "SIP 999/999") -> bytes:
    """The classic incremental attack: the page's content is replaced by a later revision."""
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    page = writer.root["/Pages"]["/Kids"][0].get_object()
    content = generic.StreamObject(stream_data=b"BT /F1 24 Tf 72 720 Td (%s) Tj ET" % text.encode())
    page["/Contents"] = writer.add_object(content)
    writer.mark_update(page.container_ref)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def with_attachment_swapped(pdf: bytes, code: str) -> bytes:
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    specification = writer.root["/AF"][0].get_object()
    swapped = generic.StreamObject(stream_data=json.dumps({"code": code}).encode())
    specification["/EF"] = generic.DictionaryObject({generic.pdf_name("/F"): writer.add_object(swapped)})
    writer.mark_update(specification.container_ref)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def encrypted_pdf(user_password: str) -> bytes:
    """An AES-256 encrypted file, signed after that."""
    writer = copy_into_new_writer(PdfFileReader(BytesIO(plain_pdf())))
    writer.encrypt(owner_pass="pemilik", user_pass=user_password)
    encrypted = BytesIO()
    writer.write(encrypted)
    update = IncrementalPdfFileWriter(encrypted)
    update.encrypt(user_password)
    out = BytesIO()
    PdfSigner(
        PdfSignatureMetadata(field_name="A", md_algorithm="sha256"),
        signer=pki().officer.signer(),
        new_field_spec=SigFieldSpec("A"),
    ).sign_pdf(update, output=out)
    return out.getvalue()


def byte_range_of(pdf: bytes) -> tuple[int, int, int, int]:
    found = re.findall(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)", pdf)[-1]
    first, second, third, fourth = (int(value) for value in found)
    return first, second, third, fourth


def with_byte_range(pdf: bytes, values: str) -> bytes:
    """Another ByteRange in the same room."""
    match = list(re.finditer(rb"/ByteRange\s*\[([^\]]*)\]", pdf))[-1]
    room = match.end(1) - match.start(1)
    text = values.encode()
    assert len(text) <= room, "the new ByteRange does not fit"
    return pdf[: match.start(1)] + text.ljust(room) + pdf[match.end(1) :]


def flate_bomb(size: int) -> bytes:
    return stream(zlib.compress(b"\x00" * size, 9), b"/Filter /FlateDecode /Type /EmbeddedFile")


def with_popup(pdf: bytes) -> bytes:
    """A window for notes, closed: allowed, of no look of its own, and still drawn by some programs."""
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    popup = generic.DictionaryObject(
        {
            generic.pdf_name("/Type"): generic.pdf_name("/Annot"),
            generic.pdf_name("/Subtype"): generic.pdf_name("/Popup"),
            generic.pdf_name("/Rect"): generic.ArrayObject(map(generic.NumberObject, (400, 10, 500, 60))),
        }
    )
    writer.register_annotation(writer.root["/Pages"]["/Kids"].raw_get(0), writer.add_object(popup))
    out = BytesIO()
    writer.write(out)
    return out.getvalue()
