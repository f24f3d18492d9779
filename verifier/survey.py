"""A stranger's file before it is signed: may a signature be added, and where does a stamp fit?

Runs inside the sandbox only. A stamp may lie where nothing is drawn and no annotation lies; ISO 32000-2,
7.7.3.3 (boxes and turning of pages), 12.7.8 (XFA), 12.8.2.2 (what a certification forbids).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from verifier.pdf.document import Document, File
from verifier.pdf.encryption import PasswordNeeded, UnknownEncryption
from verifier.pdf.objects import Damaged, TooMuch
from verifier.recognise import recognise
from verifier.scan import drawable
from verifier.signature_fields import find_signatures, locks_of
from verifier.survey_answer import Spot, Survey, Wish

_SCALE = 0.5  # pixels per point
_PAPER = 236  # of 255; paper that was scanned is rarely whiter
_MARGIN = 22.0  # points from the edge of the page that a printer does not reach
_APART = 7.0  # points from what is drawn
_MOST_POINTS = 40_000_000
# Of a place that somebody chose: a line on which one signs, but not the words of a paragraph.
_MOST_INK = 0.1
_OTHER_DOUBTS = frozenset({"REBUILT", "PREV_WRONG", "PREV_LOOP"})


class _Refused(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def survey(pdf: Any, wish: Wish | None = None) -> Survey:
    """Look at a file, in memory or mapped; never raises: what is wrong is a reason to refuse."""
    try:
        document = _open(pdf)
        signed = _is_signed(document)
        spot = _find_spot(pdf, document, wish) if wish is not None else None
    except _Refused as refusal:
        return Survey(refused=refusal.code)
    except (MemoryError, RecursionError, TooMuch):
        return Survey(refused="UPLOAD_LIMIT")
    except Exception:  # whatever a hostile file makes a library raise
        return Survey(refused="UPLOAD_DAMAGED")
    return Survey(signed=signed, spot=spot)


def _open(pdf: Any) -> Document:
    if recognise(pdf) is not None or b"%PDF-" not in pdf[:1024]:
        raise _Refused("NOT_PDF")
    try:
        document = Document(File(pdf), len(pdf), repair=False)
    except (PasswordNeeded, UnknownEncryption) as problem:
        raise _Refused("UPLOAD_ENCRYPTED") from problem
    except Damaged as problem:
        raise _Refused("UPLOAD_DAMAGED") from problem
    if document.encrypted:
        raise _Refused("UPLOAD_ENCRYPTED")
    if _OTHER_DOUBTS & set(document.doubts) or not any(page for page, _ in document.pages()):
        raise _Refused("UPLOAD_DAMAGED")
    form = document.get(document.catalog, "AcroForm")
    if isinstance(form, dict) and document.resolve(form.get("XFA")) is not None:
        raise _Refused("UPLOAD_XFA")
    return document


def _is_signed(document: Document) -> bool:
    """Whether there is a signature; one that allows nothing more is a reason to refuse."""
    found = find_signatures(document)
    if any(locks_of(document, each).permission == 1 for each in found):
        raise _Refused("UPLOAD_LOCKED")
    return bool(found)


def _find_spot(pdf: Any, document: Document, wish: Wish) -> Spot:
    import pypdfium2

    pages = document.pages()
    index = len(pages) - 1 if wish.page is None else wish.page
    if not 0 <= index < len(pages) or pages[index][0] is None:
        raise _Refused("STAMP_NO_PAGE")
    try:
        opened = pypdfium2.PdfDocument(drawable(pdf))
        opened.init_forms()
        sheet = opened[index]
        width, height = sheet.get_size()
        crop, turn = sheet.get_bbox(), sheet.get_rotation()
        if width * height > _MOST_POINTS:
            raise _Refused("STAMP_NOT_DRAWN")
        if wish.corner is not None and not _lies_within(wish.corner, wish, width, height):
            raise _Refused("STAMP_OUTSIDE")
        drawn = sheet.render(scale=_SCALE, grayscale=True, may_draw_forms=True).to_pil().convert("L")
        if wish.corner is not None:
            corner = wish.corner
            if _ink_within(drawn, corner, wish) > _MOST_INK:
                raise _Refused("STAMP_NOT_FREE")
        else:
            taken = [_displayed(box, crop, turn) for box in _annotations(document, pages[index][1])]
            free = _lowest_free(drawn, taken, wish)
            if free is None:
                raise _Refused("STAMP_NO_ROOM")
            corner = free
    except pypdfium2.PdfiumError as problem:
        raise _Refused("STAMP_NOT_DRAWN") from problem
    return _spot(index, corner, wish, crop, turn)


def _lies_within(corner: tuple[float, float], wish: Wish, width: float, height: float) -> bool:
    x, y = corner
    return x >= 0 and y >= 0 and x + wish.width <= width and y + wish.height <= height


def _ink_within(drawn: Any, corner: tuple[float, float], wish: Wish) -> float:
    """Which share of the place is not white."""
    left, bottom = corner[0] * _SCALE, drawn.height - corner[1] * _SCALE
    area = drawn.crop(
        (round(left), round(bottom - wish.height * _SCALE), round(left + wish.width * _SCALE), round(bottom))
    )
    inked = sum(area.histogram()[:_PAPER])
    return float(inked / max(area.width * area.height, 1))


def _annotations(document: Document, page: dict[str, Any]) -> Iterator[list[float]]:
    """Rectangles in which something may be drawn later: a field that waits, a note."""
    listed = document.resolve(page.get("Annots"))
    for each in listed if isinstance(listed, list) else ():
        box = document.resolve_all(document.get(each, "Rect"))
        if isinstance(box, list) and len(box) == 4 and all(isinstance(number, int | float) for number in box):
            yield [float(number) for number in box]


def _lowest_free(
    drawn: Any, taken: list[tuple[float, float, float, float]], wish: Wish
) -> tuple[float, float] | None:
    """The lower left corner of the lowest place that takes the stamp, of those the one furthest right."""
    from PIL import ImageDraw

    pen = ImageDraw.Draw(drawn)
    for x0, y0, x1, y1 in taken:
        if x1 > x0 and y1 > y0:
            top, bottom = drawn.height - y1 * _SCALE, drawn.height - y0 * _SCALE
            pen.rectangle((x0 * _SCALE, top, x1 * _SCALE, bottom), fill=0)
    across, down = (round((length + 2 * _APART) * _SCALE) for length in (wish.width, wish.height))
    edge = round((_MARGIN - _APART) * _SCALE)
    columns, rows = drawn.width, drawn.height
    pixels = drawn.point(lambda value: 0 if value >= _PAPER else 1).tobytes()
    # For each column, how many rows upwards from the present one are free.
    clear = [0] * columns
    for row in range(rows - edge - 1, edge - 1, -1):
        line = pixels[row * columns : (row + 1) * columns]
        clear = [0 if ink else free + 1 for free, ink in zip(clear, line, strict=True)]
        # A place whose top row this is: its columns are free all the way down.
        blocked = [0, *accumulate(int(free < down) for free in clear)]
        for left in range(columns - edge - across, edge - 1, -1):
            if blocked[left + across] == blocked[left]:
                return left / _SCALE + _APART, (rows - row - down) / _SCALE + _APART
    return None


def _displayed(
    box: list[float], crop: tuple[float, float, float, float], turn: int
) -> tuple[float, float, float, float]:
    """A rectangle of the page as it is displayed, from its lower left corner."""
    left, bottom, right, top = crop
    corners = []
    for x, y in ((box[0], box[1]), (box[2], box[3])):
        corners.append(
            {
                0: (x - left, y - bottom),
                90: (y - bottom, right - x),
                180: (right - x, top - y),
                270: (top - y, x - left),
            }[turn]
        )
    (x0, y0), (x1, y1) = corners
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def _spot(
    page: int, corner: tuple[float, float], wish: Wish, crop: tuple[float, float, float, float], turn: int
) -> Spot:
    """The place in the page's own coordinates: the inverse of `_displayed`."""
    left, bottom, right, top = crop
    corners = []
    for u, v in (corner, (corner[0] + wish.width, corner[1] + wish.height)):
        corners.append(
            {
                0: (left + u, bottom + v),
                90: (right - v, bottom + u),
                180: (right - u, top - v),
                270: (left + v, top - u),
            }[turn]
        )
    (x0, y0), (x1, y1) = corners
    left, bottom, right, top = min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)
    return Spot(page, round(left, 2), round(bottom, 2), round(right, 2), round(top, 2), turn)
