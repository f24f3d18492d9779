"""Markers and lines on signed words are notes; words drawn in their place are not, whatever draws them."""

from __future__ import annotations

import pytest
from paged_files import pages_of
from sample_files import signed_pdf, stream
from small_pki import NOW, pki

from tests.fuzz.writing import appended
from verifier.by_file import inspect
from verifier.report import FileAnswer

TEXT = (
    b"BT /F1 11 Tf 14 TL 72 720 Td (Nomor SIP 503/028 atas nama Budi Santoso, Jalan Merdeka) Tj "
    b"T* (Jumlah yang dibayar: Rp 1.500.000 untuk satu tahun) Tj T* (sampai 31 Desember 2027) Tj ET"
)
LINE = (72, 703, 320, 717)  # the second line
WORD = (251, 717, 291, 731)  # in the first
MARGIN = (340, 703, 400, 717)  # behind the second line
ROUND = b"1 1 0 rg %d %d m %d %d %d %d %d %d c %d %d l %d %d %d %d %d %d c f"


def quad(x0: int, y0: int, x1: int, y1: int) -> bytes:
    return b"%d %d %d %d %d %d %d %d" % (x0, y1, x1, y1, x0, y0, x1, y0)


def mark(kind: bytes, drawing: bytes, *places: tuple[int, int, int, int], entries: bytes = b"/F 4") -> bytes:
    """The signed page with one mark that looks as ``drawing`` says, in the page's own coordinates."""
    x0, y0 = min(p[0] for p in places) - 5, min(p[1] for p in places) - 5
    x1, y1 = max(p[2] for p in places) + 5, max(p[3] for p in places) + 5
    box = b"[%d %d %d %d]" % (x0, y0, x1, y1)
    note = b"<< /Type /Annot /Subtype /%s /Rect %s /P 4 0 R /QuadPoints [%s] /AP << /N 31 0 R >> %s >>" % (
        kind, box, b" ".join(quad(*place) for place in places), entries,
    )  # fmt: skip
    look = stream(
        drawing,
        b"/Type /XObject /Subtype /Form /BBox %s "
        b"/Resources << /ExtGState << /M << /BM /Multiply >> >> >>" % box,
    )
    page = (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R "
        b"/Resources << /Font << /F1 3 0 R >> >> /Annots [8 0 R 30 0 R] >>"
    )
    changed = appended(signed_pdf(pages_of(TEXT)), {4: page, 30: note, 31: look})
    assert changed is not None
    return changed


def changes_of(pdf: bytes) -> tuple[str, set[str]]:
    answer: FileAnswer = inspect(pdf, anchors=[pki().root.pem], moment=NOW)
    return answer.signatures[0].changes, {finding.code for finding in answer.findings}


def rounded(x0: int, y0: int, x1: int, y1: int) -> bytes:
    """A marker with round ends, as Acrobat, MuPDF and PDFBox draw it."""
    return b"/M gs " + ROUND % (
        x0, y0, x0 - 4, y0 + 4, x0 - 4, y1 - 4, x0, y1, x1, y1, x1 + 4, y1 - 4, x1 + 4, y0 + 4, x1, y0,
    )  # fmt: skip


def wave(x0: int, y0: int, x1: int) -> bytes:
    points = b"".join(b"%d %d l " % (x, y0 + (x // 2) % 2 * 2) for x in range(x0 + 2, x1 + 1, 2))
    return b"1 0 0 RG 1 w %d %d m %s S" % (x0, y0, points)


SEVEN = b"q 1 0 0 1 %d %d cm 0 8 6 1.5 re 4.5 0 1.5 9 re f Q "
GENUINE = {
    "marker": mark(b"Highlight", rounded(*LINE), LINE),
    "marker of a word": mark(b"Highlight", rounded(*WORD), WORD),
    "marker of two lines": mark(b"Highlight", rounded(*LINE) + b" " + rounded(*WORD), LINE, WORD),
    "underline": mark(b"Underline", b"1 0 0 RG 1 w 72 704 m 320 704 l S", LINE),
    "line through": mark(b"StrikeOut", b"1 0 0 RG 1 w 72 709 m 320 709 l S", LINE),
    "wave": mark(b"Squiggly", wave(72, 703, 320), LINE),
    "marker of an empty place": mark(b"Highlight", rounded(*MARGIN), MARGIN),
}
FORGED = {
    "digit behind the line": mark(b"Highlight", SEVEN % (330, 706), (72, 703, 340, 717)),
    "digit in a marker": mark(b"Highlight", rounded(*MARGIN) + b" 0 g " + SEVEN % (345, 706), MARGIN),
    "bar behind the line": mark(b"Underline", b"0 g 345 706 2 8 re f", MARGIN),
    "bar as a whole mark": mark(b"Highlight", b"0 g 345 706 2 8 re f", (345, 706, 347, 714)),
    "minus before the amount": mark(b"StrikeOut", b"0 g 345 709 8 1.5 re f", (345, 703, 353, 717)),
    "digit beside the mark": mark(b"Highlight", SEVEN % (345, 706), LINE, MARGIN),
    "digit outside of every mark": mark(b"Underline", SEVEN % (71, 745), LINE, (72, 755, 90, 760)),
    "bar in a marker where another one begins": mark(
        b"Highlight", rounded(*LINE) + b" 0 g 300 706 1.5 9 re f", LINE, (301, 703, 320, 717)
    ),
    "rows of dashes": mark(
        b"Underline", b"0 g [2 3 4 2] 0 d 340 706 m 400 706 l 340 710 m 400 710 l S", MARGIN
    ),
    "tall wave": mark(b"Squiggly", b"1 w 340 703 m 350 716 l 360 703 l 370 716 l 380 703 l S", MARGIN),
    "digits under a word": mark(b"Squiggly", b"0 g 72 703 4 2 re 90 703 4 2 re 120 703 4 2 re f", LINE),
    "no quadrilateral": mark(b"Highlight", SEVEN % (345, 706), MARGIN).replace(
        b"/QuadPoints", b"/QuadPaints"
    ),
    "large icon": mark(b"Text", SEVEN % (345, 706), MARGIN),
    "window with a look": mark(b"Popup", SEVEN % (330, 706), (325, 703, 345, 717)),
    "on paper only": mark(b"Highlight", rounded(*LINE), LINE, entries=b"/F 36"),
}


@pytest.mark.parametrize("name", GENUINE)
def test_a_marker_or_line_is_a_note(name: str) -> None:
    changes, codes = changes_of(GENUINE[name])
    assert changes == "permitted"
    assert "ANNOTATED" in codes


@pytest.mark.parametrize("name", FORGED)
def test_words_drawn_as_a_mark_are_forbidden(name: str) -> None:
    changes, codes = changes_of(FORGED[name])
    assert changes == "forbidden"
    assert codes & {"CONTENT_JOINED", "CHANGE_ANNOTATION_ADDED"}


def test_words_that_run_askew_stay_open() -> None:
    askew = b"/QuadPoints [340 703 400 733 335 713 395 743]"
    pdf = mark(b"Underline", b"0 g 1 w 340 703 m 400 733 l S", (340, 703, 400, 743))
    start = pdf.rindex(b"/QuadPoints")
    end = pdf.index(b"]", start) + 1
    pdf = pdf[:start] + askew.ljust(end - start) + pdf[end:]
    assert changes_of(pdf)[0] == "undetermined"
