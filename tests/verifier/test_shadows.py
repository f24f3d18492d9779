"""Shadow attacks: what was hidden in a file before it was signed, and is switched on afterwards.

Hide, replace, hide-and-replace (pdf-insecurity.org), by every switch that a later revision has; and rules of
locks over nested fields. Each is also signed again by whoever switched, which makes nothing better.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sample_files import filled_slot, objects_to_pdf, stream
from small_pki import NOW, pki

from tests.fuzz.writing import appended, signed_again
from verifier.by_file import inspect

TRUE, FALSE = b"BT /F1 24 Tf 72 700 Td (Rp 100) Tj ET", b"BT /F1 24 Tf 72 700 Td (Rp 900) Tj ET"
_LOOK = b"/Type /XObject /Subtype /Form /BBox [0 0 300 30] /Resources << /Font << /F1 5 0 R >> >>"
_COVER = b"1 g 0 0 300 30 re f"
_WIDGET = b"/Type /Annot /Subtype /Widget /FT /Tx /T (jumlah) /Rect [72 600 372 630] /P 3 0 R /F 4"
_HIDDEN = b"/OCProperties << /OCGs [10 0 R] /D << /OFF [10 0 R] >> >>"
Bodies = dict[int, bytes | None]


def prepared(
    *,
    content: bytes = TRUE,
    catalogue: bytes = b"",
    form: bytes = b"",
    field: bytes = b"/V (100)",
    annotations: bytes = b"",
) -> bytes:
    """A file that holds both what is shown and what is to be shown, signed."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /AcroForm 9 0 R %s >>" % catalogue,
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        PAGE % (b"4 0 R", annotations),
        stream(content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< %s %s >>" % (_WIDGET, field),
        stream(b"BT /F1 18 Tf 2 8 Td (900) Tj ET", _LOOK),  # 7: another look
        stream(_COVER, _LOOK),  # 8: what covers
        b"<< /Fields [6 0 R] /DA (/F1 12 Tf 0 g) /DR << /Font << /F1 5 0 R >> >> %s >>" % form,
        b"<< /Type /OCG /Name (Lapisan) >>",
        b"<< /Type /Pages /Kids [12 0 R] /Count 1 >>",  # 11: the other page tree
        (PAGE % (b"13 0 R", b"")).replace(b"2 0 R", b"11 0 R", 1),
        stream(FALSE),
        b"<< /Type /Annot /Subtype /Square /Rect [60 690 372 730] /F 4 /AP << /N 8 0 R >> >>",  # 14
        b"<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Length 0 >>\nstream\n\nendstream",
    ]
    signed = signed_again(objects_to_pdf(objects), "Penanda_tangan")
    assert signed is not None
    return signed


PAGE = (
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %s /Annots [6 0 R %s] "
    b"/Resources << /Font << /F1 5 0 R >> /XObject << /X 8 0 R >> /Properties << /L 10 0 R >> >> >>"
)
_LAYERED = b"/OC /L BDC " + FALSE.replace(b"700", b"650") + b" EMC " + TRUE
_SHOWN = (
    b"<< /Type /Catalog /Pages 2 0 R /AcroForm 9 0 R "
    b"/OCProperties << /OCGs [10 0 R] /D << /ON [10 0 R] >> >> >>"
)


def _number(pdf: bytes, marked: bytes) -> int:
    """The number of the last object that holds these bytes."""
    return int(pdf[: pdf.rindex(marked)].rpartition(b" 0 obj")[0].split()[-1])


def _page_of(pdf: bytes, contents: bytes, annotations: bytes = b"") -> bytes:
    """The page as it is now (with the signature's widget), with other contents."""
    widget = b"%d 0 R" % _number(pdf, b"/FT /Sig")
    return PAGE % (contents, widget + b" " + annotations)


def _form_of(pdf: bytes, more: bytes, fields: bytes = b"6 0 R") -> bytes:
    signature = b"%d 0 R" % _number(pdf, b"/FT /Sig")
    return b"<< /Fields [%s %s] /SigFlags 3 /DR << /Font << /F1 5 0 R >> >> %s >>" % (fields, signature, more)


Shadow = tuple[Callable[[], bytes], Callable[[bytes], Bodies]]
SHADOWS: dict[str, Shadow] = {
    "a note that covered is gone": (
        lambda: prepared(annotations=b"14 0 R"),
        lambda pdf: {3: _page_of(pdf, b"4 0 R")},
    ),
    "a note that covered is free": (lambda: prepared(annotations=b"14 0 R"), lambda pdf: {14: None}),
    "a note that covered is empty": (
        lambda: prepared(annotations=b"14 0 R"),
        lambda pdf: {8: stream(b"", _LOOK)},
    ),
    "a note that covered is hidden": (
        lambda: prepared(annotations=b"14 0 R"),
        lambda pdf: {
            14: b"<< /Type /Annot /Subtype /Square /Rect [60 690 372 730] /F 2 /AP << /N 8 0 R >> >>"
        },
    ),
    "a form that covered is another": (
        lambda: prepared(content=FALSE + b" q 1 0 0 1 60 695 cm /X Do Q"),
        lambda pdf: {8: stream(b"", _LOOK)},
    ),
    "a form that was drawn is free": (
        lambda: prepared(content=FALSE + b" q 1 0 0 1 60 695 cm /X Do Q"),
        lambda pdf: {8: None},
    ),
    "the page has the other contents": (prepared, lambda pdf: {3: _page_of(pdf, b"13 0 R")}),
    "the page has both contents": (prepared, lambda pdf: {3: _page_of(pdf, b"[4 0 R 13 0 R]")}),
    "the tree is the other one": (
        prepared,
        lambda pdf: {1: b"<< /Type /Catalog /Pages 11 0 R /AcroForm 9 0 R >>"},
    ),
    "the tree has the other page": (prepared, lambda pdf: {2: b"<< /Type /Pages /Kids [12 0 R] /Count 1 >>"}),
    "the tree has both pages": (
        prepared,
        lambda pdf: {2: b"<< /Type /Pages /Kids [3 0 R 12 0 R] /Count 2 >>"},
    ),
    "the font is another": (
        prepared,
        lambda pdf: {5: b"<< /Type /Font /Subtype /Type1 /BaseFont /Symbol >>"},
    ),
    "a layer is switched on": (
        lambda: prepared(content=_LAYERED, catalogue=_HIDDEN),
        lambda pdf: {1: _SHOWN},
    ),
    "a layer is none any more": (
        lambda: prepared(content=_LAYERED, catalogue=_HIDDEN),
        lambda pdf: {10: b"<< /Name (Lapisan) >>"},
    ),
    "a look that hid its value is gone": (
        lambda: prepared(field=b"/V (900) /AP << /N 8 0 R >>"),
        lambda pdf: {6: b"<< %s /V (900) >>" % _WIDGET},
    ),
    "a look is the other one": (
        lambda: prepared(field=b"/V (100) /AP << /N 8 0 R >>"),
        lambda pdf: {6: b"<< %s /V (100) /AP << /N 7 0 R >> >>" % _WIDGET},
    ),
    "a look is the other one by a state": (
        lambda: prepared(field=b"/V (100) /AP << /N << /A 8 0 R /B 7 0 R >> >> /AS /A"),
        lambda pdf: {6: b"<< %s /V (100) /AP << /N << /A 8 0 R /B 7 0 R >> >> /AS /B >>" % _WIDGET},
    ),
    "a look is the other one with a decoration": (
        lambda: prepared(field=b"/V (100) /AP << /N 8 0 R >>"),
        lambda pdf: {6: b"<< %s /V (100) /AP << /N 7 0 R >> /MK << /R 0 >> >>" % _WIDGET},
    ),
    "fields are drawn by programs, in white": (
        lambda: prepared(form=b"/NeedAppearances true"),
        lambda pdf: {9: _form_of(pdf, b"/NeedAppearances true /DA (/F1 12 Tf 1 g)")},
    ),
    "fields are drawn by programs, elsewhere": (
        lambda: prepared(form=b"/NeedAppearances true"),
        lambda pdf: {9: _form_of(pdf, b"/NeedAppearances true /DA (/F1 12 Tf 0 g) /Q 2")},
    ),
    "one field is drawn by programs, in white": (
        lambda: prepared(form=b"/NeedAppearances true"),
        lambda pdf: {6: b"<< %s /V (100) /DA (/F1 12 Tf 1 g) >>" % _WIDGET},
    ),
    "the form has an XFA": (
        prepared,
        lambda pdf: {9: _form_of(pdf, b"/DA (/F1 12 Tf 0 g) /XFA [(template) 15 0 R]")},
    ),
    "the signature has another look": (
        prepared,
        lambda pdf: {
            _number(
                pdf, b"/FT /Sig"
            ): b"<< /Type /Annot /Subtype /Widget /FT /Sig /T (Penanda_tangan) /F 132 "
            b"/Rect [0 0 0 0] /P 3 0 R /V %d 0 R /AP << /N 7 0 R >> >>" % _number(pdf, b"/Type /Sig ")
        },
    ),
}


def changes(pdf: bytes) -> list[str]:
    return [each.changes for each in inspect(pdf, anchors=[], moment=NOW).signatures]


@pytest.mark.parametrize("name", SHADOWS)
def test_what_was_hidden_stays_hidden(name: str) -> None:
    prepare, switch = SHADOWS[name]
    pdf = prepare()
    assert changes(pdf) == ["none"], "it is genuine before the switch"
    switched = appended(pdf, switch(pdf))
    assert changes(switched)[0] == "forbidden"
    again = signed_again(switched, "Lagi")
    assert again is not None
    assert changes(again)[0] == "forbidden"


def test_the_page_tree_is_not_switched_by_a_table_alone() -> None:
    """Hide-and-replace by one entry: the number of the page tree leads to where the other one stands."""
    pdf = prepared()
    for number, other in ((2, 11), (3, 12), (4, 13)):
        at = pdf.index(b"\n%d 0 obj" % other) + 1
        previous = int(pdf.rpartition(b"startxref")[2].split()[0])
        table = b"xref\n%d 1\n%010d 00000 n \ntrailer\n<< /Size 99 /Root 1 0 R /Prev %d >>\n" % (
            number, at, previous
        )  # fmt: skip
        assert changes(pdf + table + b"startxref\n%d\n%%%%EOF\n" % len(pdf)) == ["forbidden"]


LOCKED = b"<< /Type /SigFieldLock /Action /%s /Fields [%s] >>"


def nested(lock: bytes) -> bytes:
    """Fields below fields: izin.jumlah and izin.catatan, and one beside them; the signature locks some."""
    kid = b"<< /Type /Annot /Subtype /Widget /Parent 6 0 R /T (%s) /Rect [72 %d 372 %d] /P 3 0 R /F 4 >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /AcroForm 9 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        b"/Annots [7 0 R 8 0 R 10 0 R 11 0 R] >>",
        stream(b""),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /FT /Tx /T (izin) /Kids [7 0 R 8 0 R] >>",
        kid % (b"jumlah", 600, 620),
        kid % (b"catatan", 560, 580),
        b"<< /Fields [6 0 R 10 0 R 11 0 R] /SigFlags 1 >>",
        b"<< /Type /Annot /Subtype /Widget /FT /Sig /T (Penanda_tangan) /Rect [0 0 0 0] /P 3 0 R /F 132 "
        b"/Lock %s >>" % lock,
        b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (lain) /Rect [72 520 372 540] /P 3 0 R /F 4 >>",
    ]
    return filled_slot(
        objects_to_pdf(objects), "Penanda_tangan", by=pki().officer, certify=False, stamped=None
    )


def _filled(number: int, name: bytes, top: int, *, parent: bytes = b"/Parent 6 0 R") -> Bodies:
    return {
        number: b"<< /Type /Annot /Subtype /Widget %s /T (%s) /Rect [72 %d 372 %d] /P 3 0 R /F 4 /V (9) >>"
        % (parent, name, top - 20, top)
    }


@pytest.mark.parametrize(
    ("lock", "change", "expected"),
    [
        (LOCKED % (b"Include", b"(izin)"), _filled(7, b"jumlah", 620), "forbidden"),
        (LOCKED % (b"Include", b"(izin.jumlah)"), _filled(7, b"jumlah", 620), "forbidden"),
        (LOCKED % (b"Include", b"(izin.jumlah)"), _filled(8, b"catatan", 580), "permitted"),
        (LOCKED % (b"Exclude", b"(izin.catatan)"), _filled(8, b"catatan", 580), "permitted"),
        (LOCKED % (b"Exclude", b"(izin.catatan)"), _filled(7, b"jumlah", 620), "forbidden"),
        (LOCKED % (b"Exclude", b"(lain)"), _filled(11, b"lain", 540, parent=b"/FT /Tx"), "permitted"),
        (LOCKED % (b"All", b""), _filled(11, b"lain", 540, parent=b"/FT /Tx"), "forbidden"),
        # Around the lock: under another name, below another parent, from the parent's value, out of its list.
        (LOCKED % (b"Include", b"(izin)"), _filled(7, b"bebas", 620), "forbidden"),
        (LOCKED % (b"Include", b"(izin)"), _filled(7, b"jumlah", 620, parent=b"/FT /Tx"), "forbidden"),
        (
            LOCKED % (b"Include", b"(izin)"),
            {6: b"<< /FT /Tx /T (izin) /V (9) /Kids [7 0 R 8 0 R] >>"},
            "forbidden",
        ),
        (LOCKED % (b"Include", b"(izin)"), {6: b"<< /FT /Tx /T (bebas) /Kids [7 0 R 8 0 R] >>"}, "forbidden"),
        (LOCKED % (b"Include", b"(izin)"), {6: b"<< /FT /Tx /T (izin) /Kids [8 0 R] >>"}, "forbidden"),
        (
            LOCKED % (b"Include", b"(izin)"),
            {6: b"<< /FT /Tx /T (izin) /Kids [7 0 R 8 0 R 11 0 R] >>"},
            "forbidden",
        ),
        (LOCKED % (b"Include", b"(izin)"), {6: b"<< /FT /Btn /T (izin) /Kids [7 0 R 8 0 R] >>"}, "forbidden"),
        (
            LOCKED % (b"Include", b"(izin)"),
            {9: b"<< /Fields [7 0 R 8 0 R 10 0 R 11 0 R] /SigFlags 3 >>"},
            "forbidden",
        ),
    ],
)
def test_locks_hold_over_nested_fields(lock: bytes, change: Bodies, expected: str) -> None:
    pdf = nested(lock)
    assert changes(pdf) == ["none"]
    assert changes(appended(pdf, change)) == [expected]
