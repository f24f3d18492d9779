"""Generators of hostile and broken files: small in bytes, large in what they ask for."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from hostile_cms import CMS
from hostile_pages import PAGES
from hostile_structure import STRUCTURE
from sample_files import (
    byte_range_of,
    flate_bomb,
    objects_to_pdf,
    plain_pdf,
    signed_pdf,
    stream,
)

MIB = 1024 * 1024


def xref_stream_bomb(*, hidden: bool = True) -> bytes:
    """Entries of zero width: two thousand million of them in no bytes at all.

    Hidden, its names are escaped, so that only a parser can see what it is.
    """
    index, width = (b"#49ndex", b"#57") if hidden else (b"Index", b"W")
    body = (
        b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
        b"2 0 obj\n<< /Type /Pages /Kids [] /Count 0 >>\nendobj\n"
    )
    start = len(body)
    return body + (
        b"3 0 obj\n<< /Type /XRef /Size 4 /%s [0 0 0] /%s [0 2147483647] /Root 1 0 R /Length 0 >>\n"
        b"stream\n\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % (width, index, start)
    )


def previous_loop() -> bytes:
    pdf = plain_pdf()
    start = pdf.rindex(b"xref\n0 ")
    return pdf.replace(b"/ID [<00><00>]", b"/Prev %d" % start)


def deep_nesting(depth: int = 200_000) -> bytes:
    return objects_to_pdf(
        [b"<< /Type /Catalog /Pages 2 0 R /X %s >>" % (b"[" * depth + b"]" * depth), b"<< >>"]
    )


def deep_form(depth: int = 100_000) -> bytes:
    """A signature field whose tree never ends: each field is the kid of another."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [3 0 R] >> >>",
        b"<< /Type /Pages /Kids [] >>",
    ]
    objects += [b"<< /T (a) /Kids [%d 0 R] >>" % (number + 4) for number in range(depth)]
    return objects_to_pdf([*objects, b"<< /T (b) >>"])


def circular_fields() -> bytes:
    return objects_to_pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [3 0 R] >> >>",
            b"<< /Type /Pages /Kids [2 0 R] /Parent 2 0 R /Count -1 >>",
            b"<< /T (a) /Kids [3 0 R] /Parent 3 0 R >>",
        ]
    )


def huge_contents(megabytes: int = 40) -> bytes:
    signed = signed_pdf()
    _, first, second, length = byte_range_of(signed)
    filler = b"0" * (megabytes * MIB)
    grown = signed[: second - 1] + filler + signed[second - 1 :]
    old = b"%d %d %d %d" % (0, first, second, length)
    new = b"%d %d %d %d" % (0, first, second + len(filler), length)
    return grown.replace(old, new.ljust(len(old)))


def form_with_many_fields(count: int = 100_000, kind: bytes = b"/Sig") -> bytes:
    fields = b" ".join(b"%d 0 R" % (number + 3) for number in range(count))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [%s] >> >>" % fields,
        b"<< /Type /Pages /Kids [] /Count 0 >>",
    ]
    objects += [
        b"<< /FT %s /T (s%d) /V << /Type /Sig /ByteRange [0 1 2 3] /Contents <00> >> >>" % (kind, n)
        for n in range(count)
    ]
    return objects_to_pdf(objects)


def slow_form() -> bytes:
    """Nothing is wrong with it, but it takes seconds to walk."""
    return form_with_many_fields(150_000, b"/Tx")


def many_revisions(count: int = 2_000) -> bytes:
    out = bytearray(plain_pdf())
    previous = out.rindex(b"xref\n0 ")
    for number in range(count):
        place = len(out)
        out += b"9 0 obj\n(%d)\nendobj\n" % number
        start = len(out)
        out += b"xref\n9 1\n%010d 00000 n \ntrailer\n<< /Size 10 /Root 1 0 R /Prev %d >>\n" % (
            place,
            previous,
        )
        out += b"startxref\n%d\n%%%%EOF\n" % start
        previous = start
    return bytes(out)


def recursive_page() -> bytes:
    """A form that draws itself: endless work for whoever renders it."""
    draw = b"/X Do " * 40
    return objects_to_pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
            b"/Resources << /XObject << /X 5 0 R >> >> >>",
            stream(draw),
            stream(
                draw,
                b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 6 0 R >> >>",
            ),
            stream(
                draw,
                b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 7 0 R >> >>",
            ),
            stream(
                draw,
                b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 8 0 R >> >>",
            ),
            stream(
                draw,
                b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 9 0 R >> >>",
            ),
            stream(
                draw,
                b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 5 0 R >> >>",
            ),
        ]
    )


def huge_page() -> bytes:
    return objects_to_pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 2147483647 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9999999 9999999] >>",
        ]
    )


def catalogue_in_a_flate_bomb() -> bytes:
    """An object stream that decodes to a gigabyte; opening the catalogue decodes it."""
    return objects_to_pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R "
            b"/AF [<< /UF (document.json) /EF << /F 3 0 R >> >>] /OpenAction 4 0 R >>",
            b"<< /Type /Pages /Kids [] /Count 0 >>",
            flate_bomb(200 * MIB),
            b"<< /S /JavaScript /JS 3 0 R >>",
        ]
    )


def double_flate_bomb() -> bytes:
    data = zlib.compress(zlib.compress(b"\x00" * (200 * MIB), 9), 9)
    objects = [b"<< /Type /Catalog /Pages 2 0 R /Metadata 3 0 R >>", b"<< /Type /Pages /Kids [] >>"]
    return objects_to_pdf([*objects, stream(data, b"/Filter [/FlateDecode /FlateDecode]")])


def object_stream_of_itself() -> bytes:
    body = b"%PDF-1.7\n"
    start = len(body)
    rows = bytes([2, 0, 1, 0]) + bytes([2, 0, 1, 0])
    return body + (
        b"1 0 obj\n<< /Type /XRef /Size 2 /W [1 2 1] /Index [0 2] /Root 1 0 R /Length %d >>\nstream\n%s\n"
        b"endstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % (len(rows), rows, start)
    )


def png_bomb() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = (50_000).to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    rows = zlib.compress(b"\x00" * 50_001 * 200, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


HOSTILE: dict[str, tuple[Callable[[], bytes], set[str]]] = {
    "empty": (lambda: b"", {"EMPTY"}),
    "html": (lambda: b"<!doctype html><title>404</title>", {"NOT_PDF"}),
    "zip": (lambda: b"PK\x03\x04" + b"\x00" * 100, {"NOT_PDF"}),
    "random": (lambda: bytes(range(256)) * 40, {"NOT_PDF"}),
    "header only": (lambda: b"%PDF-1.7\n", {"DAMAGED"}),
    "truncated": (lambda: signed_pdf()[:-700], {"DAMAGED"}),
    "startxref into nothing": (lambda: plain_pdf().replace(b"startxref\n", b"startxref\n99"), {"DAMAGED"}),
    "previous loop": (previous_loop, {"DAMAGED", "LIMIT"}),
    "xref bomb": (lambda: xref_stream_bomb(hidden=False), {"LIMIT"}),
    "hidden xref bomb": (xref_stream_bomb, {"LIMIT"}),
    "deep nesting": (deep_nesting, {"DAMAGED", "LIMIT"}),
    "deep form": (deep_form, {"NO_SIGNATURE", "LIMIT"}),
    "circular fields": (circular_fields, {"DAMAGED", "NO_SIGNATURE"}),
    "40 MB contents": (huge_contents, {"LIMIT", "BAD_SIGNATURE"}),
    "100 000 signature fields": (form_with_many_fields, {"LIMIT"}),
    "2 000 revisions": (many_revisions, {"NO_SIGNATURE", "LIMIT"}),
    "recursive page": (recursive_page, {"NO_SIGNATURE", "LIMIT"}),
    "huge page": (huge_page, {"NO_SIGNATURE", "LIMIT"}),
    "flate bomb": (catalogue_in_a_flate_bomb, {"NO_SIGNATURE", "LIMIT"}),
    "double flate bomb": (double_flate_bomb, {"NO_SIGNATURE", "LIMIT"}),
    "object stream of itself": (object_stream_of_itself, {"DAMAGED", "LIMIT"}),
    "png bomb": (png_bomb, {"LIMIT"}),
    "broken jpeg": (lambda: b"\xff\xd8\xff\xe0" + b"\x00" * 500, {"DAMAGED"}),
    **STRUCTURE,
    **CMS,
    **PAGES,
}
