"""Whether something that was added later covers what a signed page showed.

Rectangles alone do not tell: a second signature beside the first lies on white paper, a box of white
over an amount lies on ink. So the page is drawn as it was signed and as it is now, and within the
rectangle every place that carried ink has to carry it still. Runs inside the sandbox only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from verifier.markup import Frame, Marked, is_level
from verifier.pdf.document import Document
from verifier.scan import drawable

_SCALE = 2.0  # 144 dots per inch
_MOST_POINTS = 10_000_000  # a sheet of A0 or Arch E has nine
_INK = 40  # of 255, darker than the paper around
_SEEN = 16  # of 255, where nothing should differ
_COVERED = 100  # of 255, lighter than before
_KEPT = 0.5  # of the ink's darkness
_FEW = 16  # pixels within a line's height: less than a digit in small print
_TOGETHER = 12  # pixels: half of the place within which so few are looked for
_FEWEST = 3  # less than a dash or a point in it, where nothing at all should differ
_AROUND = 9  # pixels within which there is paper somewhere
# A line on which one signs: 24 points and longer, thinner than 2 points.
_LINE_LONG, _LINE_THICK = 48, 5
_LINE_GAP = 8  # between the dots or dashes of one
_NOISE = 8  # of 255: paper that is not white everywhere, as a scan has it
_FAR = 20_000.0  # points


@dataclass(frozen=True)
class Box:
    """A rectangle on a page: index from 0, PDF points."""

    page: int
    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def is_empty(self) -> bool:
        """Whether nothing of it could be seen."""
        return self.x1 - self.x0 <= 0 or self.y1 - self.y0 <= 0

    def is_as_wide_as(self, width: float) -> bool:
        """Whether it is that wide and that high."""
        return min(self.x1 - self.x0, self.y1 - self.y0) >= width

    def grown(self, by: float) -> Box:
        """The rectangle with a margin around it."""
        return Box(self.page, self.x0 - by, self.y0 - by, self.x1 + by, self.y1 + by)

    @property
    def corners(self) -> tuple[float, ...]:
        """Two opposite points: x, y, x, y."""
        return self.x0, self.y0, self.x1, self.y1

    @property
    def told(self) -> str:
        """The rectangle for a sentence: left, bottom, right, top."""
        return f"{self.x0:.0f} {self.y0:.0f} {self.x1:.0f} {self.y1:.0f}"


# Points: what is as wide and as high is no part of a letter.
_NO_PART = 8.0
# Points: more than between two letters, or two lines of one paragraph.
_APART = 9.0


@dataclass(frozen=True)
class Drawn:
    """Something that came to lie on a page, called ``name``; ``page`` is counted from 1, for a sentence.

    ``was_there`` and ``on_line`` as in `Drawings.hides`; ``joins`` says that it may not even stand beside
    what was signed. ``quads`` are the quadrilaterals on which a marker or a line may be drawn, four points
    each (/QuadPoints), ``wavy`` that the line is one; then it is asked whether it draws anything else.
    ``paints`` says that programs may paint all of the box by themselves.
    """

    box: Box
    name: str
    page: str
    was_there: bool = False
    on_line: bool = False
    joins: bool = False
    paints: bool = False
    quads: tuple[tuple[float, ...], ...] = ()
    wavy: bool = False

    def finding(self, pages: Drawings, others: Sequence[Drawn] = ()) -> tuple[str, dict[str, object]] | None:
        """What is wrong with it, as the code of a finding and its values; None if nothing is.

        ``others`` are all that came to lie on the pages; each is judged by itself.

        Raises:
            CannotDraw: as `Drawings.hides`.
        """
        if self.quads:
            around = [_around(self.box.page, quad) for quad in self.quads]
            if not all(each.is_as_wide_as(_NO_PART) or pages.has_ink(each) for each in around):
                return "CONTENT_JOINED", {"kind": self.name, "page": self.page}
            if pages.reads_as_words(self, others):
                return "CONTENT_JOINED", {"kind": self.name, "page": self.page}
        elif self.joins:
            if pages.has_ink(self.box.grown(_APART)):
                return "CONTENT_JOINED", {"kind": self.name, "page": self.page}
        elif (self.paints and pages.has_ink(self.box)) or pages.hides(
            self.box, was_there=self.was_there, on_line=self.on_line
        ):
            return "CONTENT_COVERED", {"name": self.name, "page": self.page, "box": self.box.told}
        return None


def _around(page: int, quad: Sequence[float]) -> Box:
    return Box(page, min(quad[::2]), min(quad[1::2]), max(quad[::2]), max(quad[1::2]))


class CannotDraw(Exception):
    """A page cannot be drawn, so what is covered on it stays open."""


class Drawings:
    """The pages of two states of a file, each drawn once."""

    def __init__(self, signed: Document, now: Document) -> None:
        self._states = (signed, now)
        self._opened: dict[bool, Any] = {}
        self._drawn: dict[tuple[bool, int, bool], Any] = {}
        self._answers: dict[tuple[Box, bool, bool], bool] = {}
        self._inks: dict[int, tuple[Any, Any]] = {}
        self._noises: dict[int, int] = {}

    def hides(self, box: Box, *, was_there: bool, on_line: bool = False) -> bool:
        """Whether ink of the signed page is gone within the box.

        ``was_there`` says that the field lay there already: then its own look may change, and what the
        page itself showed may not. ``on_line`` says that it may lie on a line that waits for a signature,
        where nothing else stands.

        Raises:
            CannotDraw: the page of one of the states cannot be drawn.
        """
        key = (box, was_there, on_line)
        if key not in self._answers:
            self._answers[key] = self._is_hidden(box, was_there, on_line)
        return self._answers[key]

    def _is_hidden(self, box: Box, was_there: bool, on_line: bool) -> bool:
        before, after = self._draw(False, box.page, True), self._draw(True, box.page, True)
        if before.size != after.size:
            return True
        area = self._area(box, before.size)
        if area is None:
            return False
        shown, now = before.crop(area), after.crop(area)
        ink = _ink(shown)
        if was_there:
            from PIL import ImageChops

            page = self._draw(False, box.page, False).crop(area)
            shown, ink = ImageChops.lighter(shown, page), ImageChops.darker(ink, _ink(page))
        if on_line and _together(_beside_lines(shown, ink)) <= _FEW:
            return False
        if _together(_lightened(shown, now)) > _FEW:
            return True
        kept = _ink(now)
        if _together(_lost(ink, kept, _INK)) <= _FEW:
            return False
        noise = self._noise(box.page)
        return noise < _NOISE or _together(_lost(ink, kept, _INK + 2 * noise)) > _FEW

    def hide_together(self, boxes: Sequence[Box]) -> bool:
        """Whether ink of one page is gone within all of these boxes, of which each hides next to nothing.

        Raises:
            CannotDraw: as in `hides`.
        """
        from PIL import Image, ImageChops

        page = boxes[0].page
        before, after = self._draw(False, page, True), self._draw(True, page, True)
        if before.size != after.size:
            return True
        places = Image.new("L", before.size)
        for box in boxes:
            if (area := self._area(box, before.size)) is not None:
                places.paste(255, area)
        lost = ImageChops.multiply(_lost(_ink(before), _ink(after), _INK + 2 * self._noise(page)), places)
        return _together(lost) > _FEW

    def has_ink(self, box: Box) -> bool:
        """Whether the signed page shows anything within the box.

        Raises:
            CannotDraw: as in `hides`.
        """
        before = self._draw(False, box.page, True)
        area = self._area(box, before.size)
        return area is not None and _together(_strong(_ink(before.crop(area)), _INK)) > _FEW

    def differs(self, box: Box) -> bool:
        """Whether anything within the box looks other than it did.

        Raises:
            CannotDraw: as in `hides`.
        """
        from PIL import ImageChops

        before, after = self._draw(False, box.page, True), self._draw(True, box.page, True)
        area = self._area(box, before.size)
        if before.size != after.size or area is None:
            return bool(before.size != after.size)
        difference = ImageChops.difference(before.crop(area), after.crop(area))
        return int(sum(difference.histogram()[_SEEN:])) > _FEWEST

    def has_as_much_ink(self, box: Box) -> bool:
        """Whether the box holds about as much ink as it did, wherever in it.

        Raises:
            CannotDraw: as in `hides`.
        """
        before, after = self._draw(False, box.page, True), self._draw(True, box.page, True)
        area = self._area(box, before.size)
        if before.size != after.size or area is None:
            return False
        amounts = [
            sum(value * count for value, count in enumerate(_ink(each.crop(area)).histogram()))
            for each in (before, after)
        ]
        return bool(min(amounts) * 2 >= max(amounts))

    def reads_as_words(self, mark: Drawn, others: Sequence[Drawn]) -> bool:
        """Whether a marker or a line draws more than that; see `markup`.

        Raises:
            CannotDraw: as in `hides`, or the words that it marks run askew, so that nothing can be told.
        """
        from PIL import ImageChops

        page = mark.box.page
        before, after = self._draw(False, page, True), self._draw(True, page, True)
        if before.size != after.size:
            return True
        if page not in self._inks:
            self._inks[page] = ImageChops.subtract(before, after), _ink(before)
        there = [other for other in others if other.box.page == page and other is not mark]
        marked = {other.box for other in (mark, *there) if other.quads}
        frames = [self._frame(page, quad, before.size) for quad in mark.quads]
        marks = Marked(
            *self._inks[page],
            frames,
            other_quads=[self._frame(page, q, before.size) for other in there for q in other.quads],
            waves=[
                self._frame(page, q, before.size)
                for other in (mark, *there)
                if other.wavy
                for q in other.quads
            ],
            others=[
                self._frame(page, other.box.corners, before.size)
                for other in there
                if not other.quads and other.box not in marked
            ],
        )
        area = self._frame(page, mark.box.corners, before.size)
        for frame in frames:
            area = area.joined(frame)
        if marks.judge(area, wavy=mark.wavy):
            return False
        if not all(is_level(self._points(page, quad, before.size)) for quad in mark.quads):
            raise CannotDraw
        return True

    def _noise(self, page: int) -> int:
        """How much darker than what is lightest around half of the page is: nothing, on clean paper."""
        if page not in self._noises:
            steps = _ink(self._draw(False, page, True)).histogram()
            half = sum(steps) / 2
            self._noises[page] = next(level for level in range(256) if sum(steps[: level + 1]) >= half)
        return self._noises[page]

    def _frame(self, page: int, points: Sequence[float], size: tuple[int, int]) -> Frame:
        """The pixels around points of the page."""
        placed = self._points(page, points, size)
        columns, rows = [x for x, _ in placed], [y for _, y in placed]
        return Frame(int(min(columns)), int(min(rows)), int(max(columns)) + 1, int(max(rows)) + 1)

    def _points(self, page: int, points: Sequence[float], size: tuple[int, int]) -> list[tuple[float, float]]:
        """Points of the page (x1 y1 x2 y2 …) in pixels of its drawing, which may be turned."""
        sheet = self._file(False)[page]
        # Not the crop box, which may be larger than the page.
        left, bottom, _, _ = sheet.get_bbox()
        turned = sheet.get_rotation()
        placed = []
        for x, y in zip(points[::2], points[1::2], strict=True):
            # Points outside of every page, so that no number is too large for a pixel.
            right, up = (max(-_FAR, min(_FAR, value)) * _SCALE for value in (x - left, y - bottom))
            placed.append(
                {
                    0: (right, size[1] - up),
                    90: (up, right),
                    180: (size[0] - right, up),
                    270: (size[0] - up, size[1] - right),
                }[turned]
            )
        return placed

    def _area(self, box: Box, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
        """The part of the drawing that the box is; None where it lies beside the page."""
        frame = self._frame(box.page, box.corners, size).cut(Frame(0, 0, *size))
        return None if frame.is_empty else (frame.left, frame.top, frame.right, frame.bottom)

    def _file(self, now: bool) -> Any:
        import pypdfium2

        if now not in self._opened:
            try:
                # Cut out only here: most files have nothing to be drawn, and some have hundreds of megabytes.
                state, password = self._states[now], self._states[True].password
                opened = pypdfium2.PdfDocument(drawable(state.file.data, state.end), password=password)
                # Without this, what form fields and signatures show is not drawn.
                opened.init_forms()
                self._opened[now] = opened
            except pypdfium2.PdfiumError as error:
                raise CannotDraw from error
        return self._opened[now]

    def _draw(self, now: bool, page: int, annotations: bool) -> Any:
        key = (now, page, annotations)
        if key not in self._drawn:
            try:
                sheet = self._file(now)[page]
                width, height = sheet.get_size()
                if width * height > _MOST_POINTS:
                    raise CannotDraw
                drawn = sheet.render(
                    scale=_SCALE, grayscale=True, draw_annots=annotations, may_draw_forms=annotations
                )
                self._drawn[key] = drawn.to_pil()
            except (MemoryError, CannotDraw):
                raise
            except Exception as error:  # the drawing library raises anything on an odd page
                raise CannotDraw from error
        return self._drawn[key]


def _ink(area: Any) -> Any:
    """How much darker each pixel is than the paper around it; a grey form field is paper, too."""
    from PIL import ImageChops

    return ImageChops.subtract(_lightest_around(area), area)


def _lightest_around(area: Any) -> Any:
    """For each pixel the lightest within `_AROUND`; doubling steps, as a rank filter takes far longer."""
    from PIL import ImageChops

    row = _reached(area, _AROUND, darker=False, across=True)
    lightest = _reached(row, _AROUND, darker=False, across=False)
    # Every step looked back; the middle of what was looked at is the pixel itself.
    return ImageChops.offset(lightest, -(_AROUND // 2), -(_AROUND // 2))


def _strong(ink: Any, level: int) -> Any:
    """A mask of the pixels that are so much darker than the paper."""
    return ink.point([255 if value > level else 0 for value in range(256)])


def _lost(before: Any, after: Any, level: int) -> Any:
    """The pixels that were ink and are no longer."""
    from PIL import ImageChops

    expected = before.point([int(value * _KEPT) for value in range(256)])
    missing = ImageChops.subtract(expected, after).point([0] + [255] * 255)
    return ImageChops.multiply(missing, _strong(before, level))


def _beside_lines(area: Any, ink: Any) -> Any:
    """The pixels that are dark or ink and belong to no long and thin line, be it dashed or dotted."""
    from PIL import ImageChops

    left = ImageChops.lighter(
        _strong(ink, _INK), area.point([255 if value < 255 - _COVERED else 0 for value in range(256)])
    )
    for across in (True, False):
        long = _opened(_closed(left, _LINE_GAP, across=across), _LINE_LONG, across=across)
        left = ImageChops.subtract(
            left, ImageChops.subtract(long, _opened(long, _LINE_THICK, across=not across))
        )
    return left


def _opened(mask: Any, length: int, *, across: bool) -> Any:
    """Of a mask what belongs to a run of at least ``length`` pixels."""
    return _reached(_reached(mask, length, darker=True, across=across), length, darker=False, across=across)


def _closed(mask: Any, length: int, *, across: bool) -> Any:
    """A mask with its gaps of less than ``length`` pixels filled, runs at the edge of it kept apart."""
    wide = _grown(mask, length)
    wide = _reached(_reached(wide, length, darker=False, across=across), length, darker=True, across=across)
    return wide.crop((length, length, length + mask.width, length + mask.height))


def _grown(mask: Any, by: int) -> Any:
    """The mask with so many empty pixels around it."""
    return mask.crop((-by, -by, mask.width + by, mask.height + by))


def _reached(mask: Any, length: int, *, darker: bool, across: bool) -> Any:
    """The darkest or lightest of ``length`` pixels in a row, which begin or end with each."""
    from PIL import ImageChops

    combine, direction = (ImageChops.darker, -1) if darker else (ImageChops.lighter, 1)
    reach = 1
    while reach < length:
        step = min(reach, length - reach) * direction
        mask = combine(mask, ImageChops.offset(mask, step if across else 0, 0 if across else step))
        reach += abs(step)
    return mask


def _lightened(before: Any, after: Any) -> Any:
    """The pixels of a dark surface, on which there is no paper to see, that are light now."""
    from PIL import ImageChops

    return _strong(ImageChops.subtract(after, before), _COVERED - 1)


def _together(mask: Any) -> int:
    """How many pixels of a mask stand together in one place; specks all over a scan are nothing to read."""
    from PIL import ImageChops

    if mask.histogram()[255] <= _FEW:
        return 0
    # Halves of places, so that what lies over the edge of one is counted too; no sum goes beyond 255.
    blocks = _grown(mask, _TOGETHER).reduce(_TOGETHER)
    rows = ImageChops.add(blocks, ImageChops.offset(blocks, -1, 0))
    share = ImageChops.add(rows, ImageChops.offset(rows, 0, -1)).histogram()
    return round(max(value for value, count in enumerate(share) if count) * _TOGETHER**2 / 255)
