"""Changes that genuine programs make and that change nothing of what was signed: all of them are permitted.

Beside each stands its counterpart, which says something else and is not.
"""

from __future__ import annotations

import random
import zlib

import pytest
from odd_files import sign, table
from one_page import FONT, LOOK, PAGE, SECOND, Objects, changes, document, stream
from small_pki import NOW

from tests.fuzz.writing import appended
from verifier.by_file import inspect
from verifier.pdf.encryption import _rc4

TX = b"<< /Type /Annot /Subtype /Widget /FT /Tx %s /Rect [72 600 372 630] /P 3 0 R /F 4 /V (1.000.000) %s >>"
FIELD = TX % (b"/T (Jumlah)", b"/AP << /N 9 0 R >>")


def written(x: float = 5, text: bytes = b"1.000.000", more: bytes = b"", font: bytes = b"/H 18 Tf") -> bytes:
    return stream(b"BT %s %g 8 Td 0 g (%s) Tj ET %s" % (font, x, text, more), LOOK)


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (written(5.3), "permitted"),
        (written(font=b"/H 16 Tf"), "permitted"),
        (written(text=b"9.000.000"), "forbidden"),
        (written(text=b"1.000"), "forbidden"),
        (written(font=b"/H 1 Tf"), "forbidden"),
        (written(more=b"0 g 8 8 2 14 re f 12 8 2 14 re f 16 8 2 14 re f"), "forbidden"),
        (written(more=b"20 5 m 30 25 l S"), "forbidden"),
        (stream(b"BT /H 18 Tf 5 8 Td 1 g (1.000.000) Tj ET", LOOK), "forbidden"),
    ],
)
def test_a_look_made_anew_shows_the_same_value(new: bytes, expected: str) -> None:
    pdf = sign(table(document({8: FIELD, 9: written()}, fields=b"8 0 R")))
    assert changes(appended(pdf, {8: FIELD.replace(b"9 0 R", b"20 0 R"), 20: new})) == expected


def test_a_look_made_anew_is_told() -> None:
    pdf = sign(table(document({8: FIELD, 9: written()}, fields=b"8 0 R")))
    anew = appended(pdf, {8: FIELD.replace(b"9 0 R", b"20 0 R"), 20: written(5.3)})
    findings = inspect(anew, anchors=[], moment=NOW).findings
    assert [dict(each.values) for each in findings if each.code == "FIELD_REDRAWN"] == [
        {"field": "Satu", "name": "Jumlah"}
    ]


def test_a_look_made_anew_is_written_in_a_font_that_was_signed() -> None:
    pdf = sign(table(document({8: FIELD, 9: written()}, fields=b"8 0 R")))
    anew = {8: FIELD.replace(b"9 0 R", b"20 0 R"), 20: written(5.3).replace(b"/H 5 0 R", b"/H 21 0 R")}
    lying = FONT % b"/Encoding << /Differences [49 /nine] >> /ToUnicode 22 0 R"
    assert changes(appended(pdf, {**anew, 21: lying})) == "forbidden"


NOTE = b"<< /Type /Annot /Subtype /Text /Rect [500 60 520 80] /F 28 /Contents (%s) %s >>"


def test_a_note_of_later_may_change_and_go_again() -> None:
    objects = document()
    pdf = sign(table(objects))
    page = objects[3].replace(b"6 0 R ", b"6 0 R 20 0 R ")
    noted = appended(pdf, {3: page, 20: NOTE % (b"satu", b"")})
    assert changes(noted) == "permitted"
    assert changes(appended(noted, {20: NOTE % (b"dua", b"/C [1 0 0]")})) == "permitted"
    assert (
        changes(appended(noted, {20: (NOTE % (b"satu", b"")).replace(b"60 520 80", b"90 520 110")}))
        == "permitted"
    )
    assert changes(appended(noted, {3: objects[3]})) == "permitted"
    over = b"<< /Type /Annot /Subtype /Square /Rect [72 690 372 730] /F 4 /IC [1 1 1] /C [1 1 1] >>"
    assert changes(appended(noted, {20: over})) == "forbidden"
    # One that was signed stays.
    signed = sign(table(document({8: NOTE % (b"satu", b"")}, notes=b"8 0 R")))
    assert changes(appended(signed, {3: objects[3]})) == "forbidden"


def test_the_window_of_a_signed_note_may_be_moved_and_opened() -> None:
    window = b"<< /Type /Annot /Subtype /Popup /Rect [%d 60 520 80] /Parent 8 0 R /Open %s >>"
    note = NOTE % (b"satu", b"/Popup 9 0 R")
    pdf = sign(table(document({8: note, 9: window % (400, b"false")}, notes=b"8 0 R 9 0 R")))
    assert changes(appended(pdf, {9: window % (420, b"true")})) == "permitted"


REWRITTEN: dict[str, tuple[Objects, Objects, Objects]] = {}
_PLAIN = document({8: FIELD, 9: written(), 10: b"<< /Contoh (1) >>"}, fields=b"8 0 R")
REWRITTEN["a name in UTF-16"] = (
    _PLAIN,
    {8: FIELD.replace(b"(Jumlah)", b"<FEFF004A0075006D006C00610068>")},
    {8: FIELD.replace(b"(Jumlah)", b"<FEFF004A0075006D006C00610069>")},
)
REWRITTEN["flags written out"] = (
    _PLAIN,
    {8: FIELD.replace(b"/FT", b"/Ff 0 /Q 0 /MK << >> /FT")},
    {8: FIELD.replace(b"/FT", b"/Ff 2 /Q 0 /MK << >> /FT")},
)
REWRITTEN["a signed field made read-only"] = (
    _PLAIN,
    {6: _PLAIN[6].replace(b"/FT", b"/Ff 1 /FT")},
    {6: _PLAIN[6].replace(b"/FT", b"/Ff 2 /FT")},
)
REWRITTEN["a turn of nothing"] = (
    _PLAIN,
    {3: _PLAIN[3].replace(b"/Parent", b"/Rotate 0 /CropBox [0 0 595 842] /Parent")},
    {3: _PLAIN[3].replace(b"/Parent", b"/Rotate 0 /CropBox [0 0 595 700] /Parent")},
)
REWRITTEN["contents as an array"] = (
    _PLAIN,
    {3: _PLAIN[3].replace(b"/Contents 4 0 R", b"/Contents [4 0 R]")},
    {3: _PLAIN[3].replace(b"/Contents 4 0 R", b"/Contents [4 0 R 20 0 R]"), 20: stream(b"0 0 90 90 re f")},
)
REWRITTEN["kids in an object of their own"] = (
    _PLAIN,
    {2: b"<< /Type /Pages /Kids 20 0 R /Count 1 >>", 20: b"[3 0 R]"},
    {2: b"<< /Type /Pages /Kids 20 0 R /Count 1 >>", 20: b"[21 0 R]", 21: PAGE % (b"8 0 R", b"/Rotate 90")},
)
_NOTED = {**_PLAIN, 3: _PLAIN[3].replace(b"/Parent", b"/PieceInfo 10 0 R /Parent")}
REWRITTEN["what a program notes for itself"] = (
    _NOTED,
    {10: b"<< /Contoh (2) >>"},
    {10: b"<< /Contoh (2) >>", 3: _NOTED[3].replace(b"/PieceInfo 10 0 R", b"/PieceInfo 10 0 R /UserUnit 2")},
)


@pytest.mark.parametrize("name", REWRITTEN)
def test_the_same_may_be_written_otherwise(name: str) -> None:
    objects, same, other = REWRITTEN[name]
    pdf = sign(table(objects))
    assert changes(appended(pdf, same)) == "permitted"
    assert changes(appended(pdf, other)) == "forbidden"


@pytest.mark.parametrize("kind", [b"", b"/Type /page"])
def test_a_page_is_one_whatever_it_calls_itself(kind: bytes) -> None:
    objects = document()
    objects[3] = objects[3].replace(b"/Type /Page", kind)
    pdf = sign(table(objects))
    revision = {
        1: objects[1].replace(b"[6 0 R ", b"[6 0 R 20 0 R "),
        3: objects[3].replace(b"6 0 R ", b"6 0 R 20 0 R "),
        20: b"<< /Type /Annot /Subtype /Widget /FT /Sig /T (Dua) /F 4 /Rect [72 400 372 430] /P 3 0 R >>",
    }
    assert changes(appended(pdf, revision)) == "permitted"


DATA = b"<xfa:datasets><xfa:data><form1><nama>Siti</nama>%s</form1></xfa:data></xfa:datasets>"


@pytest.mark.parametrize(
    ("number", "new", "expected"),
    [
        (9, DATA % b"<kota>Cirebon</kota>", "permitted"),
        (9, DATA % b"<kota></kota>", "permitted"),
        (9, DATA.replace(b"Siti", b"Budi") % b"", "forbidden"),
        (9, b"<xfa:datasets/>", "forbidden"),
        (9, DATA % b"<kota presence='hidden'/>", "forbidden"),
        (8, b"<template><text>Lain</text></template>", "forbidden"),
    ],
)
def test_the_data_of_an_xfa_form_may_grow(number: int, new: bytes, expected: str) -> None:
    packets = b"/XFA [(template) 8 0 R (datasets) 9 0 R]"
    template = stream(b"<template><text>Nama</text></template>")
    pdf = sign(table(document({8: template, 9: stream(DATA % b"")}, form=packets)))
    assert changes(appended(pdf, {number: stream(new)})) == expected


def test_data_that_is_a_page_at_the_same_time_is_a_page() -> None:
    objects = document({8: stream(b"<template/>")}, form=b"/XFA [(template) 8 0 R (datasets) 4 0 R]")
    pdf = sign(table(objects))
    assert changes(appended(pdf, {4: stream(b"0 0 90 90 re f")})) == "forbidden"


SIGNED_FIELD = b"/Type /Annot /Subtype /Widget /FT /Sig /T (Dua)"


def second_signature(objects: Objects, box: bytes) -> Objects:
    return {
        1: objects[1].replace(b"[6 0 R ", b"[6 0 R 30 0 R "),
        3: objects[3].replace(b"6 0 R ", b"6 0 R 30 0 R "),
        30: b"<< %s /F 4 /Rect %s /V 32 0 R /AP << /N 31 0 R >> >>" % (SIGNED_FIELD, box),
        32: SECOND,
        31: stream(b"1 g 0 0 150 50 re f", b"/Type /XObject /Subtype /Form /BBox [0 0 150 50]"),
    }


def test_a_plan_of_a0_is_drawn_too() -> None:
    objects = document()
    objects[3] = objects[3].replace(b"[0 0 595 842]", b"[0 0 2384 3370]")
    pdf = sign(table(objects))
    assert changes(appended(pdf, second_signature(objects, b"[1000 1000 1150 1050]"))) == "permitted"
    assert changes(appended(pdf, second_signature(objects, b"[60 690 210 740]"))) == "forbidden"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"BT /F1 12 Tf 300 120 Td (................................) Tj ET", "permitted"),
        (b"[3 2] 0 d 300 120 m 450 120 l S", "permitted"),
        (b"[1 3] 0 d 2 w 300 120 m 450 120 l S", "permitted"),
        (b"BT /F1 12 Tf 300 120 Td (nol koma nol nol) Tj ET", "forbidden"),
        (b"BT /F1 6 Tf 300 120 Td (1.111.111.111.111.111.111.111.111.111) Tj ET", "forbidden"),
    ],
)
def test_a_line_to_sign_on_may_have_gaps(line: bytes, expected: str) -> None:
    objects = document(content=b"BT /F1 18 Tf 72 700 Td (Jumlah) Tj ET " + line)
    pdf = sign(table(objects))
    assert changes(appended(pdf, second_signature(objects, b"[300 100 450 150]"))) == expected


def scan(*, noise: int, specks: int) -> bytes:
    """A page as a scanner makes it: 300 by 424 grey pixels, noisy or speckled."""
    draw = random.Random(20261126)
    if noise:
        pixels = bytes(max(0, min(255, round(draw.gauss(225, noise)))) for _ in range(300 * 424))
    else:
        grey = bytearray(b"\xff" * 300 * 424)
        for _ in range(specks):
            grey[draw.randrange(len(grey))] = 0
        pixels = bytes(grey)
    image = zlib.compress(pixels)
    return stream(
        image,
        b"/Type /XObject /Subtype /Image /Width 300 /Height 424 /BitsPerComponent 8 /ColorSpace /DeviceGray "
        b"/Filter /FlateDecode",
    )


@pytest.mark.parametrize(("noise", "specks"), [(12, 0), (0, 300)])
def test_what_a_scanner_adds_is_nothing_to_read(noise: int, specks: int) -> None:
    word = b"BT 0 g /F1 18 Tf 72 700 Td (Jumlah: Rp 1.000.000) Tj ET"
    objects = document({8: scan(noise=noise, specks=specks)}, content=b"q 595 0 0 842 0 0 cm /I Do Q " + word)
    objects[3] = objects[3].replace(b"/Font <<", b"/XObject << /I 8 0 R >> /Font <<")
    pdf = sign(table(objects))
    assert changes(appended(pdf, second_signature(objects, b"[300 100 450 150]"))) == "permitted"
    assert changes(appended(pdf, second_signature(objects, b"[60 690 210 740]"))) == "forbidden"


@pytest.mark.parametrize("size", range(5, 17))
def test_rc4_takes_keys_of_every_length(size: int) -> None:
    # RFC 6229, where it has the length: the first bytes of the key stream for 01 02 03 …
    known = {5: "b2396305f03dc027", 7: "293f02d47f37c9b6", 8: "97ab8a1bf0afb961", 16: "9ac7cc9a609d1ef7"}
    key = bytes(range(1, size + 1))
    stream_of_key = _rc4(key, bytes(64))
    if size in known:
        assert stream_of_key[:8].hex() == known[size]
    assert _rc4(key, stream_of_key) == bytes(64)
    assert len({_rc4(bytes(range(1, each + 1)), bytes(8)) for each in range(5, 17)}) == 12
