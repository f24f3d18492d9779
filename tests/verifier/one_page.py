"""A page with an amount and a signature field, each object at hand, to be signed and then revised."""

from __future__ import annotations

from small_pki import NOW

from verifier.by_file import inspect

TEXT = b"BT /F1 18 Tf 72 700 Td (Jumlah: Rp 1.000.000) Tj ET"
PAGE = (
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Annots [6 0 R %s] "
    b"/Resources << /Font << /F1 5 0 R >> >> %s >>"
)
FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica %s >>"
LOOK = b"/Type /XObject /Subtype /Form /BBox [0 0 300 30] /Resources << /Font << /H 5 0 R >> >>"
Objects = dict[int, bytes]


# Of a second field; whether that signature is a good one, the first one's judgement does not ask.
SECOND = b"<< /Type /Sig /Filter /Adobe.PPKLite /ByteRange [0 1 2 1] /Contents <3000> >>"


def stream(content: bytes, entries: bytes = b"", length: bytes | None = None) -> bytes:
    size = length if length is not None else b"/Length %d" % len(content)
    return b"<< %s %s >>\nstream\n%s\nendstream" % (entries, size, content)


def look(text: bytes) -> bytes:
    return stream(b"q 1 1 1 rg 0 0 300 30 re f 0 g BT /H 18 Tf 5 8 Td %s ET Q" % text, LOOK)


def document(
    more: Objects | None = None,
    *,
    content: bytes = TEXT,
    fields: bytes = b"",
    notes: bytes = b"",
    page: bytes = b"",
    form: bytes = b"",
    reference: bytes = b"",
) -> Objects:
    """One page with an amount, and a signature field."""
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R %s] /SigFlags 3 %s >> >>"
        % (fields, form),
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: PAGE % (fields + notes, page),
        4: stream(content),
        5: FONT % b"",
        6: b"<< /Type /Annot /Subtype /Widget /FT /Sig /T (Satu) /Rect [0 0 0 0] /P 3 0 R /F 132 /V 7 0 R >>",
        7: b"<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /adbe.pkcs7.detached "
        b"/ByteRange [0 ********** ********** **********] /Contents <%s> %s >>" % (b"0" * 6000, reference),
    }
    found = objects | (more or {})
    return {number: found.get(number, b"null") for number in range(1, max(found) + 1)}


def changes(pdf: bytes) -> str:
    answer = inspect(pdf, anchors=[], moment=NOW)
    assert answer.signatures[0].integrity == "intact"
    return answer.signatures[0].changes
