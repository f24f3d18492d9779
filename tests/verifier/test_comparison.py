"""Changes after signing: what each rule permits and forbids, on files written by hand.

The signed part is `odd_files.table`; a later revision redefines objects. Each case is one property of the
file, so that a rule that is taken out fails one of them.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from random import Random

import pypdfium2
import pytest
from odd_files import objects, sign, table
from small_pki import NOW

from verifier.by_file import inspect
from verifier.report import FileAnswer

_FORM = b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (catatan) /Rect [72 100 300 120] /P 3 0 R /F 4 %s >>"
_LOOK = b"<< /Type /XObject /Subtype /Form /BBox [0 0 228 20] /Length %d >>\nstream\n%s\nendstream"
_WHITE = b"1 g 0 0 600 842 re f"


def signed(*, fields: bytes = b"6 0 R 8 0 R", page: bytes = b"", certified: bytes = b"") -> bytes:
    """A signed page with a text field (8) that shows nothing yet, and its look (9)."""
    found = objects(Random(1))
    found[1] = found[1].replace(b"/Fields [6 0 R]", b"/Fields [%s]" % fields)
    if certified:
        found[1] = found[1].replace(b"/SigFlags 3 >>", b"/SigFlags 3 >> /Perms << /DocMDP 7 0 R >>")
        reference = b"/Reference [<< /TransformMethod /DocMDP /TransformParams << /P %s >> >>] " % certified
        found[7] = found[7].replace(b"/Filter", reference + b"/Filter")
    found[3] = found[3].replace(b"/Annots [6 0 R]", b"/Annots [6 0 R 8 0 R] " + page)
    found[4] = _stream(b"BT /F1 18 Tf 72 600 Td (Jumlah 100) Tj ET")
    found[8] = _FORM % b"/AP << /N 9 0 R >>"
    found[9] = _LOOK % (3, b"q Q")
    return sign(table(found))


def _stream(text: bytes) -> bytes:
    return b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text)


def revised(pdf: bytes, changes: dict[int, bytes], *, freed: tuple[int, ...] = ()) -> bytes:
    """The file with an ordinary later revision."""
    out, rows = bytearray(pdf), b""
    for number, body in changes.items():
        rows += b"%d 1\n%010d 00000 n \n" % (number, len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    rows += b"".join(b"%d 1\n0000000000 00001 f \n" % number for number in freed)
    start, previous = len(out), int(re.findall(rb"startxref\s+(\d+)", pdf)[-1])
    out += b"xref\n%strailer\n<< /Size 40 /Root 1 0 R /Prev %d >>\nstartxref\n%d\n%%%%EOF\n" % (
        rows, previous, start
    )  # fmt: skip
    return bytes(out)


def body(pdf: bytes, number: int) -> bytes:
    found = re.findall(rb"\n%d 0 obj\n(.*?)\nendobj" % number, pdf, re.DOTALL)
    assert found
    return bytes(found[-1])


def look(pdf: bytes) -> FileAnswer:
    return inspect(pdf, anchors=[], moment=NOW)


def changes_of(pdf: bytes) -> tuple[str, set[str]]:
    answer = look(pdf)
    assert answer.readable, answer.findings
    assert answer.signatures[0].integrity == "intact"
    return answer.signatures[0].changes, {finding.code for finding in answer.findings}


def filled(value: bytes = b"(Baik)", drawing: bytes = b"BT ET") -> dict[int, bytes]:
    return {8: _FORM % (b"/AP << /N 9 0 R >> /V %s" % value), 9: _LOOK % (len(drawing), drawing)}


def new_field(kind: bytes, box: bytes = b"[100 200 200 240]", more: bytes = b"") -> bytes:
    return b"<< /Type /Annot /Subtype /Widget /FT /%s /T (Dua) /Rect %s /P 3 0 R /F 4 %s >>" % (
        kind,
        box,
        more,
    )


def note(box: bytes, more: bytes = b"") -> bytes:
    return b"<< /Type /Annot /Subtype /Square /Rect %s /P 3 0 R /F 4 %s >>" % (box, more)


COVER = {21: b"<< /Type /XObject /Subtype /Form /BBox [0 0 600 842] /Length %d >>\nstream\n%s\nendstream" % (
    len(_WHITE), _WHITE
)}  # fmt: skip
# A field that somebody else signed; whether that signature is a good one is not asked here.
COVER[23] = b"<< /Type /Sig /Filter /Adobe.PPKLite /ByteRange [0 1 2 1] /Contents <3000> >>"
SIGNED = b"/AP << /N 21 0 R >> /V 23 0 R"


def with_annotation(pdf: bytes, annotation: bytes) -> dict[int, bytes]:
    page = body(pdf, 3).replace(b"/Annots [6 0 R 8 0 R]", b"/Annots [6 0 R 8 0 R 20 0 R]")
    return {3: page, 20: annotation, **COVER}


def with_field(pdf: bytes, field: bytes) -> dict[int, bytes]:
    catalog = body(pdf, 1).replace(b"/Fields [6 0 R 8 0 R]", b"/Fields [6 0 R 8 0 R 20 0 R]")
    return {1: catalog, **with_annotation(pdf, field)}


def test_nothing_changed_but_rewritten_is_no_change() -> None:
    pdf = signed()
    assert changes_of(revised(pdf, {3: body(pdf, 3), 4: body(pdf, 4)}))[0] == "permitted"


def test_filling_a_field_is_permitted_and_told() -> None:
    assert changes_of(revised(signed(), filled())) == (
        "permitted",
        changes_of(revised(signed(), filled()))[1],
    )
    assert "FORM_FILLED" in changes_of(revised(signed(), filled()))[1]


@pytest.mark.parametrize("permission", [b"1", b"2", b"3"])
def test_a_certification_says_whether_fields_may_be_filled(permission: bytes) -> None:
    changes, codes = changes_of(revised(signed(certified=permission), filled()))
    assert changes == ("forbidden" if permission == b"1" else "permitted")
    assert ("CHANGE_FIELD_LOCKED" in codes) == (permission == b"1")


@pytest.mark.parametrize("permission", [b"", b"1", b"2", b"3"])
def test_a_certification_says_whether_notes_may_be_added(permission: bytes) -> None:
    pdf = signed(certified=permission)
    changes, codes = changes_of(revised(pdf, with_annotation(pdf, note(b"[300 300 360 340]"))))
    assert changes == ("permitted" if permission in (b"", b"3") else "forbidden")
    assert ("ANNOTATED" in codes) == (changes == "permitted")


def test_a_note_over_what_was_shown_is_forbidden() -> None:
    pdf = signed()
    cover = note(b"[60 590 300 620]", b"/AP << /N 21 0 R >>")
    changes, codes = changes_of(revised(pdf, with_annotation(pdf, cover)))
    assert (changes, "CONTENT_COVERED" in codes) == ("forbidden", True)
    beside = note(b"[60 300 300 330]", b"/AP << /N 21 0 R >>")
    assert changes_of(revised(pdf, with_annotation(pdf, beside)))[0] == "permitted"


@pytest.mark.parametrize("box", [b"[60 590 300 620]", b"[0 0 595 842]"])
def test_a_signature_field_over_what_was_shown_is_forbidden(box: bytes) -> None:
    pdf = signed()
    changes, codes = changes_of(revised(pdf, with_field(pdf, new_field(b"Sig", box, SIGNED))))
    assert (changes, "CONTENT_COVERED" in codes) == ("forbidden", True)


def test_an_empty_signature_field_is_permitted_unless_it_takes_the_page() -> None:
    pdf = signed()
    assert changes_of(revised(pdf, with_field(pdf, new_field(b"Sig"))))[0] == "permitted"
    assert changes_of(revised(pdf, with_field(pdf, new_field(b"Sig", b"[0 0 595 842]"))))[0] == "forbidden"


def test_a_new_field_of_another_kind_is_forbidden() -> None:
    pdf = signed()
    changes, codes = changes_of(revised(pdf, with_field(pdf, new_field(b"Tx"))))
    assert (changes, "CHANGE_FIELD_ADDED" in codes) == ("forbidden", True)


def test_a_field_may_not_hide_the_page_by_being_filled() -> None:
    """The field lay over the text all along; what it shows now covers it."""
    found = signed().replace(b"/Rect [72 100 300 120]", b"/Rect [60 590 300 620]")
    pdf = sign(re.sub(rb"/ByteRange \[[^]]*\] /Contents <[0-9a-f]*>", _unsigned, found))
    cover = filled(drawing=b"1 g 0 0 228 20 re f")
    cover[8] = cover[8].replace(b"[72 100 300 120]", b"[60 590 300 620]")
    changes, codes = changes_of(revised(pdf, cover))
    assert (changes, "CONTENT_COVERED" in codes) == ("forbidden", True)


def _unsigned(match: re.Match[bytes]) -> bytes:
    room = len(match[0]) - match[0].index(b"<") - 2
    return b"/ByteRange [0 ********** ********** **********] /Contents <%s>" % (b"0" * room)


def test_a_look_without_a_new_value_may_not_show_something_else() -> None:
    drawing = b"0 g 0 0 228 20 re f"
    pdf = signed()
    changes, codes = changes_of(revised(pdf, {9: _LOOK % (len(drawing), drawing)}))
    assert (changes, "CHANGE_FIELD" in codes) == ("forbidden", True)


def swap(number: int, old: bytes, new: bytes, **more: bytes) -> Callable[[bytes], dict[int, bytes]]:
    """A change of one object's text, and objects that it needs, by name ``n`` and their number."""

    def changes(pdf: bytes) -> dict[int, bytes]:
        assert old in body(pdf, number)
        found = {number: body(pdf, number).replace(old, new)}
        return found | {int(name[1:]): value for name, value in more.items()}

    return changes


_OTHER_TEXT = _stream(b"BT /F1 18 Tf 72 600 Td (Jumlah 900) Tj ET")
_OTHER_PAGE = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>"
_TREE = b"<< /Type /Pages /Kids [3 0 R] /Count 1 /Rotate 90 >>"
_LAUNCH = b"<< /Type /Annot /Subtype /Link /Rect [0 0 9 9] /A << /S /Launch /F (x) >> >>"

FORBIDDEN: dict[str, Callable[[bytes], dict[int, bytes]]] = {
    "page content exchanged": swap(3, b"/Contents 4 0 R", b"/Contents 20 0 R", n20=_OTHER_TEXT),
    "page content rewritten": lambda pdf: {4: _OTHER_TEXT},
    "font exchanged": lambda pdf: {5: b"<< /Type /Font /Subtype /Type1 /BaseFont /Symbol >>"},
    "page turned": swap(3, b"/Parent", b"/Rotate 90 /Parent"),
    "page cut": swap(3, b"/Parent", b"/CropBox [0 0 595 300] /Parent"),
    "pages exchanged": swap(2, b"[3 0 R]", b"[20 0 R]", n20=_OTHER_PAGE),
    "page added": swap(2, b"[3 0 R]", b"[3 0 R 20 0 R]", n20=_OTHER_PAGE),
    "tree of pages exchanged": swap(1, b"/Pages 2 0 R", b"/Pages 20 0 R", n20=_TREE),
    "action on opening": swap(1, b"/Pages", b"/OpenAction << /S /JavaScript /JS (x) >> /Pages"),
    "script by name": swap(1, b"/Pages", b"/Names << /JavaScript 20 0 R >> /Pages", n20=b"<< /Names [] >>"),
    "layers": swap(1, b"/Pages", b"/OCProperties << /OCGs [] >> /Pages"),
    "form without a field": swap(1, b"/Fields [6 0 R 8 0 R]", b"/Fields [6 0 R]"),
    "looks left to the reader": swap(1, b"/SigFlags", b"/NeedAppearances true /SigFlags"),
    "field moved": swap(8, b"[72 100 300 120]", b"[72 590 300 620]"),
    "field renamed": swap(8, b"(catatan)", b"(catatam)"),
    "field of another kind": swap(8, b"/Tx", b"/Ch"),
    "annotation taken away": swap(3, b"/Annots [6 0 R 8 0 R]", b"/Annots [6 0 R]"),
    "link that runs": lambda pdf: with_annotation(pdf, _LAUNCH),
    "signature cleared": swap(6, b"/V 7 0 R", b""),
    "signature moved": swap(6, b"[0 0 0 0]", b"[60 590 300 620]"),
}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_everything_else_is_forbidden_and_named(name: str) -> None:
    pdf = signed()
    answer = look(revised(pdf, FORBIDDEN[name](pdf)))
    if name == "signature cleared":
        assert answer.unsigned
        assert "SIGNATURE_REMOVED" in {finding.code for finding in answer.findings}
        return
    assert answer.signatures[0].changes == "forbidden", answer.findings
    assert any(finding.code.startswith(("CHANGE_", "CONTENT_")) for finding in answer.findings)


def test_what_was_referred_to_in_vain_may_not_come_into_being() -> None:
    """A shadow laid before signing: the page refers to an object that only a later revision brings."""
    pdf = signed(page=b"/Extra 30 0 R /Group 31 0 R")
    assert changes_of(revised(pdf, {31: b"<< /S /Transparency >>"}))[0] == "forbidden"
    assert changes_of(revised(pdf, {32: b"<< >>"}))[0] == "permitted"
    assert "STRAY_OBJECTS" in changes_of(revised(pdf, {32: b"<< >>"}))[1]


def test_an_appearance_that_is_page_content_too_is_page_content() -> None:
    pdf = signed(page=b"/Also 9 0 R")
    assert changes_of(revised(pdf, filled()))[0] == "forbidden"


def test_an_object_in_use_may_not_be_freed() -> None:
    assert changes_of(revised(signed(), {}, freed=(5,)))[0] == "forbidden"


def test_a_table_may_not_lead_back_or_astray() -> None:
    pdf = signed()
    later = revised(pdf, {4: body(pdf, 4)})
    place = re.findall(rb"\n4 1\n(\d{10}) 00000 n", later)[-1]
    back = later.replace(b"\n4 1\n" + place, b"\n4 1\n%010d" % pdf.index(b"5 0 obj"))
    assert changes_of(back)[1] & {"XREF_REMAPPED", "BYTES_APPENDED"}
    astray = later.replace(b"\n4 1\n" + place, b"\n5 1\n" + place)
    assert changes_of(astray)[0] == "forbidden"
    twice = later.replace(b"trailer\n<< /Size 40", b"12 1\n%s 00000 n \ntrailer\n<< /Size 40" % place)
    assert changes_of(twice)[0] == "forbidden"


def test_a_revision_that_holds_nothing_is_forbidden() -> None:
    changes, codes = changes_of(revised(signed(), {}))
    assert (changes, "XREF_EMPTY" in codes) == ("forbidden", True)


def test_what_one_revision_hid_the_next_may_not_make_good() -> None:
    pdf = signed()
    there = revised(pdf, {4: _stream(b"BT /F1 18 Tf 72 600 Td (Jumlah 900) Tj ET")})
    back = revised(there, {4: body(pdf, 4)})
    assert changes_of(back)[0] == "forbidden"


@pytest.mark.parametrize(
    ("kind", "box", "expected"),
    [
        (b"FreeText", b"[300 300 360 320]", "permitted"),
        (b"FreeText", b"[168 600 185 616]", "forbidden"),  # a digit more, right of the amount
        (b"Ink", b"[168 600 185 616]", "forbidden"),
        (b"Text", b"[168 600 185 616]", "permitted"),  # an icon that everybody knows for a note
        (b"Watermark", b"[300 300 360 320]", "forbidden"),
        (b"Redact", b"[300 300 360 320]", "forbidden"),
    ],
)
def test_what_is_drawn_beside_signed_words_reads_as_one_of_them(
    kind: bytes, box: bytes, expected: str
) -> None:
    pdf = signed()
    added = note(box).replace(b"/Square", b"/" + kind)
    assert changes_of(revised(pdf, with_annotation(pdf, added)))[0] == expected


def test_a_stream_in_another_compression_is_the_same_stream() -> None:
    pdf = signed()
    text = b"BT /F1 18 Tf 72 600 Td (Jumlah 100) Tj ET"
    for drawn, expected in ((text, "permitted"), (text.replace(b"100", b"900"), "forbidden")):
        packed = zlib.compress(drawn)
        stream = b"<< /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (len(packed), packed)
        assert changes_of(revised(pdf, {4: stream}))[0] == expected


def test_default_resources_are_fonts_and_not_drawings() -> None:
    found = objects(Random(1))
    found[1] = found[1].replace(
        b"/SigFlags", b"/DR << /XObject << /A 4 0 R >> /Font << /F 5 0 R >> >> /SigFlags"
    )
    pdf = sign(table(found))
    catalog = body(pdf, 1)
    assert changes_of(revised(pdf, {1: catalog.replace(b"/A 4 0 R", b"/B 4 0 R")}))[0] == "permitted"
    assert changes_of(revised(pdf, {1: catalog.replace(b"/F 5 0 R", b"/F 4 0 R")}))[0] == "forbidden"


def test_a_signature_field_that_only_its_page_lists_is_judged_as_one() -> None:
    pdf = signed()
    assert changes_of(revised(pdf, with_annotation(pdf, new_field(b"Sig"))))[0] == "permitted"
    cover = new_field(b"Sig", b"[60 590 300 620]", SIGNED)
    assert changes_of(revised(pdf, with_annotation(pdf, cover)))[0] == "forbidden"
    assert changes_of(revised(pdf, with_annotation(pdf, new_field(b"Tx"))))[0] == "forbidden"


def tagged() -> bytes:
    found = objects(Random(1))
    found[1] = found[1].replace(b"/Pages", b"/StructTreeRoot 10 0 R /Pages")
    found |= {
        8: b"<< >>",
        9: b"<< >>",
        10: b"<< /Type /StructTreeRoot /K 11 0 R /ParentTree 12 0 R /ParentTreeNextKey 2 >>",
        11: b"<< /Type /StructElem /S /Document /P 10 0 R /K [13 0 R] >>",
        12: b"<< /Nums [0 [13 0 R] 1 13 0 R] >>",
        13: b"<< /Type /StructElem /S /P /P 11 0 R /Pg 3 0 R /K 0 >>",
    }
    return sign(table(found))


_PARTED = {
    12: b"<< /Kids [20 0 R 21 0 R] >>",
    20: b"<< /Limits [0 0] /Nums [0 [13 0 R]] >>",
    21: b"<< /Limits [1 2] /Nums [1 13 0 R 2 22 0 R] >>",
    22: b"<< /Type /StructElem /S /Form /P 11 0 R >>",
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (_PARTED, "permitted"),
        ({11: b"<< /Type /StructElem /S /Document /P 10 0 R /K [13 0 R 22 0 R] >>", **_PARTED}, "permitted"),
        ({12: b"<< /Nums [0 [13 0 R]] >>"}, "forbidden"),
        ({12: b"<< /Nums [0 [13 0 R] 1 11 0 R] >>"}, "forbidden"),
        ({13: b"<< /Type /StructElem /S /P /P 11 0 R /Pg 3 0 R /K 0 /ActualText (900) >>"}, "forbidden"),
        ({13: b"<< /Type /StructElem /S /H1 /P 11 0 R /Pg 3 0 R /K 0 >>"}, "forbidden"),
        ({11: b"<< /Type /StructElem /S /Document /P 10 0 R /K [] >>"}, "forbidden"),
    ],
)
def test_the_structure_may_grow_however_its_trees_are_parted(
    changes: dict[int, bytes], expected: str
) -> None:
    assert changes_of(revised(tagged(), changes))[0] == expected


def test_what_the_structure_alone_referred_to_in_vain_shows_nothing_whatever_else_is_asked() -> None:
    found = objects(Random(1))
    found[1] = found[1].replace(b"/Pages", b"/StructTreeRoot 10 0 R /Pages")
    found |= {8: b"<< >>", 9: b"<< >>", 10: b"<< /Type /StructTreeRoot /K [11 0 R 30 0 R] >>"}
    found[11] = b"<< /Type /StructElem /S /Document /P 10 0 R >>"
    pdf = sign(table(found))
    later = {30: b"<< /Type /StructElem /S /Form /P 10 0 R >>"}
    assert changes_of(revised(pdf, later))[0] == "permitted"
    # Another object of the structure, written again as it was, has all of it walked through.
    assert changes_of(revised(pdf, {11: body(pdf, 11) + b" ", **later}))[0] == "permitted"


def hybrid_update(pdf: bytes, rows: dict[int, int | None], hidden: dict[int, int]) -> bytes:
    """A later revision of two lists: ``rows`` of its table, None for free, and ``hidden`` of its stream."""
    out = bytearray(pdf)
    stream = len(out)
    index = b" ".join(b"%d 1" % number for number in hidden)
    content = b"".join(b"\x01" + place.to_bytes(4, "big") + b"\0\0" for place in hidden.values())
    out += b"30 0 obj\n<< /Type /XRef /Size 40 /W [1 4 2] /Index [%s] /Root 1 0 R /Length %d >>\n" % (
        index,
        len(content),
    )
    out += b"stream\n%s\nendstream\nendobj\n" % content
    start, previous = len(out), int(re.findall(rb"startxref\s+(\d+)", pdf)[-1])
    out += b"xref\n" + b"".join(
        b"%d 1\n%010d %05d %s \n" % (number, place or 0, 0 if place else 1, b"n" if place else b"f")
        for number, place in rows.items()
    )
    out += b"trailer\n<< /Size 40 /Root 1 0 R /Prev %d /XRefStm %d >>\nstartxref\n%d\n%%%%EOF\n" % (
        previous, stream, start
    )  # fmt: skip
    return bytes(out)


def test_two_lists_of_one_update_may_not_show_two_documents() -> None:
    pdf = signed()
    text, again, new = (len(pdf) + at for at in (0, 200, 400))
    longer = pdf + b"4 0 obj\n%s\nendobj\n" % _OTHER_TEXT
    longer = longer.ljust(again) + b"4 0 obj\n%s\nendobj\n" % body(pdf, 4)
    longer = longer.ljust(new) + b"20 0 obj\n<< >>\nendobj\n"
    signed_place = pdf.index(b"4 0 obj")

    def verdict(rows: dict[int, int | None], hidden: dict[int, int]) -> str:
        return look(hybrid_update(longer, rows, hidden)).signatures[0].changes

    # Old programs show the table's object, new ones that of the stream, where the table frees it.
    assert verdict({4: again}, {4: text}) != "permitted"
    assert verdict({4: None}, {4: signed_place}) != "permitted"
    assert verdict({}, {4: text}) != "permitted"
    # What both show is what was signed, or new.
    repeated = hybrid_update(pdf, {}, {4: signed_place, 5: pdf.index(b"5 0 obj")})
    assert look(repeated).signatures[0].changes != "undetermined"


def test_an_empty_revision_that_a_later_signature_covers_changes_nothing() -> None:
    """What stands between two signatures the second signer saw; behind the last one nobody did."""
    first = signed()
    again = objects(Random(1))[7]
    room = again[again.index(b"<0") : again.index(b"0>") + 2]
    field = new_field(b"Sig", b"[0 0 0 0]", b"/V 22 0 R")
    catalog = body(first, 1).replace(b"/Fields [6 0 R 8 0 R]", b"/Fields [6 0 R 8 0 R 20 0 R]")
    page = body(first, 3).replace(b"/Annots [6 0 R 8 0 R]", b"/Annots [6 0 R 8 0 R 20 0 R]")
    empty = revised(first, {})
    assert room in again
    both = sign(revised(empty, {1: catalog, 3: page, 20: field, 22: again}))
    answer = look(both)
    assert [(each.integrity, each.changes) for each in answer.signatures] == [
        ("intact", "permitted"), ("intact", "none")
    ]  # fmt: skip


def _off_by_one(pdf: bytes) -> bytes:
    """Offsets that lead to the end of line before what they mean, in the table and in startxref."""
    later = revised(pdf, filled())
    tail = later[len(pdf) :]
    tail = re.sub(rb"(\d{10}) 00000 n", lambda match: b"%010d 00000 n" % (int(match[1]) - 1), tail)
    tail = re.sub(rb"startxref\n(\d+)", lambda match: b"startxref\n%d" % (int(match[1]) - 1), tail)
    return pdf + tail


def _with_remark(pdf: bytes, remark: bytes) -> bytes:
    at = len(pdf)
    return _moved(revised(pdf, filled()), at, remark)


def _moved(later: bytes, at: int, inserted: bytes) -> bytes:
    """A later revision with something before it, and its offsets counted anew."""
    head, tail = later[:at], later[at:]
    by = len(inserted)
    tail = re.sub(rb"(\d{10}) 00000 n", lambda match: b"%010d 00000 n" % (int(match[1]) + by), tail)
    tail = re.sub(rb"startxref\n(\d+)", lambda match: b"startxref\n%d" % (int(match[1]) + by), tail)
    return head + inserted + tail


def test_an_update_may_be_written_loosely() -> None:
    pdf = signed()
    assert changes_of(_off_by_one(pdf))[0] == "permitted"
    assert changes_of(_with_remark(pdf, b"% written by a program\n% in two lines\n"))[0] == "permitted"
    assert changes_of(_with_remark(pdf, b"\r\n\r\n"))[0] == "permitted"
    spaced = {**filled(), 9: filled()[9].replace(b"stream\n", b"stream \r\n", 1)}
    assert changes_of(revised(pdf, spaced))[0] == "permitted"


@pytest.mark.parametrize(
    "hidden", [b"% 4 0 obj << >> endobj\n", b"%" + b"x" * 300 + b"\n", b"x\n", b"% xref\n", b"%a\n" * 20]
)
def test_what_is_no_remark_is_nobodys(hidden: bytes) -> None:
    changes, codes = changes_of(_with_remark(signed(), hidden))
    assert (changes, "BYTES_APPENDED" in codes) == ("forbidden", True)


def test_the_pages_of_many_revisions_are_opened_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """As signed and as they are now: what lay on them in between nobody sees."""
    opened: list[int] = []

    class Counted(pypdfium2.PdfDocument):  # type: ignore[misc]
        def __init__(self, data: bytes, **options: object) -> None:
            opened.append(len(data))
            super().__init__(data, **options)

    monkeypatch.setattr(pypdfium2, "PdfDocument", Counted)
    pdf = signed()
    for number in range(30):
        pdf = revised(pdf, filled(b"(%d)" % number))
    assert changes_of(pdf)[0] == "permitted"
    assert len(opened) == 2


@pytest.mark.parametrize(
    ("drawn", "expected"),
    [
        (b"72 330 m 300 330 l S", "permitted"),  # the line that waits for a signature
        (b"72 330 m 300 330 l 72 300 m 72 360 l S", "permitted"),  # the corner of a frame
        (b"72 330 m 300 330 l S BT /F1 18 Tf 80 332 Td (1) Tj ET", "forbidden"),
        (b"72 325 100 12 re f", "forbidden"),  # a dark surface
        (b"72 330 m 84 330 l S", "forbidden"),  # a dash, which may be a minus
    ],
)
def test_a_signature_may_lie_on_its_line_where_nothing_else_stands(drawn: bytes, expected: str) -> None:
    found = objects(Random(1))
    found[4] = _stream(b"BT /F1 18 Tf 72 600 Td (Jumlah 100) Tj ET " + drawn)
    pdf = sign(table(found))
    catalog = body(pdf, 1).replace(b"/Fields [6 0 R]", b"/Fields [6 0 R 20 0 R]")
    page = body(pdf, 3).replace(b"/Annots [6 0 R]", b"/Annots [6 0 R 20 0 R]")
    field = new_field(b"Sig", b"[60 310 310 350]", SIGNED)
    assert changes_of(revised(pdf, {1: catalog, 3: page, 20: field, **COVER}))[0] == expected
    as_note = note(b"[60 310 310 350]", b"/AP << /N 21 0 R >>")
    assert changes_of(revised(pdf, {3: page, 20: as_note, **COVER}))[0] == "forbidden"
