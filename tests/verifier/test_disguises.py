"""Changes that leave every word of the signed objects in place, and show something else all the same.

Where readers of PDF differ, whoever changes a file chooses what each of them shows: what they take in
different ways is no longer what was signed. And what is added has to be looked at wherever it is drawn.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping

import pytest
from odd_files import sign, table
from one_page import FONT, LOOK, PAGE, SECOND, TEXT, Objects, changes, document, look, stream

from tests.fuzz.writing import appended

NINES = b"/Encoding << /Differences [49 /nine] >>"
SIGNATURE = b"/Type /Annot /Subtype /Widget /FT /Sig /T (Baru) /F 4"
OVER = b"/Rect [72 690 372 730]"  # what the page says
BESIDE = b"/Rect [72 400 372 430]"  # white paper


def by_hand(
    pdf: bytes,
    objects: Objects,
    *,
    generations: Mapping[int, tuple[int, int]] | None = None,
    drop: bytes = b"",
    rows_more: bytes = b"",
) -> bytes:
    """A revision with a table; ``generations`` are those of the entry and of the object."""
    out, rows = bytearray(pdf), b""
    for number, body in sorted(objects.items()):
        listed, own = (generations or {}).get(number, (0, 0))
        rows += b"%d 1\n%010d %05d n \n" % (number, len(out), listed)
        out += b"%d %d obj\n%s\nendobj\n" % (number, own, body)
    previous = re.findall(rb"startxref\s+(\d+)", pdf)[-1]
    trailer = b"<< /Root 1 0 R /Size 40 /Prev %s >>" % previous
    end = b"trailer\n%s\nstartxref\n%d\n%%%%EOF\n" % (trailer.replace(drop, b""), len(out))
    return bytes(out) + b"xref\n" + rows + rows_more + end


def packed(pdf: bytes, header: bytes, content: bytes, more: Objects) -> bytes:
    """A revision by a cross-reference stream, with object 3 in an object stream of that header."""
    out, rows = bytearray(pdf), {}
    count = len(header.split()) // 2
    container = stream(header + content, b"/Type /ObjStm /N %d /First %d" % (min(count, 1), len(header)))
    for number, body in {**more, 30: container}.items():
        rows[number] = (1, len(out), 0)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    rows[3], rows[31], start = (2, 30, 0), (1, len(out), 0), len(out)
    listed = sorted(rows.items())
    data = b"".join(bytes((k,)) + at.to_bytes(4, "big") + bytes((0, at_)) for _, (k, at, at_) in listed)
    index = b" ".join(b"%d 1" % number for number, _ in listed)
    previous = re.findall(rb"startxref\s+(\d+)", pdf)[-1]
    entries = b"/Type /XRef /W [1 4 2] /Index [%s] /Root 1 0 R /Size 40 /Prev %s" % (index, previous)
    out += b"31 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF\n" % (stream(data, entries), start)
    return bytes(out)


PACKED = zlib.compress(TEXT)
ROWS = zlib.compress(b"".join(b"%" + bytes((each,)) for each in TEXT))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (stream(PACKED, b"/Filter /FlateDecode"), "permitted"),
        (stream(PACKED, b"/Filter [/FlateDecode] /DecodeParms [<< /Predictor 1 >>]"), "permitted"),
        (stream(TEXT.hex().encode() + b">", b"/Filter /ASCIIHexDecode"), "permitted"),
        (stream(PACKED[2:-4], b"/Filter /FlateDecode"), "forbidden"),
        (stream(PACKED[:-4], b"/Filter /FlateDecode"), "forbidden"),
        (
            stream(PACKED, b"/Filter [/Crypt /FlateDecode] /DecodeParms [<< /Name /StdCF >> null]"),
            "forbidden",
        ),
        (stream(PACKED, b"/Filter /FlateDecode /DecodeParms << /Predictor 12.0 /Columns 1 >>"), "forbidden"),
        *(
            (stream(ROWS, b"/Filter %s /DecodeParms %s" % each), "forbidden")
            for each in (
                (b"[/FlateDecode]", b"<< /Predictor 12 /Columns 1 >>"),
                (b"/FlateDecode", b"[<< /Predictor 12 /Columns 1 >>]"),
                (b"/FlateDecode", b"<< /Predictor 5 /Columns 1 >>"),
                (b"/FlateDecode", b"<< /Predictor 99 /Columns 1 >>"),
            )
        ),
        # What stands behind is another stream for who believes the length.
        (stream(TEXT + b"\nendstream 0 g 60 600 400 200 re f", b"", b"/Length 212.0"), "forbidden"),
        (stream(TEXT, b"", b"/Length -1"), "undetermined"),
        (stream(TEXT, b"", b"/Length 5"), "undetermined"),
        (stream(TEXT, b"", b""), "undetermined"),
    ],
)
def test_a_stream_is_the_same_only_where_every_reader_unpacks_it_alike(body: bytes, expected: str) -> None:
    assert changes(by_hand(sign(table(document())), {4: body})) == expected


@pytest.mark.parametrize(("listed", "own"), [(1, 1), (1, 0), (0, 1)])
def test_readers_that_look_for_a_generation_find_the_same(listed: int, own: int) -> None:
    objects = document()
    pdf = sign(table(objects))
    assert changes(by_hand(pdf, {4: objects[4]})) == "permitted"
    assert changes(by_hand(pdf, {4: objects[4]}, generations={4: (listed, own)})) == "undetermined"


def test_an_object_stream_names_each_object_once_and_in_digits_alone() -> None:
    objects = document()
    pdf, page = sign(table(objects)), objects[3]
    other = page.replace(b"4 0 R", b"20 0 R")
    more = {20: stream(TEXT.replace(b"1.000", b"9.000"))}
    assert changes(packed(pdf, b"3 0 ", page, more)) == "permitted"
    remark = b"3 %%0\n%06d " % (len(page) + 1)
    assert changes(packed(pdf, remark, page + b" " + other, more)) == "undetermined"
    twice = b"3 %d 3 0 " % (len(page) + 1)
    assert changes(packed(pdf, twice, other + b" " + page, more)) != "permitted"


def test_a_trailer_names_the_root_and_a_table_has_its_rows() -> None:
    pdf = sign(table(document()))
    assert changes(by_hand(pdf, {20: b"<< >>"})) == "permitted"
    assert changes(by_hand(pdf, {20: b"<< >>"}, drop=b"/Root 1 0 R")) == "undetermined"
    assert changes(by_hand(pdf, {20: b"<< >>"}, rows_more=b"30 5\n")) == "undetermined"


@pytest.mark.parametrize(
    ("number", "old", "new", "expected"),
    [
        (3, b"/Rotate 90", b"/Rotate 90.0", "forbidden"),
        (3, b"[0 0 595 842]", b"[0.0 0.00 595.0 842]", "permitted"),
        (8, b"/F 2", b"/F 2.0", "forbidden"),
        (9, b"/BitsPerComponent 8", b"/BitsPerComponent 8.0", "forbidden"),
    ],
)
def test_a_real_number_is_no_integer_but_among_coordinates(
    number: int, old: bytes, new: bytes, expected: str
) -> None:
    objects = document(
        {
            8: b"<< /Type /Annot /Subtype /FreeText %s /F 2 /DA (/H 9 Tf) /AP << /N 10 0 R >> >>" % BESIDE,
            9: stream(bytes(100), b"/Type /XObject /Subtype /Image /Width 10 /Height 10 /BitsPerComponent 8 "
                      b"/ColorSpace /DeviceGray"),
            10: look(b"(Bayar 9.999.000) Tj"),
        },
        notes=b"8 0 R",
        page=b"/Rotate 90 /Group << /Example 9 0 R >>",
    )  # fmt: skip
    pdf = sign(table(objects))
    assert old in objects[number]
    assert changes(appended(pdf, {number: objects[number].replace(old, new)})) == expected


@pytest.mark.parametrize("name", [b"F1", b"P", b"Pg", b"Parent", b"Popup", b"IRT"])
def test_a_resource_may_have_any_name(name: bytes) -> None:
    objects = document(content=TEXT.replace(b"/F1", b"/" + name))
    objects[3] = objects[3].replace(b"/F1 5", b"/%s 5" % name)
    pdf = sign(table(objects))
    assert changes(appended(pdf, {5: FONT % NINES})) == "forbidden"


def test_the_order_of_what_lies_on_a_page_is_part_of_it() -> None:
    box = b"/Rect [72 600 372 630] /F 4 /DA (/H 9 Tf)"
    objects = document(
        {
            8: b"<< /Type /Annot /Subtype /FreeText %s /AP << /N 10 0 R >> >>" % box,
            9: b"<< /Type /Annot /Subtype /FreeText %s /AP << /N 11 0 R >> >>" % box,
            10: look(b"(Bayar 9.999.000) Tj"),
            11: look(b"(Bayar 1.000) Tj"),
        },
        notes=b"8 0 R 9 0 R",
    )
    pdf = sign(table(objects))
    assert changes(appended(pdf, {3: objects[3].replace(b"8 0 R 9 0 R", b"9 0 R 8 0 R")})) == "forbidden"


NOTE = b"/Type /Annot /F 4 /Contents (x)"
ADDED = {
    "a rectangle with null": b"%s /Rect [null 690 372 730] /AP << /N 21 0 R >>" % SIGNATURE,
    "a rectangle with a name": b"%s /Rect [/A 690 372 730] /AP << /N 21 0 R >>" % SIGNATURE,
    "a rectangle of five": b"%s /Rect [72 690 372 730 0] /AP << /N 21 0 R >>" % SIGNATURE,
    "a note of null": b"%s /Subtype /FreeText /Rect [null 690 372 730] /AP << /N 21 0 R >>" % NOTE,
    "the invisible flag": b"%s %s /AP << /N 21 0 R >>" % (SIGNATURE.replace(b"/F 4", b"/F 5"), OVER),
    "printed and invisible": b"%s %s /AP << /N 21 0 R >>" % (SIGNATURE.replace(b"/F 4", b"/F 37"), BESIDE),
    "no kids": b"%s /Kids [] %s /AP << /N 21 0 R >>" % (SIGNATURE, BESIDE),
    "a kid that is null": b"%s /Kids [null] %s /AP << /N 21 0 R >>" % (SIGNATURE, BESIDE),
    "another page": b"%s %s /P 22 0 R /AP << /N 21 0 R >>" % (SIGNATURE, OVER),
    "a marker elsewhere": b"%s /Subtype /Highlight /Rect [400 60 420 80] /C [0 0 0] "
    b"/QuadPoints [60 730 400 730 60 690 400 690]" % NOTE,
    "a polygon elsewhere": b"%s /Subtype /Polygon /Rect [400 60 420 80] /C [1 1 1] /IC [1 1 1] "
    b"/Vertices [60 690 400 690 400 730 60 730]" % NOTE,
    "ink elsewhere": b"%s /Subtype /Ink /Rect [400 60 420 80] /C [1 1 1] /BS << /W 40 >> "
    b"/InkList [[60 706 400 706]]" % NOTE,
    "a line elsewhere": b"%s /Subtype /Line /Rect [400 60 420 80] /C [1 1 1] /L [60 706 400 706]" % NOTE,
    "a wide border": b"%s /Subtype /Link /Rect [200 640 210 650] /Border [0 0 150] /C [1 1 1]" % NOTE,
    "a painted field": b"%s %s /MK << /BG [1 1 1] >>" % (SIGNATURE, OVER),
    "words without a signature": b"%s %s /AP << /N 23 0 R >>" % (SIGNATURE, BESIDE),
    "a stamp called a field": b"%s %s /AP << /N 21 0 R >>" % (SIGNATURE.replace(b"Widget", b"Stamp"), BESIDE),
    "the first one's signature": b"%s %s /V 7 0 R /AP << /N 21 0 R >>" % (SIGNATURE, BESIDE),
}


@pytest.mark.parametrize("name", ADDED)
def test_an_addition_is_looked_at_wherever_it_is_drawn(name: str) -> None:
    objects = document({22: PAGE % (b"", b"")})
    objects[2] = b"<< /Type /Pages /Kids [3 0 R 22 0 R] /Count 2 >>"
    objects[22] = objects[22].replace(b"4 0 R", b"24 0 R")
    objects |= {23: b"null", 24: stream(b"")}
    pdf = sign(table({number: objects.get(number, b"null") for number in range(1, 25)}))
    revision = {
        3: objects[3].replace(b"6 0 R ", b"6 0 R 25 0 R "),
        25: b"<< %s >>" % ADDED[name].replace(b"21 0 R", b"26 0 R").replace(b"23 0 R", b"27 0 R"),
        26: stream(b"0.6 g 0 0 600 842 re f", b"/Type /XObject /Subtype /Form /BBox [0 0 600 842]"),
        27: look(b"(Tambahan: Rp 9.999.000) Tj"),
    }
    if b"/FT /Sig" in ADDED[name]:
        revision[1] = objects[1].replace(b"[6 0 R ", b"[6 0 R 25 0 R ")
    assert changes(appended(pdf, revision)) == "forbidden"
    assert changes(appended(pdf, {**revision, 25: b"<< %s %s >>" % (SIGNATURE, BESIDE)})) != "undetermined"


@pytest.mark.parametrize("permission", [1, 2])
def test_a_certification_covers_fields_that_nobody_signed_yet(permission: int) -> None:
    method = b"/Type /SigRef /TransformMethod /DocMDP /TransformParams << /V /1.2 /P %d >>" % permission
    objects = document(reference=b"/Reference [<< %s >>]" % method)
    objects[1] = objects[1][:-2] + b"/Perms << /DocMDP 7 0 R >> >>"
    pdf = sign(table(objects))
    revision = {
        1: objects[1].replace(b"[6 0 R ", b"[6 0 R 20 0 R "),
        3: objects[3].replace(b"6 0 R ", b"6 0 R 20 0 R "),
        20: b"<< %s %s >>" % (SIGNATURE, BESIDE),
    }
    assert changes(appended(pdf, revision)) == ("forbidden" if permission == 1 else "permitted")


def test_a_waiting_field_does_not_get_the_first_ones_signature() -> None:
    waiting = b"<< %s %s /P 3 0 R >>" % (SIGNATURE, BESIDE)
    pdf = sign(table(document({8: waiting}, fields=b"8 0 R")))
    revision = {8: waiting[:-2] + b"/V 7 0 R /AP << /N 20 0 R >> >>", 20: look(b"(Disetujui) Tj")}
    assert changes(appended(pdf, revision)) == "forbidden"


TX = (
    b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (Jumlah) /Rect [72 600 372 630] /P 3 0 R /F 4 /V (%s) %s >>"
)


@pytest.mark.parametrize("drawn_by_programs", [b"", b"/NeedAppearances true"])
def test_the_forms_fonts_stay_what_they_are(drawn_by_programs: bytes) -> None:
    form = b"/DA (/Helv 18 Tf 0 g) /DR << /Font << /Helv 9 0 R >> >>" + drawn_by_programs
    objects = document({8: TX % (b"1.111.000", b""), 9: FONT % b""}, fields=b"8 0 R", form=form)
    pdf = sign(table(objects))
    assert changes(appended(pdf, {9: FONT % NINES})) == "forbidden"
    more = objects[1].replace(b"/Helv 9 0 R", b"/Helv 9 0 R /Baru 20 0 R")
    assert changes(appended(pdf, {1: more, 20: FONT % b""})) == "permitted"


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (b"(19.000.000) Tj", "permitted"),
        (b"(19.) Tj 27 0 Td (000.000) Tj", "permitted"),
        (b"[(1) 20 (9.000.000)] TJ", "permitted"),
        (b"10 0 Td (1) Tj -10 0 Td (9) Tj 20 0 Td (.000.000) Tj", "forbidden"),
        (b"[(1) 1200 (9.000.000)] TJ", "forbidden"),
        (b"-12 Tc (19.000.000) Tj", "forbidden"),
        (b"-100 Tz (19.000.000) Tj", "forbidden"),
        (b"1 g (1) Tj 0 g (9.000.000) Tj", "forbidden"),
        (b"(19.000) Tj 1 1 1 rg (.000) Tj", "forbidden"),
        (b"1 0 0 1 40 8 Tm (1) Tj ET q 1 0 0 1 -30 0 cm BT 1 0 0 1 20 8 Tm (9) Tj ET Q BT", "forbidden"),
    ],
)
def test_a_look_reads_as_its_operators_say(shown: bytes, expected: str) -> None:
    pdf = sign(table(document({8: TX % (b"", b"")}, fields=b"8 0 R")))
    revision = {
        8: TX % (b"19.000.000", b"/AP << /N 20 0 R >>"),
        20: stream(b"BT /H 18 Tf 5 8 Td 0 g %s ET" % shown, LOOK),
    }
    assert changes(appended(pdf, revision)) == expected


BUTTON = b"<< /Type /Annot /Subtype /Widget /FT /Btn /T (Foto) /Rect [72 500 372 530] /P 3 0 R /F 4 %s >>"


def test_a_push_button_has_no_value_and_keeps_its_look() -> None:
    before = BUTTON % b"/Ff 65536 /AP << /N 9 0 R >>"
    pdf = sign(table(document({8: before, 9: look(b"(Foto: Budi) Tj")}, fields=b"8 0 R")))
    after = BUTTON % b"/Ff 65536 /AS /A /AP << /N << /A 20 0 R >> >>"
    assert changes(appended(pdf, {8: after, 20: look(b"(Foto: Lain) Tj")})) == "forbidden"


def test_a_mark_does_not_become_a_text() -> None:
    states = b"/AP << /N << /Ya 9 0 R /Off 10 0 R >> >>"
    before = BUTTON % (b"/V /Ya /AS /Ya " + states)
    pdf = sign(
        table(document({8: before, 9: look(b"(X setuju) Tj"), 10: stream(b"", LOOK)}, fields=b"8 0 R"))
    )
    off = BUTTON % (b"/V /Off /AS /Off " + states)
    assert changes(appended(pdf, {8: off})) == "permitted"
    other = off.replace(b"/Off 10 0 R", b"/Off 20 0 R")
    assert changes(appended(pdf, {8: other, 20: look(b"(4) Tj")})) == "permitted"
    assert changes(appended(pdf, {8: other, 20: look(b"(Jumlah Rp 9.999.000) Tj")})) == "forbidden"


SPOKEN = b"<< /Type /StructElem /S /P /P 20 0 R %s >>"


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        (SPOKEN % b"/K << /Type /OBJR /Obj 6 0 R >> /Alt (Tanda tangan)", "permitted"),
        (SPOKEN % b"/Pg 3 0 R /K 0", "forbidden"),
        (SPOKEN % b"/Pg 3 0 R /K << /Type /MCR /Pg 3 0 R /MCID 0 >>", "forbidden"),
        (SPOKEN % b"/ActualText (Jumlah Rp 9.999.000)", "forbidden"),
    ],
)  # fmt: skip
def test_nothing_more_is_spoken_of_a_signed_page(element: bytes, expected: str) -> None:
    root = b"<< /Type /StructTreeRoot /K [%s 9 0 R] >>"
    objects = document(
        {8: root % b"", 9: b"<< /Type /StructElem /S /P /P 8 0 R /Pg 3 0 R /K 0 >>"},
        content=b"/P << /MCID 0 >> BDC %s EMC" % TEXT,
    )
    objects[1] = objects[1][:-2] + b"/StructTreeRoot 8 0 R /MarkInfo << /Marked true >> >>"
    pdf = sign(table(objects))
    assert changes(appended(pdf, {8: root % b"20 0 R", 20: element})) == expected


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
@pytest.mark.parametrize("cut", [b"", b"/CropBox [-1000 -1000 2000 2000]", b"/CropBox [20 30 575 812]"])
def test_the_place_is_found_on_every_page(turned: int, cut: bytes) -> None:
    objects = document(page=b"/Rotate %d %s" % (turned, cut))
    pdf = sign(table(objects))
    for box, expected in ((OVER, "forbidden"), (BESIDE, "permitted")):
        revision = {
            1: objects[1].replace(b"[6 0 R ", b"[6 0 R 20 0 R "),
            3: objects[3].replace(b"6 0 R ", b"6 0 R 20 0 R "),
            20: b"<< %s %s /P 3 0 R /V 22 0 R /AP << /N 21 0 R >> >>" % (SIGNATURE, box),
            22: SECOND,
            21: stream(b"1 g 0 0 300 40 re f", b"/Type /XObject /Subtype /Form /BBox [0 0 300 40]"),
        }
        assert changes(appended(pdf, revision)) == expected


PLAIN_LOOK = stream(b"0.6 g 0 0 300 40 re f", b"/Type /XObject /Subtype /Form /BBox [0 0 300 40]")


def with_note(objects: Objects, annotation: bytes, more: Objects | None = None) -> Objects:
    revision = {
        3: objects[3].replace(b"6 0 R ", b"6 0 R 20 0 R "),
        20: b"<< %s >>" % annotation,
        **(more or {}),
    }
    if b"/FT /Sig" in annotation:
        revision[1] = objects[1].replace(b"[6 0 R ", b"[6 0 R 20 0 R ")
    return revision


BOX = b"/BBox [0 0 300 40] "


def form(content: bytes, entries: bytes = BOX) -> bytes:
    return stream(content, b"/Type /XObject /Subtype /Form " + entries)


UNDERLINE = (
    b"/Type /Annot /Subtype /Underline /F 4 %s /QuadPoints [72 718 280 718 72 696 280 696] /AP %%s" % OVER
)
LINE = b"1 0 0 RG 0 6 m 208 6 l S"
LOOKS = {
    "five numbers": (b"<< /N 21 0 R >>", {21: form(LINE, b"/BBox [0 0 300 40 0]")}),
    "an unknown operator": (b"<< /N 21 0 R >>", {21: form(LINE + b" foo")}),
    "too few operands": (b"<< /N 21 0 R >>", {21: form(b"1 0 0 1 0 cm " + LINE)}),
    "dashes below zero": (b"<< /N 21 0 R >>", {21: form(b"[-1] 0 d " + LINE)}),
    "a state of a string": (
        b"<< /N 21 0 R >>",
        {21: form(b"/G gs " + LINE, BOX + b"/Resources << /ExtGState << /G << /ca (1) >> >> >>")},
    ),
    "a layer": (
        b"<< /N 21 0 R >>",
        {21: form(b"/OC /L BDC %s EMC" % LINE, BOX + b"/Resources << /Properties << /L 22 0 R >> >>"),
         22: b"<< /Type /OCG /Name (x) >>"},
    ),
    "states without a state": (b"<< /N << /On 21 0 R >> >>", {21: form(LINE)}),
    "a look for who presses": (b"<< /N 21 0 R /D 22 0 R >>", {21: form(LINE), 22: form(LINE + b" " + LINE)}),
    "compressed oddly": (
        b"<< /N 21 0 R >>",
        {21: stream(zlib.compress(LINE), b"/Type /XObject /Subtype /Form /BBox [0 0 300 40] "
                    b"/Filter /FlateDecode /DecodeParms << /Predictor 12.0 >>")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LOOKS)
def test_a_new_look_is_drawn_alike_by_every_program(name: str) -> None:
    objects = document()
    pdf = sign(table(objects))
    plain = with_note(objects, UNDERLINE % b"<< /N 21 0 R >>", {21: form(LINE)})
    assert changes(appended(pdf, plain)) == "permitted"
    look_of, more = LOOKS[name]
    assert changes(appended(pdf, with_note(objects, UNDERLINE % look_of, more))) != "permitted"


@pytest.mark.parametrize(
    "flags", [b"/F 32", b"/F 36", b"/F 288", b"/F 4294967298", b"/F 36.0", b"/F 22 0 R", b"/F -1"]
)
def test_no_flag_hides_an_addition_from_the_check(flags: bytes) -> None:
    objects = document()
    pdf = sign(table(objects))
    note = b"/Type /Annot /Subtype /Square %s /IC [1 1 1] /C [1 1 1] %s" % (OVER, flags)
    assert changes(appended(pdf, with_note(objects, note, {22: b"36"}))) == "forbidden"


@pytest.mark.parametrize("title", [b"", b"/T ()"])
def test_a_field_that_shows_something_has_a_name(title: bytes) -> None:
    objects = document()
    pdf = sign(table(objects))
    field = SIGNATURE.replace(b"/T (Baru)", title) + b" %s /AP << /N 21 0 R >>" % OVER
    assert changes(appended(pdf, with_note(objects, field, {21: PLAIN_LOOK}))) == "forbidden"


@pytest.mark.parametrize("drawn", [b"0 0 0 RG 0 10 m 90 10 l S", b"0 g 2 2 3 9 re f", b"/P sh"])
def test_a_field_that_waits_draws_nothing(drawn: bytes) -> None:
    objects = document()
    pdf = sign(table(objects))
    for content, expected in ((b"% waits", "permitted"), (drawn, "forbidden")):
        revision = with_note(objects, SIGNATURE + b" %s /AP << /N 21 0 R >>" % BESIDE, {21: form(content)})
        assert changes(appended(pdf, revision)) == expected


def test_many_dots_do_not_hide_a_digit() -> None:
    objects = document()
    pdf = sign(table(objects))
    # The first digit of the amount, in squares of 1.4 points that hide next to nothing each.
    notes, revision = [], {}
    for row in range(11):
        for column in range(8):
            number = 20 + len(notes)
            x, y = 163 + 1.4 * column, 698 + 1.4 * row
            place = b"/Rect [%.1f %.1f %.1f %.1f]" % (x, y, x + 1.4, y + 1.4)
            revision[number] = b"<< /Type /Annot /Subtype /Text %s /F 4 /AP << /N 200 0 R >> >>" % place
            notes.append(b"%d 0 R " % number)
    revision[200] = form(b"1 g 0 0 9 9 re f", b"/BBox [0 0 9 9]")
    revision[3] = objects[3].replace(b"6 0 R ", b"6 0 R " + b"".join(notes))
    assert changes(appended(pdf, revision)) == "forbidden"


def test_marks_lie_on_words_and_are_as_large_as_letters() -> None:
    objects = document()
    pdf = sign(table(objects))
    mark = b"/Type /Annot /Subtype /Highlight /F 4 /C [1 1 0] /Rect [%d %d %d %d]"
    for box, expected in (
        ((72, 696, 280, 718), "permitted"),
        ((285, 696, 289, 718), "forbidden"),  # a bar behind the amount
        ((285, 600, 385, 618), "permitted"),  # no part of a letter
    ):
        assert changes(appended(pdf, with_note(objects, mark % box))) == expected, box
    line = mark % (72, 696, 280, 718) + b" /QuadPoints [72 702 280 702 72 700 280 700]"
    assert changes(appended(pdf, with_note(objects, line))) == "forbidden"


@pytest.mark.parametrize(
    "ends", [b"/LE [/ClosedArrow /None]", b"/LL 300", b"/Cap true /CO [0 30]", b"/LLE 200 /LL 1"]
)
def test_what_a_line_may_draw_beyond_its_ends(ends: bytes) -> None:
    objects = document()
    pdf = sign(table(objects))
    line = b"/Type /Annot /Subtype /Line /F 4 /Rect [72 640 280 660] /L [72 650 280 650] /C [1 1 1] "
    assert changes(appended(pdf, with_note(objects, line))) == "permitted"
    assert changes(appended(pdf, with_note(objects, line + ends))) == "forbidden"


def test_an_upright_note_on_a_turned_page_is_looked_at_where_it_is_turned_to() -> None:
    objects = document(page=b"/Rotate 90")
    pdf = sign(table(objects))
    square = b"/Type /Annot /Subtype /Square /F %d /Rect [60 520 80 680] /AP << /N 21 0 R >>"
    for flags, expected in ((4, "permitted"), (20, "forbidden")):
        revision = with_note(
            objects, square % flags, {21: form(b"1 g 0 0 20 160 re f", b"/BBox [0 0 20 160]")}
        )
        assert changes(appended(pdf, revision)) == expected


def test_a_widget_does_not_become_a_field_of_nothing() -> None:
    field = TX % (b"1.000", b"/AP << /N 9 0 R >>")
    pdf = sign(table(document({8: field, 9: look(b"(1.000) Tj")}, fields=b"8 0 R")))
    assert changes(appended(pdf, {8: field[:-2] + b"/Kids [] >>"})) == "forbidden"


@pytest.mark.parametrize("packed", [b"48 65 zz 6C>", b"48%65>", b"4865>\0"])
def test_hexadecimal_digits_are_read_alike_where_nothing_else_stands(packed: bytes) -> None:
    pdf = sign(table(document()))
    digits = TEXT.hex().encode()
    assert changes(by_hand(pdf, {4: stream(digits + b">", b"/Filter /ASCIIHexDecode")})) == "permitted"
    odd = digits[:20] + packed[2:-1].strip(b"0123456789ABCDEF>") + digits[20:] + packed[-1:]
    assert changes(by_hand(pdf, {4: stream(odd, b"/Filter /ASCIIHexDecode")})) == "forbidden"


def test_what_a_page_and_a_field_have_from_above_counts() -> None:
    objects = document({8: b"<< /Type /Pages /Resources << /Font << /F1 5 0 R >> >> >>"})
    objects[3] = (
        objects[3]
        .replace(b"/Parent 2 0 R", b"/Parent 8 0 R")
        .replace(b"/Resources << /Font << /F1 5 0 R >> >>", b"")
    )
    pdf = sign(table(objects))
    assert (
        changes(appended(pdf, {8: objects[8].replace(b"5 0 R", b"20 0 R"), 20: FONT % NINES})) == "forbidden"
    )
    field = b"<< /Type /Annot /Subtype /Widget /Parent 9 0 R /Rect [72 600 372 630] /P 3 0 R /F 4 >>"
    above = b"<< /FT /Tx /T (x) /V (%s) /DA (/F1 12 Tf 0 g) >>"
    pdf = sign(table(document({8: field, 9: above % b"1"}, notes=b"8 0 R")))
    assert changes(appended(pdf, {9: above % b"9"})) == "forbidden"


@pytest.mark.parametrize(
    "guise", [b"/Type /Annot /Subtype /Text", b"/Type /Catalog", b"/Type /Page", b"/FT /Tx /T (x)"]
)
def test_resources_are_what_they_are_used_for(guise: bytes) -> None:
    objects = document({8: b"<< %s /F1 5 0 R >>" % guise})
    objects[3] = objects[3].replace(b"/Font << /F1 5 0 R >>", b"/Font 8 0 R")
    pdf = sign(table(objects))
    assert (
        changes(appended(pdf, {8: objects[8].replace(b"5 0 R", b"20 0 R"), 20: FONT % NINES})) == "forbidden"
    )


def test_stale_looks_are_not_brought_to_light() -> None:
    field = TX % (b"1.000", b"/AP << /N 9 0 R >>")
    objects = document({8: field, 9: look(b"(9.000) Tj")}, fields=b"8 0 R", form=b"/NeedAppearances true")
    pdf = sign(table(objects))
    assert changes(appended(pdf, {1: objects[1].replace(b"true", b"false")})) == "forbidden"


def test_many_small_steps_are_one_change() -> None:
    field = TX % (b"1.000", b"/AP << /N 9 0 R >>")
    pdf = sign(table(document({8: field, 9: look(b"(1.000) Tj")}, fields=b"8 0 R")))
    weights = []
    for step in range(1, 9):
        shown = b"%.2f g (1.000) Tj 0 -0 Td %.2f g ( 9.876) Tj" % (step / 9, 1 - step / 9)
        pdf = appended(pdf, {9: look(shown)})
        weights.append(changes(pdf))
    assert weights[-1] == "forbidden"


@pytest.mark.parametrize(
    ("title", "listed"),
    [
        (b"(Harga\\222)", b"<FEFF004800610072006700612122>"),
        (b"(Harga)", b"<FEFF001B0069006400490044001B00480061007200670061>"),
    ],
)
def test_a_lock_names_a_field_in_any_encoding(title: bytes, listed: bytes) -> None:
    rule = b"/TransformMethod /FieldMDP /TransformParams << /Action /Include /Fields [%s] >>" % listed
    lock = b"/Reference [<< %s >>]" % rule
    field = TX.replace(b"/T (Jumlah)", b"/T " + title) % (b"", b"")
    pdf = sign(table(document({8: field}, fields=b"8 0 R", reference=lock)))
    assert changes(appended(pdf, {8: field.replace(b"/V ()", b"/V (1)")})) == "forbidden"
