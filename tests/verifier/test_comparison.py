"""Changes after signing: what each rule permits and forbids, on files written by hand.

The signed part is `odd_files.table`; a later revision redefines objects. Each case is one property of the
file, so that a rule that is taken out fails one of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

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
    changes, codes = changes_of(revised(pdf, with_field(pdf, new_field(b"Sig", box, b"/AP << /N 21 0 R >>"))))
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
