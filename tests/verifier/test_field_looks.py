"""A field that is filled shows its value; what it shows is read from its fonts as far as they tell."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sample_files import objects_to_pdf, signed_pdf, stream
from small_pki import NOW, pki

from tests.fuzz.writing import appended
from verifier.by_file import inspect
from verifier.field_looks import contradicts
from verifier.pdf.document import File
from verifier.pdf.objects import Reference

_WIDGET = b"/Type /Annot /Subtype /Widget /T (jumlah) /Rect [72 600 300 620] /P 3 0 R /F 4 /DA (/F1 9 Tf)"
_MAP = (
    b"1 begincodespacerange <0000> <FFFF> endcodespacerange 2 beginbfrange <0001> <000A> <0030> "
    b"<000B> <000C> [<002E> <00660066>] endbfrange 1 beginbfchar <0020> <00D83DDE00> endbfchar"
)
FONTS = {
    "F1": b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    "Named": b"<< /Type /Font /Subtype /Type1 /BaseFont /ABCDEF+X "
    b"/Encoding << /BaseEncoding /WinAnsiEncoding /Differences [1 /one /zero /period /eacute /fi] >> >>",
    "Wide": b"<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H /ToUnicode 43 0 R >>",
    "Symbols": b"<< /Type /Font /Subtype /Type1 /BaseFont /Symbol >>",
}


def filled(value: bytes, content: bytes, *, field: bytes = b"/FT /Tx", extra: bytes = b"") -> bytes:
    """A form that was signed with an empty field, which then got a value and a look."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [5 0 R] /DA (/F1 9 Tf) "
        b"/DR << /Font << /F1 %s >> >> >> >>" % FONTS["F1"],
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Annots [5 0 R] >>",
        stream(b"72 720 100 1 re f"),
        b"<< %s %s >>" % (_WIDGET, field),
    ]
    fonts = b" ".join(b"/%s %d 0 R" % (name.encode(), 40 + n) for n, name in enumerate(FONTS) if n < 3)
    look = stream(
        content,
        b"/Type /XObject /Subtype /Form /BBox [0 0 228 20] "
        b"/Resources << /Font << %s /Symbols 44 0 R >> /XObject << /X 31 0 R >> >>" % fonts,
    )
    inner = stream(b"BT /F1 9 Tf (dalam) Tj ET", b"/Type /XObject /Subtype /Form /BBox [0 0 228 20]")
    changed = appended(
        signed_pdf(objects_to_pdf(objects)),
        {
            5: b"<< %s %s /V %s /AP << /N 30 0 R %s >> >>" % (_WIDGET, field, value, extra),
            30: look,
            31: inner,
            **{40 + n: body for n, body in enumerate(list(FONTS.values())[:3])},
            43: stream(_MAP),
            44: FONTS["Symbols"],
        },
    )
    assert changed is not None
    return changed


def text(shown: bytes, font: bytes = b"F1") -> bytes:
    return b"/Tx BMC q BT /%s 9 Tf 2 4 Td %s Tj ET Q EMC" % (font, shown)


SAME: dict[str, Callable[[], bytes]] = {
    "text": lambda: filled(b"(Rp 1.500)", text(b"(Rp 1.500)")),
    "UTF-16": lambda: filled(b"<FEFF00520070>", text(b"(Rp)")),
    "comb": lambda: filled(b"(123)", b"BT /F1 9 Tf (1) Tj 20 0 Td (2) Tj 20 0 Td (3) Tj ET"),
    "kerning": lambda: filled(b"(123)", b"BT /F1 9 Tf [(1) -20 (23)] TJ ET"),
    "lines": lambda: filled(b"(satu\\rdua)", b"BT /F1 9 Tf 9 TL (satu) Tj (dua) ' ET"),
    "cut off": lambda: filled(b"(panjang sekali)", text(b"(panjang)")),
    "names of glyphs": lambda: filled(b"(10.\\351fi)", text(b"<0102030405>", b"Named")),
    "wide codes": lambda: filled(b"(15.ff)", text(b"<00020006000B000C>", b"Wide")),
    "unknown codes": lambda: filled(b"(15)", text(b"<0099>", b"Wide")),
    "symbols": lambda: filled(b"(15)", text(b"(99)", b"Symbols")),
    "quotes": lambda: filled(b"<FEFF2019>", text(b"(')")),
    "a letter that the font lacks": lambda: filled(b"<FEFF015E00610068>", text(b"(?ah)")),
    "from the right": lambda: filled(b"<FEFF064506280031>", text(b"(1)")),
    "drawn in a form": lambda: filled(b"(dalam)", b"/X Do"),
    "nothing shown": lambda: filled(b"(dalam)", b""),
    "unseen words": lambda: filled(b"(A)", b"BT /F1 9 Tf 3 Tr (lain) Tj 0 Tr (A) Tj ET"),
    "outlines": lambda: filled(b"(dalam)", b"0 0 9 9 re f"),
    "password": lambda: filled(b"(rahasia)", text(b"(*******)"), field=b"/FT /Tx /Ff 8192"),
    "formatted by a script": lambda: filled(
        b"(1500)", text(b"(1.500,00)"), field=b"/FT /Tx /AA << /F << /S /JavaScript /JS (x) >> >>"
    ),
    "choice": lambda: filled(
        b"(tbn)", text(b"(Tuban)"), field=b"/FT /Ch /Ff 131072 /Opt [[(tbn) (Tuban)] [(lmg) (Lamongan)]]"
    ),
    "list": lambda: filled(b"(b)", b"BT /F1 9 Tf (b) Tj (c) Tj ET", field=b"/FT /Ch /Opt [(a) (b) (c) (d)]"),
    "several choices": lambda: filled(b"[(a) (c)]", text(b"(ac)"), field=b"/FT /Ch /Opt [(a) (b) (c)]"),
}
OTHER: dict[str, Callable[[], bytes]] = {
    "text": lambda: filled(b"(Rp 1.500)", text(b"(Rp 9.500)")),
    "more": lambda: filled(b"(Rp 1.500)", text(b"(Rp 1.500.000)")),
    "the end only": lambda: filled(b"(tidak sah)", text(b"(sah)")),
    "no value": lambda: filled(b"()", text(b"(Rp 9.500)")),
    "names of glyphs": lambda: filled(b"(11)", text(b"<0102>", b"Named")),
    "wide codes": lambda: filled(b"(15)", text(b"<00020007>", b"Wide")),
    "drawn in a form": lambda: filled(b"(luar)", b"/X Do"),
    "behind what is no operand": lambda: filled(b"(A)", b"> ] " + text(b"(B)")),
    "when pressed": lambda: filled(b"(A)", text(b"(A)"), extra=b"/D 31 0 R"),
    "behind an unseen value": lambda: filled(b"(A)", b"BT /F1 9 Tf 3 Tr (A) Tj 0 Tr (B) Tj ET"),
    "a letter more than the font lacks": lambda: filled(b"<FEFF015E00610068>", text(b"(?a1h)")),
    "choice": lambda: filled(
        b"(tbn)", text(b"(Lamongan)"), field=b"/FT /Ch /Ff 131072 /Opt [[(tbn) (Tuban)] [(lmg) (Lamongan)]]"
    ),
    "list in another order": lambda: filled(
        b"(b)", b"BT /F1 9 Tf (d) Tj (a) Tj ET", field=b"/FT /Ch /Opt [(a) (b) (c) (d)]"
    ),
}


def judged(pdf: bytes) -> tuple[str, set[str]]:
    answer = inspect(pdf, anchors=[pki().root.pem], moment=NOW)
    return answer.signatures[0].changes, {finding.code for finding in answer.findings}


@pytest.mark.parametrize("name", SAME)
def test_a_field_that_shows_its_value_was_filled(name: str) -> None:
    changes, codes = judged(SAME[name]())
    assert changes == "permitted"
    assert "FORM_FILLED" in codes


@pytest.mark.parametrize("name", OTHER)
def test_a_field_that_shows_another_text_is_forbidden(name: str) -> None:
    changes, codes = judged(OTHER[name]())
    assert changes == "forbidden"
    assert "CHANGE_FIELD" in codes


@pytest.mark.parametrize("drawn_anew", [True, False])
def test_where_programs_draw_fields_anew_the_look_that_is_there_tells_nothing(drawn_anew: bool) -> None:
    form = b"/AcroForm << /NeedAppearances true >>" if drawn_anew else b""
    widget = b"<< /FT /Tx /V (baru) /AP << /N 4 0 R >> >>"
    look = stream(text(b"(lama)"), b"/Subtype /Form /Resources << /Font << /F1 %s >> >>" % FONTS["F1"])
    pdf = objects_to_pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R %s >>" % form,
            b"<< /Type /Pages /Kids [] /Count 0 >>",
            widget,
            look,
        ]
    )
    document = File(pdf).whole()
    field = document.object(Reference(3, 0))
    assert contradicts(document, field, field, b"baru") is not drawn_anew
    assert not contradicts(document, field, field, b"lama")
