"""Hostile structure: cross-references, nesting, object streams, trees that lead back, filters, revisions."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from sample_files import objects_to_pdf, plain_pdf, signed_pdf, stream

MIB = 1024 * 1024
CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
NO_PAGES = b"<< /Type /Pages /Kids [] /Count 0 >>"


# Cross-references


def table_of_too_many() -> bytes:
    return plain_pdf().replace(b"xref\n0 ", b"xref\n0 2147483647 ", 1)


def table_of_a_million() -> bytes:
    """Every row is there, and every one names the same place."""
    pdf = objects_to_pdf([CATALOG, NO_PAGES])
    head, _, tail = pdf.partition(b"trailer")
    rows = head[-20:] * 1_000_000
    return head + b"3 1000000\n" + rows + b"trailer" + tail


def table_of_empty_parts() -> bytes:
    return plain_pdf().replace(b"trailer", b"5 0\n" * 1_000_000 + b"trailer", 1)


def hybrid(target: str) -> bytes:
    """A table whose ``/XRefStm`` names a bomb, itself, or nothing."""
    rows = zlib.compress(bytes(60 * MIB), 9)
    entries = b"/Type /XRef /Size 4 /W [1 4 2] /Index [0 8000000] /Root 1 0 R /Filter /FlateDecode"
    pdf = objects_to_pdf([CATALOG, NO_PAGES, stream(rows, entries)])
    at = {"bomb": pdf.index(b"3 0 obj"), "itself": pdf.rindex(b"xref\n0 "), "nothing": 10**9}[target]
    return pdf.replace(b"/ID ", b"/XRefStm %d /ID " % at)


def chain_of_streams(count: int = 1_500) -> bytes:
    """Each section is a stream of a few bytes that lists a hundred thousand objects."""
    out = bytearray(b"%%PDF-1.7\n1 0 obj\n%s\nendobj\n2 0 obj\n%s\nendobj\n" % (CATALOG, NO_PAGES))
    rows, previous = zlib.compress(bytes(700_000), 9), b""
    for number in range(count):
        start = len(out)
        entries = b"/Type /XRef /Size 9 /W [1 4 2] /Index [9 100000] /Root 1 0 R /Filter /FlateDecode %s"
        out += b"%d 0 obj\n%s\nendobj\n" % (number + 10, stream(rows, entries % previous))
        previous = b"/Prev %d" % start
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def many_index_pairs() -> bytes:
    body = b"%%PDF-1.7\n1 0 obj\n%s\nendobj\n2 0 obj\n%s\nendobj\n" % (CATALOG, NO_PAGES)
    entries = b"/Type /XRef /Size 4 /W [1 4 2] /Index [%s] /Root 1 0 R" % (b"0 1 " * 1_000_000)
    return body + b"3 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF\n" % (
        stream(b"\x01\x00\x00\x00\x09\x00\x00" * 9, entries),
        len(body),
    )


# Nesting and long values


def nested(opening: bytes, closing: bytes, depth: int = 2_000_000) -> bytes:
    return objects_to_pdf([CATALOG[:-2] + b"/X " + opening * depth + closing * depth + b">>", NO_PAGES])


def long_value(value: bytes) -> bytes:
    return objects_to_pdf([CATALOG[:-2] + b"/X " + value + b">>", NO_PAGES])


def no_end_of_object() -> bytes:
    """Beginnings of streams and objects that never end: each is searched for its end."""
    return b"%PDF-1.7\n" + b"1 0 obj\n<< /Length 9 >>\nstream\n" * 200_000 + b"trailer << /Root 1 0 R >>"


def beginnings() -> bytes:
    return b"%PDF-1.7\n" + b"1 0 obj [" * 300_000


def open_strings() -> bytes:
    return b"%PDF-1.7\n" + b"1 0 obj (" * 300_000


# Object streams


def packed(container: bytes, *, more: bytes = b"", rows: bytes = b"") -> bytes:
    """A file whose catalog and pages lie in the object stream ``container``, numbered 3."""
    out = bytearray(b"%PDF-1.7\n")
    place = len(out)
    out += b"3 0 obj\n%s\nendobj\n" % container
    start = len(out)
    listed = b"".join(
        bytes((kind,)) + where.to_bytes(4, "big") + index.to_bytes(2, "big")
        for kind, where, index in ((0, 0, 65535), (2, 3, 0), (2, 3, 1), (1, place, 0), (1, start, 0))
    )
    out += b"4 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF\n" % (
        stream(listed + rows, b"/Type /XRef /Size 5 /W [1 4 2] /Root 1 0 R " + more),
        start,
    )
    return bytes(out)


def packed_objects(padding: int = 0) -> bytes:
    head = b"1 0 2 %d " % (len(CATALOG) + 1)
    return head + CATALOG + b" " + NO_PAGES + b" " * padding


def coded(coding: Callable[[bytes], bytes], filters: bytes, padding: int, more: bytes = b"") -> bytes:
    """The catalog behind ``filters``, followed by ``padding`` bytes of nothing."""
    first = packed_objects().index(b"<<")
    data = coding(packed_objects(padding))
    return packed(stream(data, b"/Type /ObjStm /N 2 /First %d /Filter %s %s" % (first, filters, more)))


def deflated(data: bytes) -> bytes:
    return zlib.compress(data, 9)


def run_lengths(data: bytes) -> bytes:
    text, blanks = data.rstrip(b" "), len(data) - len(data.rstrip(b" "))
    pieces = b"".join(
        b"%c%b" % (len(text[at : at + 128]) - 1, text[at : at + 128]) for at in range(0, len(text), 128)
    )
    return pieces + b"\x81 " * (blanks // 128) + b"\x80"


def predicted(data: bytes) -> bytes:
    """PNG rows of Paeth's filter, a byte each way dearer than all others."""
    width = 100
    rows = []
    for at in range(0, len(data), width):
        rows.append(b"\x00" + data[at : at + width].ljust(width) if at < 400 else b"\x04" + bytes(width))
    return zlib.compress(b"".join(rows), 9)


def ascii_85(data: bytes) -> bytes:
    import base64

    text = data.rstrip(b" ")
    text += b" " * (-len(text) % 4)
    return base64.a85encode(text) + b"z" * ((len(data) - len(text)) // 4) + b"~>"


def lzw(data: bytes) -> bytes:
    """Cleared often enough that no code is longer than nine bits."""
    bits = "".join(
        f"{256:09b}" + "".join(f"{byte:09b}" for byte in data[at : at + 200])
        for at in range(0, len(data), 200)
    )
    bits += f"{257:09b}"
    return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")


def object_streams_of_each_other() -> bytes:
    rows = b"\x02\x00\x00\x00\x06\x00\x00" + b"\x02\x00\x00\x00\x05\x00\x00"
    return packed(
        stream(packed_objects(), b"/Type /ObjStm /N 2 /First 9 /Extends 5 0 R"),
        more=b"/Index [0 7]",
        rows=rows,
    )


def object_stream(entries: bytes, data: bytes = b"") -> bytes:
    return packed(stream(data or packed_objects(), b"/Type /ObjStm " + entries))


# Trees that lead back, also in a later revision, which is compared with the signed one


def updated(pdf: bytes, changed: dict[int, bytes], root: int = 1) -> bytes:
    """A later revision with these objects."""
    out = bytearray(pdf)
    if not out.endswith(b"\n"):
        out += b"\n"
    previous = int(pdf[pdf.rindex(b"startxref") + 9 :].split()[0])
    places = {}
    for number, body in sorted(changed.items()):
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n" + b"".join(b"%d 1\n%010d 00000 n \n" % (n, place) for n, place in places.items())
    out += b"trailer\n<< /Size %d /Root %d 0 R /Prev %d >>\n" % (max(changed) + 1, root, previous)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


PAGE = (
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Annots %s "
    b"/Resources << /Font << /F1 5 0 R >> >> >>"
)
LOOPS: dict[str, dict[int, bytes]] = {
    "kids": {2: b"<< /Type /Pages /Kids [2 0 R 50 0 R] /Count 1 >>", 50: b"<< /Kids [2 0 R 50 0 R] >>"},
    "parent": {
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 2147483647 /Parent 50 0 R >>",
        50: b"<< /Parent 2 0 R >>",
    },
    "annotations": {
        3: PAGE % b"50 0 R",
        50: b"[50 0 R [50 0 R] 51 0 R]",
        51: b"<< /Subtype /Popup /Parent 51 0 R /Popup 51 0 R >>",
    },
    "replies": {
        3: PAGE % b"[50 0 R 51 0 R]",
        50: b"<< /Type /Annot /Subtype /Text /Rect [0 0 9 9] /IRT 51 0 R /Popup 51 0 R >>",
        51: b"<< /Type /Annot /Subtype /Popup /Rect [0 0 9 9] /IRT 50 0 R /Parent 50 0 R >>",
    },
    "structure": {
        1: b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R] >> /StructTreeRoot 50 0 R >>",
        50: b"<< /Type /StructTreeRoot /K [50 0 R 51 0 R] /ParentTree 52 0 R >>",
        51: b"<< /S /P /P 51 0 R /K [51 0 R 50 0 R] >>",
        52: b"<< /Kids [52 0 R] /Nums [0 52 0 R] >>",
    },
    "names": {
        1: b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R] >> "
        b"/Names << /EmbeddedFiles 50 0 R /JavaScript 50 0 R >> /Outlines 51 0 R /PageLabels 50 0 R >>",
        50: b"<< /Kids [50 0 R 50 0 R] /Names [(a) 50 0 R] /Nums [0 50 0 R] >>",
        51: b"<< /First 51 0 R /Last 51 0 R /Next 51 0 R /Parent 51 0 R /Count 2147483647 >>",
    },
    "fields": {
        1: b"<< /Type /Catalog /Pages 2 0 R /AcroForm 50 0 R >>",
        50: b"<< /Fields [51 0 R] /DR 50 0 R >>",
        51: b"<< /T (a) /FT /Sig /V 51 0 R /Kids [51 0 R 50 0 R] /Parent 51 0 R >>",
    },
    "references": {3: b"50 0 R", 50: b"51 0 R", 51: b"50 0 R"},
    "lengths": {
        4: b"<< /Length 4 0 R >>\nstream\nx\nendstream",
        5: b"<< /Length 5 0 R /Filter 5 0 R >>\nstream\nendstream",
    },
    "dense": {
        3: PAGE % b"[6 0 R]",
        **{n: b"<< /K [%s] >>" % b" ".join(b"%d 0 R" % m for m in range(50, 350)) for n in range(50, 350)},
        1: b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R] >> /StructTreeRoot 50 0 R >>",
    },
}


def loop(name: str) -> bytes:
    return updated(plain_pdf(), LOOPS[name])


def loop_after_signing(name: str) -> bytes:
    return updated(signed_pdf(), LOOPS[name])


def page_tree(kids: bytes, count: int = 1) -> bytes:
    return objects_to_pdf(
        [CATALOG, b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, count), b"<< /Type /Page >>"]
    )


# Many of everything


def long_names(depth: int = 20_000) -> bytes:
    """A field's full name is that of all above it: together they are longer than the file squared."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [3 0 R] >> >>", NO_PAGES]
    title = b"x" * 500
    for step in range(depth):
        own = 3 + 2 * step
        objects += [
            b"<< /T (%s) /Kids [%d 0 R %d 0 R] >>" % (title, own + 1, own + 2),
            b"<< /T (%s) /FT /Tx >>" % title,
        ]
    return objects_to_pdf([*objects, b"<< /T (a) /FT /Tx >>"])


def locked_names(count: int = 5_000) -> bytes:
    """Each of many locks names each of many fields."""
    names = b" ".join(b"(n%d)" % n for n in range(count))
    changed = {
        3: PAGE % b"[6 0 R]",
        **{50 + n: b"<< /FT /Tx /T (n%d) /V (x) >>" % n for n in range(count)},
        40: b"[%s]" % names,
        1: b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R %s] >> >>"
        % b" ".join(b"%d 0 R" % (50 + n) for n in range(count)),
    }
    return updated(signed_pdf(), changed)


def changed_after_signing(count: int = 50_000) -> bytes:
    """Objects that a later revision replaces, each of which names all others."""
    shared = {50 + n: b"<< /A 50 0 R /B %d 0 R /C [%d 0 R] >>" % (51 + n, 52 + n) for n in range(count)}
    return updated(updated_root(shared), {**shared, 3: PAGE % b"[50 0 R]"})


def updated_root(objects: dict[int, bytes]) -> bytes:
    return signed_pdf(updated(plain_pdf(), {**objects, 3: PAGE % b"[6 0 R]"}))


def fields_after_signing(count: int = 20_000) -> bytes:
    changed = {
        50 + n: b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (n%d) /V (x) /Rect [0 0 9 9] /P 3 0 R >>" % n
        for n in range(count)
    }
    listed = b" ".join(b"%d 0 R" % n for n in changed)
    changed[3] = PAGE % (b"[6 0 R %s]" % listed)
    changed[1] = b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R %s] >> >>" % listed
    return updated(signed_pdf(), changed)


def revisions_after_signing(count: int = 1_900) -> bytes:
    out, previous = bytearray(signed_pdf()), 0
    previous = int(out[out.rindex(b"startxref") + 9 :].split()[0])
    for number in range(count):
        place = len(out)
        out += b"90 0 obj\n(%d)\nendobj\n" % number
        start = len(out)
        out += b"xref\n90 1\n%010d 00000 n \ntrailer\n<< /Size 91 /Root 1 0 R /Prev %d >>\n" % (
            place,
            previous,
        )
        out += b"startxref\n%d\n%%%%EOF\n" % start
        previous = start
    return bytes(out)


def signatures_sharing_a_range(count: int, size: int = 0) -> bytes:
    """Signatures of one document that all claim the same bytes, ``size`` of them."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [%s] >> >>"
        % b" ".join(b"%d 0 R" % (4 + n) for n in range(count)),
        NO_PAGES,
        stream(b"x" * size),
    ]
    ranges = b"/ByteRange [0 **********  %010d **********]"
    cms = signed_cms().hex().encode()
    objects += [
        b"<< /FT /Sig /T (s%d) /V << /Type /Sig /SubFilter /adbe.pkcs7.detached %s /Contents <%s> >> >>"
        % (n, ranges % n, cms)
        for n in range(count)
    ]
    pdf = objects_to_pdf(objects)
    out, at = bytearray(pdf), 0
    for n in range(count):
        place = out.index(ranges % n, at)
        at = out.index(b"<" + cms, place)
        after = at + len(cms) + 2
        values = b"/ByteRange [0 %-10d  %010d %-10d]" % (at, after, len(pdf) - after)
        out[place : place + len(values)] = values
    return bytes(out)


def signed_cms() -> bytes:
    pdf = signed_pdf()
    start = pdf.index(b"/Contents <") + 11
    return bytes.fromhex(pdf[start : pdf.index(b">", start)].decode()).rstrip(b"\0")


_CHANGED = {
    "ANNOTATED",
    "CHANGE_CATALOG",
    "CHANGE_OBJECT",
    "CHANGE_PAGES",
    "SIGNATURE_REMOVED",
}
STRUCTURE: dict[str, tuple[Callable[[], bytes], set[str]]] = {
    "table of too many rows": (table_of_too_many, {"LIMIT"}),
    "table of a million rows": (table_of_a_million, {"NO_SIGNATURE"}),
    "table of a million empty parts": (table_of_empty_parts, {"LIMIT"}),
    "hybrid bomb": (lambda: hybrid("bomb"), {"LIMIT"}),
    "hybrid of itself": (lambda: hybrid("itself"), {"DAMAGED"}),
    "hybrid of nothing": (lambda: hybrid("nothing"), {"DAMAGED"}),
    "chain of 1 500 xref streams": (chain_of_streams, {"LIMIT"}),
    "a million index pairs": (many_index_pairs, {"LIMIT"}),
    "2 000 000 arrays": (lambda: nested(b"[", b"]"), {"LIMIT"}),
    "2 000 000 dictionaries": (lambda: nested(b"<</A", b">>"), {"LIMIT"}),
    "2 000 000 brackets in a string": (lambda: nested(b"(", b")"), {"LIMIT"}),
    "2 000 000 closings": (lambda: nested(b"", b"]>>"), {"NO_SIGNATURE"}),
    "name of 2 MB": (lambda: long_value(b"/" + b"#41" * 700_000), {"NO_SIGNATURE"}),
    "string of 20 MB": (lambda: long_value(b"(" + b"\\(" * 10_000_000 + b")"), {"LIMIT"}),
    "hexadecimal string of 20 MB": (lambda: long_value(b"<" + b"4 " * 10_000_000 + b">"), {"NO_SIGNATURE"}),
    "number of a million digits": (lambda: long_value(b"9" * 1_000_000), {"DAMAGED"}),
    "array of 2 000 000": (lambda: long_value(b"[" + b"1 0 R " * 2_000_000 + b"]"), {"LIMIT"}),
    "remarks without end": (lambda: long_value(b"%\n" * 5_000_000 + b"1"), {"NO_SIGNATURE"}),
    "streams without end": (no_end_of_object, {"DAMAGED"}),
    "beginnings of objects": (beginnings, {"LIMIT"}),
    "open strings": (open_strings, {"LIMIT"}),
    "object streams of each other": (object_streams_of_each_other, {"NO_SIGNATURE"}),
    "object stream that extends itself": (
        lambda: object_stream(b"/N 2 /First 9 /Extends 3 0 R"),
        {"NO_SIGNATURE"},
    ),
    "object stream of 2 147 483 647": (
        lambda: object_stream(b"/N 2147483647 /First 2147483647"),
        {"DAMAGED"},
    ),
    "object stream of less than nothing": (lambda: object_stream(b"/N -5 /First -9"), {"DAMAGED"}),
    "object stream of digits": (
        lambda: coded(deflated, b"/FlateDecode", 60 * MIB, b"/N 8000000"),
        {"NO_SIGNATURE"},
    ),
    "object stream of a million": (
        lambda: object_stream(b"/N 1000000 /First 9000000", b"9 0 " * 2_000_000),
        {"DAMAGED"},
    ),
    "predictor bomb": (
        lambda: coded(predicted, b"/FlateDecode", 60 * MIB, b"/DecodeParms << /Predictor 15 /Columns 100 >>"),
        {"LIMIT"},
    ),
    "TIFF predictor bomb": (
        lambda: coded(deflated, b"/FlateDecode", 60 * MIB, b"/DecodeParms << /Predictor 2 /Columns 9 >>"),
        {"LIMIT"},
    ),
    "predictor of huge rows": (
        lambda: coded(
            deflated,
            b"/FlateDecode",
            MIB,
            b"/DecodeParms << /Predictor 15 /Columns 1048576 /Colors 1048576 /BitsPerComponent 1048576 >>",
        ),
        {"LIMIT"},
    ),
    "LZW of 3 MB": (lambda: coded(lzw, b"/LZWDecode", 3 * MIB), {"LIMIT"}),
    "run length bomb": (lambda: coded(run_lengths, b"/RunLengthDecode", 80 * MIB), {"LIMIT"}),
    "ASCII85 bomb": (lambda: coded(ascii_85, b"/ASCII85Decode", 80 * MIB), {"LIMIT"}),
    "ASCII85 of 10 MB": (
        lambda: coded(lambda data: b"<~" + b"!!!!!" * 2_000_000, b"/ASCII85Decode", 0),
        {"DAMAGED"},
    ),
    "eight filters": (
        lambda: coded(
            lambda d: deflated(deflated(deflated(d))), b"[" + b"/FlateDecode " * 3 + b"]", 200 * MIB
        ),
        {"LIMIT"},
    ),
    "10 000 filters": (lambda: coded(deflated, b"[" + b"/FlateDecode " * 10_000 + b"]", 0), {"LIMIT"}),
    "a million parameters": (
        lambda: coded(deflated, b"/FlateDecode", 0, b"/DecodeParms [" + b"<< >> " * 1_000_000 + b"]"),
        {"LIMIT"},
    ),
    **{f"loop of {name}": ((lambda name=name: loop(name)), {"NO_SIGNATURE"}) for name in LOOPS},
    **{
        f"loop of {name} after signing": ((lambda name=name: loop_after_signing(name)), _CHANGED)
        for name in LOOPS
    },
    "count of 2 147 483 647": (lambda: page_tree(b"3 0 R", 2**31 - 1), {"NO_SIGNATURE"}),
    "count below zero": (lambda: page_tree(b"3 0 R", -(2**31)), {"NO_SIGNATURE"}),
    "a million kids": (lambda: page_tree(b"3 0 R " * 1_000_000), {"LIMIT"}),
    "a million direct kids": (lambda: page_tree(b"<</Kids[]>>" * 1_000_000), {"LIMIT"}),
    "names as long as their tree": (long_names, {"LIMIT"}),
    "5 000 locked fields": (locked_names, {"NO_SIGNATURE"}),
    "50 000 objects changed": (changed_after_signing, {"CHANGE_ANNOTATION_ADDED"}),
    "20 000 fields after signing": (fields_after_signing, {"NO_SIGNATURE"}),
    "1 900 revisions after signing": (revisions_after_signing, {"LIMIT"}),
    "5 000 signatures of one range": (lambda: signatures_sharing_a_range(5_000), {"LIMIT"}),
    "200 signatures of one range": (lambda: signatures_sharing_a_range(200), {"CONTENT_CHANGED"}),
    "200 signatures over 20 MB": (lambda: signatures_sharing_a_range(200, 20 * MIB), {"CONTENT_CHANGED"}),
}
