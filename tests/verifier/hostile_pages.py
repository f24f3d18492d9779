"""Hostile pages, pictures, encryption and things that are two kinds of file at once."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

from hostile_structure import CATALOG, NO_PAGES, PAGE, updated
from sample_files import encrypted_pdf, flate_bomb, objects_to_pdf, plain_pdf, signed_pdf, stream

MIB = 1024 * 1024
_FORM = b"/Type /XObject /Subtype /Form /BBox [0 0 595 842] "


def page(content: bytes, resources: bytes, *more: bytes, box: bytes = b"0 0 595 842") -> bytes:
    """An unsigned page, which is drawn to look for a QR code; ``more`` are objects from 5."""
    return objects_to_pdf(
        [
            CATALOG,
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [%s] /Contents 4 0 R /Resources << %s >> >>"
            % (box, resources),
            stream(content),
            *more,
        ]
    )


def page_after_signing(content: bytes, resources: bytes, *more: bytes) -> bytes:
    """The same as a later revision of a signed file, so that both are drawn and compared."""
    changed = {
        3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Annots [6 0 R] "
        b"/Resources << %s >> >>" % resources.replace(b" 5 0 R", b" 50 0 R").replace(b" 6 0 R", b" 51 0 R"),
        4: stream(content),
        **{
            50 + n: body.replace(b" 5 0 R", b" 50 0 R").replace(b" 6 0 R", b" 51 0 R")
            for n, body in enumerate(more)
        },
    }
    return updated(signed_pdf(), changed)


def image(entries: bytes, data: bytes) -> tuple[bytes, bytes, bytes]:
    return (
        b"600 0 0 800 0 0 cm /X Do",
        b"/XObject << /X 5 0 R >>",
        stream(
            data, b"/Type /XObject /Subtype /Image /BitsPerComponent 8 /ColorSpace /DeviceGray " + entries
        ),
    )


_HUGE = b"/Width 100000 /Height 100000 "
DRAWN: dict[str, tuple[bytes, ...]] = {
    "JBIG2": image(
        _HUGE + b"/Filter /JBIG2Decode", bytes.fromhex("00000000300001000000130000ffff0000ffff") + b"\0" * 99
    ),
    "JPX": image(
        _HUGE + b"/Filter /JPXDecode",
        bytes.fromhex("0000000c6a5020200d0a870a") + b"\xff\x4f\xff\x51" + b"\xff" * 999,
    ),
    "JPEG": image(
        _HUGE + b"/Filter /DCTDecode", b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03" + b"\x11" * 999
    ),
    "fax": image(
        _HUGE + b"/Filter /CCITTFaxDecode /DecodeParms << /K -1 /Columns 100000 /Rows 100000 >>",
        b"\xff" * 9999,
    ),
    "image": image(_HUGE + b"/Filter /FlateDecode", zlib.compress(bytes(100 * MIB), 9)),
    "image of images": image(
        _HUGE + b"/SMask 5 0 R /Mask 5 0 R /Filter /FlateDecode", zlib.compress(bytes(MIB))
    ),
    "pattern of itself": (
        b"/Pattern cs /P scn 0 0 595 842 re f",
        b"/Pattern << /P 5 0 R >>",
        stream(
            b"/Pattern cs /P scn 0 0 9 9 re f",
            b"/PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 9 9] /XStep 0.001 /YStep 0.001 "
            b"/Resources << /Pattern << /P 5 0 R >> >>",
        ),
    ),
    "font of itself": (
        b"BT /F 40 Tf 9 9 Td (%s) Tj ET" % (b"a" * 500),
        b"/Font << /F 5 0 R >>",
        b"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 9 9] /FontMatrix [1 0 0 1 0 0] "
        b"/FirstChar 97 /LastChar 97 /Widths [1] /CharProcs << /a 6 0 R >> "
        b"/Encoding << /Differences [97 /a] >> /Resources << /Font << /F 5 0 R >> >> >>",
        stream(b"1 0 d0 BT /F 1 Tf (%s) Tj ET" % (b"a" * 500)),
    ),
    "shading": (
        b"/S sh " * 300,
        b"/Shading << /S 5 0 R >>",
        b"<< /ShadingType 1 /ColorSpace /DeviceGray /Domain [0 99999 0 99999] /Function 6 0 R >>",
        stream(
            b"{ %s pop }" % (b"dup mul " * 5_000), b"/FunctionType 4 /Domain [0 99999 0 99999] /Range [0 1]"
        ),
    ),
    "form of itself": (
        b"/X Do " * 1_000,
        b"/XObject << /X 5 0 R >>",
        stream(b"/X Do " * 1_000, _FORM + b"/Resources << /XObject << /X 5 0 R >> >>"),
    ),
    "states": (b"q " * 2_000_000, b""),
    "operators": (b"0 0 m " + b"1 1 l 9 9 l " * 1_000_000 + b"S", b""),
    "dashes": (b"[0.00001] 0 d 0 0 m 595 842 l S " * 50, b""),
    "numbers": (b"1e38 0 0 1e38 1e38 -1e38 cm 0 0 9 9 re f " * 1_000, b""),
    "groups": (
        b"/X Do " * 300,
        b"/XObject << /X 5 0 R >>",
        stream(b"0 0 595 842 re f", _FORM + b"/Group << /S /Transparency /I true /K true >>"),
    ),
}


def many_annotations(count: int = 100_000) -> bytes:
    changed = {3: PAGE % (b"[6 0 R %s]" % b" ".join(b"%d 0 R" % (50 + n) for n in range(count)))}
    note = b"<< /Type /Annot /Subtype /Square /Rect [9 9 99 99] /P 3 0 R >>"
    changed.update({50 + n: note for n in range(count)})
    return updated(signed_pdf(), changed)


def many_pages_changed(count: int = 10_000) -> bytes:
    pages = b" ".join(b"%d 0 R" % (10 + 2 * n) for n in range(count))
    first: dict[int, bytes] = {2: b"<< /Type /Pages /Kids [3 0 R %s] /Count %d >>" % (pages, count + 1)}
    later = {}
    for n in range(count):
        first[10 + 2 * n] = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] /Contents %d 0 R >>" % (
            11 + 2 * n
        )
        first[11 + 2 * n] = stream(b"0 0 9 9 re f")
        later[11 + 2 * n] = stream(b"0 0 50 50 re f")
    return updated(signed_pdf(updated(plain_pdf(), first)), later)


# Two kinds of file at once


def behind(front: bytes) -> bytes:
    return front + signed_pdf()


def zipped_behind() -> bytes:
    out = BytesIO(signed_pdf())
    out.seek(0, 2)
    with ZipFile(out, "a", ZIP_DEFLATED) as file:
        file.writestr("surat.pdf", plain_pdf())
    return out.getvalue()


def zip_bomb() -> bytes:
    out = BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as file:
        for number in range(4):
            file.writestr(f"{number}.pdf", bytes(20 * MIB))
    return out.getvalue()


def zip_of_names() -> bytes:
    out = BytesIO()
    with ZipFile(out, "w") as file:
        for number in range(20_000):
            file.writestr(f"../../{number}\x1b[31m.pdf", b"")
    return out.getvalue()


# Encryption


def encrypted_with(entries: bytes, **changes: bytes) -> bytes:
    """An encryption dictionary that nobody can have meant."""
    return objects_to_pdf([CATALOG, NO_PAGES], trailer=b"/Encrypt << /Filter /Standard %s >>" % entries)


_AES = (
    b"/V 5 /R 6 /Length 256 /P -4 /CF << /StdCF << /CFM /AESV3 /Length 32 >> >> /StmF /StdCF /StrF /StdCF "
    b"/O <%s> /U <%s> /OE <%s> /UE <%s>" % (b"00" * 48, b"00" * 48, b"00" * 32, b"00" * 32)
)


def encrypted_bomb() -> bytes:
    """Streams that are decrypted before they are inflated."""
    pdf = encrypted_pdf("")
    return pdf.replace(b"/ID", b"/Metadata 99 0 R /ID", 1) + b"%d 0 obj\n%s\nendobj\n" % (
        99,
        flate_bomb(100 * MIB),
    )


def encrypted_by_itself() -> bytes:
    pdf = objects_to_pdf([CATALOG, NO_PAGES, b"<< /Filter 3 0 R /V 3 0 R /R 3 0 R /CF 3 0 R /O 3 0 R >>"])
    return pdf.replace(b"/ID ", b"/Encrypt 3 0 R /ID ", 1)


def encrypted_many_strings(count: int = 200_000) -> bytes:
    """Each string is decrypted by itself, under a key that an MD5 makes for its object."""
    array = b"[%s]" % (b"(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa)" * count)
    entries = b"/Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s>" % (b"00" * 32, b"00" * 32)
    return objects_to_pdf(
        [CATALOG[:-2] + b"/X 3 0 R /AcroForm << /Fields 3 0 R >> >>", NO_PAGES, array],
        trailer=b"/Encrypt << %s >>" % entries,
    )


PAGES: dict[str, tuple[Callable[[], bytes], set[str]]] = {
    **{
        f"drawn: {name}": ((lambda parts=parts: page(*parts)), {"NO_SIGNATURE"})
        for name, parts in DRAWN.items()
    },
    **{
        f"drawn after signing: {name}": ((lambda parts=parts: page_after_signing(*parts)), {"CHANGE_PAGE"})
        for name, parts in DRAWN.items()
    },
    "page of no size": (lambda: page(b"0 0 9 9 re f", b"", box=b"0 0 0 0"), {"NO_SIGNATURE"}),
    "page of negative size": (
        lambda: page(b"0 0 9 9 re f", b"", box=b"99999999999 9 -99999999999 0"),
        {"NO_SIGNATURE"},
    ),
    "page as long as a road": (lambda: page(b"0 0 9 9 re f", b"", box=b"0 0 1 14400000"), {"NO_SIGNATURE"}),
    "page of words": (lambda: page(b"0 0 9 9 re f", b"", box=b"/a (b) [] <<>>"), {"NO_SIGNATURE"}),
    "100 000 notes after signing": (many_annotations, {"BYTES_APPENDED"}),
    "10 000 pages changed": (many_pages_changed, {"CHANGE_OBJECT"}),
    "HTML before a PDF": (
        lambda: behind(b"<html><script>alert(1)</script><!--\n"),
        {"BYTES_IN_FRONT"},
    ),
    "ZIP before a PDF": (lambda: behind(b"PK\x03\x04" + b"\0" * 26), {"BYTES_IN_FRONT"}),
    "PNG before a PDF": (lambda: behind(b"\x89PNG\r\n\x1a\n"), {"DAMAGED"}),
    "4 kB before a PDF": (lambda: behind(b"#" * 4_096), {"NOT_PDF"}),
    "ZIP behind a PDF": (zipped_behind, {"BYTES_APPENDED"}),
    "ZIP bomb": (zip_bomb, {"INPUT_ZIP"}),
    "ZIP of names": (zip_of_names, {"INPUT_ZIP"}),
    "two headers": (lambda: behind(b"%PDF-1.4\n%%EOF\n"), {"CONTENTS_GAP"}),
    "R6 with no password": (lambda: encrypted_with(_AES), {"PASSWORD_NEEDED"}),
    "encrypted with nothing": (lambda: encrypted_with(b"/V 5 /R 6"), {"DAMAGED"}),
    "encrypted with a huge key": (
        lambda: encrypted_with(b"/V 2 /R 3 /Length 2147483640 /P 0 /O (a) /U (b)"),
        {"DAMAGED"},
    ),
    "encrypted with numbers": (
        lambda: encrypted_with(b"/V -1 /R 99999999999999 /Length [] /P (x) /O 1 /U 2"),
        {"ENCRYPTION_UNKNOWN"},
    ),
    "encrypted bomb": (encrypted_bomb, {"CONTENTS_GAP"}),
    "encrypted by itself": (encrypted_by_itself, {"LIMIT"}),
    "200 000 encrypted strings": (encrypted_many_strings, {"PASSWORD_NEEDED"}),
}
