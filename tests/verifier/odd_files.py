"""Signed files that are genuine and oddly written, as twenty years of producers wrote them.

`write` puts objects into a file in one of many ways, and `sign` signs what `write` made, so that every
oddity lies inside what the signature covers.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from random import Random

from cms_maker import make_cms, signer

_ROOM = 6_000


def objects(random: Random) -> dict[int, bytes]:
    """A page with a line of text, a form, and a signature field whose dictionary waits for its CMS."""
    text = b"BT /F1 18 Tf 72 %d Td (Nomor %d) Tj ET" % (random.randrange(300, 700), random.randrange(10**6))
    return {
        1: b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R] /SigFlags 3 >> >>",
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Annots [6 0 R] "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        4: b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text),
        5: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        6: b"<< /Type /Annot /Subtype /Widget /FT /Sig /T (Satu) /Rect [0 0 0 0] /P 3 0 R /F 132 /V 7 0 R >>",
        7: b"<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /adbe.pkcs7.detached "
        b"/ByteRange [0 ********** ********** **********] /Contents <%s> >>" % (b"0" * _ROOM),
    }


def table(found: dict[int, bytes], *, eol: bytes = b"\n", first: bytes = b"%PDF-1.7\n%\xe2\xe3\n") -> bytes:
    """The objects with an ordinary cross-reference table."""
    out, places = bytearray(first), {}
    for number, body in found.items():
        places[number] = len(out)
        out += b"%d 0 obj%s%s%sendobj%s" % (number, eol, body, eol, eol)
    start = len(out)
    out += b"xref%s0 %d%s0000000000 65535 f%s" % (eol, max(found) + 1, eol, (b" " + eol)[:2].rjust(2))
    out += b"".join(
        b"%010d 00000 n%s" % (places[number], (b" " + eol)[:2].rjust(2))
        for number in range(1, max(found) + 1)
    )
    out += b"trailer%s<< /Size %d /Root 1 0 R >>%sstartxref%s%d%s%%%%EOF%s" % (
        eol, max(found) + 1, eol, eol, start, eol, eol
    )  # fmt: skip
    return bytes(out)


def cross_reference_stream(found: dict[int, bytes], *, packed: bool, predictor: bool = False) -> bytes:
    """The objects with a cross-reference stream, all but streams and the signature packed where wanted."""
    out, places = bytearray(b"%PDF-1.7\n"), {}
    inside = [number for number in found if packed and number not in (4, 7)]
    rows = {0: (0, 0, 65535)}
    for number, body in found.items():
        if number not in inside:
            places[number] = len(out)
            out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    container, own = max(found) + 1, max(found) + 2
    if inside:
        bodies = [found[number] for number in inside]
        offsets = [sum(len(each) + 1 for each in bodies[:index]) for index in range(len(bodies))]
        head = b" ".join(b"%d %d" % pair for pair in zip(inside, offsets, strict=True)) + b" "
        content = zlib.compress(head + b" ".join(bodies))
        places[container] = len(out)
        out += b"%d 0 obj\n<< /Type /ObjStm /N %d /First %d /Filter /FlateDecode /Length %d >>\nstream\n" % (
            container, len(inside), len(head), len(content)
        )  # fmt: skip
        out += content + b"\nendstream\nendobj\n"
        rows.update({number: (2, container, index) for index, number in enumerate(inside)})
    start = places[own] = len(out)
    rows.update({number: (1, place, 0) for number, place in places.items()})
    listed = sorted(rows)
    data = b"".join(
        bytes((rows[n][0],)) + rows[n][1].to_bytes(4, "big") + rows[n][2].to_bytes(2, "big") for n in listed
    )
    index = b" ".join(b"%d 1" % number for number in listed)
    parameters = b""
    if predictor:
        lines = [data[at : at + 7] for at in range(0, len(data), 7)]
        above, coded = bytes(7), b""
        for line in lines:
            coded += b"\x02" + bytes((a - b) & 0xFF for a, b in zip(line, above, strict=True))
            above = line
        data, parameters = coded, b"/DecodeParms << /Predictor 12 /Columns 7 >>"
    body = zlib.compress(data)
    out += b"%d 0 obj\n<< /Type /XRef /Size %d /W [1 4 2] /Index [%s] /Root 1 0 R " % (own, own + 1, index)
    out += b"/Filter /FlateDecode %s " % parameters
    out += b"/Length %d >>\nstream\n%s\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % (
        len(body),
        body,
        start,
    )
    return bytes(out)


def sign(
    pdf: bytes, *, base: int = 0, kind: str = "p256", cms_of: Callable[[bytes], bytes] | None = None
) -> bytes:
    """Fill the ByteRange, counted from ``base``, and the CMS over it, made by ``cms_of`` where given."""
    gap = re.search(rb"<0{%d}>" % _ROOM, pdf)
    assert gap is not None
    values = (gap.start() - base, gap.end() - base, len(pdf) - gap.end())
    filled = b" ".join(b"%-10d" % value for value in values)
    pdf = pdf.replace(b" ".join([b"*" * 10] * 3), filled, 1)
    covered = pdf[base : gap.start()] + pdf[gap.end() :]
    cms = cms_of(covered) if cms_of is not None else make_cms(covered, signer(kind))
    digits = cms.hex().encode().ljust(_ROOM, b"0")
    return pdf[: gap.start() + 1] + digits + pdf[gap.end() - 1 :]


def _shifted_table(random: Random) -> bytes:
    """Every offset of the table is wrong by the same few bytes."""
    pdf, by = table(objects(random)), random.randrange(3, 40)
    return re.sub(rb"(\d{10}) 00000 n", lambda match: b"%010d 00000 n" % (int(match[1]) + by), pdf)


def _wrong_start(random: Random) -> bytes:
    return re.sub(rb"startxref\n\d+", b"startxref\n%d" % random.randrange(10**7), table(objects(random)))


def _no_table(random: Random) -> bytes:
    pdf = table(objects(random))
    return pdf[: pdf.index(b"xref\n0")] + b"trailer\n<< /Root 1 0 R >>\nstartxref\n0\n%%EOF\n"


def _wrong_length(random: Random) -> bytes:
    return re.sub(rb"/Length \d+", b"/Length %d" % random.randrange(1, 9999), table(objects(random)), count=1)


def _counted_from_one(random: Random) -> bytes:
    return table(objects(random)).replace(b"xref\n0 8\n", b"xref\n1 8\n")


def _previous_zero(random: Random) -> bytes:
    return table(objects(random)).replace(b"/Root 1 0 R", b"/Root 1 0 R /Prev 0")


def _indirect_values(random: Random) -> bytes:
    """Length, rectangle, ByteRange and field list stand in objects of their own."""
    found = objects(random)
    length = re.search(rb"/Length (\d+)", found[4])
    assert length is not None
    found[4] = found[4].replace(length[0], b"/Length 8 0 R")
    found[1] = found[1].replace(b"[6 0 R]", b"9 0 R")
    found[6] = found[6].replace(b"[0 0 0 0]", b"10 0 R")
    return table({**found, 8: length[1], 9: b"[6 0 R]", 10: b"[0 0 0 0]"})


def _shared_signature(random: Random) -> bytes:
    """Two fields share one signature dictionary."""
    found = objects(random)
    found[1] = found[1].replace(b"[6 0 R]", b"[6 0 R 8 0 R]")
    return table({**found, 8: found[6].replace(b"(Satu)", b"(Dua)")})


def _tree_of_fields(random: Random) -> bytes:
    """The type stands in the parent, the widget below the field."""
    found = objects(random)
    found[1] = found[1].replace(b"[6 0 R]", b"[8 0 R]")
    found[6] = found[6].replace(b"/FT /Sig /T (Satu)", b"/Parent 9 0 R").replace(b"/V 7 0 R", b"")
    return table(
        {
            **found,
            8: b"<< /FT /Sig /T (Atas) /Kids [9 0 R] >>",
            9: b"<< /Parent 8 0 R /T (Satu) /V 7 0 R /Kids [6 0 R] >>",
        }
    )


def _escaped_names(random: Random) -> bytes:
    found = objects(random)
    found[7] = found[7].replace(b"/SubFilter", b"/Sub#46ilter")
    found[6] = found[6].replace(b"/FT /Sig", b"/F#54 /S#69g")
    return table(found)


def _remarks(random: Random) -> bytes:
    found = objects(random)
    found[7] = found[7].replace(b"/Filter", b"% a remark (with >> and endobj)\n/Filter")
    found[2] = b"% (\n" + found[2]
    return table(found)


def _tight(random: Random) -> bytes:
    """No white space that the syntax does not ask for."""
    found = objects(random)
    return table({number: re.sub(rb" (?=[/<\[(>])", b"", body) for number, body in found.items()})


def _incremental_before(random: Random) -> bytes:
    """The page was written twice before anybody signed."""
    pdf = table(objects(random))
    place, start = len(pdf), int(re.findall(rb"startxref\n(\d+)", pdf)[-1])
    page = objects(random)[3].replace(b"595 842", b"612 792")
    body = b"3 0 obj\n%s\nendobj\n" % page
    table_of_one = b"xref\n3 1\n%010d 00000 n \ntrailer\n<< /Size 8 /Root 1 0 R /Prev %d >>\n" % (
        place,
        start,
    )
    return pdf + body + table_of_one + b"startxref\n%d\n%%%%EOF\n" % (place + len(body))


def _hybrid(random: Random) -> bytes:
    """A table for old readers, and a stream that tells new ones about the font."""
    found = objects(random)
    out, places = bytearray(b"%PDF-1.5\n"), {}
    for number, body in found.items():
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    hidden = len(out)
    row = b"\x01" + places[5].to_bytes(4, "big") + b"\0\0"
    out += (
        b"8 0 obj\n<< /Type /XRef /Size 9 /W [1 4 2] /Index [5 1] /Root 1 0 R /Length 7 >>\nstream\n%s" % row
    )
    out += b"\nendstream\nendobj\n"
    start = len(out)
    out += b"xref\n0 8\n0000000000 65535 f \n"
    for number in range(1, 8):
        out += b"0000000000 65535 f \n" if number == 5 else b"%010d 00000 n \n" % places[number]
    out += b"trailer\n<< /Size 9 /Root 1 0 R /XRefStm %d >>\nstartxref\n%d\n%%%%EOF\n" % (hidden, start)
    return bytes(out)


def _end_without_line(random: Random) -> bytes:
    return table(objects(random)).rstrip()


ODD: dict[str, Callable[[Random], bytes]] = {
    "plain": lambda random: table(objects(random)),
    "carriage returns": lambda random: table(objects(random), eol=b"\r"),
    "both ends of line": lambda random: table(objects(random), eol=b"\r\n"),
    "old header": lambda random: table(objects(random), first=b"%PDF-1.3\n"),
    "no binary mark": lambda random: table(objects(random), first=b"%PDF-1.7\r"),
    "stream": lambda random: cross_reference_stream(objects(random), packed=False),
    "stream with predictor": lambda random: cross_reference_stream(
        objects(random), packed=False, predictor=True
    ),
    "object streams": lambda random: cross_reference_stream(objects(random), packed=True),
    "shifted table": _shifted_table,
    "wrong startxref": _wrong_start,
    "no table": _no_table,
    "wrong length": _wrong_length,
    "counted from one": _counted_from_one,
    "previous zero": _previous_zero,
    "indirect values": _indirect_values,
    "shared signature": _shared_signature,
    "tree of fields": _tree_of_fields,
    "escaped names": _escaped_names,
    "remarks": _remarks,
    "tight": _tight,
    "revised before signing": _incremental_before,
    "hybrid": _hybrid,
    "no line after the end": _end_without_line,
}
