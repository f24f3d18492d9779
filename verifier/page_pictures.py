"""Pictures of the pages that look other than when they were signed, as signed beside now.

For people, after the verdict: nothing here decides anything. `field_to_compare` chooses the signature,
`compare_pages` draws inside the sandbox only, page by page, so that whoever reads along has kept what was
drawn before a page that never ends. Programs ask `verifier.sandbox.Sandbox.draw_now`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from math import ceil
from typing import TYPE_CHECKING, Any, Literal

from verifier.report import Observation, SignatureReport, printable

if TYPE_CHECKING:
    from verifier.pdf.document import File

_DOTS_PER_INCH = 96
_MOST_PIXELS = 2_000_000
_DIFFERENT = 24  # of 255, in any colour
_CELL = 8  # pixels: what differs less far apart is one place
_MOST_PLACES = 24
_MARGIN = 4
# Enlarged parts: how much larger than the page, how many, the least size and the most, in shares of the page.
_ENLARGED = 2
_MOST_DETAILS = 3
_LEAST_DETAIL = (0.45, 0.06)
_MOST_DETAIL = 0.4
_COLOURS = 64
_EFFORT = 2  # of zlib, 0 to 9
_MARK = (176, 0, 112)
_HALO = (255, 255, 255)
_DASH = 8
_MOST_ENDS = 16

_Pixels = tuple[int, int, int, int]


@dataclass(frozen=True)
class Place:
    """Where pages differ, in shares of the page from its upper left corner, 0 to 1."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Detail:
    """A part of a page around one or more places, enlarged, in both states; PNG."""

    place: Place
    before: bytes
    after: bytes


@dataclass(frozen=True)
class PagePair:
    """A page as signed and as it is now, PNG with the places outlined: dashed before, solid after.

    ``page`` counts from 1. A picture is None where the file had no such page, or has none any more.
    ``details`` are the first places enlarged, so that they can be read on a telephone.
    """

    page: int
    before: bytes | None
    after: bytes | None
    places: tuple[Place, ...]
    details: tuple[Detail, ...] = ()


@dataclass(frozen=True)
class PagePictures:
    """What comparing gave: the pages that differ, how many were compared, and what could not be drawn.

    ``field`` names the signature whose state is ``before``. No page has to be compared where none draws what
    came after it (`verifier.report.Report.undrawn`).
    """

    field: str
    pairs: tuple[PagePair, ...] = ()
    compared: int = 0
    findings: tuple[Observation, ...] = ()


@dataclass(frozen=True)
class Step:
    """What became of one page: ``same``, ``differs`` with its pair, ``missing`` where it cannot be drawn."""

    page: int
    result: Literal["same", "differs", "missing"]
    pair: PagePair | None = None


class NothingToCompare(Exception):
    """The state that the signature covers cannot be found or opened."""


def field_to_compare(signatures: Sequence[SignatureReport]) -> str | None:
    """The signature whose state shows best what was changed; None where nothing was, or none can be shown.

    It is the outermost one with a forbidden change, else the first after which anything came. Only an intact
    one knows what was signed. ``signatures`` are in signing order.
    """
    later = [
        each
        for each in signatures
        if each.integrity == "intact" and each.covers != "partial" and each.changes != "none"
    ]
    forbidden = [each for each in later if each.changes == "forbidden"]
    chosen = forbidden[-1:] or later[:1]
    return chosen[0].field if chosen else None


def signed_end_of(file: File, field: str) -> int:
    """The byte at which the state ends that the signature ``field`` covers.

    Raises:
        NothingToCompare: there is no such signature, or more than one.
        Exception: whatever a hostile file makes its reader raise.
    """
    from verifier.pdf_structure import signed_ends
    from verifier.signature_fields import find_signatures

    found = set()
    for end in signed_ends(file.data, _MOST_ENDS):
        for signature in find_signatures(file.until(end)):
            values = signature.dictionary.get("ByteRange")
            if printable(signature.name) == field and isinstance(values, list) and sum(values[2:4]) == end:
                found.add(end)
    if len(found) != 1:
        raise NothingToCompare
    return found.pop()


def likely_pages(file: File, signed_end: int) -> list[int]:
    """The pages of which an object was written again, to be drawn first; a font of many belongs to one.

    Raises:
        Exception: whatever a hostile file makes its reader raise.
    """
    from verifier.roles import extend_roles, map_roles

    before, after = file.until(signed_end), file.whole()
    numbers = after.entries_changed_since(before)
    changed = {number for number in numbers if before.entries.get(number) != after.entries.get(number)}
    signed = before.once(map_roles)
    maps = (signed, extend_roles(signed, after, numbers))
    return sorted({each.page_of[number] + 1 for each in maps for number in changed if number in each.page_of})


def draw_differences(pdf: bytes, signed_end: int, password: str | None = None) -> list[PagePair]:
    """The pages of ``pdf`` that look other than in its first ``signed_end`` bytes.

    Inside the sandbox only, and without a limit of its own; see `compare_pages`.

    Raises:
        NothingToCompare: one of the two states cannot be opened.
    """
    states = open_states(pdf, signed_end, password)
    steps = compare_pages(states, range(1, states.pages + 1))
    return [step.pair for step in steps if step.pair is not None]


@dataclass(frozen=True)
class States:
    """A file as it was signed and as it is, opened for drawing."""

    before: Any
    after: Any

    @property
    def pages(self) -> int:
        """How many pages the longer one has."""
        return max(len(self.before), len(self.after))


def open_states(pdf: bytes, signed_end: int, password: str | None) -> States:
    """Both states of a file.

    Raises:
        NothingToCompare: one of them cannot be opened.
    """
    return States(_open(pdf[:signed_end], password), _open(pdf, password))


def compare_pages(states: States, pages: Iterable[int]) -> Iterator[Step]:
    """Each of the pages, counted from 1. One that cannot be drawn is a step of its own."""
    for page in pages:
        try:
            pair = _compare(states.before, states.after, page)
        except MemoryError:
            raise
        except Exception:  # the drawing library raises anything on an odd page
            yield Step(page, "missing")
            continue
        yield Step(page, "same") if pair is None else Step(page, "differs", pair)


def preload() -> None:
    """Import and use once what drawing needs, while files may still be opened."""
    import PIL.Image
    import PIL.ImageDraw
    import PIL.PngImagePlugin

    blank = PIL.Image.new("RGB", (8, 8), "white")
    _picture(blank, [(1, 1, 6, 6)], _colours_of(blank), dashed=True)


def _open(pdf: bytes, password: str | None) -> Any:
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(pdf, password=password)
        # Without this, what form fields and signatures show is not drawn.
        document.init_forms()
    except pypdfium2.PdfiumError as error:
        raise NothingToCompare from error
    return document


def _compare(before: Any, after: Any, page: int) -> PagePair | None:
    old = _draw(before, page) if page <= len(before) else None
    new = _draw(after, page) if page <= len(after) else None
    if old is None or new is None or old.size != new.size:
        return PagePair(page, _bare(old), _bare(new), (Place(0, 0, 1, 1),))
    boxes = _different_boxes(old, new)
    if not boxes:
        return None
    colours = _colours_of(old, new)
    return PagePair(
        page,
        _picture(old, boxes, colours, dashed=True),
        _picture(new, boxes, colours, dashed=False),
        tuple(_place(box, old.size) for box in boxes),
        _details(before, after, page, boxes, old.size, colours),
    )


def _place(box: _Pixels, size: tuple[int, int]) -> Place:
    width, height = size
    return Place(box[0] / width, box[1] / height, box[2] / width, box[3] / height)


def _details(
    before: Any, after: Any, page: int, boxes: list[_Pixels], size: tuple[int, int], colours: Any
) -> tuple[Detail, ...]:
    """What is around the boxes, larger; nothing where that would be most of the page anyway."""
    width, height = size
    parts = [
        part
        for part in _merged([_with_surroundings(box, size) for box in boxes])
        if (part[2] - part[0]) * (part[3] - part[1]) <= _MOST_DETAIL * width * height
    ]
    frames = [_scaled(box) for box in boxes]
    return tuple(
        Detail(
            _place(part, size),
            *(
                _picture(
                    _draw(document, page, part), frames, colours,
                    dashed=document is before, corner=_scaled(part)[:2],
                )
                for document in (before, after)
            ),
        )
        for part in sorted(parts, key=lambda part: (part[1], part[0]))[:_MOST_DETAILS]
    )  # fmt: skip


def _with_surroundings(box: _Pixels, size: tuple[int, int]) -> _Pixels:
    sides = []
    for start, end, most, least in ((box[0], box[2], size[0], 0), (box[1], box[3], size[1], 1)):
        more = max(4 * _CELL, int(_LEAST_DETAIL[least] * most) - (end - start)) // 2
        sides.append((max(0, start - more), min(most, end + more)))
    (x0, x1), (y0, y1) = sides
    return x0, y0, x1, y1


def _scaled(box: _Pixels) -> _Pixels:
    x0, y0, x1, y1 = (value * _ENLARGED for value in box)
    return x0, y0, x1, y1


def _draw(document: Any, page: int, part: _Pixels | None = None) -> Any:
    """The page in colour, at the size of a screen; a very large one smaller.

    With ``part``, that part of such a picture alone, enlarged: what lies beside it is not drawn.
    """
    sheet = document[page - 1]
    width, height = sheet.get_size()
    scale = _DOTS_PER_INCH / 72
    scale = min(scale, (_MOST_PIXELS / max(width * height, 1)) ** 0.5)
    margins = (0.0, 0.0, 0.0, 0.0)
    if part is not None:
        # What is cut off at each side, in points; half a pixel less, as the library rounds up to a whole one.
        sides = part[0], ceil(height * scale) - part[3], ceil(width * scale) - part[2], part[1]
        scale *= _ENLARGED
        left, bottom, right, top = (max(0.0, _ENLARGED * side - 0.5) / scale for side in sides)
        margins = left, bottom, right, top
    drawn = sheet.render(scale=scale, crop=margins, may_draw_forms=True, rev_byteorder=True).to_pil()
    # To convert what needs none would copy it.
    return drawn if drawn.mode == "RGB" else drawn.convert("RGB")


def _different_boxes(old: Any, new: Any) -> list[_Pixels]:
    """The places that differ, in pixels, those near to each other as one."""
    from PIL import ImageChops

    difference = ImageChops.difference(old, new)
    around = difference.getbbox()
    if around is None:
        return []
    # Only that part is looked at, from whole cells on.
    left, top = around[0] // _CELL, around[1] // _CELL
    red, green, blue = difference.crop((left * _CELL, top * _CELL, around[2], around[3])).split()
    worst = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    marked = worst.point([0] * _DIFFERENT + [255] * (256 - _DIFFERENT))
    # One pixel of a cell is 4 of its mean of 255, so no difference gets lost.
    cells = marked.reduce(_CELL)
    columns = cells.width
    values = cells.tobytes()
    differing = {
        (top + index // columns, left + index % columns) for index, value in enumerate(values) if value
    }
    boxes = []
    while differing:
        boxes.append(_take_group(differing))
    boxes = _merged(boxes)
    if len(boxes) > _MOST_PLACES:
        boxes = [_around(boxes)]
    width, height = old.size
    return [
        (
            max(0, x0 * _CELL - _MARGIN),
            max(0, y0 * _CELL - _MARGIN),
            min(width - 1, (x1 + 1) * _CELL + _MARGIN),
            min(height - 1, (y1 + 1) * _CELL + _MARGIN),
        )
        for x0, y0, x1, y1 in sorted(boxes, key=lambda box: (box[1], box[0]))
    ]


def _take_group(cells: set[tuple[int, int]]) -> _Pixels:
    """One group of cells at most two apart (of words on a line, one place), taken out of ``cells``."""
    row, column = start = cells.pop()
    x0 = x1 = column
    y0 = y1 = row
    waiting = [start]
    while waiting:
        row, column = waiting.pop()
        x0, x1, y0, y1 = min(x0, column), max(x1, column), min(y0, row), max(y1, row)
        for y in (row - 1, row, row + 1):
            for x in (column - 2, column - 1, column, column + 1, column + 2):
                if (y, x) in cells:
                    cells.remove((y, x))
                    waiting.append((y, x))
    return x0, y0, x1, y1


def _merged(boxes: list[_Pixels]) -> list[_Pixels]:
    """Boxes of which none touches another."""
    apart: list[_Pixels] = []
    for box in boxes:
        while touching := [each for each in apart if _touches(each, box)]:
            apart = [each for each in apart if each not in touching]
            box = _around([box, *touching])
        apart.append(box)
    return apart


def _touches(one: _Pixels, other: _Pixels) -> bool:
    return (
        one[0] <= other[2] + 1
        and other[0] <= one[2] + 1
        and one[1] <= other[3] + 1
        and other[1] <= one[3] + 1
    )


def _around(boxes: list[_Pixels]) -> _Pixels:
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def _bare(image: Any) -> bytes | None:
    return None if image is None else _picture(image, [], _colours_of(image), dashed=False)


def _colours_of(*pages: Any) -> Any:
    """The few colours in which pages are told, found on smaller copies of them, and those of the marks."""
    from PIL import Image

    width = max(page.width for page in pages) // 2 + 1
    height = sum(page.height // 2 + 1 for page in pages)
    sample = Image.new("RGB", (width, height + 2), _HALO)
    sample.paste(_MARK, (0, height, width, height + 2))
    below = 0
    for page in pages:
        half = page.resize((page.width // 2 + 1, page.height // 2 + 1), Image.Resampling.NEAREST)
        sample.paste(half, (0, below))
        below += half.height
    return sample.quantize(_COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)


def _picture(
    image: Any, boxes: list[_Pixels], colours: Any, *, dashed: bool, corner: tuple[int, ...] = (0, 0)
) -> bytes:
    """A small PNG of the image with the boxes outlined; ``corner`` is where they are counted from.

    The pattern tells the states apart where colours do not.
    """
    from PIL import Image, ImageDraw

    outlined = image
    left, top = corner
    pen = ImageDraw.Draw(outlined)
    for x0, y0, x1, y1 in ((a - left, b - top, c - left, d - top) for a, b, c, d in boxes):
        pen.rectangle((x0 - 1, y0 - 1, x1 + 1, y1 + 1), outline=_HALO, width=4)
        if not dashed:
            pen.rectangle((x0, y0, x1, y1), outline=_MARK, width=2)
            continue
        for x in range(x0, x1, 2 * _DASH):
            for y in (y0, y1 - 1):
                pen.rectangle((x, y, min(x + _DASH, x1), y + 1), fill=_MARK)
        for y in range(y0, y1, 2 * _DASH):
            for x in (x0, x1 - 1):
                pen.rectangle((x, y, x + 1, min(y + _DASH, y1)), fill=_MARK)
    # Few colours make it small; more effort than this makes it hardly smaller and takes three times as long.
    out = BytesIO()
    outlined.quantize(palette=colours, dither=Image.Dither.NONE).save(out, "PNG", compress_level=_EFFORT)
    return out.getvalue()
